// The customer's chat: a button in the corner of any page, and the conversation behind it.
//
//   <script type="module" src="/chat/widget.js"></script>
//
// It lives in a shadow root, so that neither the page's styles nor its own leak. The SDK is loaded
// with the page, but nobody is signed in before they start a conversation, so that visitors who do
// not chat cost neither an account nor a connection.

import {
  CUSTOMER_INTERVAL,
  LIMITS,
  QUICK_TOPICS,
  SESSIONS,
  TEAM,
  customerSends,
  markSeen,
  messagesOf,
  readSession,
  sessionAt,
  startChat,
} from "./contract.js";
import { CustomerPresence } from "./customer_presence.js";
import { composer, element, setText } from "./elements.js";
import { connect, explained } from "./firebase.js";
import { MessageList } from "./message_list.js";
import { isStored, listenToNewest } from "./messages.js";
import { Outbox } from "./outbox.js";

const NAME = "imbari-chat";
const PAGE = 100; // messages
const CONNECTION_PATIENCE = 2000; // ms until an outage is worth a word

class Widget {
  constructor() {
    this.isOpen = false;
    this.user = null;
    this.session = null;
    this.messages = [];
    this.window = PAGE;
    this.seenFor = null;
    this.stopFollowing = [];
    this.drawOnce();
    this.draw();
    this.connected = connect(NAME, { remember: true });
    this.connected.then(
      (firebase) => {
        this.firebase = firebase;
        firebase.auth.onAuthStateChanged(firebase.users, (user) => this.follow(user));
      },
      () => this.warn("The chat cannot be reached at the moment. Please try again later."),
    );
    document.addEventListener("visibilitychange", () => this.look());
  }

  // What is stored

  /** Follow the newest conversation of whoever is signed in here, in this tab or in another. */
  follow(user) {
    this.stopFollowing.forEach((stop) => stop());
    this.stopFollowing = [];
    this.user = user;
    this.attach(null);
    if (!user) return this.draw();
    const { database: rtdb, db } = this.firebase;
    const mine = rtdb.query(
      rtdb.ref(db, SESSIONS),
      rtdb.orderByChild("customerUid"),
      rtdb.equalTo(user.uid),
    );
    this.stopFollowing = [
      rtdb.onValue(
        mine,
        (snapshot) => {
          const sessions = [];
          snapshot.forEach((one) => void sessions.push(readSession(one.key, one.val())));
          sessions.sort((one, other) => other.time - one.time);
          this.attach(sessions[0] ?? null);
          this.look();
          this.draw();
        },
        (error) => this.warn(explained(error)),
      ),
      rtdb.onValue(rtdb.ref(db, ".info/connected"), (snapshot) => {
        clearTimeout(this.outage);
        if (snapshot.val()) return setText(this.connection, "");
        this.outage = setTimeout(() => {
          setText(this.connection, "No connection. What you write is sent when it is back.");
        }, CONNECTION_PATIENCE);
      }),
      () => clearTimeout(this.outage),
    ];
  }

  attach(session) {
    const former = this.session;
    this.session = session;
    if (former?.id === session?.id) return;
    this.stopListening?.();
    this.stopListening = undefined;
    this.outbox?.close();
    this.outbox = undefined;
    this.presence?.close();
    this.presence = undefined;
    this.messages = [];
    this.window = PAGE;
    if (!session) return;
    const { database: rtdb, db } = this.firebase;
    this.listen();
    this.outbox = new Outbox({
      key: `${NAME}-${this.user.uid}-${session.id}`,
      interval: CUSTOMER_INTERVAL + 50,
      changed: () => this.draw(),
      write: ({ id, text }) =>
        rtdb.update(
          rtdb.ref(db),
          customerSends(session.id, id, text, this.session, this.user.uid),
        ),
      isThere: ({ id }) => isStored(this.firebase, session.id, id),
    });
    this.presence = new CustomerPresence(this.firebase, session.id, {
      isLooking: () => this.isLooking(),
      changed: () => this.drawPresence(),
    });
  }

  listen() {
    const former = this.stopListening;
    this.stopListening = listenToNewest(
      this.firebase,
      this.session.id,
      this.window,
      (messages) => {
        this.messages = messages;
        this.look();
        this.draw();
      },
      (error) => {
        // A conversation that the server refused to start ends here as well, and is told elsewhere.
        if (!this.starting) this.warn(explained(error));
      },
    );
    former?.();
  }

