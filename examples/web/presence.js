// Who is there and who types: leases in the server's time, given here and held against its clock.
//
// It is a courtesy. Nothing of it delays a message; where the rules refuse it, it is off.

import { PRESENCE } from "./contract.js";

const PLACES = 256; // connections that the rules let one person have
const RETRY = 3_000; // ms
const REFUSALS = 3; // in a row; fewer may come of another tab that was faster
const MARGIN = 50; // ms; what is early is refused
const TYPING_INTERVAL = 3_000; // ms; a sign that is late still comes before the first ends
const LONGEST_WAIT = 60_000; // ms

/** Tells whether a lease lasts, and calls `ended` when one that did is over. */
export class Leases {
  constructor({ database: rtdb, db }, ended) {
    this.ended = ended;
    this.offset = 0;
    this.due = Infinity;
    this.stop = rtdb.onValue(rtdb.ref(db, ".info/serverTimeOffset"), (snapshot) => {
      this.offset = snapshot.val() ?? 0;
      this.ended();
    });
  }

  lasts(at, expiry) {
    if (typeof at !== "number") return false;
    const now = Date.now();
    const end = at + expiry - this.offset;
    if (end <= now) return false;
    const due = Math.min(end, now + LONGEST_WAIT);
    if (due < this.due) {
      clearTimeout(this.timer);
      this.due = due;
      this.timer = setTimeout(() => {
        this.due = Infinity;
        this.ended();
      }, due - now);
    }
    return true;
  }

  close() {
    this.stop();
    clearTimeout(this.timer);
  }
}

/**
 * One's own sign: given anew on every connection at another place, after the server was asked to
 * take it away when the connection ends; renewed once a minute.
 *
 * Nothing is handed to the SDK while there is no connection: it would keep it and send it late.
 */
export class Announcer {
  /**
   * @param place    (connection) => where the sign stands
   * @param changes  (sign, connection) => the update that gives it
   * @param refused  called when the rules refuse for good
   */
  constructor(firebase, { place, changes, refused }) {
    Object.assign(this, { firebase, place, changes, refused });
    this.own = new Set(); // places that are or were one's own
    this.connection = Math.floor(Math.random() * PLACES);
    this.refusals = 0;
    this.notBefore = 0;
    const { database: rtdb, db } = firebase;
    this.stop = rtdb.onValue(rtdb.ref(db, ".info/connected"), (snapshot) => {
      this.isConnected = snapshot.val() === true;
      this.isArmed = false;
      this.next();
    });
  }

  /** From now on this; null takes away what was said. */
  say(sign) {
    this.wanted = sign;
    this.next();
  }

  /** Write something that is worth nothing later. */
  async pass(changes) {
    const { database: rtdb, db } = this.firebase;
    // Refused if another tab or a colleague was faster: then it is said already.
    if (this.isConnected) await rtdb.update(rtdb.ref(db), changes).catch(() => {});
  }

  close() {
    this.stop();
    clearTimeout(this.timer);
    this.isClosed = true;
    if (this.stands) this.pass({ [this.stands]: null });
  }

  next() {
    clearTimeout(this.timer);
    if (this.isBusy || this.isClosed || !this.isConnected) return;
    if (!this.wanted && !this.stands) return;
    const isSaid = this.isArmed && same(this.wanted, this.said);
    const due = Math.max(this.notBefore, isSaid ? this.renewAt : 0);
    this.timer = setTimeout(() => this.give(this.wanted), due - performance.now());
  }

  async give(sign) {
    this.isBusy = true;
    const { database: rtdb, db } = this.firebase;
    const former = this.stands;
    const update = former ? { [former]: null } : {};
    if (sign) {
      if (!this.isArmed) this.arm();
      Object.assign(update, this.changes(sign, this.key));
    }
    this.stands = sign ? this.place(this.key) : undefined;
    try {
      // One line carries both in order, so the server is asked first and told then. During an outage
      // this waits: the SDK sends it again, and the next sign takes it away from its former place.
      await rtdb.update(rtdb.ref(db), update);
      this.said = sign;
      this.refusals = 0;
      this.notBefore = performance.now() + PRESENCE.interval + MARGIN;
      this.renewAt = performance.now() + PRESENCE.renewal;
    } catch (error) {
      this.stands = former; // all or nothing
      this.said = undefined;
      this.notBefore = performance.now() + RETRY * (1 + Math.random());
      if (error.code === "PERMISSION_DENIED") this.refusals += 1;
    }
    this.isBusy = false;
    if (this.refusals >= REFUSALS && !this.isClosed) this.refused();
    this.next();
  }

  arm() {
    const { database: rtdb, db } = this.firebase;
    this.connection = (this.connection + 1) % PLACES;
    this.own.add(this.place(this.key));
    this.isArmed = true;
    // If that is refused, so is the sign, which tells; a lost answer is one of a lost connection.
    rtdb.onDisconnect(rtdb.ref(db, this.place(this.key))).remove().catch(() => {});
  }

  get key() {
    return this.connection.toString(16).padStart(2, "0");
  }
}

/** Calls `tell` at the first key and every three seconds of typing; a message begins anew. */
export class Typist {
  constructor(tell) {
    this.tell = tell;
    this.notBefore = 0;
  }

  typed() {
    const now = performance.now();
    if (now < this.notBefore) return;
    this.toldAt = now;
    this.notBefore = now + TYPING_INTERVAL;
    this.tell();
  }

  spoke() {
    // The rules take one a second, by their own clock.
    if (this.toldAt !== undefined) this.notBefore = this.toldAt + 1.5 * PRESENCE.interval;
  }
}

/**
 * Listen to the first of `places`, and to the others once it was allowed: where the rules know nothing
 * of presence, one refusal is enough. Returns what ends it.
 *
 * @param places  { name: reference or query }
 * @param heard   (name, value) => what to do with what stands there now
 */
export function listenTo({ database: rtdb }, places, heard, refused) {
  const [[first, place], ...others] = Object.entries(places);
  const stops = [];
  const listen = (name, at, then) => {
    const told = (snapshot) => {
      heard(name, snapshot.val());
      then?.();
      then = undefined;
    };
    stops.push(rtdb.onValue(at, told, refused));
  };
  listen(first, place, () => others.forEach(([name, at]) => listen(name, at)));
  return () => stops.forEach((stop) => stop());
}

/** Children of what is stored, whatever is stored. */
export function children(raw) {
  const rows = raw !== null && typeof raw === "object" ? Object.entries(raw) : [];
  return rows.filter(([, one]) => one !== null && typeof one === "object");
}

let isTold = false;

/** Say once, to whoever looks after the site, why nobody is seen. */
export function tellOfRefusal() {
  if (!isTold) console.info("Presence is off: the rules refuse it. Deploy database.rules.json.");
  isTold = true;
}

const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);
