// What is stored where, and what each action writes: the JavaScript twin of schema/plans.py.
//
// An action is one update of several paths, all or nothing. database.rules.json takes no less: a
// message comes with its session's preview and count, in the server's time. Nothing here needs the
// SDK; { ".sv": ... } is how a server value is written.

export const QUICK_TOPICS = ["An order", "Wholesale", "Brewing advice", "Something else"];
export const TEAM = "Imbari Team";

// In UTF-16 code units, as JavaScript and the rules count.
export const LIMITS = { name: 100, email: 254, phone: 32, text: 2000 };

// The rules take one customer message of a conversation in this many ms.
export const CUSTOMER_INTERVAL = 500;

const NOW = { ".sv": "timestamp" };
const plus = (number) => ({ ".sv": { increment: number } });

export const SESSIONS = "chatSessions";
export const messagesOf = (session) => `messages/${session}`;
export const messageAt = (session, message) => `messages/${session}/${message}`;
export const sessionAt = (session) => `chatSessions/${session}`;

/** A new conversation, and the record by which the rules limit how many somebody starts. */
export function startChat(session, lead, uid) {
  return {
    [sessionAt(session)]: {
      ...given({
        customerName: lead.name,
        customerEmail: lead.email,
        customerPhone: lead.phone,
        topic: lead.topic,
      }),
      customerUid: uid,
      lastMessage: "",
      lastMessageTime: NOW,
      unreadCount: 0,
      status: "active",
      createdAt: NOW,
    },
    [`starts/${uid}/session`]: session,
    [`starts/${uid}/at`]: NOW,
    [`starts/${uid}/count`]: plus(1),
  };
}

/** A customer's message; a resolved conversation becomes active again. */
export function customerSends(session, message, text, lead, uid) {
  return {
    [messageAt(session, message)]: {
      ...given({
        customerName: lead.name,
        customerEmail: lead.email,
        customerPhone: lead.phone,
      }),
      text,
      from: "customer",
      timestamp: NOW,
      senderUid: uid,
      read: false,
    },
    [`${sessionAt(session)}/lastMessage`]: text,
    [`${sessionAt(session)}/lastMessageTime`]: NOW,
    [`${sessionAt(session)}/lastCustomerMessageId`]: message,
    [`${sessionAt(session)}/unreadCount`]: plus(1),
    [`${sessionAt(session)}/status`]: "active",
    [`${sessionAt(session)}/resolvedAt`]: null,
  };
}

/** An admin's message. */
export function reply(session, message, text, uid) {
  return {
    [messageAt(session, message)]: { text, from: "admin", timestamp: NOW, senderUid: uid },
    [`${sessionAt(session)}/lastMessage`]: text,
    [`${sessionAt(session)}/lastMessageTime`]: NOW,
  };
}

/**
 * These unread customer messages are read now; the count goes down by as many as it counts of them,
 * and is never set: a message that lands in between stays counted.
 */
export function markRead(session, unread, counted = unread.length) {
  const read = unread.map((message) => [`${messageAt(session, message)}/read`, true]);
  return { ...Object.fromEntries(read), [`${sessionAt(session)}/unreadCount`]: plus(-counted) };
}

/** The customer has the chat open now. */
export function markSeen(session) {
  return { [`${sessionAt(session)}/customerSeenAt`]: NOW };
}

export function resolve(session) {
  return {
    [`${sessionAt(session)}/status`]: "resolved",
    [`${sessionAt(session)}/resolvedAt`]: NOW,
  };
}

export function reopen(session) {
  return { [`${sessionAt(session)}/status`]: "active", [`${sessionAt(session)}/resolvedAt`]: null };
}

// Of presence: ms between renewals, until a sign counts no more, until somebody counts as typing no
// more, and between two signs of one kind that the rules accept. See docs/presence.md.
export const PRESENCE = { renewal: 60_000, expiry: 150_000, typing: 6_000, interval: 1_000 };
export const CUSTOMERS_PRESENT = "presence/customers";
export const ADMINS_PRESENT = "presence/admins";
export const TEAM_PRESENT = "presence/team";
export const TYPING = "typing";
export const typingAt = (session) => `${TYPING}/${session}`;
export const customerPresentAt = (session, connection) =>
  `${CUSTOMERS_PRESENT}/${session}/connections/${connection}`;
export const adminPresentAt = (uid, connection) => `${ADMINS_PRESENT}/${uid}/${connection}`;

/** A customer is there; `state` is "online" or "away". */
export function customerIsThere(session, connection, state) {
  return {
    [`${CUSTOMERS_PRESENT}/${session}/at`]: NOW,
    [customerPresentAt(session, connection)]: { state, at: NOW },
  };
}

/** An admin is there, known to colleagues by `name`, perhaps with a conversation open. */
export function adminIsThere(uid, connection, name, session) {
  return {
    [adminPresentAt(uid, connection)]: { at: NOW, ...given({ name, session }) },
    [TEAM_PRESENT]: NOW,
  };
}

/** Somebody types; `side` is "customer" or "team". */
export function types(session, side) {
  return { [`${typingAt(session)}/at`]: NOW, [`${typingAt(session)}/${side}`]: NOW };
}

/** A stored session, whatever is stored: others write to this database as well. */
export function readSession(id, raw) {
  const from = record(raw);
  const count = from.unreadCount;
  return {
    id,
    name: text(from.customerName) || "(no name)",
    email: text(from.customerEmail),
    phone: text(from.customerPhone) || undefined,
    topic: text(from.topic) || undefined,
    preview: text(from.lastMessage),
    time: time(from.lastMessageTime),
    seenAt: time(from.customerSeenAt),
    unread: Number.isInteger(count) && count > 0 ? count : 0,
    isResolved: from.status === "resolved",
  };
}

/** A stored message, whatever is stored. */
export function readMessage(id, raw) {
  const from = record(raw);
  return {
    id,
    text: text(from.text) || "(this message cannot be shown)",
    isAdmin: from.from === "admin",
    time: time(from.timestamp),
    isUnread: from.from === "customer" && from.read !== true,
  };
}

const record = (raw) => (raw !== null && typeof raw === "object" ? raw : {});
const text = (raw) => (typeof raw === "string" ? raw : "");
const time = (raw) => (typeof raw === "number" && Math.abs(raw) < 8.64e15 ? raw : 0);
const given = (fields) => Object.fromEntries(Object.entries(fields).filter(([, value]) => value));
