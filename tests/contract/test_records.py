"""Models, plans and rules are three tellings of one contract: each takes what the others write."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbari_chat.errors import InvalidData
from imbari_chat.rules import Ruleset
from imbari_chat.schema import decode, paths, plans
from imbari_chat.schema.forms import LeadForm, checked_text
from imbari_chat.schema.models import ID_FIELD, Session
from imbari_chat.schema.paths import MessageId, SessionId
from imbari_chat.wire.json import Json, utf16_length
from imbari_chat.wire.paths import ROOT, Path
from imbari_chat.wire.tree import Node, from_json
from imbari_chat.wire.updates import apply
from tests.contract.playing import PROFILES, profile

NOW = 1_800_000_000_000
S = SessionId("-NNNNNNNNNNNNNNNNNNN")
M = MessageId("-NMMMMMMMMMMMMMMMMM1")
OWN: Json = {"uid": "amina", "provider": "anonymous", "token": {"sub": "amina"}}
ADMIN: Json = {"uid": "desk", "provider": "password", "token": {"sub": "desk", "admin": True}}
RULES = {name: Ruleset.parse(profile(name)[1]) for name in PROFILES}

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
LONG = st.sampled_from([1, 20, 32, 33, 100, 101, 128, 129, 254, 255, 2000, 2001]).map("x".__mul__)
NUMBERS = st.one_of(
    st.sampled_from([0, -1, 1, 0.5, 5.0, 1e300, -1e300, 2**53, 10**6, 10**6 + 1, NOW - 1, NOW]),
    st.sampled_from([NOW + 1, NOW + 86_400_000, NOW + 86_400_001, NOW + 0.5]),
    st.integers(-(2**60), 2**60),
    st.floats(allow_nan=False, allow_infinity=False),
)
ANYTHING = st.one_of(
    st.none(), st.booleans(), TEXTS, LONG, NUMBERS, st.just({"a": 1}), st.just(["a"]), st.just({})
)

SESSION: dict[str, Any] = {
    "customerName": "Amina",
    "customerEmail": "amina@example.com",
    "customerPhone": "+256700000000",
    "lastMessage": "",
    "lastMessageTime": NOW,
    "unreadCount": 0,
    "status": "active",
    "customerUid": "amina",
    "createdAt": NOW,
    "topic": "Gifts",
    "resolvedAt": NOW,
    "customerSeenAt": NOW,
    "lastCustomerMessageId": M,
}
MESSAGE: dict[str, Any] = {
    "text": "Again",
    "from": "customer",
    "timestamp": NOW,
    "customerName": "Amina",
    "customerEmail": "amina@example.com",
    "customerPhone": "",
    "senderUid": "amina",
    "read": False,
    "repliesAfter": NOW,
}
STORED = from_json(
    {"chatSessions": {S: {**SESSION, "resolvedAt": None, "lastCustomerMessageId": None}}}
)


def changed(record: Mapping[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A record with anything at all in a few of its fields, and perhaps one field more."""
    names = st.sampled_from([*record, "vip"])
    return st.dictionaries(names, ANYTHING, max_size=3).map(lambda other: {**record, **other})


def written(
    name: str, auth: Json, before: Node, changes: Mapping[Path, Json], now: int = NOW
) -> Node | None:
    """What stands after a write; None if the rules refuse it."""
    after = apply(before, changes, now)
    decision = RULES[name].write(list(changes), before=before, after=after, auth=auth, now=now)
    return after if decision else None


EDGES: list[Any] = [
    *(0, -1, 1, 0.5, -0.5, 5.0, 1e300, -1e300, 2**53, NOW - 1, NOW, NOW + 1, NOW + 0.5),
    *(NOW + 86_400_000, NOW + 86_400_001, 10**6, 10**6 + 1),
    *("", "x", "active", "admin", "customer", "\u0000", "\U0001f600", "1", "true", M, f"{M}x"),
    *("x" * length for length in (32, 33, 100, 101, 128, 129, 254, 255, 2000, 2001)),
    *(True, False, None, {"a": 1}, ["a"], {}),
]


