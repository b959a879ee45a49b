// @firebase/rules-unit-testing.

import * as library from "@firebase/rules-unit-testing";
import { player } from "./player.mjs";
import { Recorder } from "./recorder.mjs";

const recorder = new Recorder();
const sdk = recorder.module(library);

let place;

// The classes are not exported: objects of each show what they can do.
async function open(next) {
  place = next;
  if (!place.database || recorder.surface.has("RulesTestEnvironment.cleanup")) return;
  await within(undefined, async (environment) => {
    recorder.kind("RulesTestEnvironment", Object.getPrototypeOf(environment));
    const context = environment.unauthenticatedContext();
    recorder.kind("RulesTestContext", Object.getPrototypeOf(context));
  });
  recorder.made.clear();
}

// Its projects are databases' names.
async function within(rules, play) {
  const [host, port] = place.database.split(":");
  const environment = await sdk.initializeTestEnvironment({
    projectId: place.namespace,
    database: { host, port: Number(port), rules },
  });
  try {
    return await play(environment);
  } finally {
    await environment.cleanup();
  }
}

const PLAYS = {
  unit: ({ rules }) =>
    within(rules, async (environment) => {
      const mine = environment.authenticatedContext("ada", { level: 2 }).database();
      const theirs = environment.authenticatedContext("bob").database();
      const nobody = environment.unauthenticatedContext().database();
      await sdk.assertSucceeds(mine.ref("users/ada").set({ name: "Ada" }));
      await sdk.assertSucceeds(mine.ref("users/ada").once("value"));
      await sdk.assertFails(theirs.ref("users/ada").set(1));
      await sdk.assertFails(theirs.ref("users/ada").get());
      await sdk.assertFails(nobody.ref("users/ada").once("value"));
      await sdk.assertSucceeds(mine.ref("levels").set(2));
      const wrong = await sdk.assertFails(mine.ref("levels").set(2)).catch(String);
      const outcome = { wrong };
      await environment.withSecurityRulesDisabled(async (context) => {
        await context.database().ref("anywhere").set("x");
        outcome.written = (await context.database().ref("/").once("value")).val();
        await environment.clearDatabase();
        outcome.cleared = (await context.database().ref("/").once("value")).val();
      });
      return outcome;
    }),

  misspelt: ({ rules }) => within(rules, () => null).then(() => "done", String),
};

export const answer = player({ recorder, open, plays: PLAYS });
