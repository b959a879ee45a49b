"""What each plan writes, to the letter: the website and every earlier version read it."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from imbari_chat.errors import InvalidData, Unavailable
from imbari_chat.schema import plans, team_plans
from imbari_chat.schema.forms import LeadForm
from imbari_chat.schema.paths import MessageId, NoteId, SessionId
from imbari_chat.schema.plans import Plan
from imbari_chat.wire.json import Json
from imbari_chat.wire.pushid import timestamp_of

S = SessionId("-OSessionSessionSess")
M, N = MessageId("-OMessageMessageMess"), MessageId("-OMessageMessageMesz")
NOTE = NoteId("-ONoteNoteNoteNoteNo")
LEAD = LeadForm.checked(
    name="Amina", email="amina@example.com", phone="+256700000000", topic="Wholesale"
)
BARE = LeadForm.checked(name="Amina", email="amina@example.com")
NOW: Json = {".sv": "timestamp"}


def _sum(by: int) -> Json:
    return {".sv": {"increment": by}}


def _session(lead: LeadForm, **more: Json) -> Json:
    return {
        "customerName": "Amina",
        "customerEmail": "amina@example.com",
        "customerPhone": lead.phone,
        "lastMessage": "",
        "lastMessageTime": NOW,
        "unreadCount": 0,
        "status": "active",
        "customerUid": None,
        "createdAt": NOW,
        "topic": lead.topic,
        **more,
    }


def _customers(lead: LeadForm, uid: str | None) -> Json:
    return {
        "text": "Hi",
        "from": "customer",
        "timestamp": NOW,
        "customerName": "Amina",
        "customerEmail": "amina@example.com",
        "customerPhone": lead.phone,
        "senderUid": uid,
        "read": False,
    }


PLACE, MESSAGE = f"/chatSessions/{S}", f"/messages/{S}/{M}"
SIGNED: dict[str, Json] = {"by": "ben", "at": NOW}

WRITES: list[tuple[Callable[[], Plan], Mapping[str, Json], dict[str, Any]]] = [
    (
        lambda: plans.start_chat(S, BARE, uid=None),
        {PLACE: _session(BARE)},
        {"marker": PLACE},
    ),
    (
        lambda: plans.start_chat(S, LEAD, uid="u", first=(M, "Hi")),
        {
            PLACE: _session(
                LEAD, lastMessage="Hi", unreadCount=1, lastCustomerMessageId=M, customerUid="u"
            ),
            MESSAGE: _customers(LEAD, "u"),
            "/starts/u/session": S,
            "/starts/u/at": NOW,
            "/starts/u/count": _sum(1),
        },
        {"marker": PLACE},
    ),
    (
        lambda: plans.customer_sends(S, M, "Hi", LEAD, uid=None),
        {
            MESSAGE: _customers(LEAD, None),
            f"{PLACE}/lastMessage": "Hi",
            f"{PLACE}/lastMessageTime": NOW,
            f"{PLACE}/lastCustomerMessageId": M,
            f"{PLACE}/unreadCount": _sum(1),
            f"{PLACE}/status": "active",
            f"{PLACE}/resolvedAt": None,
        },
        {"marker": MESSAGE, "requires": PLACE},
    ),
    (
        lambda: plans.reply(S, M, "Hi", uid="ben", after=5),
        {
            MESSAGE: {
                "text": "Hi",
                "from": "admin",
                "timestamp": NOW,
                "senderUid": "ben",
                "repliesAfter": 5,
            },
            f"{PLACE}/lastMessage": "Hi",
            f"{PLACE}/lastMessageTime": NOW,
        },
        {"marker": MESSAGE, "requires": PLACE, "expects": (f"{PLACE}/lastMessageTime", 5)},
    ),
    (
        lambda: plans.mark_read(S, [M, N]),
        {
            f"{MESSAGE}/read": True,
            f"/messages/{S}/{N}/read": True,
            f"{PLACE}/unreadCount": _sum(-2),
        },
        {"requires": PLACE},
    ),
    (
        lambda: plans.mark_read(S, [M], counted=0),
        {f"{MESSAGE}/read": True, f"{PLACE}/unreadCount": _sum(0)},
        {"requires": PLACE},
    ),
    (
        lambda: plans.mark_unread(S, M),
        {f"{MESSAGE}/read": False, f"{PLACE}/unreadCount": _sum(1)},
        {"requires": PLACE},
    ),
    (lambda: plans.mark_seen(S), {f"{PLACE}/customerSeenAt": NOW}, {"requires": PLACE}),
    (
        lambda: plans.resolve(S),
        {f"{PLACE}/status": "resolved", f"{PLACE}/resolvedAt": NOW},
        {"requires": PLACE},
    ),
    (
        lambda: plans.reopen(S),
        {f"{PLACE}/status": "active", f"{PLACE}/resolvedAt": None},
        {"requires": PLACE},
    ),
    (
        lambda: team_plans.add_note(S, NOTE, "Hm", by="ben", name="Ben"),
        {f"/adminNotes/{S}/{NOTE}": {"text": "Hm", "name": "Ben", **SIGNED}},
        {"marker": f"/adminNotes/{S}/{NOTE}", "requires": PLACE},
    ),
    (lambda: team_plans.delete_note(S, NOTE), {f"/adminNotes/{S}/{NOTE}": None}, {}),
    (
        lambda: team_plans.assign(S, "noor", by="ben", name="Noor", had="ben"),
        {f"/assignments/{S}": {"to": "noor", "name": "Noor", "from": "ben", **SIGNED}},
        {"requires": PLACE},
    ),
    (lambda: team_plans.unassign(S), {f"/assignments/{S}": None}, {}),
    (
        lambda: team_plans.label(S, ["VIP  now"], ["late"], by="ben"),
        {
            f"/labels/{S}/names/vip now": True,
            f"/labels/{S}/names/late": None,
            f"/labels/{S}/by": "ben",
            f"/labels/{S}/at": NOW,
        },
        {"requires": PLACE},
    ),
    (
        lambda: team_plans.snooze(S, 7, after=M, by="ben"),
        {f"/snoozes/{S}": {"until": 7, "after": M, **SIGNED}},
        {"requires": PLACE},
    ),
    (lambda: team_plans.unsnooze(S), {f"/snoozes/{S}": None}, {}),
    (
        lambda: team_plans.block("u", "spam", until=7, by="ben"),
        {"/blocks/u": {"reason": "spam", "until": 7, **SIGNED}},
        {},
    ),
    (lambda: team_plans.unblock("u"), {"/blocks/u": None}, {}),
    (
        lambda: team_plans.save_canned_reply("hi", "Hello", by="ben"),
        {"/cannedReplies/hi": {"text": "Hello", **SIGNED}},
        {},
    ),
    (lambda: team_plans.delete_canned_reply("hi"), {"/cannedReplies/hi": None}, {}),
]


@pytest.mark.parametrize(("planned", "changes", "about"), WRITES)
def test_a_plan_writes_this_and_nothing_else(
    planned: Callable[[], Plan], changes: Mapping[str, Json], about: dict[str, Any]
) -> None:
    """With what it needs to be there, and what says that it was made."""
    plan = planned()
    assert {str(place): value for place, value in plan.changes.items()} == changes
    expects = plan.expects and (str(plan.expects[0]), plan.expects[1])
    told = {
        "marker": plan.commit_marker and str(plan.commit_marker),
        "requires": plan.requires and str(plan.requires),
        "expects": expects,
    }
    assert {name: one for name, one in told.items() if one is not None} == about


def test_a_reply_reads_before_it_is_stored_as_it_will() -> None:
    """When it was made is in its id; what is not there is not made up."""
    sent = plans.as_sent(plans.reply(S, M, "Hi", uid="ben"))
    assert (sent.id, sent.text, sent.sender, sent.sender_uid) == (M, "Hi", "admin", "ben")
    assert sent.timestamp == timestamp_of(M)
    by_customer = plans.as_sent(plans.customer_sends(S, M, "Hi", BARE, uid=None))
    assert (by_customer.sender, by_customer.sender_uid) == ("customer", None)


HELD = [
    "chatSessions", "messages", "adminNotes", "assignments", "labels", "snoozes",
    "presence/customers", "typing",
]  # fmt: skip


def test_all_that_is_held_on_a_person_is_erased() -> None:
    """Of each conversation; and what is held on their uid, if there is nothing else of it."""
    one, other = S, SessionId("-OOtherOtherOtherOth")
    places = [f"/{root}/{session}" for session in (one, other) for root in HELD]
    plan = plans.erase([one, other])
    assert {str(place): value for place, value in plan.changes.items()} == dict.fromkeys(places)
    plan = plans.erase([one], uid="u")
    places = [f"/{root}/{one}" for root in HELD]
    places += [f"/{root}/u" for root in ("starts", "blocks", "presence/admins")]
    assert {str(place): value for place, value in plan.changes.items()} == dict.fromkeys(places)
    assert (plan.commit_marker, plan.requires) == (None, None)


@pytest.mark.parametrize(("length", "is_one"), [(0, False), (1, True), (128, True), (129, False)])
def test_a_uid_has_up_to_128_characters(length: int, is_one: bool) -> None:
    """As the service counts them."""
    if is_one:
        assert team_plans.checked_uid("u" * length) == "u" * length
        return
    with pytest.raises(InvalidData, match="a uid has 1 to 128 characters") as caught:
        team_plans.checked_uid("u" * length)
    assert caught.value.where == "uid"


@pytest.mark.parametrize(
    ("label", "reason"),
    [
        (" ", "it is empty"),
        ("x" * 41, "it has more than 40 characters"),
        ("a/b", "a key cannot contain '/'"),
        (f"{'x' * 99}/", "a key cannot contain '/'"),
    ],
)
def test_what_cannot_be_a_label_is_told_why(label: str, reason: str | None) -> None:
    """And is quoted, not all of it."""
    with pytest.raises(InvalidData) as caught:
        team_plans.checked_label(label)
    told = caught.value.what
    assert told.startswith(f"{label[:80]!r} cannot be a label: ")
    assert reason is None or told.endswith(reason)
    assert caught.value.where == "label"
    assert team_plans.checked_label("x" * 40) == "x" * 40


def test_what_is_too_long_is_told_with_a_way_out() -> None:
    """Notes and reasons are for people, who can say it elsewhere."""
    with pytest.raises(InvalidData) as caught:
        team_plans.add_note(S, NOTE, "x" * 9999, by="ben", name=None)
    assert caught.value.hint == "Write several notes"
    with pytest.raises(InvalidData) as caught:
        team_plans.block("u", "x" * 501, until=None, by="ben")
    assert caught.value.hint == "Say the rest in a note"
    team_plans.block("u", "x" * 500, until=None, by="ben")


def test_what_somebody_else_answered_is_told_what_it_may_be() -> None:
    plan = plans.reply(S, M, "Hi", uid="ben")
    with pytest.raises(Unavailable) as caught:
        plan.is_marked_by({"error": "log in"})
    assert caught.value.hint == "A network's log-in page or a firewall may have answered"
