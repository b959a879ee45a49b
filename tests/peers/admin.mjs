// firebase-admin and rules-unit-testing for Node, against the emulators that the environment names:
// one JSON request per line of standard input names a play, one JSON answer per line is what was seen.

import { Console } from "node:console";
import { createInterface } from "node:readline";
import * as testing from "@firebase/rules-unit-testing";
import { deleteApp, initializeApp } from "firebase-admin/app";
import { getDatabase } from "firebase-admin/database";

globalThis.console = new Console(process.stderr);

let place;
let serial = 0;

async function withApp(options, play) {
  process.env.FIREBASE_DATABASE_EMULATOR_HOST = place.host;
  const databaseURL = `http://${place.host}?ns=${place.ns}`;
  const credential = { getAccessToken: async () => ({ access_token: "owner", expires_in: 3600 }) };
  const all = { projectId: place.project, databaseURL, credential, ...options };
  const app = initializeApp(all, `app-${serial++}`);
  try {
    return await play(getDatabase(app));
  } finally {
    await deleteApp(app);
  }
}

const refusal = (promise) => promise.then(() => "done", (error) => error.code ?? error.message);

const PLAYS = {
  async above() {
    return withApp({}, async (db) => {
      const seen = [];
      db.ref("list").orderByChild("n").limitToLast(1).on("child_added", (s) => seen.push(s.key));
      await db.ref("list").set({ a: { n: 1 }, b: { n: 2 } });
      const moved = await db.ref("list/a/n").transaction((n) => (n ?? 0) + 5);
      await db.ref("list").update({ "b/seen": true });
      return { seen, value: moved.snapshot.val(), all: (await db.ref("list").once("value")).val() };
    });
  },

  async rules() {
    return withApp({}, async (db) => {
      await db.setRules({ rules: { ".read": "auth.uid === 'svc'" } });
      return db.getRulesJSON();
    });
  },

  async overridden() {
    const outcome = {};
    for (const [name, auth] of [["svc", { uid: "svc" }], ["other", { uid: "x" }], ["nobody", null]]) {
      outcome[name] = await withApp({ databaseAuthVariableOverride: auth }, async (db) =>
        refusal(db.ref("users/svc").set(name)),
      );
    }
    return outcome;
  },

  async unit({ rules }) {
    const [host, port] = place.host.split(":");
    const environment = await testing.initializeTestEnvironment({
      projectId: place.ns,
      database: { host, port: Number(port), rules },
    });
    try {
      const mine = environment.authenticatedContext("ada", { level: 2 }).database();
      const theirs = environment.authenticatedContext("bob").database();
      const nobody = environment.unauthenticatedContext().database();
      const outcome = {};
      const succeed = (name, promise) =>
        testing.assertSucceeds(promise).then(() => (outcome[name] = true), (e) => (outcome[name] = `${e}`));
      const fail = (name, promise) =>
        testing.assertFails(promise).then(() => (outcome[name] = true), (e) => (outcome[name] = `${e}`));
      await succeed("own write", mine.ref("users/ada").set({ name: "Ada" }));
      await succeed("own read", mine.ref("users/ada").once("value"));
      await fail("other write", theirs.ref("users/ada").set(1));
      await fail("other read", theirs.ref("users/ada").get());
      await fail("nobody", nobody.ref("users/ada").once("value"));
      await succeed("claims", mine.ref("levels").set(2));
      await environment.withSecurityRulesDisabled(async (context) => {
        await succeed("disabled", context.database().ref("anywhere").set("x"));
      });
      await environment.clearDatabase();
      await environment.withSecurityRulesDisabled(async (context) => {
        outcome.cleared = (await context.database().ref("/").once("value")).val();
      });
      return outcome;
    } finally {
      await environment.cleanup();
    }
  },

  async misspelt({ rules }) {
    const [host, port] = place.host.split(":");
    return refusal(
      testing.initializeTestEnvironment({
        projectId: place.ns,
        database: { host, port: Number(port), rules },
      }),
    );
  },
};

async function answer({ name, given }) {
  if (name === "open") {
    place = given;
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
