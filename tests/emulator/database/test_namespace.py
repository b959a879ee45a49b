"""The core by itself: rules before data, all or nothing, and who is still welcome."""

from collections.abc import Callable

import pytest

from imbari_chat.emulator.database.changes import Write
from imbari_chat.emulator.database.credentials import ADMIN, NOBODY, Caller
from imbari_chat.emulator.database.events import CANCEL
from imbari_chat.emulator.database.listeners import Target
from imbari_chat.emulator.database.namespace import Namespace
from imbari_chat.emulator.database.refusal import Mismatch, Refusal
from imbari_chat.errors import InvalidData
from imbari_chat.rules import Ruleset
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import ROOT, Path
from imbari_chat.wire.query import Query
from imbari_chat.wire.tree import Branch

NOW = 1_790_000_000_000
HERE = Path.parse("/here")
USER = Caller(admin=False, auth={"uid": "u1"})


def _database(rules: str) -> Namespace:
    return Namespace("t", Ruleset.parse('{"rules": ' + rules + "}"))


def test_a_refused_write_changes_nothing_and_tells_nobody() -> None:
    """One path refused refuses all; what was refused is kept for explaining."""
    database = _database('{"here": {".read": true, "a": {".write": true}}}')
    database.listen(Target(HERE), USER, NOW)
    before = database.root
    with pytest.raises(Refusal) as refused:
        database.write(Write.patch(HERE, {"a": 1, "b": 2}), USER, NOW)
    assert refused.value.status == 401
    assert database.root is before
    (reason,) = database.refusals
    assert "/here/b" in reason


def test_rules_do_not_apply_to_admins() -> None:
    """Data formats do."""
    database = _database("{}")
    database.write(Write.put(HERE, 1), ADMIN, NOW)
    assert database.read(HERE, None, ADMIN, NOW).to_json() == 1
    assert database.look(Target(HERE), ADMIN, NOW) == database.root.at(HERE)
    assert database.listen(Target(HERE), ADMIN, NOW, indexed=False)
    with pytest.raises(InvalidData):
        database.write(Write.put(HERE, {".sv": "bogus"}), ADMIN, NOW)
    with pytest.raises(InvalidData):
        database.write(Write.put(Path((*HERE, "below", ".priority")), 1), ADMIN, NOW)
    with pytest.raises(Mismatch):
        database.write(Write.put(HERE, 2), ADMIN, NOW, if_match="another")


def test_rules_see_resolved_values_at_the_time_of_the_request() -> None:
    """A server timestamp equals ``now``; a client's clock does not."""
    database = _database('{"here": {".write": "newData.val() === now"}}')
    database.write(Write.put(HERE, {".sv": "timestamp"}), USER, NOW)
    with pytest.raises(Refusal):
        database.write(Write.put(HERE, NOW + 1), USER, NOW)


def test_a_lost_race_is_told_with_what_is_there() -> None:
    """And writes nothing."""
    database = _database('{".read": true, ".write": true}')
    database.write(Write.put(HERE, 1), USER, NOW)
    with pytest.raises(Mismatch) as lost:
        database.write(Write.put(HERE, 2), USER, NOW, if_match="null_etag")
    assert lost.value.current.to_json() == 1
    assert database.root.to_json() == {"here": 1}


def test_data_that_closes_a_stream_is_not_told_on_it() -> None:
    """The last event is the end, not the value that must no longer be read."""
    database = _database('{"here": {".read": "data.child(\'open\').val() === true"}}')
    database.write(Write.put(HERE, {"open": True}), ADMIN, NOW)
    user, _ = database.listen(Target(HERE), USER, NOW)
    admin, _ = database.listen(Target(HERE), ADMIN, NOW)
    events = database.write(Write.put(HERE, {"open": False, "secret": 1}), ADMIN, NOW).events
    told = {listener: each for each in events for listener in each.listeners}
    assert (told[user].event, told[user].last) == (CANCEL, True)
    assert "secret" in told[admin].frame.data
    assert database.write(Write.put(HERE, None), ADMIN, NOW).events[0].listeners == (admin,)


def test_new_rules_end_the_streams_they_do_not_allow() -> None:
    """At once; whoever they allow stays."""
    database = _database('{".read": true}')
    user, _ = database.listen(Target(HERE), USER, NOW)
    nobody, _ = database.listen(Target(HERE), NOBODY, NOW)
    (events,) = database.set_rules(
        Ruleset.parse('{"rules": {"here": {".read": "auth != null"}}}'), NOW
    )
    assert list(events.listeners) == [nobody]
    assert database.set_rules(Ruleset.open(), NOW) == []
    assert user != nobody


