// The official JavaScript SDK's database, and what is made of it, in plays: one JSON request per line
// of standard input names a play, one JSON answer per line of standard output is what its parts saw.

import { Console } from "node:console";
import { createInterface } from "node:readline";
import { deleteApp, initializeApp } from "firebase/app";
import * as auth from "firebase/auth";
import * as sdk from "firebase/database";

// Standard output is for answers alone; what the SDK wants to say is kept for those who ask.
const told = [];
const quiet = new Console(process.stderr);
quiet.log = (...words) => told.push(words.join(" "));
quiet.warn = quiet.log;
globalThis.console = quiet;

let place;
let apps = [];

// One more client, with an app of its own, so that nothing is shared but the server.
function client(name = `client-${apps.length}`, token = undefined) {
  const app = initializeApp(
    { apiKey: "any", projectId: place.project, databaseURL: `http://${place.host}?ns=${place.ns}` },
    name,
  );
  apps.push(app);
  const db = sdk.getDatabase(app);
  const [host, port] = place.host.split(":");
  sdk.connectDatabaseEmulator(db, host, Number(port), token ? { mockUserToken: token } : undefined);
  return { app, db, ref: (path) => sdk.ref(db, path) };
}

const EVENTS = ["child_removed", "child_added", "child_moved", "child_changed", "value"];
const LISTEN = {
  child_removed: sdk.onChildRemoved,
  child_added: sdk.onChildAdded,
  child_moved: sdk.onChildMoved,
  child_changed: sdk.onChildChanged,
  value: sdk.onValue,
};

// Every event of every kind, in the order in which they come.
function record(query, kinds = EVENTS) {
  const seen = [];
  const failed = (error) => seen.push(["cancelled", error.code ?? error.message]);
  for (const kind of kinds) {
    LISTEN[kind](
      query,
      (snapshot, previous) => {
        if (kind === "value") seen.push([kind, snapshot.exportVal()]);
        else if (kind === "child_removed") seen.push([kind, snapshot.key, snapshot.val()]);
        else seen.push([kind, snapshot.key, snapshot.val(), previous]);
      },
      failed,
    );
  }
  return seen;
}

function drain(seen) {
  return seen.splice(0, seen.length);
}

function until(check) {
  return new Promise((resolve, reject) => {
    const began = Date.now();
    const look = () => {
      if (check()) resolve();
      else if (Date.now() - began > 8000) reject(new Error(`never: ${check}`));
      else setTimeout(look, 2);
    };
    look();
  });
}

// What was told to a client before this is with it afterwards: answers keep their place.
function settled(one) {
  return sdk.get(sdk.query(one.ref("settled"), sdk.limitToFirst(1)));
}

function query(one, path, steps) {
  return sdk.query(one.ref(path), ...steps.map(([name, ...given]) => sdk[name](...given)));
}

const refusal = (promise) => promise.then(() => "done", (error) => error.code ?? error.message);

