// The team's dashboard: sign in, see who wrote, read, answer, resolve.

import { element, setText } from "../elements.js";
import { connect, explained } from "../firebase.js";
import { Conversation } from "./conversation.js";
import { DeskPresence } from "./desk_presence.js";
import { SessionList } from "./session_list.js";

const TITLE = "Chats – Imbari Coffee";
const CONNECTION_PATIENCE = 2000; // ms until an outage is worth a word

class Dashboard {
  constructor(firebase) {
    this.firebase = firebase;
    this.drawOnce();
    firebase.auth.onAuthStateChanged(firebase.users, (user) => this.enter(user));
  }

  async signIn(email, password) {
    const { auth, users } = this.firebase;
    setText(this.warning, "");
    this.signInButton.disabled = true;
    try {
      await auth.signInWithEmailAndPassword(users, email, password);
    } catch (error) {
      setText(this.warning, explained(error));
    } finally {
      this.signInButton.disabled = false;
    }
  }

  /** Leaving is said first: afterwards nobody is there to say it. */
  signOut() {
    this.presence.close();
    return this.firebase.auth.signOut(this.firebase.users);
  }

  /** Show the chats to an admin and the sign-in to everybody else. The rules decide all the same. */
  async enter(user) {
    const { auth, users, database: rtdb, db } = this.firebase;
    this.leave();
    const isAdmin = user && (await user.getIdTokenResult()).claims.admin === true;
    if (user && !isAdmin) {
      await auth.signOut(users);
      return setText(this.warning, "This account is not an admin of the chat.");
    }
    document.body.replaceChildren(user ? this.desk : this.gate);
    if (!user) return this.gate.querySelector("input").focus();
    this.form.reset();
    setText(this.who, user.email ?? user.uid);
    const tell = (text) => setText(this.alert, text);
    this.presence = new DeskPresence(this.firebase, user, () => {
      this.sessions?.draw();
      this.conversation?.drawPresence();
    });
    this.conversation = new Conversation(this.firebase, user, this.presence, {
      tell,
      onback: () => this.open(null),
    });
    this.sessions = new SessionList(this.firebase, this.presence, {
      tell,
      onopen: (id) => this.open(id),
      onchange: (list) => this.changed(list),
    });
    this.main.replaceChildren(this.sessions.view, this.conversation.view);
    this.open(null);
    this.stopWatching = rtdb.onValue(rtdb.ref(db, ".info/connected"), (snapshot) => {
      clearTimeout(this.outage);
      if (snapshot.val()) return setText(this.connection, "");
      this.outage = setTimeout(() => {
        setText(this.connection, "No connection. What you write is sent when it is back.");
      }, CONNECTION_PATIENCE);
    });
  }

  leave() {
    this.presence?.close();
    this.sessions?.close();
    this.conversation?.close();
    this.stopWatching?.();
    clearTimeout(this.outage);
    this.presence = this.sessions = this.conversation = this.stopWatching = undefined;
    setText(this.alert, "");
    document.title = TITLE;
  }

  open(id) {
    setText(this.alert, "");
    this.main.classList.toggle("reading", id !== null);
    this.presence.open(id);
    this.sessions.select(id);
    this.conversation.open(id === null ? null : this.sessions.find(id));
    if (id === null) this.sessions.view.querySelector("[aria-current=true]")?.focus();
  }

  changed(list) {
    const unread = list.reduce((sum, one) => sum + one.unread, 0);
    document.title = unread ? `(${unread}) ${TITLE}` : TITLE;
    this.conversation.update(list);
  }

  drawOnce() {
    const field = (label, more) => element("label", {}, label, element("input", more));
    this.warning = element("p", { class: "notice warning", role: "alert" });
    this.signInButton = element("button", { type: "submit", class: "primary" }, "Sign in");
    this.form = element(
      "form",
      {
        onsubmit: (event) => {
          event.preventDefault();
          const filled = new FormData(this.form);
          this.signIn(filled.get("email"), filled.get("password"));
        },
      },
      field("E-mail", { name: "email", type: "email", required: true, autocomplete: "username" }),
      field("Password", {
        name: "password", type: "password", required: true, autocomplete: "current-password",
      }),
      this.warning,
      this.signInButton,
    );
    this.gate = element("main", { class: "gate" }, element("h1", {}, "Imbari chats"), this.form);
    this.who = element("span", { class: "account" });
    this.connection = element("p", { class: "notice", role: "status" });
    this.alert = element("p", { class: "notice warning", role: "alert" });
    this.main = element("main", { class: "desk" });
    this.desk = element(
      "div",
      { class: "frame" },
      element(
        "header",
        {},
        element("h1", {}, "Imbari chats"),
        this.who,
        element(
          "button",
          {
            type: "button",
            class: "secondary",
            onclick: () => this.signOut(),
          },
          "Sign out",
        ),
      ),
      this.connection,
      this.alert,
      this.main,
    );
  }
}

connect("imbari-desk", { remember: false }).then(
  (firebase) => new Dashboard(firebase),
  () => document.body.append(element("p", { role: "alert" }, "The chat cannot be reached.")),
);