def test_a_listener_that_left_is_owed_nothing() -> None:
    """Leaving twice is fine."""
    database = _database('{".read": true, ".write": true}')
    listener, _ = database.listen(Target(HERE), USER, NOW)
    database.unlisten(listener)
    database.unlisten(listener)
    assert database.write(Write.put(HERE, 1), USER, NOW).events == []


def test_an_index_is_looked_for_after_the_right_to_read() -> None:
    """Whoever may not read hears nothing of indexes."""
    database = _database('{"open": {".read": true, ".indexOn": "a"}}')
    query = Query.by_child("b")
    with pytest.raises(Refusal, match="Permission denied"):
        database.read(HERE, query, USER, NOW)
    with pytest.raises(Refusal, match=r'add "\.indexOn": "b", for path "/open"'):
        database.read(Path.parse("/open"), query, USER, NOW)
    assert database.read(Path.parse("/open"), Query.by_child("a"), USER, NOW).to_json() is None


@pytest.mark.parametrize(
    ("rules", "enforced", "served"),
    [
        (Ruleset.open(), True, True),
        (Ruleset.open(), False, True),
        (Ruleset.parse('{"rules": {".read": true}}'), True, False),
        (Ruleset.parse('{"rules": {".read": true}}'), False, True),
    ],
)
def test_indexes_are_insisted_on_where_rules_are_and_nobody_says_otherwise(
    rules: Ruleset, enforced: bool, served: bool
) -> None:
    """Without rules there is nowhere to name one."""
    database = Namespace("t", rules, enforce_indexes=enforced)
    assert database.serves(ROOT, Query.by_child("a")) is served


@pytest.mark.parametrize(
    ("query", "served"),
    [
        (None, True),
        (Query.by_key(), True),
        (Query.by_priority(), True),
        (Query.by_child("a"), True),
        (Query.by_child("b"), False),
        (Query.by_value(), False),
    ],
)
def test_what_is_ordered_by_what_always_is_needs_no_index(
    query: Query | None, served: bool
) -> None:
    """A key, or a priority; anything else needs the one that is named."""
    database = _database('{".read": true, "here": {".indexOn": "a"}}')
    assert database.serves(HERE, query) is served
    if served:
        assert database.listen(Target(HERE, query), USER, NOW)
    else:
        with pytest.raises(Refusal, match="Index not defined"):
            database.listen(Target(HERE, query), USER, NOW)
    assert database.listen(Target(HERE, query), USER, NOW, indexed=False)
    assert database.look(Target(HERE, query), USER, NOW) is not None


async def test_a_database_is_blank_if_nothing_is_in_it_and_nobody_there() -> None:
    """Each of the five is enough, and when it is over, all is as it was."""
    database = _database('{".read": true, ".write": true}')
    blank = [database.is_blank]

    def note() -> None:
        blank.append(database.is_blank)

    database.write(Write.put(HERE, 1), USER, NOW)
    note()
    database.clear(NOW)
    note()
    listener, _ = database.listen(Target(HERE), USER, NOW)
    note()
    database.unlisten(listener)
    note()
    for guests in (1, 0):
        database.guests = guests
        note()
    async with database.writing:
        note()
    note()
    for strict in (False, True):
        database.settings["strictTriggerValidation"] = strict
        note()
    assert blank == [True, False] * 5 + [True]


def test_a_write_may_touch_what_there_is_room_for() -> None:
    """To the byte, what it replaces included; and what is only looked at is not noted."""
    database = _database('{"here": {".write": true}}')
    database.write(Write.put(HERE, "12345"), USER, NOW, room=11)  # null, and seven
    with pytest.raises(Refusal, match="WRITE_TOO_BIG"):
        database.write(Write.put(HERE, "1"), USER, NOW, room=9)
    assert database.write(Write.put(HERE, "1"), USER, NOW, room=10).after.to_json() == {"here": "1"}
    assert database.look(Target(HERE), USER, NOW) is None
    assert list(database.refusals) == []


def test_deleting_everything_is_told_to_whoever_listens_and_forgets_refusals() -> None:
    """Listeners stay."""
    database = _database('{"here": {".read": true, ".write": true}}')
    listener, _ = database.listen(Target(HERE), USER, NOW)
    with pytest.raises(Refusal):
        database.read(ROOT, None, USER, NOW)
    for value in (1, 2):
        (event,) = database.write(Write.put(HERE, value), USER, NOW).events
        assert event.listeners == (listener,)
        (event,) = database.clear(NOW)
        assert (event.listeners, event.frame.data) == ((listener,), '{"path":"/","data":null}')
    assert list(database.refusals) == []
    assert database.clear(NOW) == []


