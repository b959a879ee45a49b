// What listeners and queries are told.

import { client, drain, keys, leave, query, record, sdk, settled, until } from "./clients.mjs";

let listened;

export const listening = {
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

  // Each query by two clients that have seen nothing of the data before. One after the other: a
  // browser makes those wait for seconds who open many sockets at once.
  async windows({ path, queries }) {
    const answers = [];
    for (const steps of queries) {
      const [getter, listener] = [client(), client()];
      const got = await sdk.get(query(getter, path, steps)).then(keys, (error) => error.message);
      const listened = await new Promise((told) => sdk.onValue(query(listener, path, steps), told));
      answers.push({ got, listened: keys(listened) });
      await Promise.all([leave(getter), leave(listener)]);
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
        last.order = keys(snapshot);
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
          told.order = keys(snapshot);
        });
        await until(() => told.order !== undefined);
        if (JSON.stringify(told) !== JSON.stringify(known[n])) wrong.push([round, steps, told, known[n]]);
      }
      await leave(fresh);
    }
    return wrong;
  },

  // One tab listens, and says later what it has been told by then.
  async listen({ path }) {
    listened = record(client().ref(path));
    await until(() => listened.length);
    return drain(listened);
  },

  async heard({ events }) {
    await until(() => listened.length >= events);
    return drain(listened);
  },

  write: ({ path, value }) => sdk.set(client().ref(path), value),

  async silenced({ how }) {
    const one = client();
    const seen = [];
    const tell = (snapshot) => seen.push(snapshot.val());
    const stop = sdk.onValue(one.ref("x"), tell);
    let once = 0;
    sdk.onValue(one.ref("x"), () => once++, { onlyOnce: true });
    await settled(one);
    await sdk.set(one.ref("x"), 1);
    if (how === "off") sdk.off(one.ref("x"), "value", tell);
    else stop();
    await sdk.set(one.ref("x"), 2);
    return { seen, once };
  },

  async snapshots({ value }) {
    const one = client();
    await sdk.set(one.ref("s"), value);
    const all = await sdk.get(one.ref("s"));
    const nothing = await sdk.get(one.ref("nothing"));
    let looked = 0;
    const stopped = all.forEach(() => (looked++, true));
    return {
      key: all.key,
      path: sdk.child(all.ref, "a").toString(),
      exists: [all.exists(), nothing.exists()],
      children: [all.hasChildren(), all.child("a").hasChildren(), all.size],
      has: [all.hasChild("a/b"), all.hasChild("a/z")],
      same: [all.toJSON(), all.val()],
      nothing: nothing.val(),
      stopped: [stopped, looked],
    };
  },

  references() {
    const one = client();
    const deep = one.ref("a/b");
    const query = sdk.query(deep, sdk.orderByKey(), sdk.limitToFirst(1));
    return {
      keys: [deep.key, deep.parent.key, deep.root.key, one.ref().key],
      urls: [deep.toString(), query.toString(), query.ref.toJSON()],
      equal: [
        deep.isEqual(sdk.child(one.ref("a"), "b")),
        deep.isEqual(query),
        sdk.refFromURL(one.db, deep.toString()).isEqual(deep),
      ],
    };
  },

  // A tab that may do nothing but poll; it is of no use afterwards.
  async polled() {
    const lines = [];
    const told = (text) => lines.filter((line) => line.includes(text)).length;
    const one = client();
    sdk.forceLongPolling();
    sdk.enableLogging((line) => lines.push(line));
    sdk.onValue(one.ref("x"), () => lines.push("a value"));
    await until(() => told("Realtime connection failed") > 1);
    return { connected: told("Realtime connection established"), values: told("a value") };
  },

  async logged() {
    const lines = [];
    sdk.forceWebSockets();
    sdk.enableLogging((line) => lines.push(line));
    try {
      await settled(client());
    } finally {
      sdk.enableLogging(false);
    }
    const sent = lines.length;
    await settled(client());
    return { urls: lines.filter((line) => line.includes("ws://")).length, more: lines.length - sent };
  },
};