def read_whole(name: str, auth: Json, record: dict[str, Any]) -> bool:
    """Whether the rules take a new session; then our models must read the whole of it."""
    if auth is None:
        record = {**record, "customerUid": None}
    if record["lastCustomerMessageId"] == M and name == "compat":
        record = {**record, "lastCustomerMessageId": None}
    after = written(name, auth, from_json(None), {paths.session(S): record})
    if after is None:
        return False
    decoded = decode.session(S, after.at(paths.session(S)).to_json())
    assert decoded.record is not None
    assert decoded.rejected is None, decoded.rejected
    return True


WRITERS = [("strict", ADMIN), ("compat", None), ("compat", OWN)]


@pytest.mark.parametrize(("name", "auth"), WRITERS)
def test_a_session_at_every_edge_is_refused_or_read_whole(name: str, auth: Json) -> None:
    """Each field with each value at which something changes."""
    taken = [
        read_whole(name, auth, {**SESSION, field: edge}) for field in SESSION for edge in EDGES
    ]
    assert 50 < sum(taken) < len(taken) / 2


@pytest.mark.parametrize(("name", "auth"), WRITERS)
@given(record=changed(SESSION))
def test_a_session_that_the_rules_take_is_read_whole(
    name: str, auth: Json, record: dict[str, Any]
) -> None:
    """Nothing of it is malformed to our models, whatever else it may be."""
    read_whole(name, auth, record)


def message_read_whole(name: str, auth: Json, record: dict[str, Any], *, replies: bool) -> bool:
    """Whether the rules take a message; then our models must read the whole of it."""
    if replies:
        record = {**record, "from": "admin", "senderUid": "desk"}
    elif record["repliesAfter"] == NOW:
        record = {**record, "repliesAfter": None}
    if auth is None:
        record = {**record, "senderUid": None}
    changes: dict[Path, Json] = {paths.message(S, M): record}
    if name == "strict":
        place = paths.session(S)
        changes |= {place / "lastMessage": record["text"], place / "lastMessageTime": NOW}
        if not replies:
            changes |= {place / "lastCustomerMessageId": M, place / "unreadCount": 1}
    before = STORED
    if auth is None:
        before = before.put(paths.session(S) / "customerUid", from_json(None))
    after = written(name, auth, before, changes)
    if after is None:
        return False
    decoded = decode.message(S, M, after.at(paths.message(S, M)).to_json())
    assert decoded.record is not None
    assert decoded.rejected is None, decoded.rejected
    return True


@pytest.mark.parametrize(
    ("name", "auth", "replies"),
    [
        ("strict", OWN, False),
        ("strict", ADMIN, True),
        ("compat", None, False),
        ("compat", OWN, True),
    ],
)
def test_a_message_at_every_edge_is_refused_or_read_whole(
    name: str, auth: Json, *, replies: bool
) -> None:
    """Each field with each value at which something changes, whatever the sender's side."""
    taken = [
        message_read_whole(name, auth, {**MESSAGE, field: edge}, replies=replies)
        for field in MESSAGE
        for edge in EDGES
    ]
    assert (20 < sum(taken) < len(taken) / 2) is not (auth is OWN and replies)


@pytest.mark.parametrize("auth", [OWN, ADMIN, None])
@pytest.mark.parametrize("name", PROFILES)
@given(record=changed(MESSAGE), replies=st.booleans())
def test_a_message_that_the_rules_take_is_read_whole(
    name: str, auth: Json, *, record: dict[str, Any], replies: bool
) -> None:
    """Likewise, whoever writes it."""
    message_read_whole(name, auth, record, replies=replies)


def _text(low: int, high: int) -> Callable[[Any], bool]:
    return lambda value: low <= utf16_length(value) <= high


def _number(high: int) -> Callable[[Any], bool]:
    return lambda value: 0 <= value <= high


def _matches(pattern: str) -> Callable[[Any], bool]:
    return lambda value: re.fullmatch(pattern, value) is not None