  // What the customer does

  async start(lead) {
    this.warn("");
    this.starting = true;
    this.draw();
    try {
      const { auth, users, database: rtdb, db } = await this.connected;
      const { user } = users.currentUser
        ? { user: users.currentUser }
        : await auth.signInAnonymously(users);
      const id = rtdb.push(rtdb.ref(db, SESSIONS)).key;
      try {
        await rtdb.update(rtdb.ref(db), startChat(id, lead, user.uid));
      } catch (error) {
        // The answer to a first try may have been lost: see outbox.js.
        const place = rtdb.ref(db, sessionAt(id));
        const isThere = await rtdb.get(place).then((one) => one.exists(), () => false);
        if (!isThere) throw error;
      }
    } catch (error) {
      this.warn(`The conversation could not be started. ${explained(error)}`);
    } finally {
      this.starting = false;
      this.draw();
    }
    if (this.session && this.isOpen) this.composer.field.focus();
  }

  send(text) {
    const { database: rtdb, db } = this.firebase;
    this.outbox.send(rtdb.push(rtdb.ref(db, messagesOf(this.session.id))).key, text);
    this.presence?.typist.spoke();
  }

  /** Whether the conversation is before the customer's eyes. */
  isLooking() {
    return this.isOpen && !document.hidden;
  }

  /** Tell the server once of each answer that is before the customer's eyes. */
  look() {
    this.presence?.look();
    if (!this.isLooking() || !this.session) return;
    const newest = this.unseen().at(-1);
    if (!newest || newest.id === this.seenFor) return;
    this.seenFor = newest.id;
    const { database: rtdb, db } = this.firebase;
    // Only the badge of a later visit depends on it, and the next answer tries again.
    rtdb.update(rtdb.ref(db), markSeen(this.session.id)).catch(() => {});
  }

  unseen() {
    return this.messages.filter((one) => one.isAdmin && one.time > this.session.seenAt);
  }

  toggle(isOpen) {
    this.isOpen = isOpen;
    this.look();
    this.draw();
    if (!isOpen) return this.button.focus();
    this.list.toEnd();
    const first = this.session ? this.composer.field : this.form.querySelector("input");
    first.focus();
  }

  // What is to be seen

  warn(text) {
    setText(this.warning, text);
  }

  draw() {
    const unseen = this.session && !this.isOpen ? this.unseen().length : 0;
    this.panel.hidden = !this.isOpen;
    this.badge.hidden = unseen === 0;
    setText(this.badge, String(unseen));
    this.button.setAttribute("aria-expanded", String(this.isOpen));
    const news = unseen ? `, ${unseen} new ${unseen === 1 ? "message" : "messages"}` : "";
    this.button.setAttribute("aria-label", this.isOpen ? "Close chat" : `Open chat${news}`);
    const isChatting = Boolean(this.session) && !this.starting;
    this.form.hidden = isChatting;
    this.composer.form.hidden = !isChatting;
    this.earlier.hidden = this.messages.length < this.window;
    this.submit.disabled = Boolean(this.starting);
    setText(this.submit, this.starting ? "Starting…" : "Start chat");
    this.list.show(this.rows());
    this.drawPresence();
  }

  drawPresence() {
    this.team.hidden = !this.presence?.isTeamThere();
    const spokeAt = this.messages.findLast((one) => one.isAdmin)?.time ?? 0;
    const isTyping = this.presence?.isTeamTyping(spokeAt) ?? false;
    // Heard when it begins; that it is over says itself.
    setText(this.typing, isTyping ? `${TEAM} is typing…` : "");
    this.typing.hidden = !this.form.hidden;
  }

  rows() {
    const bot = (id, text) => ({ id, kind: "bot", who: "Concierge", text });
    const greeting = bot("greeting", "Welcome to Imbari Coffee. What can we do for you?");
    if (!this.session || this.starting) return [greeting];
    const waiting = new Map(this.outbox.entries.map((one) => [one.id, one]));
    const rows = this.messages.map((one) => ({
      ...one,
      kind: one.isAdmin ? "other" : "own",
      who: one.isAdmin ? TEAM : "You",
      state: waiting.has(one.id) ? "Sending…" : undefined,
    }));
    const shown = new Set(rows.map((one) => one.id));
    for (const { id, text, state, error } of waiting.values()) {
      if (shown.has(id)) continue;
      const own = { id, text, kind: "own", who: "You", state: "Sending…" };
      rows.push(state === "waiting" ? own : { ...own, ...this.failure(id, error) });
    }
    const thanks = `Thank you, ${this.session.name}. Write here, and the ${TEAM} will answer.`;
    const first = this.earlier.hidden ? [greeting, bot("thanks", thanks)] : [];
    const resolved = bot("resolved", "This conversation is resolved. Write, and it goes on.");
    return [...first, ...rows, ...(this.session.isResolved ? [resolved] : [])];
  }

