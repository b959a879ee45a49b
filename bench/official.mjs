// The official JavaScript SDK as a contender (bench/contender.py): one line of JSON in for each
// thing to measure, one figure out. It has two clients with a connection each, who sends and who
// listens, as the Python contenders have.
import { createInterface } from "node:readline";
import { initializeApp } from "firebase/app";
import {
  connectDatabaseEmulator, getDatabase, goOffline, goOnline, limitToLast, off, onChildAdded,
  onValue, orderByChild, push, query, ref, serverTimestamp, update,
} from "firebase/database";

const [host, session] = process.argv.slice(2);
const [address, port] = host.split(":");

function client(name) {
  const app = initializeApp({ projectId: "demo-imbari", databaseURL: `http://${host}?ns=demo-imbari-default-rtdb` }, name);
  const database = getDatabase(app);
  connectDatabaseEmulator(database, address, Number(port));
  return database;
}

const sender = client("sender");
const listener = client("listener");

function send(text) {
  const key = push(ref(sender, `messages/${session}`)).key;
  return update(ref(sender), {
    [`messages/${session}/${key}`]: { text, from: "admin", timestamp: serverTimestamp(), senderUid: "imbari-chat" },
    [`chatSessions/${session}/lastMessage`]: text,
    [`chatSessions/${session}/lastMessageTime`]: serverTimestamp(),
  });
}

const conversation = (database, id) => query(ref(database, `messages/${id}`), orderByChild("timestamp"), limitToLast(50));
const first = (where) => new Promise((resolve) => onValue(where, resolve));
const median = (figures) => figures.sort((one, other) => one - other)[figures.length >> 1];
let serial = 0;

async function delays(database, count) {
  const heard = new Map();
  const where = conversation(database, session);
  await first(where);
  onChildAdded(where, (snapshot) => heard.get(snapshot.val().text)?.(performance.now()));
  const figures = [];
  for (let number = 0; number < count; number++) {
    const text = `message ${serial++}`;
    const arrival = new Promise((resolve) => heard.set(text, resolve));
    const begin = performance.now();
    await send(text);
    figures.push((await arrival) - begin);
  }
  off(where);
  return median(figures);
}

async function rate(count) {
  const begin = performance.now();
  for (let number = 0; number < count; number++) await send(`message ${serial++}`);
  return (count * 1000) / (performance.now() - begin);
}

async function queue(count) {
  const begin = performance.now();
  await Promise.all(Array.from({ length: count }, () => send(`message ${serial++}`)));
  return (count * 1000) / (performance.now() - begin);
}

async function snapshot(count) {
  const where = query(ref(listener, "chatSessions"), orderByChild("lastMessageTime"), limitToLast(count));
  const begin = performance.now();
  const found = await first(where);
  const took = performance.now() - begin;
  if (found.size !== count) throw new Error(`${found.size} sessions`);
  off(where);
  return took;
}

async function settled() {
  global.gc();
  await new Promise((resolve) => setTimeout(resolve, 300));
  global.gc();
  return process.memoryUsage().rss / 1e6;
}

const id = (number) => `-O${String(number).padStart(18, "0")}`;

async function listeners(count) {
  await first(conversation(listener, id(0)));
  const before = await settled();
  for (let number = 1; number <= count; number++) await first(conversation(listener, id(number)));
  return (await settled()) - before;
}

async function follow(count) {
  await first(query(ref(listener, "chatSessions"), orderByChild("lastMessageTime"), limitToLast(50)));
  for (let number = 0; number < count; number++) await first(conversation(listener, id(number)));
  return 0;
}

async function leave() {
  goOffline(listener);
  return 0;
}

async function comeBack() {
  const live = new Promise((resolve) =>
    onValue(ref(listener, ".info/connected"), (told) => told.val() && resolve()));
  goOnline(listener);
  await live;
  return 0;
}

const does = {
  other: (count) => delays(listener, count), own: (count) => delays(sender, count),
  rate, queue, snapshot, listeners, follow, leave, comeBack,
};

for await (const line of createInterface({ input: process.stdin })) {
  const { do: what, count } = JSON.parse(line);
  console.log(JSON.stringify(await does[what](count)));
}
process.exit(0);
