// The connection to Firebase: the SDK, loaded when it is needed, and pointed where config.js says.

import { config } from "./config.js";

/**
 * Connect under a name. Pages of one origin that use different names are signed in independently, so
 * a customer and an admin can share a browser.
 *
 * Returns the SDK's two parts beside what their functions take first: `{ auth, user, database, db }`.
 * Fails if the SDK cannot be loaded.
 */
export async function connect(name, { remember }) {
  const part = (of) => import(`${config.sdk}/firebase-${of}.js`);
  const [app, auth, database] = await Promise.all([part("app"), part("auth"), part("database")]);
  const project = app.initializeApp(config.firebase, name);
  // No sign-in by pop-up is used, so none of the frames and scripts that it needs are loaded.
  const users = auth.initializeAuth(project, {
    persistence: remember ? auth.indexedDBLocalPersistence : auth.browserSessionPersistence,
  });
  // Long polling is the SDK's second choice; the emulators do not have it.
  if (config.emulator) database.forceWebSockets();
  const db = database.getDatabase(project);
  if (config.emulator) {
    auth.connectAuthEmulator(users, `http://${config.emulator.auth}`, { disableWarnings: true });
    const [host, port] = config.emulator.database.split(":");
    database.connectDatabaseEmulator(db, host, Number(port));
  }
  return { auth, users, database, db };
}

/** What an error means to the person before the screen. */
export function explained(error) {
  switch (error?.code) {
    case "PERMISSION_DENIED":
      return "The server refused it.";
    case "auth/network-request-failed":
      return "There is no connection. Please try again.";
    case "auth/too-many-requests":
      return "Too many tries. Please wait a few minutes.";
    case "auth/invalid-credential":
    case "auth/invalid-email":
    case "auth/user-not-found":
    case "auth/wrong-password":
    case "auth/user-disabled":
      return "E-mail and password do not match an account.";
    default:
      return "Something went wrong. Please try again.";
  }
}
