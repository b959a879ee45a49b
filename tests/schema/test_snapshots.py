"""What is known of one moment goes to other processes, and is copied, like any record."""

import copy
import pickle
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import pytest

from imbari_chat.schema.models import Colleague
from imbari_chat.schema.paths import SessionId
from imbari_chat.schema.presence import PresenceSnapshot
from imbari_chat.schema.snapshots import Snapshot
from imbari_chat.schema.teamwork import CannedReply, TeamSnapshot

AMINA = SessionId("amina")

HI = {"$id": "hi", "text": "Hello"}

SNAPSHOTS: list[Snapshot] = [
    PresenceSnapshot(),
    PresenceSnapshot(
        MappingProxyType({(AMINA, "customer"): "online"}),
        frozenset({(AMINA, "customer")}),
        MappingProxyType({AMINA: (Colleague("u", "Wanjiru"),)}),
    ),
    TeamSnapshot(),
    TeamSnapshot(5, canned_replies=MappingProxyType({"hi": CannedReply.model_validate(HI)})),
]


@pytest.mark.parametrize(
    "passed",
    [lambda one: pickle.loads(pickle.dumps(one)), copy.copy, copy.deepcopy],
    ids=["pickled", "copied", "deeply copied"],
)
@pytest.mark.parametrize("snapshot", SNAPSHOTS)
def test_a_snapshot_passes_from_one_process_to_another(
    snapshot: Snapshot, passed: Callable[[Any], Any]
) -> None:
    """And nobody changes it there either."""
    there = passed(snapshot)
    assert there == snapshot
    assert type(there) is type(snapshot)
    for name in ("present", "opened", "labels", "canned_replies"):
        assert isinstance(getattr(there, name, MappingProxyType({})), MappingProxyType)
