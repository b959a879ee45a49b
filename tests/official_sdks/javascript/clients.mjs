// Clients of the SDK's database, each with an app and a socket of its own, and what they are told.

import { deleteApp, initializeApp } from "firebase/app";
import * as library from "firebase/database";
import { Recorder } from "./recorder.mjs";

export const recorder = new Recorder();
export const sdk = recorder.module(library, {
  _QueryImpl: "Query",
  _ReferenceImpl: "DatabaseReference",
});

// Before there is any client: a browser in which a socket has failed would ask for long polling.
sdk.forceWebSockets();

// What the SDK says on the console is kept for those who ask.
export const told = [];
for (const name of ["log", "warn"]) console[name] = (...words) => told.push(words.join(" "));

let place;
let apps = [];

export async function open(next) {
  const [before, ended] = [apps, Promise.all(apps.map(deleteApp))];
  [apps, place] = [[], next];
  await ended;
  if (before.length) told.length = 0;
}

// One more client, so that nothing is shared but the server.
export function client(name = `client-${apps.length}`, token = undefined) {
  const databaseURL = `http://${place.database}?ns=${place.namespace}`;
  const app = initializeApp({ apiKey: "any", projectId: place.project, databaseURL }, name);
  apps.push(app);
  const db = sdk.getDatabase(app);
  const [host, port] = place.database.split(":");
  sdk.connectDatabaseEmulator(db, host, Number(port), token ? { mockUserToken: token } : undefined);
  return { app, db, ref: (path) => sdk.ref(db, path) };
}

// The end of one before the others.
export async function leave({ app }) {
  apps.splice(apps.indexOf(app), 1);
  await deleteApp(app);
}

// Auth of a client's app; the database part of the SDK asks it for tokens.
export async function authOf({ app }) {
  const auth = await import("firebase/auth");
  const who = auth.initializeAuth(app, { persistence: auth.inMemoryPersistence });
  auth.connectAuthEmulator(who, `http://${place.auth}`, { disableWarnings: true });
  return { auth, who };
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
export function record(query, kinds = EVENTS) {
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

export function drain(seen) {
  return seen.splice(0, seen.length);
}

export function until(check) {
  return new Promise((resolve, reject) => {
    const began = Date.now();
    const look = () => {
      if (check()) resolve();
      else if (Date.now() - began > 20_000) reject(new Error(`never: ${check}`));
      else setTimeout(look, 2);
    };
    look();
  });
}

// What was told to a client before this is with it afterwards: answers keep their place.
export function settled(one) {
  return sdk.get(sdk.query(one.ref("settled"), sdk.limitToFirst(1)));
}

export function query(one, path, steps) {
  return sdk.query(one.ref(path), ...steps.map(([name, ...given]) => sdk[name](...given)));
}

export const refusal = (promise) => promise.then(() => "done", (error) => error.code ?? error.message);

export function keys(snapshot) {
  const found = [];
  snapshot.forEach((child) => void found.push(child.key));
  return found;
}
