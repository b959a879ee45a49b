// A customer of the chat, by the SDK alone: what a page does, over the socket and over REST.

import { authOf, client, refusal, sdk, until } from "./clients.mjs";

const ABOUT = { customerName: "Amina", customerEmail: "amina@example.com", status: "active" };

let me;

async function signIn() {
  const one = client();
  const { auth, who } = await authOf(one);
  const { user } = await auth.signInAnonymously(who);
  me = { one, user, seen: [] };
  return me;
}

export const customer = {
  // Message, session and start in one update, and the halves of it before.
  async greet({ session, text }) {
    const { one, user, seen } = await signIn();
    const now = sdk.serverTimestamp();
    const message = sdk.push(one.ref(`messages/${session}`)).key;
    const sent = { text, from: "customer", timestamp: now, read: false, senderUid: user.uid };
    const about = {
      ...ABOUT,
      lastMessage: text,
      lastMessageTime: now,
      unreadCount: 1,
      customerUid: user.uid,
      createdAt: now,
      lastCustomerMessageId: message,
    };
    const update = {
      [`messages/${session}/${message}`]: sent,
      [`chatSessions/${session}`]: about,
      [`starts/${user.uid}`]: { session, at: now, count: sdk.increment(1) },
    };
    const halves = [
      await refusal(sdk.set(one.ref(`messages/${session}/${message}`), sent)),
      await refusal(sdk.set(one.ref(`chatSessions/${session}`), about)),
    ];
    const whole = await refusal(sdk.update(one.ref("/"), update));
    const again = await refusal(sdk.update(one.ref("/"), update));
    const latest = sdk.query(one.ref(`messages/${session}`), sdk.orderByKey(), sdk.limitToLast(50));
    sdk.onChildAdded(latest, (snapshot) => seen.push([snapshot.val().from, snapshot.val().text]));
    await until(() => seen.length);
    return { halves, whole, again };
  },

  async answered({ count }) {
    await until(() => me.seen.length >= count);
    return me.seen;
  },

  // A session without a message, by REST: for somebody else, without a token, and as it should be.
  async visit({ base, session }) {
    const { user } = await signIn();
    const token = await user.getIdToken();
    const now = { ".sv": "timestamp" };
    const start = (uid) => ({
      method: "PATCH",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({
        [`chatSessions/${session}`]: {
          ...ABOUT,
          lastMessage: "",
          lastMessageTime: now,
          unreadCount: 0,
          customerUid: uid,
          createdAt: now,
        },
        [`starts/${uid}`]: { session, at: now, count: 1 },
      }),
    });
    const asked = async (path, options) => {
      const answer = await fetch(base + path, options);
      return [answer.status, await answer.json()];
    };
    const mine = encodeURI(`orderBy="customerUid"&equalTo="${user.uid}"`);
    return {
      foreign: await asked(`/.json?auth=${token}`, start("somebody-else")),
      nobody: await asked("/.json", start(user.uid)),
      wrote: (await asked(`/.json?auth=${token}`, start(user.uid)))[0],
      own: (await asked(`/chatSessions/${session}.json?auth=${token}`))[1].customerUid === user.uid,
      sessions: Object.keys((await asked(`/chatSessions.json?auth=${token}&${mine}`))[1]),
      inbox: await asked(`/chatSessions.json?auth=${token}`),
      uid: user.uid,
    };
  },

  // The inbox with a token that is asked for anew.
  async inbox({ base }) {
    const token = await me.user.getIdToken(true);
    const answer = await fetch(`${base}/chatSessions.json?auth=${token}`);
    return [answer.status, Object.keys(await answer.json())];
  },
};
