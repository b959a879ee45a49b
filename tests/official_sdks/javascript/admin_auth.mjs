// firebase-admin's auth for Node, called by name.

import { deleteApp, initializeApp } from "firebase-admin/app";
import * as library from "firebase-admin/auth";
import { player } from "./player.mjs";
import { Recorder } from "./recorder.mjs";

const recorder = new Recorder();
const sdk = recorder.module(library);

let app;
let auth;

async function open({ auth: host, project }) {
  if (app) await deleteApp(app);
  app = undefined;
  if (!host) return;
  process.env.FIREBASE_AUTH_EMULATOR_HOST = host;
  app = initializeApp({ projectId: project });
  auth = sdk.getAuth(app);
}

// Whose functions are called.
const MANAGERS = {
  auth: () => auth,
  tenants: () => auth.tenantManager(),
  project: () => auth.projectConfigManager(),
};

const PLAYS = {
  async call({ name, given, of }) {
    const value = await MANAGERS[of || "auth"]()[name](...given);
    return value?.toJSON?.() ?? value;
  },

  // Bytes are given as text.
  async imported({ users, hash }) {
    const bytes = ({ passwordHash, ...user }) => ({ ...user, passwordHash: Buffer.from(passwordHash) });
    const options = { hash: { ...hash, key: Buffer.from(hash.key) } };
    return auth.importUsers(users.map(bytes), options);
  },
};

export const answer = player({ recorder, open, plays: PLAYS });
