"""Client core and emulator core wired together in memory: every odd interleaving, no sockets.

A wire carries frames from the emulator's listener to the client's stream. It delivers late, it is
cut with frames still in it, and it is mended later; writes go on meanwhile. Whatever happens, the
consumer's typed events, applied in order, end at what the database holds, and each message is
announced once.
"""

import json
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from imbari_chat.client.events.diff import MessageDiff
from imbari_chat.emulator.database.audiences import Listener
from imbari_chat.emulator.database.changes import Write
from imbari_chat.emulator.database.credentials import ADMIN
from imbari_chat.emulator.database.listeners import Target
from imbari_chat.emulator.database.namespace import Namespace
from imbari_chat.engine.stream import Changed, Connect, Disconnect, StreamCore, StreamPolicy
from imbari_chat.rules import Ruleset
from imbari_chat.schema import paths
from imbari_chat.schema.events import MessageAdded, MessageChanged, MessageRemoved
from imbari_chat.schema.paths import SessionId
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import ROOT, Path
from imbari_chat.wire.query import Query
from imbari_chat.wire.sse import Frame, SseParser, encode
from tests.budget import examples

SESSION = SessionId("-S")
PLACE = paths.messages(SESSION)
KEYS = st.sampled_from([f"-m{n}" for n in range(8)])
TEXTS = st.sampled_from(["one", "two", "three"])


def record(text: str) -> dict[str, Any]:
    return {"text": text, "from": "customer", "timestamp": 1}


@dataclass
class Link:
    """One listener of the emulator and one stream of the client, and what is between them."""

    database: Namespace
    query: Query | None
    feed: MessageDiff
    core: StreamCore = field(
        default_factory=lambda: StreamCore(lambda: 0.5, StreamPolicy(stable_after=0.0))
    )
    now: float = 0.0
    listener: Listener | None = None
    under_way: deque[Frame] = field(default_factory=deque)
    parser: SseParser = field(default_factory=SseParser)
    held: dict[str, str] = field(default_factory=dict)
    announced: list[str] = field(default_factory=list)

    def carry_out(self) -> None:
        for effect in self.core.drain():
            match effect:
                case Connect():
                    self._connect()
                case Disconnect():
                    self.cut()
                case Changed(value, touched):
                    assert self.feed.gap(value) is None
                    self._hear(value, touched)

    def _connect(self) -> None:
        self.cut()
        self.listener, first = self.database.listen(Target(PLACE, self.query), ADMIN, 0)
        self.parser = SseParser()
        self.under_way.append(first.frame())
        self.core.opened(self.now)

    def cut(self) -> None:
        if self.listener is not None:
            self.database.unlisten(self.listener)
            self.listener = None
        self.under_way.clear()

    def deliver(self) -> None:
        """One frame arrives, as bytes in two pieces."""
        frame = self.under_way.popleft()
        data = encode(frame.event, frame.data)
        middle = len(data) // 2
        for piece in (data[:middle], data[middle:]):
            for whole in self.parser.feed(piece):
                self.core.received(whole, self.now)
        self.carry_out()

    def _hear(self, value: Any, touched: frozenset[str] | None) -> None:
        for event in self.feed.update(value, touched):
            match event:
                case MessageAdded(_, message):
                    assert message.id not in self.held, "announced twice"
                    self.held[message.id] = message.text
                    self.announced.append(message.id)
                case MessageChanged(_, message, before):
                    assert self.held[message.id] == before.text
                    self.held[message.id] = message.text
                case MessageRemoved(_, message):
                    assert self.held.pop(message.id) == message.text
                case other:
                    raise AssertionError(f"nobody wrote anything that says {other}")


class TwoCores(RuleBasedStateMachine):
    """Writes, deliveries and cuts in any order."""

    @initialize(before=st.dictionaries(KEYS, TEXTS, max_size=4))
    def start(self, before: dict[str, str]) -> None:
        self.database = Namespace("t", Ruleset.open(), enforce_indexes=False)
        for key, text in before.items():
            self._write(Write.put(PLACE / key, record(text)))
        self.links = [
            Link(self.database, None, MessageDiff(SESSION, 100)),
            Link(
                self.database,
                paths.messages_in_order().limit_to_last(100),
                MessageDiff(SESSION, 100),
            ),
        ]
        for link in self.links:
            link.core.start(0.0)
            link.carry_out()

    def _write(self, write: Write) -> None:
        commit = self.database.write(write, ADMIN, 0)
        for event in commit.events:
            for link in self.links:
                if link.listener in event.listeners:
                    link.under_way.append(event.frame)

    @rule(key=KEYS, text=TEXTS)
    def put(self, key: str, text: str) -> None:
        self._write(Write.put(PLACE / key, record(text)))

    @rule(key=KEYS, text=TEXTS)
    def put_one_field(self, key: str, text: str) -> None:
        if self.database.root.at(PLACE / key).exists:
            self._write(Write.put(PLACE / key / "text", text))

    @rule(key=KEYS)
    def delete(self, key: str) -> None:
        self._write(Write.put(PLACE / key, None))

    @rule(changes=st.dictionaries(KEYS, st.none() | TEXTS, min_size=1, max_size=4))
    def patch_at_the_root(self, changes: dict[str, str | None]) -> None:
        body: Json = {
            "/".join(PLACE / key): None if text is None else record(text)
            for key, text in changes.items()
        }
        self._write(Write.patch(ROOT, body))

    @rule(changes=st.dictionaries(KEYS, TEXTS, max_size=4))
    def replace_everything(self, changes: dict[str, str]) -> None:
        value: Json = {key: record(text) for key, text in changes.items()}
        self._write(Write.put(PLACE, value or None))

    @rule()
    def write_elsewhere(self) -> None:
        self._write(Write.put(Path.parse("/elsewhere"), 1))

    @rule(which=st.integers(0, 1))
    def deliver(self, which: int) -> None:
        if self.links[which].under_way:
            self.links[which].deliver()

    @rule(which=st.integers(0, 1))
    def cut(self, which: int) -> None:
        link = self.links[which]
        link.cut()
        link.core.lost("cut", link.now)
        link.carry_out()

    @rule(which=st.integers(0, 1), event=st.sampled_from(["put", "patch"]))
    def garbage(self, which: int, event: str) -> None:
        link = self.links[which]
        if link.listener is not None:
            link.core.received(Frame(event, "{"), link.now)
            link.carry_out()

    @rule(which=st.integers(0, 1))
    def mend(self, which: int) -> None:
        link = self.links[which]
        link.now += 20.0
        link.core.tick(link.now)
        link.carry_out()

    @invariant()
    def nothing_is_held_that_the_database_never_had(self) -> None:
        for link in getattr(self, "links", []):
            assert set(link.held.values()) <= {"one", "two", "three"}

    def teardown(self) -> None:
        for link in getattr(self, "links", []):
            self.settle(link)
            stored = self.database.root.at(PLACE).to_json(export=True) or {}
            assert isinstance(stored, dict)
            texts = {key: json.loads(json.dumps(value))["text"] for key, value in stored.items()}
            assert link.held == texts

    def settle(self, link: Link) -> None:
        """Let time pass and frames arrive until nothing is on its way."""
        for _ in range(1000):
            if link.under_way:
                link.deliver()
            elif link.core.state == "live" and link.listener is not None:
                return
            else:
                link.now += 20.0
                link.core.tick(link.now)
                link.carry_out()
        raise AssertionError(f"never came back: {link.core.state}")


TestTwoCores = TwoCores.TestCase
TestTwoCores.settings = examples(60, stateful_step_count=40)
