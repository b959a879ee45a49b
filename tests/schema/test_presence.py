"""Leases as they read at a moment, in virtual time; and what the rules take of them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbari_chat.rules import Ruleset
from imbari_chat.schema import presence
from imbari_chat.schema.events import (
    ChatEvent,
    ColleaguesChanged,
    MessageAdded,
    PresenceChanged,
    TypingChanged,
)
from imbari_chat.schema.models import Colleague, Sender
from imbari_chat.schema.paths import SessionId, admin_present
from imbari_chat.schema.presence import (
    EXPIRY,
    MIN_INTERVAL,
    RENEWAL,
    TYPING_EXPIRY,
    AdminSign,
    CustomerSign,
    PresenceSnapshot,
    Signs,
)
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import Path
from imbari_chat.wire.tree import Node, from_json
from imbari_chat.wire.updates import apply
from tests.contract.playing import PROFILES, profile

NOW = 1_800_000_000_000
S = SessionId("-NNNNNNNNNNNNNNNNNNN")
T = SessionId("-PPPPPPPPPPPPPPPPPPP")
OWN: Json = {"uid": "amina", "provider": "anonymous", "token": {"sub": "amina"}}
ADMIN: Json = {"uid": "desk", "provider": "password", "token": {"sub": "desk", "admin": True}}


def connected(**connections: tuple[str, int]) -> Json:
    return {
        S: {
            "at": max(at for _, at in connections.values()),
            "connections": {
                key: {"state": state, "at": at} for key, (state, at) in connections.items()
            },
        }
    }


def test_a_lease_counts_until_it_is_over_and_not_a_moment_longer() -> None:
    """And the moment is told beforehand, so that somebody can wait for it."""
    signs = Signs(customers=connected(aa=("online", NOW)))
    assert signs.snapshot(NOW).of(S) == "online"
    end = signs.next_change(NOW)
    assert end == NOW + EXPIRY
    assert signs.snapshot(end - 1).of(S) == "online"
    assert signs.snapshot(end).of(S) == "gone"
    assert signs.next_change(end) is None


def test_a_sign_is_given_anew_twice_before_it_ends() -> None:
    """So that one which is lost makes nobody go."""
    assert 2 * RENEWAL * 1000 < EXPIRY
    assert 2 * MIN_INTERVAL * 1000 < TYPING_EXPIRY


def test_who_looks_from_two_places_is_there_while_one_is_left() -> None:
    """Online if any is."""
    signs = Signs(customers=connected(aa=("online", NOW - 5000), bb=("away", NOW)))
    assert signs.snapshot(NOW).of(S) == "online"
    assert signs.snapshot(NOW + EXPIRY - 5000).of(S) == "away"
    assert signs.snapshot(NOW + EXPIRY).of(S) == "gone"
    assert Signs(customers=connected(bb=("away", NOW))).snapshot(NOW).of(S) == "away"


def test_typing_ends_by_itself_or_with_a_message() -> None:
    """With one that was stamped at the sign or later, of the same side."""
    signs = Signs(typing={S: {"at": NOW, "customer": NOW, "team": NOW}})
    both = {(S, "customer"), (S, "admin")}
    assert signs.snapshot(NOW + TYPING_EXPIRY - 1).typing == both
    assert signs.next_change(NOW) == NOW + TYPING_EXPIRY
    assert signs.snapshot(NOW + TYPING_EXPIRY).typing == frozenset()
    signs.spoke(S, "customer", NOW - 1)
    assert signs.snapshot(NOW).typing == both
    signs.spoke(S, "customer", NOW)
    signs.spoke(S, "customer", NOW - 1)
    assert signs.snapshot(NOW).typing == {(S, "admin")}


def test_nobody_is_told_that_they_type_themselves() -> None:
    """Of the team it is not known who does: while one types oneself, nobody else is said to."""
    typing: Json = {S: {"at": NOW, "customer": NOW, "team": NOW}}
    assert Signs(side="customer", typing=typing).snapshot(NOW).typing == {(S, "admin")}
    signs = Signs(typing=typing)
    signs.typed(S, NOW)
    assert signs.snapshot(NOW).typing == {(S, "customer")}
    signs.typing = {S: {"at": NOW, "team": NOW + TYPING_EXPIRY}}
    assert signs.snapshot(NOW + TYPING_EXPIRY).typing == {(S, "admin")}


def test_colleagues_are_those_who_have_it_open_now_but_not_oneself() -> None:
    """By name if they have one, and once however often they are there."""
    open_there: dict[str, Json] = {"at": NOW, "session": S}
    signs = Signs(
        admins={
            "desk": {"aa": open_there},
            "brian": {"01": {**open_there, "name": "Brian"}, "02": {**open_there, "name": "Brian"}},
            "carol": {"01": open_there, "02": {"at": NOW}},
            "late": {"01": {"at": NOW - EXPIRY, "session": S}},
        },
        own={admin_present("desk", "aa")},
    )
    expected = (Colleague("brian", "Brian"), Colleague("carol"))
    assert signs.snapshot(NOW).opened == {S: expected}
    assert [one.label for one in expected] == ["Brian", "carol"]


def test_a_customer_is_told_of_the_team() -> None:
    """Somebody was there a while ago, or not lately."""
    signs = Signs(side="customer", team=(S, NOW))
    assert signs.snapshot(NOW).of(S, "admin") == "online"
    assert signs.next_change(NOW) == NOW + EXPIRY
    assert signs.snapshot(NOW + EXPIRY).of(S, "admin") == "gone"


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=3),
    lambda below: (
        st.lists(below, max_size=3)
        | st.dictionaries(
            st.sampled_from(["at", "connections", "state", "customer", "team", "session", "0"]),
            below,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(customers=ANYTHING, admins=ANYTHING, typing=ANYTHING, team=ANYTHING)
def test_junk_is_no_sign(customers: Any, admins: Any, typing: Any, team: Any) -> None:
    """And whatever is said of it comes to an end."""
    signs = Signs(customers, admins, typing, (S, team))
    signs.snapshot(NOW)
    end: int | None = NOW
    for _ in range(30):
        if end is None:
            break
        following = signs.next_change(end)
        assert following is None or following > end
        end = following
    assert end is None


KEYS = st.tuples(st.sampled_from([S, T]), st.sampled_from(["customer", "admin"]))
SNAPSHOTS = st.builds(
    PresenceSnapshot,
    present=st.dictionaries(KEYS, st.sampled_from(["online", "away"])),
    typing=st.frozensets(KEYS),
    opened=st.dictionaries(
        st.sampled_from([S, T]),
        st.lists(st.builds(Colleague, st.sampled_from("ab")), min_size=1, max_size=2).map(tuple),
    ),
)


@given(before=SNAPSHOTS, after=SNAPSHOTS)
def test_events_carry_one_moment_over_into_another(
    before: PresenceSnapshot, after: PresenceSnapshot
) -> None:
    """Each says something, and together they say all."""
    events = list(presence.changes(before, after))
    now = before
    for event in events:
        following = presence.told(now, event)
        assert following != now
        now = following
    assert now == after
    assert list(presence.changes(after, after)) == []


def test_what_the_events_say() -> None:
    """One of each kind."""
    after = PresenceSnapshot(
        {(S, "customer"): "away"}, frozenset({(S, "admin")}), {S: (Colleague("b"),)}
    )
    told: list[ChatEvent] = [
        PresenceChanged(S, "customer", "away"),
        TypingChanged(S, "admin", typing=True),
        ColleaguesChanged(S, (Colleague("b"),)),
    ]
    assert list(presence.changes(PresenceSnapshot(), after)) == told
    assert list(presence.changes(after, PresenceSnapshot())) == [
        PresenceChanged(S, "customer", "gone"),
        TypingChanged(S, "admin", typing=False),
        ColleaguesChanged(S, ()),
    ]
    unrelated: Any = MessageAdded(S, None)  # type: ignore[arg-type]  # anything else
    assert presence.told(after, unrelated) is after


def written(
    name: str, auth: Json, before: Node, changed: dict[Path, Json], now: int = NOW
) -> Node | None:
    """What stands after a write; None if the rules refuse it."""
    after = apply(before, changed, now)
    rules = Ruleset.parse(profile(name)[1])
    decision = rules.write(list(changed), before=before, after=after, auth=auth, now=now)
    return after if decision else None


SIGNS = [
    pytest.param(OWN, CustomerSign(S, "online").changes("aa"), id="a customer who is online"),
    pytest.param(OWN, CustomerSign(S, "away").changes("0f"), id="a customer who is away"),
    pytest.param(ADMIN, AdminSign("desk").changes("aa"), id="an admin"),
    pytest.param(ADMIN, AdminSign("desk", "Desk", S).changes("aa"), id="an open conversation"),
    pytest.param(OWN, presence.types(S, "customer"), id="a customer who types"),
    pytest.param(ADMIN, presence.types(S, "admin"), id="an admin who types"),
]


@pytest.mark.parametrize("name", PROFILES)
@pytest.mark.parametrize(("auth", "changed"), SIGNS)
def test_the_rules_take_every_sign_once_a_second(
    name: str, auth: Json, changed: dict[Path, Json]
) -> None:
    """And it reads as it was meant."""
    session: Json = {"customerUid": "amina"}
    before = from_json({"chatSessions": {S: session}})
    after = written(name, auth, before, changed)
    assert after is not None
    interval = round(MIN_INTERVAL * 1000)
    assert written(name, auth, after, changed, NOW + interval - 1) is None
    assert written(name, auth, after, changed, NOW + interval) is not None


def test_a_sign_that_the_rules_took_is_read() -> None:
    """Written by the plans, judged by the rules, and told to the other side."""
    state: Node | None = from_json({"chatSessions": {S: {"customerUid": "amina"}}})
    sides: list[tuple[Json, dict[Path, Json]]] = [
        (OWN, CustomerSign(S, "away").changes("aa")),
        (ADMIN, AdminSign("desk", "Desk", S).changes("aa")),
        (OWN, presence.types(S, "customer")),
    ]
    for auth, changed in sides:
        assert state is not None
        state = written("strict", auth, state, changed)
    assert state is not None
    stored: Any = state.to_json()
    signs = Signs(stored["presence"]["customers"], stored["presence"]["admins"], stored["typing"])
    sender: Sender = "customer"
    assert signs.snapshot(NOW) == PresenceSnapshot(
        {(S, sender): "away"}, frozenset({(S, sender)}), {S: (Colleague("desk", "Desk"),)}
    )
    customer = Signs(side="customer", team=(S, stored["presence"]["team"]))
    assert customer.snapshot(NOW).of(S, "admin") == "online"


def test_whoever_is_gone_or_makes_no_sense_hides_no_colleague() -> None:
    """In whichever order they are stored."""
    alive: dict[str, Json] = {"at": NOW, "name": "Noor", "session": S}
    gone: Json = {**alive, "at": NOW - EXPIRY}
    lost: Json = {**alive, "session": 1}
    junk: Json = "junk"
    for stored in ([gone, lost, junk, alive], [alive, junk, lost, gone]):
        admins: Json = {f"u{at}": {"aa": one} for at, one in enumerate(stored)}
        (there,) = Signs(admins=admins).snapshot(NOW).colleagues(S)
        assert there == Colleague(f"u{stored.index(alive)}", "Noor")


@pytest.mark.parametrize("junk", ["junk", 1, {"state": "odd", "at": NOW}, {"at": NOW}, {}])
def test_a_connection_that_makes_no_sense_is_nobody(junk: Json) -> None:
    """And hides none that makes sense."""
    odd: dict[str, Json] = {"aa": junk, "cc": junk}
    assert Signs(customers={S: {"connections": odd}}).snapshot(NOW).of(S) == "gone"
    away: Json = {"state": "away", "at": NOW}
    there = Signs(customers={S: {"connections": {**odd, "bb": away}}})
    assert (there.snapshot(NOW).of(S), there.next_change(NOW)) == ("away", NOW + EXPIRY)


def test_keys_that_look_like_indexes_are_read_as_others() -> None:
    """The database makes a list of them, with nothing where there is none."""
    online: Json = {"connections": [None, {"state": "online", "at": NOW}]}
    desk: Json = [{"at": NOW, "session": "2", "name": "Noor"}]
    signs = Signs([None, None, online], [None, desk], [None, {"customer": NOW}])
    assert signs.snapshot(NOW) == PresenceSnapshot(
        {(SessionId("2"), "customer"): "online"},
        frozenset({(SessionId("1"), "customer")}),
        {SessionId("2"): (Colleague("1", "Noor"),)},
    )
    assert Signs([], [], [None]).snapshot(NOW) == PresenceSnapshot()


@pytest.mark.parametrize("newest", range(4))
def test_the_newest_sign_is_told_wherever_it_was_given(newest: int) -> None:
    """In whole milliseconds; what is no number, or not there, is none."""
    at: list[Json] = [NOW + 0.5 if one == newest else NOW - 1 for one in range(4)]
    signs = Signs(
        {S: {"connections": {"aa": {"state": "away", "at": at[0]}}}},
        {"desk": {"aa": {"at": at[1]}}},
        {S: {"at": at[2]}, T: "junk"},
        (S, at[3]),
    )
    assert signs.newest() == NOW
    assert Signs(typing={S: {"at": True}, T: {"at": "9"}}, team=(S, None)).newest() == 0


def test_signs_last_as_long_as_was_decided() -> None:
    """ms and seconds; the website's pages count with the same."""
    assert (EXPIRY, TYPING_EXPIRY, MIN_INTERVAL) == (150_000, 6_000, 1.0)


def test_each_side_types_for_itself() -> None:
    """A customer is meant where no side is named; and each sign has its place."""
    moment = PresenceSnapshot(typing=frozenset({(S, "customer"), (T, "admin")}))
    assert (moment.is_typing(S), moment.is_typing(S, "admin")) == (True, False)
    assert (moment.is_typing(T), moment.is_typing(T, "admin")) == (False, True)
    sides: dict[Sender, str] = {"customer": "customer", "admin": "team"}
    for sender, side in sides.items():
        written = presence.types(S, sender)
        assert {str(place) for place in written} == {f"/typing/{S}/at", f"/typing/{S}/{side}"}
