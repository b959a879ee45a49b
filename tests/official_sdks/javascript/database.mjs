// firebase/database.

import { open, recorder } from "./clients.mjs";
import { customer } from "./customer.mjs";
import { listening } from "./listening.mjs";
import { player } from "./player.mjs";
import { presence } from "./presence.mjs";
import { rules } from "./rules.mjs";
import { writing } from "./writing.mjs";

export const answer = player({
  recorder,
  open,
  plays: { ...listening, ...writing, ...presence, ...rules, ...customer },
});
