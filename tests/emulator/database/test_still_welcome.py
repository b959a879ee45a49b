"""Who is asked again after a commit: those whom the rules let in for what is stored."""

import json
from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from imbari_chat.emulator.database.changes import Write
from imbari_chat.emulator.database.credentials import ADMIN, Caller
from imbari_chat.emulator.database.events import CANCEL
from imbari_chat.emulator.database.listeners import Target
from imbari_chat.emulator.database.namespace import Commit, Namespace
from imbari_chat.rules import Grounds, Ruleset
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import Path
from imbari_chat.wire.query import Query
from tests.budget import examples
from tests.rules.drawn import AUTHS, RULES, written

NOW = 1_790_000_000_000
ROOMS_RULES = """{"rules": {"rooms": {
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
    namespace = Namespace("t", Ruleset.parse(ROOMS_RULES))
    namespace.write(Write.put(ROOM, {"owner": "amina", "text": "a"}), ADMIN, NOW)
    return namespace


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The paths of all listens the rules are asked about from here on."""
    paths: list[Path] = []
    grounds = Ruleset.grounds

    def noting(self: Ruleset, path: Path, **given: object) -> Grounds | None:
        paths.append(path)
        return grounds(self, path, **given)  # type: ignore[arg-type]  # passed on as it came

    monkeypatch.setattr(Ruleset, "grounds", noting)
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
    assert asked == []  # nothing that was looked at
    put(database, "/rooms/r1/owner", "amina")
    assert asked == []  # nor is this another owner
    put(database, "/rooms/r1", {"owner": "amina", "text": "c"})
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


looks = st.sampled_from(
    [
        "data.exists()",
        "data.hasChildren()",
        "data.child('a').exists()",
        "data.child('a').val() == 1",
        "data.parent().child('b').isString()",
        "data.getPriority() == null",
        "!root.child('a/b').exists()",
        "root.hasChildren(['a', 'b'])",
        "root.child(root.child('a').val()).exists()",
        "root.child('b').child(auth.uid).val() != false",
        "now < 3",
        "now != root.child('b').val()",
        "auth.uid == 'a'",
    ]
)
conditions = st.recursive(
    looks,
    lambda inner: (
        st.builds("({} {} {})".format, inner, st.sampled_from(["&&", "||"]), inner)
        | st.builds("({} ? {} : {})".format, inner, inner, inner)
    ),
    max_leaves=3,
)
guards = st.fixed_dictionaries({".read": conditions})
watchful = st.one_of(
    guards,
    guards.map(lambda guard: {"$k": guard}),
    st.builds(lambda above, below: {"$k": {**above, "a": below}}, guards, guards),
)
"""Rules that look at what is stored more than those at random do."""

keys = st.sampled_from(["a", "b"])
places = st.lists(keys, max_size=2).map(Path)
listens = st.lists(st.tuples(places, AUTHS), min_size=2, max_size=5)
values = st.sampled_from([None, 1, "a", "b", {"a": 1}, {"b": "a"}, {"a": {"b": 1}, "b": 1}])
commits = st.lists(
    st.tuples(st.lists(keys, min_size=1, max_size=2).map(Path), values, st.integers(0, 1)),
    min_size=2,
    max_size=6,
)


@examples(400)
@given(watchful | watchful | RULES.map(written), values, listens, commits)
def test_those_end_whom_the_rules_would_not_let_in_now(
    rules: dict[str, Any],
    start: Any,
    listens: list[tuple[Path, Any]],
    commits: list[tuple[Path, Any, int]],
) -> None:
    """Of all who listen exactly those who are refused when all are asked anew, commit by commit."""
    ruleset = Ruleset.parse(json.dumps({"rules": rules}))
    database = Namespace("t", ruleset)
    now = 1
    database.write(Write.put(Path(), start), ADMIN, now)
    listening = []
    for place, auth in listens:
        target, caller = Target(place), Caller(admin=False, auth=auth)
        if ruleset.read(target.path, root=database.root, auth=auth, now=now):
            listening.append(database.listen(target, caller, now)[0])
    for place, value, later in commits:
        now += later
        before = database.root
        events = database.write(Write.put(place, value), ADMIN, now).events
        ended = [each for one in events if one.event is CANCEL for each in one.listeners]
        refused = [
            each
            for each in listening
            if database.root is not before
            and not ruleset.read(
                each.target.path, root=database.root, auth=each.caller.auth, now=now
            )
        ]
        event("somebody ended" if refused else "nobody ended")
        assert set(ended) == set(refused)
        assert len(ended) == len(refused)
        listening = [each for each in listening if each not in refused]
