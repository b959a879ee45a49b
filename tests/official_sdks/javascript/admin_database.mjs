// firebase-admin's database for Node.

import { deleteApp, initializeApp } from "firebase-admin/app";
import * as library from "firebase-admin/database";
import { player } from "./player.mjs";
import { Recorder } from "./recorder.mjs";

const recorder = new Recorder();
const sdk = recorder.module(library);
recorder.kind("ServerValue", sdk.ServerValue);

let place;
let apps = [];

// The classes are not exported: objects of each show what they can do.
async function open(next) {
  await Promise.all(apps.map(deleteApp));
  [apps, place] = [[], next];
  if (!place.database || recorder.surface.has("Query.on")) return;
  const ref = database().ref("none");
  recorder.kind("Query", Object.getPrototypeOf(ref.limitToFirst(1)));
  recorder.kind("Reference", Object.getPrototypeOf(ref));
  recorder.kind("OnDisconnect", Object.getPrototypeOf(ref.onDisconnect()));
  recorder.kind("DataSnapshot", Object.getPrototypeOf(await ref.once("value")));
  recorder.kind("TransactionResult", Object.getPrototypeOf(await ref.transaction(() => undefined)));
  recorder.made.clear();
}

function app(options = {}) {
  const credential = { getAccessToken: async () => ({ access_token: "owner", expires_in: 3600 }) };
  const databaseURL = `http://${place.database}?ns=${place.namespace}`;
  const all = { projectId: place.project, databaseURL, credential, ...options };
  const made = initializeApp(all, `app-${apps.length}`);
  apps.push(made);
  return made;
}

// Where to is in the URL, and in the environment as well, as emulators have it.
function database(options) {
  process.env.FIREBASE_DATABASE_EMULATOR_HOST = place.database;
  return recorder.kind("Database", sdk.getDatabase(app(options)));
}

const refusal = (promise) => promise.then(() => "done", (error) => error.code ?? error.message);
const keys = (snapshot) => {
  const found = [];
  snapshot.forEach((child) => void found.push(child.key));
  return found;
};

const PLAYS = {
  async above() {
    const db = database();
    const seen = [];
    db.ref("list").orderByChild("n").limitToLast(1).on("child_added", (s) => seen.push(s.key));
    await db.ref("list").set({ a: { n: 1 }, b: { n: 2 } });
    const moved = await db.ref("list/a/n").transaction((n) => (n ?? 0) + 5);
    await db.ref("list").update({ "b/seen": true });
    return { seen, moved: moved.toJSON(), all: (await db.ref("list").get()).val() };
  },

  async written() {
    const ref = database().ref("w");
    await ref.child("a").setWithPriority(1, 7);
    await ref.child("b").set(sdk.ServerValue.increment(2));
    await ref.child("b").setPriority(3, () => null);
    await ref.child("c").set(sdk.ServerValue.TIMESTAMP);
    await ref.child("d").set(1);
    await ref.child("d").remove();
    const { key } = await ref.child("e").push("pushed");
    const snapshot = await ref.once("value");
    const told = {
      pushed: snapshot.child(`e/${key}`).val(),
      time: typeof snapshot.child("c").val(),
      a: [snapshot.child("a").exportVal(), snapshot.child("a").getPriority()],
      b: [snapshot.child("b").toJSON(), snapshot.child("b").ref.toString() === ref.child("b").toString()],
      exists: [snapshot.exists(), snapshot.hasChild("d"), snapshot.hasChildren(), snapshot.numChildren()],
      keys: [snapshot.key, ...keys(snapshot)],
    };
    return told;
  },

  async windows({ queries }) {
    const db = database();
    const found = [];
    for (const steps of queries) {
      let query = db.ref("list");
      for (const [name, ...given] of steps) query = query[name](...given);
      found.push(keys(await query.once("value")));
    }
    return found;
  },

  async heard() {
    const ref = database().ref("x");
    const seen = [];
    const tell = (snapshot) => seen.push(snapshot.val());
    ref.on("value", tell);
    await ref.once("value");
    await ref.set(1);
    ref.off("value", tell);
    await ref.set(2);
    return seen;
  },

  async goodbye() {
    const [db, other] = [database(), database()];
    const leaving = db.ref("p");
    await leaving.child("a").onDisconnect().set("gone");
    await leaving.child("b").onDisconnect().setWithPriority("gone", 1);
    await leaving.child("c").onDisconnect().update({ at: 1 });
    await leaving.child("d").onDisconnect().remove();
    await leaving.child("e").onDisconnect().set("never");
    await leaving.child("e").onDisconnect().cancel();
    await leaving.update({ d: "here", e: "kept" });
    const gone = new Promise((resolve) => {
      other.ref("p").on("value", (snapshot) => void (snapshot.hasChild("a") && resolve(snapshot)));
    });
    db.goOffline();
    const value = (await gone).exportVal();
    db.goOnline();
    return [value, (await db.ref("p/e").get()).val()];
  },

  async references() {
    const db = database();
    const deep = db.ref("a/b");
    const query = deep.limitToFirst(1);
    const elsewhere = sdk.getDatabaseWithUrl(`http://${place.database}?ns=${place.namespace}-other`, app());
    await elsewhere.ref("a/b").set("elsewhere");
    return {
      keys: [deep.key, deep.getKey(), deep.parent.key, deep.getParent().key, deep.root.key, deep.getRoot().key],
      urls: [deep.toString(), deep.toJSON(), query.ref.toString()],
      equal: [deep.isEqual(db.ref("a").child("b")), query.isEqual(deep), db.refFromURL(`${deep}`).isEqual(deep)],
      app: db.app.name,
      elsewhere: [(await deep.get()).val(), (await elsewhere.ref("a/b").get()).val()],
    };
  },

  async logged() {
    const lines = [];
    sdk.enableLogging((line) => lines.push(line));
    await database().ref("x").get();
    sdk.enableLogging(false);
    return lines.length;
  },

  async rules() {
    const db = database();
    await db.setRules({ rules: { ".read": "auth.uid === 'svc'" } });
    return [await db.getRulesJSON(), JSON.parse(await db.getRules())];
  },

  async overridden() {
    const outcome = {};
    for (const [name, auth] of [["svc", { uid: "svc" }], ["other", { uid: "x" }], ["nobody", null]]) {
      const db = database({ databaseAuthVariableOverride: auth });
      outcome[name] = await refusal(db.ref("users/svc").set(name));
    }
    return outcome;
  },
};

export const answer = player({ recorder, open, plays: PLAYS });
