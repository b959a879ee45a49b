// Elements made from values. Text only ever becomes text: nothing here reads markup.

/** An element. A property that begins with "on" is a listener, every other one an attribute. */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== false && value !== undefined) {
      made.setAttribute(name, value === true ? "" : value);
    }
  }
  made.append(...children);
  return made;
}

/** The text of `node` is this from now on; nothing happens if it is so already. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** A time of today as a time, any other with its date. */
export function shortTime(ms) {
  const when = new Date(ms);
  const isToday = when.toDateString() === new Date().toDateString();
  return isToday
    ? when.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })
    : when.toLocaleDateString([], { day: "numeric", month: "short" });
}

/** A field to write messages in: Enter sends, Shift and Enter begins a line. */
export function composer({ label, limit, onsend, ontyped }) {
  const field = element("textarea", {
    rows: "1",
    maxlength: String(limit),
    "aria-label": label,
    placeholder: label,
    autocomplete: "off",
    oninput: () => {
      if (field.value.trim()) ontyped();
    },
    onkeydown: (event) => {
      // While a word is being composed, Enter belongs to the input method.
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      form.requestSubmit();
    },
  });
  const form = element(
    "form",
    {
      class: "composer",
      onsubmit: (event) => {
        event.preventDefault();
        const text = field.value;
        if (!text.trim()) return;
        field.value = "";
        onsend(text);
        field.focus();
      },
    },
    field,
    element("button", { type: "submit", class: "primary" }, "Send"),
  );
  return { form, field };
}