LIMITS: dict[str, Callable[[Any], bool]] = {
    "customerName": _text(1, 100),
    "customerEmail": _text(0, 254),
    "customerPhone": _text(0, 32),
    "lastMessage": _text(0, 2000),
    "lastMessageTime": _number(NOW),
    "unreadCount": _number(10**6),
    "customerUid": _matches("[-_:|0-9A-Za-z]{1,128}"),
    "createdAt": _number(NOW),
    "topic": _text(0, 100),
    "resolvedAt": _number(NOW),
    "customerSeenAt": _number(NOW),
    "lastCustomerMessageId": _matches("[-_0-9A-Za-z]{20}"),
}
"""What a model can say and the rules refuse: a field beyond one of these."""

SESSIONS = st.builds(
    lambda fields: Session.model_validate({**SESSION, **fields, ID_FIELD: S}),
    st.fixed_dictionaries(
        {},
        optional={
            **{
                name: st.one_of(TEXTS, LONG, TEXTS.map("x{}".format))
                for name in ("customerName", "customerEmail", "customerPhone", "lastMessage")
            },
            **{
                name: st.one_of(st.none(), LONG, TEXTS)
                for name in ("topic", "customerUid", "lastCustomerMessageId")
            },
            **{
                name: st.one_of(
                    st.integers(-(2**60), 2**60), st.sampled_from([-1, 0, NOW, NOW + 1])
                )
                for name in ("lastMessageTime", "createdAt", "resolvedAt", "customerSeenAt")
            },
            "unreadCount": st.one_of(st.integers(0, 2**60), st.sampled_from([10**6, 10**6 + 1])),
            "status": st.sampled_from(["active", "resolved"]),
        },
    ),
)


@given(session=SESSIONS)
def test_what_a_session_can_say_the_rules_take_but_for_what_is_listed(session: Session) -> None:
    """An admin who writes a model down is refused for a limit above, and for nothing else."""
    record = session.model_dump(by_alias=True, exclude={"id"}, exclude_none=True)
    within = all(LIMITS[name](value) for name, value in record.items() if name in LIMITS)
    after = written("strict", ADMIN, from_json(None), {paths.session(S): record})
    assert (after is not None) is within, record


def test_every_field_of_a_session_has_its_limit_listed() -> None:
    """But the status, which is one of two."""
    fields = {field.alias or name for name, field in Session.model_fields.items() if name != "id"}
    assert fields - {"status"} == set(LIMITS)


LEADS = st.builds(
    lambda name, email, phone, topic: LeadForm.checked(
        name=name, email=email, phone=phone, topic=topic
    ),
    st.sampled_from(["Amina", "x" * 100, "\U0001f600" * 50]),
    st.sampled_from(["amina@example.com", "a@b.example"]),
    st.sampled_from([None, "0700 000 000", "+256700000000", "1" * 32]),
    st.sampled_from([None, "Wholesale", "x" * 100]),
)


def _sendable(text: str) -> bool:
    try:
        checked_text(text)
    except InvalidData:
        return False
    return True


MESSAGES = st.one_of(TEXTS, LONG).filter(_sendable)


@pytest.mark.parametrize("name", PROFILES)
@given(lead=LEADS, first=st.booleans(), text=MESSAGES, answer=MESSAGES, guarded=st.booleans())
def test_what_plans_write_the_rules_take(
    name: str, lead: LeadForm, text: str, answer: str, *, first: bool, guarded: bool
) -> None:
    """A whole conversation, each step by whoever takes it; erased under the strict rules alone."""
    ids = [MessageId(f"-NMMMMMMMMMMMMMMMMM{number}") for number in range(4)]
    opening = (ids[0], text) if first else None
    state, now = from_json(None), NOW
    for auth, plan in (
        (OWN, plans.start_chat(S, lead, uid="amina", first=opening)),
        (OWN, plans.mark_seen(S)),
        (OWN, plans.customer_sends(S, ids[1], text, lead, uid="amina")),
        (ADMIN, plans.reply(S, ids[2], answer, uid="desk", after=NOW + 1000 if guarded else None)),
        (ADMIN, plans.mark_read(S, [*ids[:1], ids[1]] if first else [ids[1]])),
        (ADMIN, plans.resolve(S)),
        (OWN, plans.customer_sends(S, ids[3], text, lead, uid="amina")),
        (ADMIN, plans.reopen(S)),
        (OWN, plans.mark_seen(S)),
    ):
        after = written(name, auth, state, plan.changes, now)
        assert after is not None, plan
        state, now = after, now + 500
    assert decode.session(S, state.at(paths.session(S)).to_json()).rejected is None
    erased = written(name, ADMIN, state, plans.erase([S], uid="amina").changes, now)
    if name == "strict":
        assert erased is not None
        assert not erased.exists
    else:
        assert erased is None