def test_only_the_latest_refusals_are_kept() -> None:
    """A hundred of them, however many there were."""
    database = _database("{}")
    for n in range(150):
        with pytest.raises(Refusal):
            database.read(Path.parse(f"/n{n}"), None, USER, NOW)
    kept = list(database.refusals)
    assert len(kept) == 100
    assert "/n149" in kept[-1]


# What a signed-out caller writes, and where something is stored and where not. Each is asked of
# both places: had the answers differed, they would tell which is which.
PRYING: dict[str, tuple[Callable[[Path], Write], str | None]] = {
    "a priority": (lambda place: Write.put(Path((*place, ".priority")), 1), None),
    "no priority": (lambda place: Write.put(Path((*place, ".priority")), None), None),
    "a priority in an update": (lambda place: Write.patch(place, {".priority": 1}), None),
    "an increment that overflows": (
        lambda place: Write.put(place, {".sv": {"increment": 1.7e308}}),
        None,
    ),
    "a value": (lambda place: Write.put(place, 1), None),
    "a deletion": (lambda place: Write.put(place, None), None),
    "a value, if nothing is there": (lambda place: Write.put(place, 1), "null_etag"),
    "a value, if something else is there": (lambda place: Write.put(place, 1), "x"),
    "a priority, if there is none": (
        lambda place: Write.put(Path((*place, ".priority")), 1),
        "null_etag",
    ),
}


@pytest.mark.parametrize("rules", ["{}", '{"here": {"$k": {".validate": "false"}}}'])
@pytest.mark.parametrize("what", PRYING)
def test_a_refusal_does_not_tell_what_is_stored(what: str, rules: str) -> None:
    """The rules come first, in all that can be asked: answers and reasons are the same."""
    write, if_match = PRYING[what]
    told = set()
    stores: list[Json] = [{".value": 1.7e308, ".priority": 2}, {"a": {"b": 1}}, 1, None]
    for stored in stores:
        database = _database(rules)
        database.write(Write.put(HERE / "k", stored), ADMIN, NOW)
        with pytest.raises(Refusal) as refused:
            database.write(write(HERE / "k"), USER, NOW, if_match=if_match)
        assert (refused.value.status, refused.value.what) == (401, "Permission denied")
        told.add(refused.value.why)
    assert len(told) == 1


@pytest.mark.parametrize(
    "body",
    [
        {"a": {".sv": {"increment": 1.7e308}}, "b": {".sv": "bogus"}},
        {"a/.priority": {".value": {".sv": {"increment": 1.7e308}}, ".priority": 1}},
        {"b/.priority": 1, "a/.priority": {".sv": "bogus"}},
        {"b/.priority": 1, "a": {".value": 1, ".priority": True}},
    ],
)
def test_what_is_wrong_by_itself_is_told_whatever_is_stored(body: Json) -> None:
    """Something that does not fit what is stored does not hide it."""
    told = set()
    full: Json = {"a": {".value": 1.7e308, ".priority": 1.7e308}, "b": 1}
    stores: list[Json] = [full, {"b": 1}, {"a": 1}, None]
    for stored in stores:
        database = _database("{}")
        database.write(Write.put(HERE, stored), ADMIN, NOW)
        with pytest.raises(InvalidData) as refused:
            database.write(Write.patch(HERE, body), USER, NOW)
        told.add(str(refused.value))
    assert len(told) == 1


def test_a_rule_about_a_priority_does_not_tell_what_is_stored() -> None:
    """Also where the rules would take the write for what is stored, and not for nothing."""
    database = _database('{"here": {"$k": {".write": "newData.getPriority() == null"}}}')
    database.write(Write.put(HERE / "there", True), ADMIN, NOW)
    for place in (HERE / "there", HERE / "absent"):
        with pytest.raises(Refusal) as refused:
            database.write(Write.put(Path((*place, ".priority")), 1), USER, NOW)
        assert refused.value.status == 401


def test_who_may_read_is_told_why_a_write_does_not_fit() -> None:
    """It is no secret from them."""
    database = _database('{".read": true, ".write": true}')
    with pytest.raises(InvalidData, match="needs a value"):
        database.write(Write.put(Path((*HERE, ".priority")), 1), USER, NOW)


def test_nothing_is_hashed_for_who_may_not_have_it() -> None:
    """Tags of large trees take long to make; the rules are asked before."""
    database = _database("{}")
    database.write(Write.put(HERE, {"a": {"b": 1}}), ADMIN, NOW)
    with pytest.raises(Refusal):
        database.write(Write.put(HERE, 1), USER, NOW, if_match="x")
    node = database.root.at(HERE)
    assert isinstance(node, Branch)
    assert node.digest is None
