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