def test_the_plan_of_starting_is_refused_a_second_time() -> None:
    """What had been committed is not there twice, and the count of starts does not move either."""
    plan = plans.start_chat(S, LeadForm.checked(name="A", email="a@b.example"), uid="amina")
    after = written("strict", OWN, from_json(None), plan.changes)
    assert after is not None
    assert written("strict", OWN, after, plan.changes, NOW + 1) is None


def test_twenty_starts_go_out_at_once_and_the_next_a_minute_later() -> None:
    """As the plan counts them, without having read what was counted."""
    lead = LeadForm.checked(name="Amina", email="amina@example.com")
    state: Node = from_json(None)
    starts = [
        plans.start_chat(SessionId(f"-NNNNNNNNNNNNNNNNN{number}"), lead, uid="amina")
        for number in range(10, 32)
    ]
    for plan in starts[:20]:
        after = written("strict", OWN, state, plan.changes)
        assert after is not None
        state = after
    assert written("strict", OWN, state, starts[20].changes, NOW + 59_999) is None
    after = written("strict", OWN, state, starts[20].changes, NOW + 60_000)
    assert after is not None
    assert written("strict", OWN, after, starts[21].changes, NOW + 119_999) is None


def test_a_flood_of_starts_in_one_write_is_refused() -> None:
    """Two thousand sessions of one uid, with and without the one record there can be."""
    lead = LeadForm.checked(name="Amina", email="amina@example.com")
    flood: dict[Path, Json] = {}
    for number in range(2000):
        session = SessionId(f"-NNNNNNNNNNNNNNN{number:04}")
        flood |= plans.start_chat(session, lead, uid="amina").changes
    assert written("strict", OWN, from_json(None), flood) is None
    bare = {place: value for place, value in flood.items() if place[:1] != paths.STARTS}
    assert written("strict", OWN, from_json(None), bare) is None


@pytest.mark.parametrize("name", PROFILES)
def test_everything_held_on_a_person_is_in_a_list(name: str) -> None:
    """What the rules let somebody write is held by session, by uid, or says nothing of anybody."""
    document = RULES[name].json
    assert isinstance(document, dict)
    listed = (*paths.HELD_BY_SESSION, *paths.HELD_BY_UID, *paths.IMPERSONAL)
    assert len(set(listed)) == len(listed)
    held = set(holding(document["rules"], ROOT))
    assert held <= set(listed)
    if name == "strict":
        assert held == set(listed)


def holding(rules: Json, place: Path) -> Iterator[Path]:
    """The places of a rules document that hold records, or a value."""
    assert isinstance(rules, dict)
    below = [key for key in rules if not key.startswith(".")]
    if not below or any(key.startswith("$") for key in below):
        yield place
        return
    for key in below:
        yield from holding(rules[key], place / key)


def test_one_erase_takes_everything_that_is_held() -> None:
    """Whatever stands at a place that is held on the person; nothing that another is."""
    other = SessionId("-PPPPPPPPPPPPPPPPPPP")
    by_session: dict[Path, Json] = {
        Path((*root, each)): SESSION if root == paths.SESSIONS else {"x": {"text": "x"}}
        for root in paths.HELD_BY_SESSION
        for each in (S, other)
    }
    by_uid: dict[Path, Json] = {
        Path((*root, uid)): {"x": 1} for root in paths.HELD_BY_UID for uid in ("amina", "brian")
    }
    held = apply(from_json(None), {**by_session, **by_uid}, NOW)
    after = written("strict", ADMIN, held, plans.erase([S], uid="amina").changes)
    assert after is not None
    kept = [place for place in (*by_session, *by_uid) if after.at(place).exists]
    assert all(place.key in (other, "brian") for place in kept)
    assert len(kept) == len(paths.HELD_BY_SESSION) + len(paths.HELD_BY_UID)