  failure(id, error) {
    return {
      state: `Not sent. ${explained(error)}`,
      actions: [
        ["Try again", () => this.outbox.retry(id)],
        ["Discard", () => this.outbox.discard(id)],
      ],
    };
  }

  drawOnce() {
    this.badge = element("span", { class: "badge", "aria-hidden": "true" });
    this.button = element("button", {
      type: "button",
      class: "launcher",
      "aria-controls": "panel",
      onclick: () => this.toggle(!this.isOpen),
    });
    this.button.append(element("span", { class: "bubble", "aria-hidden": "true" }), this.badge);
    this.list = new MessageList("Messages");
    this.earlier = element(
      "button",
      {
        type: "button",
        class: "link earlier",
        onclick: () => {
          this.window += PAGE;
          this.listen();
        },
      },
      "Show earlier messages",
    );
    this.form = this.leadForm();
    this.composer = composer({
      label: "Write a message",
      limit: LIMITS.text,
      onsend: (text) => this.send(text),
      ontyped: () => this.presence?.typist.typed(),
    });
    this.team = element(
      "p",
      { class: "team", hidden: true },
      element("span", { class: "dot", "aria-hidden": "true" }),
      "The team is online",
    );
    this.typing = element("p", { class: "typing", "aria-live": "polite" });
    this.connection = element("p", { class: "notice", role: "status" });
    this.warning = element("p", { class: "notice warning", role: "alert" });
    this.panel = element(
      "section",
      {
        id: "panel",
        role: "dialog",
        "aria-labelledby": "title",
        onkeydown: (event) => {
          if (event.key === "Escape") this.toggle(false);
        },
      },
      element(
        "div",
        { class: "bar" },
        element(
          "div",
          {},
          element("h2", { id: "title" }, "Imbari Impact Concierge"),
          this.team,
        ),
        element(
          "button",
          { type: "button", class: "close", "aria-label": "Minimise chat",
            onclick: () => this.toggle(false) },
          "–",
        ),
      ),
      this.earlier,
      this.list.log,
      this.typing,
      this.connection,
      this.warning,
      this.form,
      this.composer.form,
    );
    const host = element("div", { id: NAME, hidden: true });
    const style = element("link", {
      rel: "stylesheet",
      href: new URL("widget.css", import.meta.url).href,
      // Nothing is to be seen without its style.
      onload: () => host.removeAttribute("hidden"),
    });
    host.attachShadow({ mode: "open" }).append(style, this.panel, this.button);
    document.body.append(host);
  }

  leadForm() {
    const topics = QUICK_TOPICS.map((topic) =>
      element(
        "label",
        { class: "topic" },
        element("input", { type: "radio", name: "topic", value: topic }),
        element("span", {}, topic),
      ),
    );
    const field = (label, name, more) =>
      element("label", {}, label, element("input", { name, ...more }));
    this.submit = element("button", { type: "submit", class: "primary" });
    return element(
      "form",
      {
        class: "lead",
        onsubmit: (event) => {
          event.preventDefault();
          const filled = new FormData(this.form);
          const value = (name) => (filled.get(name) ?? "").trim();
          const names = ["name", "email", "phone", "topic"];
          const lead = Object.fromEntries(names.map((name) => [name, value(name)]));
          if (lead.name) this.start(lead);
          else this.warn("Please tell us your name.");
        },
      },
      element("fieldset", {}, element("legend", {}, "What is it about?"), ...topics),
      field("Name", "name", { required: true, maxlength: LIMITS.name, autocomplete: "name" }),
      field("E-mail", "email", {
        type: "email", required: true, maxlength: LIMITS.email, autocomplete: "email",
      }),
      field("Phone (optional)", "phone", {
        type: "tel", maxlength: LIMITS.phone, autocomplete: "tel", pattern: ".*[0-9].*",
        title: "A phone number has digits",
      }),
      this.submit,
    );
  }
}

new Widget();