const PLAYS = {
  async changes({ path, steps, start, change }) {
    const [reader, writer] = [client(), client()];
    await sdk.set(writer.ref(path), start);
    const seen = record(query(reader, path, steps));
    await until(() => seen.some(([kind]) => kind === "value"));
    const first = drain(seen);
    await sdk.update(writer.ref(path), change);
    await settled(reader);
    return { first, then: seen };
  },

  async windows({ path, queries }) {
    const answers = [];
    for (const steps of queries) {
      const [getter, listener] = [client(), client()];
      const keys = (snapshot) => {
        const found = [];
        snapshot.forEach((child) => void found.push(child.key));
        return found;
      };
      const got = await sdk.get(query(getter, path, steps)).then(keys, (error) => error.message);
      let listened;
      sdk.onValue(query(listener, path, steps), (snapshot) => (listened = keys(snapshot)));
      await until(() => listened !== undefined);
      answers.push({ got, listened });
    }
    return answers;
  },

  async moving({ path, steps, writes }) {
    const [reader, writer] = [client(), client()];
    const seen = record(query(reader, path, steps), ["child_removed", "child_added"]);
    await settled(reader);
    const answers = [drain(seen)];
    for (const [at, value] of writes) {
      await sdk.set(writer.ref(`${path}/${at}`), value);
      await settled(reader);
      answers.push(drain(seen));
    }
    return answers;
  },

  // Random writes: what a listener has been told along the way is what a newcomer is told at once.
  async wandering({ seed, rounds, queries }) {
    const next = (bound) => (seed = (seed * 48271) % 2147483647) % bound;
    const scalar = () => [next(5), `${"abc"[next(3)]}`, next(2) === 1, null, next(100) / 8][next(5)];
    const value = () =>
      [
        scalar,
        () => ({ n: scalar(), ".priority": [next(4), "p", null][next(3)] }),
        () => ({ n: { deep: scalar() }, x: scalar() }),
        () => ({ ".value": next(9), ".priority": next(5) }),
      ][next(4)]();
    const key = () => ["a", "b", "c", "d", "e", "7", "10"][next(7)];
    const [reader, writer] = [client(), client()];
    const known = queries.map((steps) => {
      const last = {};
      sdk.onValue(query(reader, "list", steps), (snapshot) => {
        last.value = snapshot.exportVal();
        last.order = [];
        snapshot.forEach((child) => void last.order.push(child.key));
      });
      return last;
    });
    await settled(reader);
    const wrong = [];
    for (let round = 0; round < rounds; round++) {
      const one = next(3) === 0 ? reader : writer;
      const list = (path) => one.ref(`list${path}`);
      await [
        () => sdk.set(list(`/${key()}`), value()),
        () => sdk.set(list(`/${key()}/n`), scalar()),
        () => sdk.update(list(""), { [key()]: value(), [`${"xyz"[next(3)]}`]: value() }),
        () => sdk.setPriority(list(`/${key()}`), next(4)),
        () => sdk.runTransaction(list(`/${key()}`), () => value()),
        () => (next(6) ? sdk.remove(list(`/${key()}`)) : sdk.set(list(""), { a: value(), b: value() })),
      ][next(6)]().catch(() => null);
      if (next(8) === 0) {
        sdk.goOffline(reader.db);
        await sdk.set(writer.ref(`list/${key()}`), value());
        sdk.goOnline(reader.db);
      }
      await settled(reader);
      if (round % 5) continue;
      const fresh = client();
      for (const [n, steps] of queries.entries()) {
        const told = {};
        sdk.onValue(query(fresh, "list", steps), (snapshot) => {
          told.value = snapshot.exportVal();
          told.order = [];
          snapshot.forEach((child) => void told.order.push(child.key));
        });
        await until(() => told.order !== undefined);
        if (JSON.stringify(told) !== JSON.stringify(known[n])) wrong.push([round, steps, told, known[n]]);
      }
      apps.pop();
      await deleteApp(fresh.app);
    }
    return wrong;
  },

  async contention({ clients, rounds }) {
    const all = Array.from({ length: clients }, () => client());
    let calls = 0;
    await Promise.all(
      all.flatMap((one) =>
        Array.from({ length: rounds }, () =>
          sdk.runTransaction(one.ref("counter"), (value) => (calls++, (value ?? 0) + 1)),
        ),
      ),
    );
    return { value: (await sdk.get(client().ref("counter"))).val(), calls };
  },

  async transaction({ start }) {
    const [one, other] = [client(), client()];
    await sdk.set(other.ref("t"), start);
    const given = [];
    const done = await sdk.runTransaction(one.ref("t"), (value) => {
      given.push(value);
      return { seen: value };
    });
    const stopped = await sdk.runTransaction(one.ref("t"), () => undefined);
    const refused = await refusal(sdk.runTransaction(one.ref("locked"), () => 1));
    return { given, value: done.snapshot.val(), stopped: stopped.committed, refused };
  },

  async priorities() {
    const [one, other] = [client(), client()];
    await sdk.setWithPriority(one.ref("p/a"), "x", 7);
    await sdk.setWithPriority(one.ref("p/b"), { k: 1 }, "last");
    await sdk.set(one.ref("p/c"), 3);
    const before = (await sdk.get(other.ref("p"))).exportVal();
    await sdk.setPriority(one.ref("p/c"), 9);
    const order = [];
    (await sdk.get(other.ref("p"))).forEach((child) => void order.push(child.key));
    await sdk.runTransaction(other.ref("p/a"), (value) => `${value}!`);
    const after = (await sdk.get(one.ref("p/a"))).exportVal();
    return { before, order, after };
  },

  async goodbye() {
    const [leaver, witness] = [client(), client()];
    const seen = record(witness.ref("presence"), ["value"]);
    await sdk.onDisconnect(leaver.ref("presence/a")).set("offline");
    await sdk.onDisconnect(leaver.ref("presence/b")).update({ gone: true, at: sdk.serverTimestamp() });
    await sdk.onDisconnect(leaver.ref("presence/c")).remove();
    await sdk.onDisconnect(leaver.ref("presence/d")).set("never");
    await sdk.onDisconnect(leaver.ref("presence/d")).cancel();
    await sdk.update(leaver.ref("presence"), { a: "online", c: "here", d: "kept" });
    await settled(witness);
    drain(seen);
    sdk.goOffline(leaver.db);
    await until(() => seen.length > 0);
    return seen;
  },

  async ordered() {
    const one = client();
    const seen = record(one.ref("n"), ["value"]);
    await sdk.set(one.ref("n"), 4);
    await sdk.set(one.ref("n"), sdk.increment(5));
    await sdk.set(one.ref("n"), sdk.serverTimestamp());
    const time = seen.at(-1)[1];
    return { values: seen.slice(0, 3).map(([, value]) => value), time };
  },

  async offline() {
    const [one, other] = [client(), client()];
    const connected = [];
    sdk.onValue(one.ref(".info/connected"), (snapshot) => connected.push(snapshot.val()));
    const seen = record(one.ref("room"), ["child_added", "child_removed", "child_changed"]);
    await sdk.set(one.ref("room/a"), 1);
    sdk.goOffline(one.db);
    const writes = [
      sdk.set(one.ref("room/b"), 2),
      sdk.update(one.ref("room"), { c: 3, "a/x": 4 }),
      sdk.remove(one.ref("room/b")),
    ];
    const shown = drain(seen);
    const meanwhile = (await sdk.get(other.ref("room"))).val();
    await sdk.set(other.ref("room/d"), 5);
    sdk.goOnline(one.db);
    await Promise.all(writes);
    await settled(one);
    return { connected, shown, meanwhile, later: seen, end: (await sdk.get(other.ref("room"))).val() };
  },

  async refused() {
    const [one, other] = [client(), client()];
    const [mine, theirs] = [record(one.ref("/")), record(other.ref("/"))];
    await until(() => mine.length && theirs.length);
    drain(mine);
    drain(theirs);
    told.length = 0;
    const what = await refusal(sdk.update(one.ref("/"), { open: 1, locked: 2 }));
    await settled(other);
    return { what, mine, theirs, told: told.filter((line) => line.includes("locked")).length > 0 };
  },

  async denied() {
    const one = client();
    const seen = record(one.ref("secret"), ["value"]);
    await until(() => seen.length);
    return {
      seen,
      get: await refusal(sdk.get(one.ref("secret"))),
      set: await refusal(sdk.set(one.ref("secret"), 1)),
      later: await refusal(sdk.onDisconnect(one.ref("secret")).set(1)),
    };
  },

  async watching() {
    const one = client();
    const kinds = { all: one.ref("k"), window: sdk.query(one.ref("k"), sdk.limitToLast(1)) };
    const seen = Object.fromEntries(
      Object.entries(kinds).map(([name, what]) => [name, record(what, ["value"])]),
    );
    const free = record(one.ref("free"), ["value"]);
    await until(() => free.length && Object.values(seen).every((each) => each.length));
    for (const each of [free, ...Object.values(seen)]) drain(each);
    PLAYS.watched = { one, seen, free };
    return null;
  },

  async revoked() {
    const { one, seen, free } = PLAYS.watched;
    await until(() => Object.values(seen).every((each) => each.length));
    await settled(one).catch(() => null);
    return { ...seen, free };
  },

  async mocked() {
    const [user, other] = [client("u", { sub: "u" }), client("v", { sub: "v" })];
    return [
      await refusal(sdk.set(user.ref("users/u"), 1)),
      await refusal(sdk.set(other.ref("users/u"), 1)),
    ];
  },

  async renewal({ email, password }) {
    const one = client();
    const who = auth.getAuth(one.app);
    auth.connectAuthEmulator(who, `http://${place.auth}`, { disableWarnings: true });
    await auth.signInWithEmailAndPassword(who, email, password);
    PLAYS.renewed = { one, who };
    const uid = who.currentUser.uid;
    const own = record(one.ref(`users/${uid}`), ["value"]);
    await until(() => own.length);
    return { uid, own, inbox: await refusal(sdk.get(one.ref("inbox"))) };
  },

  async renew() {
    const { one, who } = PLAYS.renewed;
    await who.currentUser.getIdToken(true);
    const inbox = (await sdk.get(one.ref("inbox"))).val();
    const seen = record(one.ref("inbox"), ["value"]);
    await until(() => seen.length);
    drain(seen);
    await auth.signOut(who);
    await until(() => seen.length);
    return { inbox, seen };
  },

  // A customer's page under the strict rules: message, session and start in one update.
  async greet({ session, text }) {
    const one = client();
    const who = auth.getAuth(one.app);
    auth.connectAuthEmulator(who, `http://${place.auth}`, { disableWarnings: true });
    const { uid } = (await auth.signInAnonymously(who)).user;
    const now = sdk.serverTimestamp();
    const seen = [];
    const message = sdk.push(one.ref(`messages/${session}`)).key;
    const sent = { text, from: "customer", timestamp: now, read: false, senderUid: uid };
    const about = {
      customerName: "Amina",
      customerEmail: "amina@example.com",
      lastMessage: text,
      lastMessageTime: now,
      unreadCount: 1,
      status: "active",
      customerUid: uid,
      createdAt: now,
      lastCustomerMessageId: message,
    };
    const update = {
      [`messages/${session}/${message}`]: sent,
      [`chatSessions/${session}`]: about,
      [`starts/${uid}`]: { session, at: now, count: sdk.increment(1) },
    };
    const halves = [
      await refusal(sdk.set(one.ref(`messages/${session}/${message}`), sent)),
      await refusal(sdk.set(one.ref(`chatSessions/${session}`), about)),
    ];
    const whole = await refusal(sdk.update(one.ref("/"), update));
    const again = await refusal(sdk.update(one.ref("/"), update));
    sdk.onChildAdded(sdk.query(one.ref(`messages/${session}`), sdk.orderByKey(), sdk.limitToLast(50)),
      (snapshot) => seen.push([snapshot.val().from, snapshot.val().text]));
    await until(() => seen.length);
    PLAYS.greeting = { one, seen };
    return { halves, whole, again };
  },

  async answered({ count }) {
    const { seen } = PLAYS.greeting;
    await until(() => seen.length >= count);
    return seen;
  },

  async large({ length }) {
    const [one, other] = [client(), client()];
    const text = "x" + "😀".repeat(length);
    const seen = record(sdk.query(other.ref("large"), sdk.limitToLast(1)), ["value"]);
    await sdk.set(one.ref("large/a"), text.slice(0, 10));
    await sdk.set(one.ref("large"), { a: "short", b: Array.from({ length }, (_, n) => n) });
    await settled(other);
    const numbers = seen.at(-1)[1].b;
    return [Object.keys(numbers).length, numbers[length - 1]];
  },

  async literal({ path, value }) {
    const [one, other] = [client(), client()];
    const seen = record(other.ref(path), ["value"]);
    await sdk.set(one.ref(path), value);
    await settled(other);
    return seen.at(-1)[1];
  },
};

async function answer({ name, given }) {
  if (name === "open") {
    await Promise.all(apps.map(deleteApp));
    [apps, place] = [[], given];
    return { value: null };
  }
  try {
    return { value: (await PLAYS[name](given ?? {})) ?? null };
  } catch (error) {
    return { error: String(error.stack) };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await answer(JSON.parse(line)))}\n`);
}
