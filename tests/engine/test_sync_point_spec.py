"""The official SDKs' own cases for local events, played against :class:`SyncTree`.

They are Firebase's, and not copied here: ``packages/database/test/helpers/syncPointSpec.json`` in
the repository ``firebase/firebase-js-sdk``. The file is looked for where the environment variable
``IMBARI_CHAT_SYNC_POINT_SPEC`` says, then as ``shared/specs/syncPointSpec.json`` beside the
checkout or beside a folder above it.
"""

import json
import os
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path as File
from typing import Any

import pytest

from imbari_chat.engine.synctree import Listen, SyncTree, Told
from imbari_chat.wire.order import Index
from imbari_chat.wire.paths import Path
from imbari_chat.wire.query import Query
from imbari_chat.wire.tree import from_json

VARIABLE = "IMBARI_CHAT_SYNC_POINT_SPEC"
NAME = "syncPointSpec.json"
PUBLISHED = f"firebase/firebase-js-sdk, packages/database/test/helpers/{NAME}"
SCENARIOS = 112

KINDS = ["removed", "added", "moved", "changed", "value"]


def _file() -> File | None:
    if given := os.environ.get(VARIABLE):
        return File(given)
    beside = (folder / "shared" / "specs" / NAME for folder in File(__file__).parents[3:])
    return next((file for file in beside if file.is_file()), None)


def _scenarios() -> list[Any]:
    file = _file()
    if file is None:
        reason = f"no {NAME}: set {VARIABLE} to the file that is published in {PUBLISHED}"
        return [pytest.param(None, id="all", marks=pytest.mark.skip(reason=reason))]
    scenarios = json.loads(file.read_text(encoding="utf-8"))
    assert len(scenarios) == SCENARIOS, f"{file} is another version of the specification"
    return [pytest.param(one, id=one["name"]) for one in scenarios]


@pytest.mark.parametrize("scenario", _scenarios())
def test_the_official_scenarios_raise_exactly_their_events(scenario: Any) -> None:
    """Step by step: the same events, the deepest places first, each listener's kinds in order."""
    player = _Player()
    for step in scenario["steps"]:
        told = player.play(step)
        assert _by_place(map(_told, told)) == _by_place(map(_expected, step["events"])), step
        for listen in {one.listen for one in told}:
            kinds = [KINDS.index(one.what.kind) for one in told if one.listen == listen]
            assert kinds == sorted(kinds)


class _Player:
    def __init__(self) -> None:
        self._tree = SyncTree()
        self._listens: dict[int, Listen] = {}

    def play(self, step: Any) -> list[Told]:
        kind, path = step["type"], Path.parse(step.get("path", "").replace(".priority", ""))
        if step.get("path", "").endswith(".priority"):
            path = Path((*path, ".priority"))
        match kind:
            case "listen":
                params = step.get("params")
                query = None if params is None else _query(params)
                if params is not None:
                    self._listens[params["tag"]] = (path, query)
                return self._tree.listen(path, query)
            case "unlisten":
                self._tree.unlisten(path)
                return []
            case "serverUpdate":
                return self._tree.server_value(path, step["data"], self._within(step))
            case "serverMerge":
                changes = {Path.parse(key): value for key, value in step["data"].items()}
                return self._tree.server_merge(path, changes, self._within(step))
            case "set":
                visible = step.get("visible", True)
                return self._tree.write({path: step["data"]}, 0, visible=visible)[1]
            case "update":
                data = step["data"].items()
                return self._tree.write({path / key: value for key, value in data}, 0)[1]
            case "ackUserWrite":
                number = step["writeId"]
                revert = step.get("revert", False)
                return (self._tree.refused if revert else self._tree.settled)(number)
            case "suppressWarning":
                return []
        raise AssertionError(f"no such step: {kind}")

    def _within(self, step: Any) -> Listen | None:
        return self._listens[step["tag"]] if "tag" in step else None


def _query(params: Any) -> Query:
    query = Query.by_priority()
    if params.get("orderByKey"):
        query = Query.by_key()
    elif "orderBy" in params:
        query = Query(Index.parse(params["orderBy"]))
    bounds = {
        "startAt": "start_at",
        "startAfter": "start_after",
        "endAt": "end_at",
        "endBefore": "end_before",
        "equalTo": "equal_to",
    }
    for name, method in bounds.items():
        if name in params:
            query = getattr(query, method)(params[name]["index"], params[name].get("name"))
    if "limitToFirst" in params:
        return query.limit_to_first(params["limitToFirst"])
    return query.limit_to_last(params["limitToLast"]) if "limitToLast" in params else query


def _told(told: Told) -> tuple[Any, ...]:
    what = told.what
    return (told.listen[0], what.kind, what.key, what.previous, from_json(what.value))


def _expected(event: Any) -> tuple[Any, ...]:
    kind = event["type"].removeprefix("child_")
    previous = event.get("prevName") if kind not in ("removed", "value") else None
    path = Path.parse(event["path"])
    return (path, kind, event.get("name") or None, previous, from_json(event["data"]))


def _by_place(events: Iterator[tuple[Any, ...]]) -> list[list[tuple[Any, ...]]]:
    """Places in their order; of two listeners of one place the file gives none."""
    groups = groupby(events, key=lambda event: event[0])
    return [sorted(group, key=lambda one: (one[1], str(one))) for _, group in groups]
