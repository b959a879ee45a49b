// Messages on their way: one at a time, in order, each exactly once.
//
// A message is written once under the rules, so sending it again can at worst be refused. After a
// reconnect the SDK sends by itself what had no answer, though it may have arrived; and the page may
// be loaded anew in between. So a refusal is no verdict: we look whether the message is there.
//
// Only one message at a time is given to the SDK. It would keep more, but send them all at once when
// the network is back, and the rules take one in half a second. Tabs take turns for the same reason.

const SECOND_CHANCES = 2;

export class Outbox {
  /**
   * @param write     ({ id, text }) => promise of the update
   * @param isThere   ({ id, text }) => promise of whether it is stored
   * @param changed   called when `entries` is another
   * @param interval  ms from one message's answer to the next message
   * @param key       names what survives a reload in this tab, and the turn of this browser's tabs
   */
  constructor({ write, isThere, changed, interval, key }) {
    Object.assign(this, { write, isThere, changed, interval, key });
    this.closed = false;
    this.entries = stored(key);
    this.next();
  }

  send(id, text) {
    this.put([...this.entries, { id, text, state: "waiting" }]);
    this.next();
  }

  /** Try once more what failed. */
  retry(id) {
    this.put(this.entries.map((one) => (one.id === id ? { ...one, state: "waiting" } : one)));
    this.next();
  }

  discard(id) {
    this.put(this.entries.filter((one) => one.id !== id));
  }

  close() {
    this.closed = true;
  }

  async next() {
    if (this.busy) return;
    this.busy = true;
    let entry;
    while (!this.closed && (entry = this.entries.find((one) => one.state === "waiting"))) {
      await turn(this.key, async () => {
        if (this.closed) return;
        this.settle(entry, await this.deliver(entry));
        await pause(this.interval);
      });
    }
    this.busy = false;
  }

  settle(entry, error) {
    if (this.closed) return;
    if (!error) return this.discard(entry.id);
    const failed = { ...entry, state: "failed", error };
    this.put(this.entries.map((one) => (one.id === entry.id ? failed : one)));
  }

  /** Nothing if it is stored, or the error for which it is not. */
  async deliver(entry) {
    for (let chances = SECOND_CHANCES; ; chances -= 1) {
      try {
        await this.write(entry);
        return undefined;
      } catch (error) {
        if (await this.isThere(entry).catch(() => false)) return undefined;
        // Perhaps the same customer wrote on another device within the interval.
        if (chances === 0 || this.closed) return error;
        await pause(this.interval * (1 + Math.random()));
      }
    }
  }

  put(entries) {
    this.entries = entries;
    const kept = entries.map(({ id, text }) => ({ id, text, state: "waiting" }));
    if (kept.length) sessionStorage.setItem(this.key, JSON.stringify(kept));
    else sessionStorage.removeItem(this.key);
    this.changed();
  }
}

function stored(key) {
  try {
    const entries = JSON.parse(sessionStorage.getItem(key));
    return Array.isArray(entries) ? entries : [];
  } catch {
    return []; // somebody else's text under our name
  }
}

/** Do `work` while no other tab of this browser does; pages without TLS have no such locks. */
const turn = (name, work) => navigator.locks?.request(name, work) ?? work();

const pause = (ms) => new Promise((done) => setTimeout(done, ms));
