"""What a team keeps: read tolerantly, over by itself, and written so that the rules take it."""

from collections.abc import Iterator
from typing import Any

import pytest

from imbari_chat.errors import InvalidData, InvalidType
from imbari_chat.rules import Ruleset
from imbari_chat.schema import decode, paths, plans, team_plans
from imbari_chat.schema.models import ID_FIELD, Session
from imbari_chat.schema.paths import MessageId, NoteId, SessionId
from imbari_chat.schema.plans import Plan
from imbari_chat.schema.teamwork import (
    Assignment,
    Block,
    CannedReply,
    Labels,
    Note,
    Snooze,
    TeamRoots,
    TeamSnapshot,
    notes_in_order,
)
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import Path, illegal_in_key
from imbari_chat.wire.tree import Node, from_json
from imbari_chat.wire.updates import apply
from tests.contract.playing import PROFILES, profile

NOW = 1_800_000_000_000
S = SessionId("-NNNNNNNNNNNNNNNNNNN")
M = MessageId("-NMMMMMMMMMMMMMMMMM1")
N = NoteId("-NOOOOOOOOOOOOOOOOO1")
DESK: Json = {"uid": "desk", "provider": "password", "token": {"sub": "desk", "admin": True}}
NOOR: Json = {"uid": "noor", "provider": "password", "token": {"sub": "noor", "admin": True}}
OWN: Json = {"uid": "amina", "provider": "anonymous", "token": {"sub": "amina"}}
RULES = {name: Ruleset.parse(profile(name)[1]) for name in PROFILES}
STORED: Json = {
    "chatSessions": {
        S: {
            "customerName": "Amina",
            "customerEmail": "amina@example.com",
            "lastMessage": "Hello",
            "lastMessageTime": NOW - 1000,
            "unreadCount": 0,
            "status": "active",
            "customerUid": "amina",
            "createdAt": NOW - 2000,
            "lastCustomerMessageId": M,
        }
    },
    "messages": {
        S: {M: {"text": "Hello", "from": "customer", "timestamp": NOW - 1000, "read": True}}
    },
}


def session(**fields: Any) -> Session:
    return Session.model_validate({ID_FIELD: S, **fields})


def snapshot(root: Path, raw: Json, at: int = NOW) -> TeamSnapshot:
    roots = TeamRoots()
    assert roots.take(root, raw) == []
    return roots.snapshot(at)


def written(name: str, auth: Json, before: Node, plan: Plan, now: int = NOW) -> Node | None:
    after = apply(before, plan.changes, now)
    allowed = RULES[name].write(list(plan.changes), before=before, after=after, auth=auth, now=now)
    return after if allowed else None


def a_day_of_work() -> Iterator[tuple[Json, Plan]]:
    """Every plan, by whoever carries it out."""
    yield NOOR, team_plans.add_note(S, N, "x" * 2000, by="noor", name="n" * 50)
    yield DESK, team_plans.assign(S, "desk", by="desk", name=None, had=None)
    yield DESK, team_plans.assign(S, "noor", by="desk", name="Noor", had="desk")
    yield DESK, team_plans.assign(S, "desk", by="desk", name=None, had="noor")
    yield NOOR, team_plans.label(S, ["Very Urgent", "x" * 40, "vip"], (), by="noor")
    yield DESK, team_plans.label(S, ["grüße"], ["VIP", "never"], by="desk")
    yield DESK, team_plans.snooze(S, NOW + 60_000, after=M, by="desk")
    yield NOOR, team_plans.snooze(S, NOW + 90_000, after=None, by="noor")
    yield NOOR, team_plans.block("amina", "x" * 500, until=NOW + 60_000, by="noor")
    yield DESK, team_plans.block("amina", "x", until=None, by="desk")
    yield DESK, team_plans.save_canned_reply("a-1", "Hello {name}", by="desk")
    yield NOOR, team_plans.save_canned_reply("/a-1", "y" * 2000, by="noor")
    yield DESK, team_plans.unblock("amina")
    yield NOOR, team_plans.unsnooze(S)
    yield DESK, team_plans.unassign(S)
    yield DESK, team_plans.delete_note(S, N)
    yield NOOR, team_plans.delete_canned_reply("a-1")


@pytest.mark.parametrize("name", PROFILES)
def test_what_the_plans_write_the_rules_take_and_the_models_read(name: str) -> None:
    """From an admin; from no customer, and from nobody who signs as somebody else."""
    state = from_json(STORED)
    for auth, plan in a_day_of_work():
        assert written(name, OWN, state, plan) is None, plan
        assert written(name, None, state, plan) is None, plan
        signed = [one for one in plan.changes.values() if isinstance(one, dict) and "by" in one]
        if signed:
            other = DESK if auth is NOOR else NOOR
            assert written(name, other, state, plan) is None, plan
        after = written(name, auth, state, plan)
        assert after is not None, plan
        state = after
        roots = TeamRoots()
        for root in (
            paths.ASSIGNMENTS,
            paths.LABELS,
            paths.SNOOZES,
            paths.BLOCKS,
            paths.CANNED_REPLIES,
        ):
            assert roots.take(root, state.at(root).to_json()) == []
    assert state.at(paths.LABELS).exists
    left = apply(state, {paths.LABELS: None}, NOW).to_json()
    assert left == STORED


