// What answers requests from outside, in Node and on a page alike. A request names a play, or one of
// these: `open` begins anew at a place, `surface` and `made` tell of the library's calls, `begin` does
// not wait for its play, and `finish` does.

const LIMIT = 40_000; // ms for one request; its clients end with the next `open`

function limited(promise, name) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${name} has no end`)), LIMIT);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

export function player({ recorder, open, plays }) {
  let begun;
  const own = {
    async open(place) {
      recorder.made.clear();
      await open(place);
    },
    surface: () => [...recorder.surface],
    made: () => [...recorder.made],
    begin({ name, given }) {
      begun = plays[name](given);
      begun.catch(() => null); // told by `finish`
    },
    finish: () => begun,
  };
  return async ({ name, given }) => {
    try {
      const value = await limited({ ...plays, ...own }[name](given), name);
      return { value: value ?? null };
    } catch (error) {
      return { error: error.code ?? String(error.stack ?? error) };
    }
  };
}
