// What answers requests from outside, in Node and on a page alike. A request names a play, or one of
// these: `open` begins anew at a place, `surface` and `made` tell of the library's calls, `begin` does
// not wait for its play, and `finish` does.

export function player({ recorder, open, plays }) {
  let begun;
  const own = {
    async open(place) {
      recorder.made.clear();
      await open(place);
    },
    surface: () => [...recorder.surface],
    made: () => [...recorder.made],
    begin({ name, given }) {
      begun = plays[name](given);
      begun.catch(() => null); // told by `finish`
    },
    finish: () => begun,
  };
  return async ({ name, given }) => {
    try {
      return { value: (await { ...plays, ...own }[name](given)) ?? null };
    } catch (error) {
      return { error: error.code ?? String(error.stack ?? error) };
    }
  };
}
