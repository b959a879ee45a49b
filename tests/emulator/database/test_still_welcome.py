"""Who is asked again after a commit: those whom the rules let in for what is stored."""

import pytest

from imbari_chat.emulator.database.changes import Write
from imbari_chat.emulator.database.credentials import ADMIN, Caller
from imbari_chat.emulator.database.events import CANCEL
from imbari_chat.emulator.database.listeners import Target
from imbari_chat.emulator.database.namespace import Commit, Namespace
from imbari_chat.rules import Decision, Ruleset
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import Path
from imbari_chat.wire.query import Query

NOW = 1_790_000_000_000
RULES = """{"rules": {"rooms": {
    ".indexOn": "owner",
    ".read": "auth.token.admin === true
      || query.orderByChild == 'owner' && query.equalTo == auth.uid",
    "$room": {".read": "data.child('owner').val() === auth.uid || root.child('open').val() > now"}
}}}"""
ROOMS, ROOM = Path.parse("/rooms"), Path.parse("/rooms/r1")
OWNER = Caller(admin=False, auth={"uid": "amina"})
STAFF = Caller(admin=False, auth={"uid": "brian", "token": {"admin": True}})
OWN_ROOMS = Query.by_child("owner").equal_to("amina")


@pytest.fixture
def database() -> Namespace:
    """A room of amina's, behind rules of both kinds."""
    namespace = Namespace("t", Ruleset.parse(RULES))
    namespace.write(Write.put(ROOM, {"owner": "amina", "text": "a"}), ADMIN, NOW)
    return namespace


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The paths of all reads the rules are asked about from here on."""
    paths: list[Path] = []
    read = Ruleset.read

    def noting(self: Ruleset, path: Path, **given: object) -> Decision:
        paths.append(path)
        return read(self, path, **given)  # type: ignore[arg-type]  # passed on as it came

    monkeypatch.setattr(Ruleset, "read", noting)
    return paths


def put(database: Namespace, path: str, value: Json, *, now: int = NOW) -> Commit:
    return database.write(Write.put(Path.parse(path), value), ADMIN, now)


def test_whoever_is_let_in_for_who_they_are_is_not_asked_again(
    database: Namespace, asked: list[Path]
) -> None:
    """A claim, a query: no commit can change them."""
    database.listen(Target(ROOMS), STAFF, NOW)
    database.listen(Target(ROOM), STAFF, NOW)
    database.listen(Target(ROOMS, OWN_ROOMS), OWNER, NOW)
    database.listen(Target(ROOMS), ADMIN, NOW)
    del asked[:]
    commit = put(database, "/rooms/r1/text", "b")
    assert asked == []
    assert sum(len(each.listeners) for each in commit.events) == 4


def test_whoever_is_let_in_for_what_is_stored_is_cancelled_at_once(
    database: Namespace, asked: list[Path]
) -> None:
    """By the commit that takes the room away, and the others stay."""
    listener, _ = database.listen(Target(ROOM), OWNER, NOW)
    database.listen(Target(ROOM), STAFF, NOW)
    del asked[:]
    put(database, "/rooms/r1/text", "b")
    assert asked == [ROOM]
    cancelled, changed = put(database, "/rooms/r1/owner", "chidi").events
    assert (cancelled.event, list(cancelled.listeners)) == (CANCEL, [listener])
    assert listener not in changed.listeners
    del asked[:]
    put(database, "/rooms/r1/text", "c")
    assert asked == []


def test_time_counts_as_something_stored(database: Namespace) -> None:
    """A permission that runs out does so at the next commit, whatever it writes."""
    put(database, "/open", NOW + 1_000)
    stranger = Caller(admin=False, auth=None)
    listener, _ = database.listen(Target(ROOM), stranger, NOW)
    assert not put(database, "/elsewhere", 1, now=NOW + 999).events
    (cancelled,) = put(database, "/elsewhere", 2, now=NOW + 1_000).events
    assert list(cancelled.listeners) == [listener]


def test_new_rules_decide_anew_who_is_asked(database: Namespace, asked: list[Path]) -> None:
    """The same listener, independent of data under one file and dependent under the next."""
    listener, _ = database.listen(Target(ROOM), STAFF, NOW)
    fresh = """{"rules": {"rooms": {"$room": {".read": "data.child('owner').exists()"}}}}"""
    assert database.set_rules(Ruleset.parse(fresh), NOW) == []
    database.listen(Target(ROOM), OWNER, NOW)
    cancelled, *_ = put(database, "/rooms/r1/owner", None).events
    assert listener in cancelled.listeners
    put(database, "/rooms/r1/owner", "amina")
    database.listen(Target(ROOM), OWNER, NOW)
    database.set_rules(Ruleset.open(), NOW)
    del asked[:]
    put(database, "/rooms/r1/text", "b")
    assert asked == []
