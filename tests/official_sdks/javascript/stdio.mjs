// A player in Node: one JSON request per line of standard input, one JSON answer per line of standard
// output, until there is no more input. The first argument says whose.

import { Console } from "node:console";
import { createInterface } from "node:readline";

// Standard output is for answers alone, whatever a library wants to say.
globalThis.console = new Console(process.stderr);

const { answer } = await import(process.argv[2]);
for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await answer(JSON.parse(line)))}\n`);
}
process.exit();
