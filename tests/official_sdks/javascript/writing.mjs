// Writes, and what comes of them.

import { client, keys, record, refusal, sdk, settled } from "./clients.mjs";

export const writing = {
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

  // Counts for some rounds, and on until somebody else has counted as well.
  async count({ rounds }) {
    const one = client();
    let [counted, value] = [0, 0];
    while (counted < rounds || value === counted) {
      const more = await sdk.runTransaction(one.ref("counter"), (before) => (before ?? 0) + 1);
      value = more.snapshot.val();
      counted++;
    }
    return counted;
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
    return { given, done: done.toJSON(), stopped: stopped.committed, refused };
  },

  async priorities() {
    const [one, other] = [client(), client()];
    await sdk.setWithPriority(one.ref("p/a"), "x", 7);
    await sdk.setWithPriority(one.ref("p/b"), { k: 1 }, "last");
    await sdk.set(one.ref("p/c"), 3);
    const read = await sdk.get(other.ref("p"));
    const before = read.exportVal();
    const own = [read.child("a").priority, read.child("c").priority];
    await sdk.setPriority(one.ref("p/c"), 9);
    const order = keys(await sdk.get(other.ref("p")));
    await sdk.runTransaction(other.ref("p/a"), (value) => `${value}!`);
    const after = (await sdk.get(one.ref("p/a"))).exportVal();
    return { before, own, order, after };
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

  async pushed() {
    const one = client();
    const empty = sdk.push(one.ref("list"));
    const pushed = [sdk.push(one.ref("list"), 1), sdk.push(one.ref("list"), 2)];
    await Promise.all(pushed);
    return { names: [empty, ...pushed].map((ref) => ref.key), list: (await sdk.get(one.ref("list"))).val() };
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
