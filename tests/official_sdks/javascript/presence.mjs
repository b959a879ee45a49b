// Clients that go, and come back.

import { client, drain, record, refusal, sdk, settled, until } from "./clients.mjs";

export const presence = {
  async goodbye() {
    const [leaver, observer] = [client(), client()];
    const seen = record(observer.ref("presence"), ["value"]);
    await sdk.onDisconnect(leaver.ref("presence/a")).set("offline");
    await sdk.onDisconnect(leaver.ref("presence/b")).update({ gone: true, at: sdk.serverTimestamp() });
    await sdk.onDisconnect(leaver.ref("presence/c")).remove();
    await sdk.onDisconnect(leaver.ref("presence/e")).setWithPriority("away", 3);
    await sdk.onDisconnect(leaver.ref("presence/d")).set("never");
    await sdk.onDisconnect(leaver.ref("presence/d")).cancel();
    await sdk.update(leaver.ref("presence"), { a: "online", c: "here", d: "kept" });
    await settled(observer);
    drain(seen);
    sdk.goOffline(leaver.db);
    await until(() => seen.length > 0);
    return seen;
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

  // What was written without a connection and is refused when there is one again.
  async refusedLater() {
    const one = client();
    await settled(one);
    sdk.goOffline(one.db);
    const seen = record(one.ref("locked"), ["child_added", "child_removed"]);
    const what = refusal(sdk.set(one.ref("locked/a"), 1));
    const shown = drain(seen);
    sdk.goOnline(one.db);
    return { what: await what, shown, later: seen };
  },

  // The tab that is about to go.
  async present() {
    const one = client();
    await sdk.onDisconnect(one.ref("presence/me")).set("gone");
    await sdk.set(one.ref("presence/me"), "here");
  },
};
