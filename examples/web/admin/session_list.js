// Who wrote: the newest conversations first, with what is unread.

import { SESSIONS, readSession } from "../contract.js";
import { element, setText, shortTime } from "../elements.js";
import { explained } from "../firebase.js";
import { dot, showDot } from "./desk_presence.js";

const PAGE = 50; // conversations

export class SessionList {
  constructor(firebase, presence, { tell, onopen, onchange }) {
    Object.assign(this, { firebase, presence, tell, onopen, onchange });
    this.sessions = [];
    this.items = new Map();
    this.selected = null;
    this.window = PAGE;
    this.list = element("ul");
    this.empty = element("p", { class: "quiet" }, "Nobody has written yet.");
    this.more = element(
      "button",
      {
        type: "button",
        class: "link more",
        hidden: true,
        onclick: () => {
          this.window += PAGE;
          this.listen();
        },
      },
      "Show older chats",
    );
    this.view = element(
      "nav",
      { "aria-label": "Chats", class: "sessions" },
      this.empty,
      this.list,
      this.more,
    );
    this.listen();
  }

  listen() {
    const { database: rtdb, db } = this.firebase;
    const newest = rtdb.query(
      rtdb.ref(db, SESSIONS),
      rtdb.orderByChild("lastMessageTime"),
      rtdb.limitToLast(this.window),
    );
    const former = this.stop;
    this.stop = rtdb.onValue(
      newest,
      (snapshot) => {
        const sessions = [];
        snapshot.forEach((one) => void sessions.unshift(readSession(one.key, one.val())));
        // What has no proper time is stored above everything that has.
        this.sessions = sessions.sort((one, other) => other.time - one.time);
        this.draw();
        this.onchange(this.sessions);
      },
      (error) => this.tell(`The chats cannot be read. ${explained(error)}`),
    );
    former?.();
  }

  find(id) {
    return this.sessions.find((one) => one.id === id);
  }

  select(id) {
    this.selected = id;
    this.draw();
  }

  close() {
    this.stop();
  }

  draw() {
    this.empty.hidden = this.sessions.length > 0;
    this.more.hidden = this.sessions.length < this.window;
    const focused = document.activeElement;
    const kept = new Map();
    let before = this.list.firstElementChild;
    for (const session of this.sessions) {
      const item = this.items.get(session.id) ?? this.drawn(session.id);
      this.refresh(item, session);
      if (item === before) before = before.nextElementSibling;
      else this.list.insertBefore(item, before);
      kept.set(session.id, item);
    }
    for (const [id, item] of this.items) if (!kept.has(id)) item.remove();
    this.items = kept;
    // Whatever moves in the document loses the focus.
    if (this.list.contains(focused) && document.activeElement !== focused) focused.focus();
  }

  drawn(id) {
    return element(
      "li",
      {},
      element(
        "button",
        { type: "button", class: "session", onclick: () => this.onopen(id) },
        dot(),
        ...["name", "time", "email", "badge", "preview", "tag", "colleagues"].map((part) =>
          element("span", { class: part, dir: "auto" }),
        ),
      ),
    );
  }

  refresh(item, session) {
    const button = item.firstElementChild;
    const part = (name) => button.querySelector(`.${name}`);
    if (session.id === this.selected) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
    setText(part("name"), session.name);
    setText(part("email"), session.email);
    const isTyping = this.presence.isTyping(session);
    part("preview").classList.toggle("types", isTyping);
    setText(part("preview"), isTyping ? "is typing…" : session.preview || "No message yet");
    showDot(part("dot"), this.presence.of(session.id));
    const colleagues = this.presence.colleagues(session.id);
    part("colleagues").hidden = !colleagues;
    setText(part("colleagues"), colleagues);
    setText(part("time"), session.time ? shortTime(session.time) : "");
    part("badge").hidden = session.unread === 0;
    setText(part("badge"), session.unread ? `${session.unread} unread` : "");
    part("tag").hidden = !session.isResolved;
    setText(part("tag"), session.isResolved ? "Resolved" : "");
  }
}
