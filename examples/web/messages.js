// One conversation's messages, as the database has them.

import { messageAt, messagesOf, readMessage } from "./contract.js";

/** Tell the newest messages now and at each change, oldest first; returns what ends it. */
export function listenToNewest({ database: rtdb, db }, sessionId, window, changed, refused) {
  const newest = rtdb.query(
    rtdb.ref(db, messagesOf(sessionId)),
    rtdb.orderByChild("timestamp"),
    rtdb.limitToLast(window),
  );
  return rtdb.onValue(
    newest,
    (snapshot) => {
      const messages = [];
      snapshot.forEach((one) => void messages.push(readMessage(one.key, one.val())));
      changed(messages);
    },
    refused,
  );
}

/** Whether the database holds a message. */
export async function isStored({ database: rtdb, db }, sessionId, id) {
  return (await rtdb.get(rtdb.ref(db, messageAt(sessionId, id)))).exists();
}
