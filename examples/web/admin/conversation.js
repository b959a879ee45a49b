// One conversation: read, answered, resolved.

import {
  LIMITS,
  TEAM,
  markRead,
  messagesOf,
  reopen,
  reply,
  resolve,
} from "../contract.js";
import { composer, element, setText } from "../elements.js";
import { explained } from "../firebase.js";
import { MessageList } from "../message_list.js";
import { isStored, listenToNewest } from "../messages.js";
import { Outbox } from "../outbox.js";
import { dot, showDot } from "./desk_presence.js";

const PAGE = 100; // messages
const MARKING_TRIES = 3;

export class Conversation {
  constructor(firebase, user, presence, { tell, onback }) {
    Object.assign(this, { firebase, user, presence, tell });
    this.session = null;
    this.messages = [];
    this.look = () => this.markRead();
    document.addEventListener("visibilitychange", this.look);
    this.drawOnce(onback);
    this.draw();
  }

  open(session) {
    this.leave();
    this.session = session;
    this.messages = [];
    this.window = PAGE;
    this.refusals = new Map();
    if (session) {
      const { database: rtdb, db } = this.firebase;
      this.outbox = new Outbox({
        key: `imbari-desk-${this.user.uid}-${session.id}`,
        interval: 0,
        changed: () => this.draw(),
        write: ({ id, text }) =>
          rtdb.update(rtdb.ref(db), reply(session.id, id, text, this.user.uid)),
        isThere: ({ id }) => isStored(this.firebase, session.id, id),
      });
      this.listen();
    }
    this.draw();
    if (session) this.composer.field.focus();
  }

  listen() {
    const former = this.stop;
    this.stop = listenToNewest(
      this.firebase,
      this.session.id,
      this.window,
      (messages) => {
        this.messages = messages;
        this.draw();
        this.markRead();
      },
      (error) => this.tell(`The messages cannot be read. ${explained(error)}`),
    );
    former?.();
  }

  /** The list of conversations has changed. */
  update(sessions) {
    if (!this.session) return;
    this.session = sessions.find((one) => one.id === this.session.id) ?? this.session;
    this.draw();
  }

  /**
   * What is before the admin's eyes is read. Of two admins who read at once one is refused as a
   * whole, and tries once more with what is unread then.
   */
  async markRead() {
    if (this.marking || document.hidden || !this.session) return;
    const { session, refusals } = this;
    const unread = this.messages
      .filter((one) => one.isUnread && (refusals.get(one.id) ?? 0) < MARKING_TRIES)
      .map((one) => one.id);
    if (!unread.length) return;
    this.marking = true;
    const { database: rtdb, db } = this.firebase;
    // A count that has drifted below the truth does not go below zero.
    const counted = Math.min(unread.length, session.unread);
    try {
      await rtdb.update(rtdb.ref(db), markRead(session.id, unread, counted));
    } catch {
      for (const id of unread) refusals.set(id, (refusals.get(id) ?? 0) + 1);
    }
    this.marking = false;
    const isGivenUp = unread.some((id) => refusals.get(id) === MARKING_TRIES);
    if (isGivenUp && this.session?.id === session.id) {
      this.tell("What you have read could not be marked as read.");
    }
    this.markRead();
  }

  async act(action) {
    const { database: rtdb, db } = this.firebase;
    this.tell("");
    try {
      await rtdb.update(rtdb.ref(db), action(this.session.id));
    } catch (error) {
      this.tell(explained(error));
    }
  }

  close() {
    document.removeEventListener("visibilitychange", this.look);
    this.leave();
  }

  leave() {
    this.stop?.();
    this.stop = undefined;
    this.outbox?.close();
    this.outbox = undefined;
    this.session = null;
  }

  send(text) {
    const { database: rtdb, db } = this.firebase;
    this.outbox.send(rtdb.push(rtdb.ref(db, messagesOf(this.session.id))).key, text);
    this.presence.typist.spoke();
  }

  draw() {
    const { session } = this;
    this.placeholder.hidden = Boolean(session);
    this.content.hidden = !session;
    if (!session) return;
    setText(this.name, session.name);
    const about = [session.email, session.phone, session.topic].filter(Boolean);
    setText(this.about, about.join(" · "));
    this.tag.hidden = !session.isResolved;
    setText(this.resolve, session.isResolved ? "Reopen" : "Mark as resolved");
    this.earlier.hidden = this.messages.length < this.window;
    this.list.show(this.rows());
    this.drawPresence();
  }

  drawPresence() {
    const { session, presence } = this;
    if (!session) return;
    const state = presence.of(session.id);
    showDot(this.dot, state);
    const known = [state, presence.colleagues(session.id)].filter(Boolean);
    setText(this.there, known.join(" · "));
    // Heard when it begins; that it is over says itself.
    setText(this.typing, presence.isTyping(session) ? `${session.name} is typing…` : "");
  }

  rows() {
    const waiting = new Map(this.outbox.entries.map((one) => [one.id, one]));
    const rows = this.messages.map((one) => ({
      ...one,
      kind: one.isAdmin ? "own" : "other",
      who: one.isAdmin ? TEAM : this.session.name,
      state: waiting.has(one.id) ? "Sending…" : undefined,
    }));
    const shown = new Set(rows.map((one) => one.id));
    for (const { id, text, state, error } of waiting.values()) {
      if (shown.has(id)) continue;
      const own = { id, text, kind: "own", who: TEAM, state: "Sending…" };
      const failure = {
        state: `Not sent. ${explained(error)}`,
        actions: [
          ["Try again", () => this.outbox.retry(id)],
          ["Discard", () => this.outbox.discard(id)],
        ],
      };
      rows.push(state === "waiting" ? own : { ...own, ...failure });
    }
    return rows;
  }

  drawOnce(onback) {
    this.name = element("h2", { dir: "auto" });
    this.about = element("p", { class: "quiet", dir: "auto" });
    this.dot = dot();
    this.there = element("span", { dir: "auto" });
    this.typing = element("p", { class: "typing", "aria-live": "polite", dir: "auto" });
    this.tag = element("span", { class: "tag" }, "Resolved");
    this.resolve = element("button", {
      type: "button",
      class: "secondary",
      onclick: () => this.act(this.session.isResolved ? reopen : resolve),
    });
    this.list = new MessageList("Messages");
    this.earlier = element(
      "button",
      {
        type: "button",
        class: "link more",
        onclick: () => {
          this.window += PAGE;
          this.listen();
        },
      },
      "Show earlier messages",
    );
    this.composer = composer({
      label: "Write a reply",
      limit: LIMITS.text,
      onsend: (text) => this.send(text),
      ontyped: () => this.presence.typist.typed(),
    });
    this.placeholder = element("p", { class: "placeholder quiet" }, "Choose a chat to read it.");
    this.content = element(
      "div",
      { class: "content" },
      element(
        "div",
        { class: "bar" },
        element(
          "button",
          { type: "button", class: "secondary back", onclick: onback },
          "Back",
        ),
        element(
          "div",
          { class: "person" },
          this.name,
          this.about,
          element("p", { class: "there quiet" }, this.dot, this.there),
        ),
        this.tag,
        this.resolve,
      ),
      this.earlier,
      this.list.log,
      this.typing,
      this.composer.form,
    );
    this.view = element(
      "section",
      { "aria-label": "Conversation", class: "conversation" },
      this.placeholder,
      this.content,
    );
  }
}
