// Presence at the team's end: three listeners, however many conversations there are.

import {
  ADMINS_PRESENT,
  CUSTOMERS_PRESENT,
  LIMITS,
  PRESENCE,
  TYPING,
  adminIsThere,
  adminPresentAt,
  types,
} from "../contract.js";
import { element } from "../elements.js";
import { Announcer, Leases, Typist, children, listenTo, tellOfRefusal } from "../presence.js";

const WINDOW = 100; // conversations with the newest signs

export class DeskPresence {
  /** @param changed  called when somebody comes, goes or types, or a sign of it has ended */
  constructor(firebase, user, changed) {
    this.changed = changed;
    this.name = (user.displayName || user.email || "").slice(0, LIMITS.name);
    this.uid = user.uid;
    this.session = null;
    this.heard = {};
    this.leases = new Leases(firebase, changed);
    this.typist = new Typist(() => this.announcer?.pass(types(this.session, "team")));
    this.look = () => this.say();
    document.addEventListener("visibilitychange", this.look);
    const refused = () => {
      tellOfRefusal();
      this.close();
      changed();
    };
    const { database: rtdb, db } = firebase;
    const newest = (path) =>
      rtdb.query(rtdb.ref(db, path), rtdb.orderByChild("at"), rtdb.limitToLast(WINDOW));
    this.stop = listenTo(
      firebase,
      {
        customers: newest(CUSTOMERS_PRESENT),
        typing: newest(TYPING),
        admins: rtdb.ref(db, ADMINS_PRESENT),
      },
      (name, value) => {
        this.heard[name] = value;
        this.isOn = true;
        if (!this.announcer) {
          this.announcer = new Announcer(firebase, {
            place: (connection) => adminPresentAt(this.uid, connection),
            changes: ({ name, session }, connection) =>
              adminIsThere(this.uid, connection, name, session),
            refused,
          });
          this.say();
        }
        changed();
      },
      refused,
    );
  }

  /** This conversation is open from now on, or none. */
  open(id) {
    this.session = id;
    this.typist.spoke();
    this.say();
  }

  /** "online", "away" or "gone"; nothing if that is not known. */
  of(id) {
    if (!this.isOn) return undefined;
    const states = children(this.heard.customers?.[id]?.connections)
      .filter(([, one]) => this.leases.lasts(one.at, PRESENCE.expiry))
      .map(([, one]) => one.state);
    return ["online", "away"].find((state) => states.includes(state)) ?? "gone";
  }

  /** Whether the customer types something that is not said yet. */
  isTyping(session) {
    const at = this.heard.typing?.[session.id]?.customer;
    return at > session.time && this.leases.lasts(at, PRESENCE.typing);
  }

  /** Which colleagues have a conversation open, in words. */
  colleagues(id) {
    const names = new Set();
    for (const [uid, connections] of children(this.heard.admins)) {
      for (const [connection, one] of children(connections)) {
        if (one.session !== id || this.announcer?.own.has(adminPresentAt(uid, connection))) continue;
        if (!this.leases.lasts(one.at, PRESENCE.expiry)) continue;
        names.add(typeof one.name === "string" && one.name ? one.name : "A colleague");
      }
    }
    const all = [...names].sort();
    if (!all.length) return "";
    const last = all.pop();
    return all.length ? `${all.join(", ")} and ${last} have this open` : `${last} has this open`;
  }

  close() {
    this.stop();
    this.leases.close();
    this.announcer?.close();
    this.announcer = undefined;
    this.isOn = false;
    this.heard = {};
    document.removeEventListener("visibilitychange", this.look);
  }

  say() {
    const sign = { name: this.name, session: this.session };
    this.announcer?.say(document.hidden ? null : sign);
  }
}

/** A dot that says how somebody is there, also to who does not see it; refresh with `showDot`. */
export const dot = () => element("span", { class: "dot", role: "img", hidden: true });

export function showDot(node, state) {
  node.hidden = state === undefined;
  if (state === undefined || node.dataset.state === state) return;
  node.dataset.state = state;
  node.setAttribute("aria-label", state);
  node.title = state;
}
