// A browser, driven from outside: one JSON request per line of standard input, one JSON answer per
// line of standard output. What is done on which page is the tests' affair.

import { createInterface } from "node:readline";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const [executablePath, limit] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath,
  args: ["--disable-quic", "--disable-dev-shm-usage", "--no-sandbox"],
});
const axe = createRequire(import.meta.url).resolve("axe-core");
const contexts = new Map();
const pages = new Map();
let serial = 0;

const ACTIONS = {
  async context(options) {
    const context = await browser.newContext(options);
    context.setDefaultTimeout(Number(limit));
    contexts.set(++serial, context);
    return serial;
  },
  async page(context) {
    const page = await contexts.get(context).newPage();
    const told = [];
    const said = [];
    page.on("pageerror", (error) => told.push(String(error)));
    page.on("console", (line) => {
      said.push(line.text());
      if (line.type() === "error") told.push(line.text());
    });
    page.on("dialog", (dialog) => {
      told.push(`dialog: ${dialog.message()}`);
      dialog.dismiss();
    });
    pages.set(++serial, { page, told, said });
    return serial;
  },
  // Calls in a row, each on what the one before it gave: a page, its locator, what that says.
  async call(id, ...steps) {
    let value = pages.get(id).page;
    for (const [name, ...given] of steps) value = await value[name](...given);
    return plain(value);
  },
  async keyboard(id, name, text) {
    await pages.get(id).page.keyboard[name](text);
  },
  async onContext(id, name, ...given) {
    return plain(await contexts.get(id)[name](...given));
  },
  // What the page had to say of itself: errors, and dialogs that a script opened.
  told(id) {
    return pages.get(id).told.splice(0);
  },
  // All lines of its console.
  said(id) {
    return pages.get(id).said.splice(0);
  },
  // What a policy against foreign scripts forbids to a page does not bind the test.
  async violations(id) {
    const { page } = pages.get(id);
    const { readFile } = await import("node:fs/promises");
    await page.evaluate(await readFile(axe, "utf-8"));
    const { violations } = await page.evaluate(() => globalThis.axe.run());
    return violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((one) => one.html)}`);
  },
  async closeContext(id) {
    await contexts.get(id).close();
    contexts.delete(id);
  },
};

const plain = (value) =>
  value === undefined || typeof value === "function" || value?.constructor?.name.match(/^(Locator|Page|Response|Buffer)$/)
    ? null
    : value;

for await (const line of createInterface({ input: process.stdin })) {
  const { name, given } = JSON.parse(line);
  let answer;
  try {
    answer = { value: (await ACTIONS[name](...given)) ?? null };
  } catch (error) {
    answer = { error: String(error.message ?? error) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await browser.close();
