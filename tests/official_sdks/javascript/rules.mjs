// What the rules allow, and to whom.

import { authOf, client, drain, record, refusal, sdk, settled, told, until } from "./clients.mjs";

let watched;
let renewed;

export const rules = {
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
    watched = { one, seen, free };
  },

  async revoked() {
    const { one, seen, free } = watched;
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
    const { auth, who } = await authOf(one);
    await auth.signInWithEmailAndPassword(who, email, password);
    const uid = who.currentUser.uid;
    const own = record(one.ref(`users/${uid}`), ["value"]);
    await until(() => own.length);
    drain(own);
    renewed = { one, auth, who, own };
    return { uid, inbox: await refusal(sdk.get(one.ref("inbox"))) };
  },

  // With a token that allows more.
  async renew() {
    const { one, who } = renewed;
    await who.currentUser.getIdToken(true);
    renewed.inbox = record(one.ref("inbox"), ["value"]);
    await until(() => renewed.inbox.length);
    return drain(renewed.inbox);
  },

  // With one that allows less, and then with none.
  async lessen() {
    const { auth, who, own, inbox } = renewed;
    await who.currentUser.getIdToken(true);
    await until(() => inbox.length);
    const kept = own.length === 0;
    await auth.signOut(who);
    await until(() => own.length);
    return { inbox, kept, own };
  },
};
