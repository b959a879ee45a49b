"""What listeners are told: enough, and in the words of the reference."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbari_chat.emulator.database.changes import Write
from imbari_chat.emulator.database.credentials import ADMIN
from imbari_chat.emulator.database.listeners import Target, View
from imbari_chat.emulator.database.namespace import Namespace
from imbari_chat.emulator.database.refusal import Refusal
from imbari_chat.emulator.database.windows import Windows
from imbari_chat.errors import InvalidData
from imbari_chat.rules import Ruleset
from imbari_chat.wire.paths import Path
from imbari_chat.wire.query import Query
from imbari_chat.wire.sse import Frame
from tests.budget import examples
from tests.emulator.database.strategies import keys, queries, values, writes

NOW = 1_790_000_000_000

targets = st.builds(Target, st.lists(keys, max_size=2).map(Path.of), st.none() | queries())


class Follower:
    """A client: keeps a value current by what it is told, and by nothing else."""

    def __init__(self) -> None:
        self.value: Any = None

    def told(self, frame: Frame) -> None:
        said = json.loads(frame.data)
        where = [key for key in said["path"].split("/") if key]
        if frame.event == "put":
            self.value = _replaced(self.value, where, said["data"])
            return
        assert frame.event == "patch"
        for key, value in said["data"].items():
            self.value = _replaced(self.value, [*where, *key.split("/")], value)


def _replaced(value: Any, where: list[str], new: Any) -> Any:
    if not where:
        return _pruned(new)
    if isinstance(value, list):
        value = {str(index): item for index, item in enumerate(value)}
    if not isinstance(value, dict):
        value = {}
    elif ".value" in value:  # what is written below a leaf takes its place, but not its priority
        value = {".priority": value[".priority"]}
    return _pruned({**value, where[0]: _replaced(value.get(where[0]), where[1:], new)})


def _pruned(value: Any) -> Any:
    """Lists as objects, nothing empty; a priority alone is nothing."""
    if isinstance(value, list):
        value = {str(index): item for index, item in enumerate(value)}
    if not isinstance(value, dict):
        return value
    kept = {key: item for key, v in value.items() if (item := _pruned(v)) is not None}
    return kept if kept.keys() - {".priority"} else None


def _database() -> Namespace:
    return Namespace("t", Ruleset.open(), enforce_indexes=False)


def _fresh(database: Namespace, target: Target, *, export: bool) -> Any:
    reading = database.read(target.path, target.query, ADMIN, NOW)
    return _pruned(reading.to_json(export=export))


def _play(
    database: Namespace, kind: str, path: Path, value: Any, *, export: bool = False
) -> list[Frame]:
    """The frames owed to the one listener there is; a refused write owes none."""
    try:
        write = Write.put(path, value) if kind == "put" else Write.patch(path, value)
        events = database.write(write, ADMIN, NOW).events
    except (InvalidData, Refusal):
        return []
    return [each.event.frame(export=export) for each in events for _ in each.listeners]


@examples(400)
@given(values, targets, st.booleans(), st.lists(writes, max_size=6))
def test_a_listener_always_knows_what_a_fresh_read_would_say(
    start: Any, target: Target, export: bool, steps: list[tuple[str, Path, Any]]
) -> None:
    """The first event and those after it add up to the current value, with and without a query."""
    database = _database()
    _play(database, "put", Path(), start)
    _, first = database.listen(target, ADMIN, NOW)
    follower = Follower()
    follower.told(first.frame(export=export))
    for kind, path, value in steps:
        before = _fresh(database, target, export=export)
        frames = _play(database, kind, path, value, export=export)
        for frame in frames:
            follower.told(frame)
        now = _fresh(database, target, export=export)
        assert follower.value == now
        assert len(frames) <= 1
        if frames == []:
            assert before == now


@examples(300)
@given(
    values,
    st.lists(targets, min_size=1, max_size=5, unique=True),
    st.lists(writes, max_size=4),
)
def test_a_commit_finds_its_audience_as_if_all_were_asked(
    start: Any, listened: list[Target], steps: list[tuple[str, Path, Any]]
) -> None:
    """The same events for the same listeners in the same order, and nobody else."""
    database = _database()
    _play(database, "put", Path(), start)
    listeners = [database.listen(target, ADMIN, NOW)[0] for target in listened]
    windows = Windows()
    views = [View(target, database.root, windows) for target in listened]
    for kind, path, value in steps:
        try:
            write = Write.put(path, value) if kind == "put" else Write.patch(path, value)
            before = database.root
            owed = database.write(write, ADMIN, NOW).events
        except (InvalidData, Refusal):
            continue
        after = database.root
        windows.committed(write.places, before, after)
        expected = []
        for listener, view in zip(listeners, views, strict=True):
            here = view.target.path
            changed = write.changed(before, after)
            touched = [place for place in changed if place.contains(here) or here.contains(place)]
            event = view.committed(write, touched, before, after) if touched else None
            if event is not None:
                expected.append(([listener], event.kind, event.path, event.nodes))
        assert expected == [
            ([*each.listeners], each.event.kind, each.event.path, each.event.nodes) for each in owed
        ]


def _frames(target: Target, start: Any, kind: str, at: str, value: Any) -> list[tuple[str, Any]]:
    database = _database()
    _play(database, "put", Path(), start)
    database.listen(target, ADMIN, NOW)
    return [
        (frame.event, json.loads(frame.data))
        for frame in _play(database, kind, Path.parse(at), value)
    ]


HERE = Target(Path.parse("/s"))
LAST_TWO = Target(Path.parse("/s"), Query.by_key().limit_to_last(2))


@pytest.mark.parametrize(
    ("kind", "at", "value", "event", "path", "data"),
    [
        ("put", "/s", {"q": 1}, "put", "/", {"q": 1}),
        ("put", "/", {"s": {"q": 1}}, "put", "/", {"q": 1}),
        ("put", "/", None, "put", "/", None),
        ("put", "/s/x/y", 1, "put", "/x/y", 1),
        ("patch", "/s", {"a": 5, "b": None}, "patch", "/", {"a": 5, "b": None}),
        ("patch", "/s", {"a/x": 5}, "patch", "/", {"a/x": 5}),
        ("patch", "/s/c", {"foo": 3}, "patch", "/c", {"foo": 3}),
        ("patch", "/", {"s/a": 5, "s/c/d": 6, "t": 1}, "patch", "/", {"a": 5, "c/d": 6}),
        ("patch", "/", {"s": {"n": 1}, "t": 1}, "put", "/", {"n": 1}),
        ("put", "/s/a", ["x", "y"], "put", "/a", ["x", "y"]),
    ],
)
def test_an_event_takes_the_shape_of_its_write(
    kind: str, at: str, value: Any, event: str, path: str, data: Any
) -> None:
    """Puts stay puts and patches stay patches, their paths relative to the stream."""
    told = _frames(HERE, {"s": {"a": 1, "b": 2}}, kind, at, value)
    assert told == [(event, {"path": path, "data": data})]


@pytest.mark.parametrize(
    ("kind", "at", "value"),
    [
        ("put", "/s/a", 1),
        ("patch", "/s", {"a": 1, "zz": None}),
        ("put", "/t", 1),
        ("put", "/s/a/deep", None),
        ("patch", "/", {"t": 1, "s/b": 2}),
    ],
)
def test_a_write_that_changes_nothing_here_is_silent(kind: str, at: str, value: Any) -> None:
    """Neither an equal value, nor the deletion of nothing, nor a write elsewhere is an event."""
    assert _frames(HERE, {"s": {"a": 1, "b": 2}}, kind, at, value) == []


@pytest.mark.parametrize(
    ("kind", "at", "value", "event", "path", "data"),
    [
        ("put", "/s/d", {"n": 4}, "patch", "/", {"d": {"n": 4}, "b": None}),
        ("put", "/s/c", None, "patch", "/", {"c": None, "a": {"n": 1}}),
        ("put", "/s/c/n", 9, "put", "/c/n", 9),
        ("patch", "/s/c", {"m": 9}, "patch", "/c", {"m": 9}),
        ("patch", "/s", {"a/n": 5, "b/n": 6}, "patch", "/", {"b/n": 6}),
        ("put", "/s", {"z": 1}, "put", "/", {"z": 1}),
    ],
)
def test_a_window_tells_of_its_own_children_only(
    kind: str, at: str, value: Any, event: str, path: str, data: Any
) -> None:
    """Who comes in is told in full, who leaves is null, and what is outside is not told."""
    start = {"s": {"a": {"n": 1}, "b": {"n": 2}, "c": {"n": 3}}}
    told = _frames(LAST_TWO, start, kind, at, value)
    assert told == [(event, {"path": path, "data": data})]


def test_the_same_view_is_worked_out_once_for_everybody() -> None:
    """Listeners of one target share one frame object."""
    database = _database()
    database.listen(HERE, ADMIN, NOW)
    database.listen(HERE, ADMIN, NOW)
    (events,) = database.write(Write.put(Path.parse("/s/a"), 1), ADMIN, NOW).events
    assert len(events.listeners) == 2
