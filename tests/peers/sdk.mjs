// The official JavaScript SDK's Auth part, called from outside: one JSON request per line of standard
// input, one JSON answer per line of standard output. Which calls are made is the tests' affair.

import { Console } from "node:console";
import { createInterface } from "node:readline";
import { deleteApp, initializeApp } from "firebase/app";
import * as sdk from "firebase/auth";

// Standard output is for answers alone, whatever the SDK wants to say.
globalThis.console = new Console(process.stderr);

let app;
let auth;

// Calls whose first argument is the user who is signed in, instead of the auth object.
const OF_USER = new Set([
  "deleteUser",
  "getIdToken",
  "getIdTokenResult",
  "reload",
  "sendEmailVerification",
  "updatePassword",
  "updateProfile",
]);

const OURS = {
  async open({ project, host }) {
    if (app) await deleteApp(app);
    app = initializeApp({ apiKey: "any", projectId: project, authDomain: "localhost" });
    auth = sdk.getAuth(app);
    sdk.connectAuthEmulator(auth, `http://${host}`, { disableWarnings: true });
  },
  async linkWithPassword(email, password) {
    const credential = sdk.EmailAuthProvider.credential(email, password);
    await sdk.linkWithCredential(auth.currentUser, credential);
  },
  async fetch(url, options) {
    const answer = await fetch(url, options);
    return { status: answer.status, body: await answer.json() };
  },
};

function call(name, given) {
  if (Object.hasOwn(OURS, name)) return OURS[name](...given);
  return sdk[name](OF_USER.has(name) ? auth.currentUser : auth, ...given);
}

function plain(value) {
  if (value === undefined || value === null) return null;
  return value.user ? value.user.toJSON() : value;
}

async function answer({ name, given }) {
  try {
    const value = plain(await call(name, given));
    return { value, user: auth?.currentUser?.toJSON() ?? null };
  } catch (error) {
    return { error: error.code ?? String(error.stack) };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await answer(JSON.parse(line)))}\n`);
}
