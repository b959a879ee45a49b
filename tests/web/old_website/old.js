// The website as it was: nobody signs in, and whatever is written is two writes. Widget and dashboard
// on one page. With ?slow, the second write waits for the button "Go on".

import { connect } from "../firebase.js";
import { element } from "../elements.js";

const { database: rtdb, db } = await connect("old", { remember: false });
const isSlow = new URLSearchParams(location.search).has("slow");
const { ref, push, set, update } = rtdb;
let session = null;
let sessions = {};

const between = () =>
  isSlow && new Promise((done) => document.body.append(button("Go on", done)));

async function start() {
  session = push(ref(db, "chatSessions"));
  await set(session, {
    ...lead(),
    lastMessage: "",
    lastMessageTime: Date.now(),
    unreadCount: 0,
    status: "active",
  });
  rtdb.onValue(ref(db, `messages/${session.key}`), (all) => show(mine, all.val()));
}

async function send() {
  await push(ref(db, `messages/${session.key}`), {
    text: field.value,
    from: "customer",
    timestamp: Date.now(),
    read: false,
    ...lead(),
  });
  await between();
  await update(session, {
    lastMessage: field.value,
    lastMessageTime: Date.now(),
    unreadCount: (sessions[session.key]?.unreadCount ?? 0) + 1,
    status: "active",
  });
}

async function read(key) {
  const place = ref(db, `messages/${key}`);
  const all = (await rtdb.get(place)).val() ?? {};
  for (const [id, one] of Object.entries(all)) {
    if (one.from === "customer" && !one.read) await update(rtdb.child(place, id), { read: true });
  }
  await between();
  await update(ref(db, `chatSessions/${key}`), { unreadCount: 0 });
  rtdb.onValue(place, (messages) => show(theirs, messages.val()));
}

async function reply(key) {
  await push(ref(db, `messages/${key}`), {
    text: field.value,
    from: "admin",
    timestamp: Date.now(),
  });
  await between();
  const now = { lastMessage: field.value, lastMessageTime: Date.now() };
  await update(ref(db, `chatSessions/${key}`), now);
}

const lead = () => ({
  customerName: "Olivia",
  customerEmail: "olivia@example.com",
  customerPhone: "",
});

const button = (label, act) =>
  element("button", { onclick: (event) => { if (label === "Go on") event.target.remove(); act(); } },
    label);

function show(list, all) {
  const messages = Object.values(all ?? {});
  list.replaceChildren(...messages.map((one) => element("li", { class: one.from }, one.text)));
}

const field = element("input", { "aria-label": "Text" });
const mine = element("ol", { class: "mine" });
const theirs = element("ol", { class: "theirs" });
const list = element("ul");
document.body.append(field, button("Start", start), button("Send", send), mine, list, theirs);
rtdb.onValue(ref(db, "chatSessions"), (all) => {
  sessions = all.val() ?? {};
  const rows = Object.entries(sessions).map(([key, one]) =>
    element("li", {},
      element("span", {}, `${one.customerName}: ${one.unreadCount} unread, ${one.status}`),
      button(`Read ${one.customerName}`, () => read(key)),
      button(`Reply to ${one.customerName}`, () => reply(key))));
  list.replaceChildren(...rows);
});
