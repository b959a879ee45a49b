// The messages of a conversation on screen. Rows are values; elements stay where their row stays, so
// that a screen reader hears what is new and nothing else.

import { element, shortTime } from "./elements.js";

const NEAR_THE_END = 80; // px

export class MessageList {
  constructor(label) {
    this.items = element("ol");
    // A scrolling region has to be reachable by keyboard.
    this.log = element("div", { role: "log", "aria-label": label, class: "log", tabindex: "0" });
    this.log.append(this.items);
    this.shown = new Map();
  }

  /**
   * @param rows  [{ id, kind: "own" | "other" | "bot", who, text, time, state, actions }], in order;
   *              `state` is a word such as "Sending…", `actions` are [[label, function]].
   */
  show(rows) {
    const { scrollHeight, scrollTop, clientHeight } = this.log;
    const wasAtEnd = scrollHeight - scrollTop - clientHeight < NEAR_THE_END;
    const last = rows.at(-1);
    const isNew = last && !this.shown.has(last.id);
    const kept = new Map();
    let before = this.items.firstElementChild;
    for (const row of rows) {
      const item = this.shown.get(row.id) ?? drawn(row);
      refresh(item, row);
      if (item === before) before = before.nextElementSibling;
      else this.items.insertBefore(item, before);
      kept.set(row.id, item);
    }
    for (const [id, item] of this.shown) if (!kept.has(id)) item.remove();
    this.shown = kept;
    if (wasAtEnd || (isNew && last.kind === "own")) this.toEnd();
  }

  toEnd() {
    this.log.scrollTop = this.log.scrollHeight;
  }
}

function drawn(row) {
  return element(
    "li",
    {},
    element("span", { class: "who" }, row.who),
    // Whatever direction a text has, it keeps it to itself.
    element("p", { class: "text", dir: "auto" }, row.text),
    element("span", { class: "meta" }),
  );
}

function refresh(item, row) {
  item.className = `message ${row.kind}${row.state ? " unsettled" : ""}`;
  const meta = item.querySelector(".meta");
  const now = JSON.stringify([row.state, row.time && shortTime(row.time), row.actions?.length]);
  if (meta.dataset.now === now) return;
  meta.dataset.now = now;
  meta.replaceChildren();
  if (row.state) {
    meta.append(element("span", {}, row.state));
  } else if (row.time) {
    const when = { datetime: new Date(row.time).toISOString() };
    meta.append(element("time", when, shortTime(row.time)));
  }
  for (const [label, act] of row.actions ?? []) {
    meta.append(" ", element("button", { type: "button", class: "link", onclick: act }, label));
  }
}
