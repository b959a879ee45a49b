// A customer in Firebase's official JavaScript SDK, for __main__.py: told what to do by lines of JSON on
// standard input, `["say", "Hello"]`, and telling by such lines what happens.

import { createInterface } from "node:readline";
import { initializeApp } from "firebase/app";
import { connectAuthEmulator, getAuth, signInAnonymously } from "firebase/auth";
import * as sdk from "firebase/database";
import {
  CUSTOMER_INTERVAL,
  customerSends,
  messageAt,
  messagesOf,
  readMessage,
  sessionAt,
  startChat,
} from "../web/contract.js";

const LEAD = { name: "Amina", email: "amina@example.com", topic: "Wholesale" };

const place = JSON.parse(process.argv[2]);
const [host, port] = place.database.split(":");
const app = initializeApp({
  apiKey: "any",
  projectId: place.project,
  databaseURL: `http://${place.database}?ns=${place.namespace}`,
});
const db = sdk.getDatabase(app);
sdk.connectDatabaseEmulator(db, host, Number(port));
connectAuthEmulator(getAuth(app), `http://${place.auth}`, { disableWarnings: true });
const { uid } = (await signInAnonymously(getAuth(app))).user;
const session = sdk.push(sdk.ref(db, "chatSessions")).key;

const tell = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);
const pause = (time) => new Promise((resolve) => setTimeout(resolve, time));
const write = (changes) => sdk.update(sdk.ref(db), changes);

// The session and its first message in one update, as the rules ask. No path of an update may stand
// above another, so what the message changes in the session becomes part of the session.
async function start(text) {
  const message = sdk.push(sdk.ref(db, messagesOf(session))).key;
  const { [sessionAt(session)]: record, ...changes } = startChat(session, LEAD, uid);
  for (const [path, value] of Object.entries(customerSends(session, message, text, LEAD, uid))) {
    if (path === messageAt(session, message)) changes[path] = value;
    else record[path.slice(sessionAt(session).length + 1)] = value;
  }
  await write({ ...changes, [sessionAt(session)]: record });
  tell({ sent: text });
  const newest = sdk.query(
    sdk.ref(db, messagesOf(session)),
    sdk.orderByChild("timestamp"),
    sdk.limitToLast(50),
  );
  sdk.onValue(newest, (snapshot) => {
    const shown = [];
    snapshot.forEach((one) => {
      const { text, isAdmin } = readMessage(one.key, one.val());
      shown.push([isAdmin ? "desk" : "customer", text]);
    });
    tell({ shown });
  });
}

// One after the other. The SDK would keep several while it is offline, and send them all at once when it
// is back; the rules take one in half a second.
let sending = Promise.resolve();

function say(text) {
  const message = sdk.push(sdk.ref(db, messagesOf(session))).key;
  sending = sending.then(async () => {
    await pause(CUSTOMER_INTERVAL);
    await write(customerSends(session, message, text, LEAD, uid));
    tell({ sent: text });
  });
}

const TOLD = { start, say, offline: () => sdk.goOffline(db), online: () => sdk.goOnline(db) };

sdk.onValue(sdk.ref(db, ".info/connected"), (snapshot) => tell({ connected: snapshot.val() }));
for await (const line of createInterface({ input: process.stdin })) {
  const [name, ...given] = JSON.parse(line);
  await TOLD[name](...given);
}
process.exit();
