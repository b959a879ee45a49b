// Which calls a library has, and which of them are made: public functions, and the methods, getters
// and static functions of public classes. They do what they did; that they were called is noted.

const NOT_CALLS = new Set(["constructor", "length", "name", "prototype"]);

const isClass = (value) => /^class\b/.test(Function.prototype.toString.call(value));

export class Recorder {
  surface = new Set();
  made = new Set();
  #watched = new WeakSet();

  // What a module exports, each function noting its calls. Classes are watched where they are;
  // `implemented` names those that are exported under a name with an underscore.
  module(exported, implemented = {}) {
    const watched = { ...exported };
    for (const [name, value] of Object.entries(exported)) {
      const kind = implemented[name] ?? name;
      if (kind.startsWith("_") || typeof value !== "function") continue;
      if (value.prototype instanceof Error) continue;
      if (isClass(value)) {
        this.#watch(kind, value);
        this.kind(kind, value.prototype);
      } else watched[name] = this.#noting(name, value);
    }
    return watched;
  }

  // What can be asked of an object, or of those of a prototype; what it inherits belongs to whoever
  // came first.
  kind(name, object) {
    for (let one = object; one && one !== Object.prototype; one = Object.getPrototypeOf(one)) {
      this.#watch(name, one);
    }
    return object;
  }

  #watch(kind, owner) {
    for (const [name, had] of Object.entries(Object.getOwnPropertyDescriptors(owner))) {
      const part = typeof had.value === "function" ? "value" : had.get && "get";
      const isPublic = part && !name.startsWith("_") && !NOT_CALLS.has(name);
      if (!isPublic || !had.configurable || this.#watched.has(had[part])) continue;
      const noting = this.#noting(`${kind}.${name}`, had[part]);
      Object.defineProperty(owner, name, { ...had, [part]: noting });
    }
  }

  #noting(name, original) {
    const { made } = this;
    this.surface.add(name);
    const noting = function (...given) {
      made.add(name);
      return Reflect.apply(original, this, given);
    };
    this.#watched.add(noting);
    return noting;
  }
}