@pytest.mark.parametrize("name", PROFILES)
def test_an_unread_mark_is_taken_once(name: str) -> None:
    """Of two admins at once; the count stays the number of unread messages."""
    once = written(name, DESK, from_json(STORED), plans.mark_unread(S, M))
    assert once is not None
    assert once.at(paths.unread_count(S)).to_json() == 1
    assert written(name, NOOR, once, plans.mark_unread(S, M)) is None
    read = written(name, NOOR, once, plans.mark_read(S, [M]))
    assert read is not None
    assert written(name, DESK, read, plans.mark_read(S, [M])) is None


@pytest.mark.parametrize("name", PROFILES)
def test_whoever_is_late_takes_nothing_from_a_colleague(name: str) -> None:
    """A claim after a claim, a handover by who has it not any more, and putting down another's."""
    mine = written(
        name,
        DESK,
        from_json(STORED),
        team_plans.assign(S, "desk", by="desk", name=None, had=None),
    )
    assert mine is not None
    claim = team_plans.assign(S, "noor", by="noor", name=None, had=None)
    assert written(name, NOOR, mine, claim) is None
    assert written(name, NOOR, mine, team_plans.unassign(S)) is None
    handed = team_plans.assign(S, "noor", by="desk", name=None, had="desk")
    theirs = written(name, DESK, mine, handed)
    assert theirs is not None
    assert written(name, DESK, theirs, handed) is None
    assert written(name, DESK, theirs, team_plans.unassign(S)) is None


def test_a_plan_of_one_record_tells_how_it_will_read() -> None:
    """But for the server's time, which is guessed."""
    plan = team_plans.assign(S, "noor", by="desk", name=None, had="desk")
    record = team_plans.as_written(Assignment, plan, NOW)
    stored = apply(from_json(STORED), plan.changes, NOW).at(paths.assignment(S)).to_json()
    assert record == decode.record(Assignment, S, stored, paths.ASSIGNMENTS).record


@pytest.mark.parametrize(
    ("fields", "is_on"),
    [
        ({"lastCustomerMessageId": M, "unreadCount": 1, "lastMessageTime": NOW + 9}, True),
        ({"lastCustomerMessageId": "-NMMMMMMMMMMMMMMMMM2"}, False),
        ({"unreadCount": 1, "lastMessageTime": NOW + 9}, False),
    ],
)
def test_a_snooze_ends_when_the_customer_writes(fields: dict[str, Any], is_on: bool) -> None:
    """Another latest message of theirs; a colleague's answer moves the session's time alone."""
    snooze = Snooze.model_validate({ID_FIELD: S, "until": NOW + 60_000, "after": M, "at": NOW})
    assert snooze.is_on(session(**fields), NOW) is is_on


@pytest.mark.parametrize(
    ("fields", "is_on"),
    [
        ({"unreadCount": 1, "lastMessageTime": NOW}, True),
        ({"unreadCount": 1, "lastMessageTime": NOW + 1}, False),
        ({"unreadCount": 0, "lastMessageTime": NOW + 1}, True),
        ({"lastCustomerMessageId": M, "lastMessageTime": NOW + 1}, False),
    ],
)
def test_of_a_session_that_names_no_message_something_unread_counts(
    fields: dict[str, Any], is_on: bool
) -> None:
    """As the website writes it."""
    snooze = Snooze.model_validate({ID_FIELD: S, "until": NOW + 60_000, "at": NOW})
    assert snooze.is_on(session(**fields), NOW) is is_on


def test_what_has_an_end_is_over_to_the_millisecond_and_says_when() -> None:
    """Snoozes and blocks; one without an end lasts."""
    amina, brian = session(customerUid="amina"), session(customerUid="brian")
    roots = TeamRoots()
    roots.take(paths.SNOOZES, {S: {"until": NOW + 2}})
    roots.take(paths.BLOCKS, {"amina": {"until": NOW + 1}, "brian": {"reason": "x"}})
    before, at_end, after = (roots.snapshot(NOW + n) for n in range(3))
    assert [one.next_end() for one in (before, at_end, after)] == [NOW + 1, NOW + 2, None]
    assert [one.block_of(amina) is not None for one in (before, at_end)] == [True, False]
    assert [one.snooze_of(amina) is not None for one in (at_end, after)] == [True, False]
    assert after.block_of(brian) is not None
    assert after.block_of(session()) is None


@pytest.mark.parametrize("raw", [True, "x", 7, {"since": 1}, {"until": "soon"}, {"until": None}])
def test_whatever_stands_at_a_uid_blocks(raw: Json) -> None:
    """As the rules have it, so nobody is taken for free who is not."""
    roots = TeamRoots()
    roots.take(paths.BLOCKS, {"amina": raw})
    assert roots.snapshot(NOW).block_of(session(customerUid="amina")) is not None


