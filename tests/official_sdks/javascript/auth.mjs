// firebase/auth, called by name. A function is given the user who is signed in, the auth object or
// nothing before what it was called with, whichever it begins with.

import { deleteApp, initializeApp } from "firebase/app";
import * as library from "firebase/auth";
import { player } from "./player.mjs";
import { Recorder } from "./recorder.mjs";

const recorder = new Recorder();
const sdk = recorder.module(library);

let place;
let apps = [];
let auth;
let last;

const OF_USER = new Set([
  "deleteUser", "getIdToken", "getIdTokenResult", "linkWithCredential", "reauthenticateWithCredential",
  "reload", "sendEmailVerification", "unlink", "updateEmail", "updatePassword", "updateProfile",
  "verifyBeforeUpdateEmail",
]);
const OF_NOBODY = new Set(["parseActionCodeURL"]);

const OURS = {
  user: () => auth.currentUser?.toJSON() ?? null,
  additional: () => sdk.getAdditionalUserInfo(last),
  async fetch(url, options) {
    const answer = await fetch(url, options);
    return { status: answer.status, body: await answer.json() };
  },
};

async function open(next) {
  await Promise.all(apps.map(deleteApp));
  [apps, place] = [[], next];
  auth = place.auth ? another(sdk.getAuth) : undefined;
}

function another(make) {
  const options = { apiKey: "any", projectId: place.project, authDomain: "localhost" };
  const app = initializeApp(options, `app-${apps.length}`);
  apps.push(app);
  const made = make(app);
  sdk.connectAuthEmulator(made, `http://${place.auth}`, { disableWarnings: true });
  return made;
}

// `{made: [class, function, ...]}` is what that gives; anything else is itself.
function given(value) {
  if (!value?.made) return value;
  const [kind, name, ...rest] = value.made;
  return sdk[kind][name](...rest);
}

function plain(value) {
  if (value?.user) last = value;
  return value?.user ? value.user.toJSON() : (value?.toJSON?.() ?? value);
}

const PLAYS = {
  async call({ name, given: words }) {
    if (Object.hasOwn(OURS, name)) return OURS[name](...words);
    const first = OF_NOBODY.has(name) ? [] : [OF_USER.has(name) ? auth.currentUser : auth];
    return plain(await sdk[name](...first, ...words.map(given)));
  },

  // What three observers are told of a user who comes, is given a new token and goes.
  async observed() {
    const who = another((app) => sdk.initializeAuth(app));
    await sdk.setPersistence(who, sdk.inMemoryPersistence);
    const seen = [];
    const kinds = {
      before: sdk.beforeAuthStateChanged,
      state: sdk.onAuthStateChanged,
      token: sdk.onIdTokenChanged,
    };
    const stop = Object.entries(kinds).map(([kind, observe]) =>
      observe(who, (user) => void seen.push([kind, user !== null])),
    );
    await who.authStateReady();
    for (const step of [
      () => sdk.signInAnonymously(who),
      async () => {
        await sdk.updateProfile(who.currentUser, { displayName: "Grace" }); // so that it is another
        await who.currentUser.getIdToken(true);
      },
      () => sdk.signOut(who),
    ]) {
      seen.push("then");
      await step();
    }
    for (const each of stop) each();
    await sdk.signInAnonymously(who);
    return seen;
  },

  // One auth object's user becomes that of another.
  async shared() {
    const other = another((app) => sdk.initializeAuth(app));
    const { user } = await sdk.signInAnonymously(auth);
    await sdk.updateCurrentUser(other, user);
    return [user.uid, other.currentUser.uid];
  },
};

export const answer = player({ recorder, open, plays: PLAYS });
