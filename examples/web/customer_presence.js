// Presence at the customer's end: says that they are there and type, and hears of the team.

import {
  PRESENCE,
  TEAM_PRESENT,
  customerIsThere,
  customerPresentAt,
  types,
  typingAt,
} from "./contract.js";
import { Announcer, Leases, Typist, listenTo, tellOfRefusal } from "./presence.js";

const IDLE = 300_000; // ms of doing nothing after which somebody is away
const ACTIVITIES = ["pointerdown", "pointermove", "keydown", "scroll"];
const QUIETLY = { capture: true, passive: true };

export class CustomerPresence {
  /**
   * @param isLooking  () => whether the conversation is before the customer's eyes
   * @param changed    called when the team is another
   */
  constructor(firebase, sessionId, { isLooking, changed }) {
    Object.assign(this, { isLooking, changed });
    const { database: rtdb, db } = firebase;
    this.heard = {};
    this.isIdle = false;
    this.leases = new Leases(firebase, changed);
    this.typist = new Typist(() => this.announcer?.pass(types(sessionId, "customer")));
    this.touch = () => this.touched();
    for (const name of ACTIVITIES) document.addEventListener(name, this.touch, QUIETLY);
    const refused = () => {
      tellOfRefusal();
      this.close();
      changed();
    };
    this.stop = listenTo(
      firebase,
      { typing: rtdb.ref(db, typingAt(sessionId)), team: rtdb.ref(db, TEAM_PRESENT) },
      (name, value) => {
        this.heard[name] = value;
        this.announcer ??= new Announcer(firebase, {
          place: (connection) => customerPresentAt(sessionId, connection),
          changes: (state, connection) => customerIsThere(sessionId, connection, state),
          refused,
        });
        this.look();
        changed();
      },
      refused,
    );
    this.touched();
  }

  /** Whether the customer looks may have changed. */
  look() {
    this.announcer?.say(this.isLooking() && !this.isIdle ? "online" : "away");
  }

  isTeamThere() {
    return this.leases.lasts(this.heard.team, PRESENCE.expiry);
  }

  /** Whether the team types something that is not said yet; `spokeAt` is when it said the last. */
  isTeamTyping(spokeAt) {
    const at = this.heard.typing?.team;
    return at > spokeAt && this.leases.lasts(at, PRESENCE.typing);
  }

  close() {
    this.stop();
    this.leases.close();
    this.announcer?.close();
    this.announcer = undefined;
    this.heard = {};
    clearTimeout(this.idling);
    for (const name of ACTIVITIES) document.removeEventListener(name, this.touch, QUIETLY);
  }

  touched() {
    clearTimeout(this.idling);
    this.idling = setTimeout(() => {
      this.isIdle = true;
      this.look();
    }, IDLE);
    if (!this.isIdle) return;
    this.isIdle = false;
    this.look();
  }
}