def test_kept_replies_are_known_by_their_names() -> None:
    """And what a conversation has none of, it has none of."""
    roots = TeamRoots()
    assert not roots.take(paths.CANNED_REPLIES, {"hi": {"text": "Hello", "by": "noor", "at": 1}})
    team = roots.snapshot(NOW)
    assert {name: one.text for name, one in team.canned_replies.items()} == {"hi": "Hello"}
    assert (team.snooze_of(session()), team.assignment_of(S)) == (None, None)


def test_what_does_not_fit_is_told_once_and_takes_nothing_with_it() -> None:
    """Again when it has become another; and a good one beside it is read."""
    roots = TeamRoots()
    good: Json = {"to": "desk", "by": "noor", "at": 1, "vip": True}
    (told,) = roots.take(paths.ASSIGNMENTS, {"a": "desk", S: good})
    assert told.path == "/assignments/a"
    assert roots.take(paths.ASSIGNMENTS, {"a": "desk", S: good}) == []
    assert roots.take(paths.LABELS, {S: {"names": {"vip": True}}}) == []
    assert roots.take(paths.ASSIGNMENTS, {"a": "desk", S: good}) == []
    (again,) = roots.take(paths.ASSIGNMENTS, {"a": {"name": "x"}, S: good})
    assert again.path == "/assignments/a"
    held = roots.snapshot(NOW).assignment_of(S)
    assert held is not None
    assert (held.to, held.label, held.extra) == ("desk", "desk", {"vip": True})


@pytest.mark.parametrize(
    ("names", "read"),
    [
        ({"vip": True, "a": True}, ("a", "vip")),
        ({"vip": "yes", "a": False, "b": None}, ()),
        ([None, True, True], ("1", "2")),
        ("vip", ()),
        (None, ()),
    ],
)
def test_labels_are_those_that_are_true(names: Json, read: tuple[str, ...]) -> None:
    """Also where they look like indexes and come as a list."""
    assert snapshot(paths.LABELS, {S: {"names": names}}).labels_of(S) == read


def test_notes_are_in_the_order_of_the_servers_time() -> None:
    """And of ids where that is the same; a name is shown before a uid."""
    raw: dict[str, Json] = {
        "b": {"text": "2", "at": 1, "name": "Noor", "by": "n"},
        "a": {"text": "1", "at": 1, "by": "n"},
        "c": {"text": "0"},
    }
    batch = decode.records_by_id(Note, raw, paths.notes(S))
    notes = notes_in_order(batch.records)
    assert [(one.text, one.author) for one in notes] == [
        ("0", "somebody"),
        ("1", "n"),
        ("2", "Noor"),
    ]


@pytest.mark.parametrize(
    "make",
    [
        lambda: team_plans.add_note(S, N, " ", by="desk", name=None),
        lambda: team_plans.add_note(S, N, "x" * 2001, by="desk", name=None),
        lambda: team_plans.assign(S, "", by="desk", name=None, had=None),
        lambda: team_plans.assign(S, "x" * 129, by="desk", name=None, had=None),
        lambda: team_plans.label(S, [" "], (), by="desk"),
        lambda: team_plans.label(S, (), ["a.b"], by="desk"),
        lambda: team_plans.label(S, ["x" * 41], (), by="desk"),
        lambda: team_plans.block("amina", "", until=None, by="desk"),
        lambda: team_plans.block("amina", "x" * 501, until=None, by="desk"),
        lambda: team_plans.save_canned_reply("A", "x", by="desk"),
        lambda: team_plans.save_canned_reply("a", "{x}", by="desk"),
        lambda: team_plans.save_canned_reply("a", "x" * 2001, by="desk"),
    ],
)
def test_what_the_rules_would_refuse_is_told_before(make: Any) -> None:
    """In words, and where."""
    with pytest.raises(InvalidData) as caught:
        make()
    assert caught.value.where


@pytest.mark.parametrize("uid", ["x", "x" * 128])
def test_a_uid_may_be_as_long_as_its_limit(uid: str) -> None:
    """Or as short."""
    assert team_plans.checked_uid(uid) == uid


def test_a_label_that_can_be_none_is_not_quoted_at_length() -> None:
    """With what is wrong with it as a key, though it is too long as well."""
    with pytest.raises(InvalidData) as caught:
        team_plans.checked_label("x" * 200 + ".")
    reason = illegal_in_key("x" * 200 + ".")
    assert caught.value.what == f"'{'x' * 80}' cannot be a label: {reason}"
    assert "40" not in str(reason)


@pytest.mark.parametrize("check", [team_plans.checked_label, team_plans.checked_uid])
def test_what_is_no_text_is_told_to_be_none(check: Any) -> None:
    """With the type it is of, and where."""
    with pytest.raises(InvalidType, match="int") as caught:
        check(7)
    assert caught.value.where == check.__name__.removeprefix("checked_")


def test_records_of_each_kind_keep_what_nobody_knows() -> None:
    """As sessions and messages do."""
    for kind in (Assignment, Block, CannedReply, Labels, Note, Snooze):
        record: Any = {ID_FIELD: "x", "to": "a", "text": "a", "until": 1, "later": 1}
        assert kind.model_validate(record).extra["later"] == 1
