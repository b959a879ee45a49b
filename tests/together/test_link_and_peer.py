"""The client's link and the emulator's peer in memory: every odd interleaving, no sockets.

What is under way arrives late, connections are cut with texts still in them and made anew, others
write meanwhile, listeners come and go. Whatever happens, in the end each listener has been told
what the database holds; a write whose answer was lost is told to be unknown, and none is made
twice.
"""

import itertools
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from imbari_chat.engine.link_effects import LinkPolicy
from imbari_chat.engine.refusals import Remedy, remedy
from imbari_chat.errors import ImbariError, Unavailable
from imbari_chat.wire.json import Json, same
from imbari_chat.wire.paths import Path
from imbari_chat.wire.query import Query
from imbari_chat.wire.tree import from_json
from tests.budget import examples
from tests.emulator.database.sockets_in_memory import Room
from tests.together.wired import Wired

RULES = '{"rules": {".read": true, ".write": true, "l": {".indexOn": "n"}}}'
TARGETS: list[tuple[str, Query | None]] = [
    ("/", None),
    ("/l", None),
    ("/l/a", None),
    ("/l/a/x", None),
    ("/l", Query.by_key().limit_to_last(2)),
    ("/l", Query.by_key().start_at("b")),
    ("/l", Query.by_child("n").limit_to_first(2)),
    ("/l", Query.by_child("x").limit_to_last(1)),  # without an index
    ("/l", Query.by_child("n")),  # only an order
]
KEYS = st.sampled_from(["a", "b", "c", "0"])
LEAVES = st.sampled_from([1, 2, True])
ROWS = st.fixed_dictionaries({"n": LEAVES}, optional={"x": LEAVES}) | LEAVES
ODD = st.builds(lambda leaf: {".value": leaf, ".priority": 5}, LEAVES)
PATHS = st.sampled_from(["/", "/l", "/l/a", "/l/b", "/l/c", "/l/a/x", "/l/b/n", "/l/a/x/deep"])
WRITES = st.tuples(PATHS, st.none() | ROWS | ODD | st.dictionaries(KEYS, ROWS | ODD, max_size=3))
HEARERS = st.integers(0, 3)


class LinkAndPeer(RuleBasedStateMachine):
    """Anything in any order."""

    @initialize(before=st.dictionaries(KEYS, ROWS, max_size=4), hash_here=st.sampled_from([0, 9]))
    def start(self, before: dict[str, Json], hash_here: int) -> None:
        self.room = Room(RULES, {"l": before})
        self.wired = Wired(self.room, LinkPolicy(stable_after=0.0, hash_here=hash_here))
        self.listening: dict[int, tuple[str, Query | None]] = {}
        self.writes: dict[int, str] = {}
        self.reads: list[int] = []
        self.ids = itertools.count()

    @rule(hearer=HEARERS, where=st.sampled_from(TARGETS))
    def listen(self, hearer: int, where: tuple[str, Query | None]) -> None:
        if hearer not in self.listening:
            self.listening[hearer] = where
            self.wired.listen(hearer, *where)

    @rule(hearer=HEARERS)
    def unlisten(self, hearer: int) -> None:
        if self.listening.pop(hearer, None) is not None:
            self.wired.unlisten(hearer)

    @rule(write=WRITES)
    def somebody_writes(self, write: tuple[str, Json]) -> None:
        self._somebody_writes(*write)

    def _somebody_writes(self, path: str, value: Json) -> None:
        counted = self.room.read("/count")
        self.room.rest(path, value)
        if path == "/" and counted is not None:
            self.room.rest("/count", counted)

    @rule(key=KEYS, value=st.none() | ROWS)
    def write(self, key: str, value: Json) -> None:
        """An update that counts how often it was made."""
        name = f"w{next(self.ids)}"
        body: dict[str, Json] = {f"/l/{key}": value, f"count/{name}": {".sv": {"increment": 1}}}
        self.writes[self.wired.ask("m", {"p": "/", "d": body}, write=True)] = name

    @rule()
    def read(self) -> None:
        self.reads.append(self.wired.ask("g", {"p": "/l", "q": {}}))

    @rule(what=st.lists(st.sampled_from(["open", "hash", "up", "up", "down", "down"]), max_size=9))
    def some_of_it_arrives(self, what: list[str]) -> None:
        for one in what:
            getattr(self.wired, one)()

    @rule()
    def everything_arrives(self) -> None:
        self.wired.run()

    @rule()
    def cut(self) -> None:
        self.wired.cut()

    @rule(writes=st.lists(WRITES, max_size=3))
    def cut_write_and_come_back(self, writes: list[tuple[str, Json]]) -> None:
        self.wired.cut()
        for write in writes:
            self._somebody_writes(*write)
        self.wired.run()

    @rule(hearer=HEARERS, writes=st.lists(WRITES, max_size=2))
    def turn_away_and_back(self, hearer: int, writes: list[tuple[str, Json]]) -> None:
        """What is said meanwhile is under way when somebody listens anew."""
        where = self.listening.get(hearer)
        self.unlisten(hearer)
        for write in writes:
            self._somebody_writes(*write)
            self.wired.up()
        if where is not None:
            self.listen(hearer, where)

    @rule()
    def wait(self) -> None:
        self.wired.wait()

    @rule(reachable=st.booleans())
    def network(self, reachable: bool) -> None:
        self.wired.reachable = reachable

    @rule()
    def the_credential_ends(self) -> None:
        if self.wired.socket is not None:
            self.wired.socket.revoke()

    @rule()
    def reconnect_now(self) -> None:
        self.wired.link.reconnect_now(self.wired.now)
        self.wired.settle()

    @invariant()
    def no_write_is_made_twice(self) -> None:
        if hasattr(self, "room"):
            counts: Any = self.room.read("/count") or {}
            assert set(counts.values()) <= {1}

    def teardown(self) -> None:
        if not hasattr(self, "room"):
            return
        self.wired.reachable = True
        self.wired.run()
        for hearer, (path, query) in self.listening.items():
            node = self.room.database.root.at(Path.parse(path))
            ordered_only = query == Query.by_child("n")
            seen = node if query is None or ordered_only else query.window(node)
            held = self.wired.value(hearer)
            assert same(from_json(held).to_json(), seen.to_json()), (path, query)
            assert self.wired.states(hearer)[-1] == "live"
        counts: Any = self.room.read("/count") or {}
        for key, name in self.writes.items():
            (answer,) = self.wired.answers[key]
            if answer.error is None:
                assert counts[name] == 1
            else:
                assert _may_pass(answer.error)
                assert _is_unknown(answer.error) or name not in counts
        for key in self.reads:
            (answer,) = self.wired.answers[key]
            assert answer.error is None or _may_pass(answer.error)
            assert not _is_unknown(answer.error)


def _may_pass(error: ImbariError) -> bool:
    """An outage, or a credential that ended twice before a connection was restored."""
    return remedy(error) is not Remedy.NOTHING


def _is_unknown(error: ImbariError | None) -> bool:
    return isinstance(error, Unavailable) and error.outcome_unknown


TestLinkAndPeer = LinkAndPeer.TestCase
TestLinkAndPeer.settings = examples(100, stateful_step_count=50)
