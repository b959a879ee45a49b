"""The core by itself: rules before data, all or nothing, and who is still welcome."""

import pytest

from imbari_chat.emulator.database.changes import Write
from imbari_chat.emulator.database.credentials import ADMIN, NOBODY, Caller
from imbari_chat.emulator.database.listeners import CANCEL, Target
from imbari_chat.emulator.database.namespace import Namespace
from imbari_chat.emulator.database.refusal import Mismatch, Refusal
from imbari_chat.errors import InvalidData
from imbari_chat.rules import Ruleset
from imbari_chat.wire.paths import ROOT, Path
from imbari_chat.wire.query import Query

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
    (decision,) = database.refusals
    assert "/here/b" in decision.explain()


def test_rules_do_not_apply_to_admins() -> None:
    """Data formats do."""
    database = _database("{}")
    database.write(Write.put(HERE, 1), ADMIN, NOW)
    assert database.read(HERE, None, ADMIN, NOW).to_json() == 1
    with pytest.raises(InvalidData):
        database.write(Write.put(HERE, {".sv": "bogus"}), ADMIN, NOW)


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
    assert (told[user].frame, told[user].last) == (CANCEL, True)
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


def test_indexes_can_be_left_out() -> None:
    """One switch, for emulators without rules."""
    database = Namespace("t", Ruleset.open(), enforce_indexes=False)
    assert database.read(ROOT, Query.by_child("a"), USER, NOW).to_json() is None


def test_only_the_latest_refusals_are_kept() -> None:
    """A hundred of them, however many there were."""
    database = _database("{}")
    for n in range(150):
        with pytest.raises(Refusal):
            database.read(Path.parse(f"/n{n}"), None, USER, NOW)
    kept = [decision.explain() for decision in database.refusals]
    assert len(kept) == 100
    assert "/n149" in kept[-1]
