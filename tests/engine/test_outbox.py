"""The outbox: in order, each exactly once, offline no error."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbari_chat.engine.backoff import BackoffPolicy
from imbari_chat.engine.outbox import Delivered, Look, OutboxCore, OutboxEffect, OutboxPolicy, Send
from imbari_chat.engine.refusals import CredentialRefused
from imbari_chat.errors import (
    AccessDenied,
    ImbariError,
    InvalidData,
    NotFound,
    QuotaExceeded,
    Unavailable,
)
from tests.budget import examples

DENIED = AccessDenied("no")
AWAY = Unavailable("away")
UNKNOWN = Unavailable("no answer", outcome_unknown=True)


def _core(**policy: float) -> OutboxCore:
    return OutboxCore(lambda: 0.0, OutboxPolicy(**policy))  # type: ignore[arg-type]  # numbers


def _asked(core: OutboxCore) -> list[OutboxEffect]:
    return [effect for effect in core.drain() if not isinstance(effect, Delivered)]


def _told(core: OutboxCore) -> list[tuple[str, str]]:
    return [(e.key, e.delivery) for e in core.drain() if isinstance(e, Delivered)]


def test_a_message_is_queued_sent_and_confirmed() -> None:
    """And then forgotten."""
    core = _core()
    core.put("m1", "s", 0.0)
    assert core.drain() == [Delivered("m1", "sent"), Send(("m1",))]
    core.unreachable("m1", AWAY, 0.5)
    assert core.drain() == [Delivered("m1", "queued")]
    core.online(0.6)
    assert core.drain() == [Delivered("m1", "sent"), Send(("m1",))]
    core.committed("m1", 1.0)
    assert core.drain() == [Delivered("m1", "confirmed")]
    assert core.pending == {}
    assert core.deadline() is None


def test_a_lane_sends_one_after_the_other_and_lanes_do_not_wait_for_each_other() -> None:
    """Order is per conversation."""
    core = _core()
    for key, lane in [("a1", "a"), ("a2", "a"), ("b1", "b")]:
        core.put(key, lane, 0.0)
    assert _asked(core) == [Send(("a1",)), Send(("b1",))]
    core.committed("a1", 1.0)
    assert _asked(core) == [Send(("a2",))]


def test_what_cannot_be_sent_waits_and_is_not_an_error() -> None:
    """It is queued again, and tried again when the pause is over."""
    core = _core()
    core.put("m1", "s", 0.0)
    core.drain()
    core.unreachable("m1", AWAY, 1.0)
    assert core.drain() == [Delivered("m1", "queued")]
    due = core.deadline()
    assert due is not None
    core.tick(due)
    assert _asked(core) == [Send(("m1",))]


@pytest.mark.parametrize("trouble", [Unavailable("503"), QuotaExceeded("429")])
def test_a_service_that_asks_to_be_left_alone_is(trouble: ImbariError) -> None:
    """By all that fails, for as long as whoever was asked for most; unless it is back before."""
    core = _core()
    for key in ("a", "b"):
        core.put(key, key, 0.0)
    core.drain()
    for key, trouble.retry_after in (("a", 20.0), ("b", 5.0)):
        if isinstance(trouble, Unavailable):
            core.unreachable(key, trouble, 1.0)
        else:
            core.refused(key, trouble, 1.0)
    assert core.deadline() == 21.0
    core.online(2.0)
    assert _asked(core) == [Send(("a",)), Send(("b",))]


def test_pauses_grow_while_the_service_is_away_and_start_over_when_it_is_back() -> None:
    """A service that is down for an hour is not hammered."""
    core = _core()
    core.put("m1", "s", 0.0)
    pauses, now = [], 0.0
    for _ in range(4):
        core.unreachable("m1", AWAY, now)
        due = core.deadline()
        assert due is not None
        pauses.append(due - now)
        now = due
        core.tick(now)
    assert pauses == sorted(pauses)
    assert pauses[-1] > pauses[0]
    core.committed("m1", now)
    core.put("m2", "s", now)
    core.unreachable("m2", AWAY, now)
    assert core.deadline() == now + BackoffPolicy().first / 2


def test_coming_online_skips_the_pause() -> None:
    """A stream that is live again proves that the service can be reached."""
    core = _core()
    core.put("m1", "s", 0.0)
    core.unreachable("m1", AWAY, 0.0)
    core.drain()
    assert not core.goes_at_once("other", 0.01)
    core.online(0.01)
    assert _asked(core) == [Send(("m1",))]
    assert core.goes_at_once("other", 0.01)


def test_a_lost_answer_is_looked_for_before_sending_again() -> None:
    """Found: it had been committed. Not found: it goes out again."""
    core = _core()
    core.put("m1", "s", 0.0)
    core.unreachable("m1", UNKNOWN, 1.0)
    core.drain()
    core.tick(100.0)
    assert core.drain() == [Look("m1")]
    core.looked("m1", 101.0, present=False)
    assert _asked(core) == [Send(("m1",))]
    core.unreachable("m1", UNKNOWN, 102.0)
    core.tick(200.0)
    core.drain()
    core.looked("m1", 201.0, present=True)
    assert core.drain() == [Delivered("m1", "confirmed")]


def test_a_message_that_may_be_there_is_never_called_queued() -> None:
    """Neither while looking fails nor while waiting to look."""
    core = _core()
    core.put("m1", "s", 0.0)
    core.unreachable("m1", UNKNOWN, 1.0)
    core.tick(50.0)
    core.unreachable("m1", AWAY, 51.0)
    assert core.pending == {"m1": "sent"}
    core.tick(100.0)
    assert _asked(core)[-1] == Look("m1")


def test_a_try_may_arrive_after_those_that_follow_it() -> None:
    """One that certainly was not sent says nothing about the one before."""
    core = _core(interval=0.5)
    core.put("m1", "s", 0.0)
    core.unreachable("m1", UNKNOWN, 1.0)
    core.online(2.0)
    core.drain()
    core.looked("m1", 3.0, present=False)
    assert _asked(core) == [Send(("m1",))]  # at once
    core.unreachable("m1", AWAY, 4.0)
    assert core.pending == {"m1": "sent"}
    core.online(5.0)
    assert _asked(core) == [Look("m1")]


def test_a_second_chance_is_forgotten_by_the_next_outage() -> None:
    """What was refused then has been sent since, and nobody knows with which answer."""
    core = _core(interval=0.5, second_chances=1)
    core.put("m1", "s", 0.0)
    core.refused("m1", DENIED, 1.0)
    core.looked("m1", 1.1, present=False)
    core.tick(1.6)
    core.unreachable("m1", UNKNOWN, 2.0)
    core.online(3.0)
    core.drain()
    core.looked("m1", 4.0, present=False)
    assert _asked(core) == [Send(("m1",))]  # at once


def test_a_message_that_may_be_there_is_not_called_queued_by_a_full_quota() -> None:
    """Its first try may still have arrived, whatever the service says of the next."""
    core = _core()
    core.put("m1", "s", 0.0)
    core.unreachable("m1", UNKNOWN, 1.0)
    core.tick(100.0)
    core.looked("m1", 101.0, present=False)
    core.drain()
    core.refused("m1", QuotaExceeded("full"), 102.0)
    assert core.drain() == []
    assert core.pending == {"m1": "sent"}


def test_the_clock_is_watched_for_whichever_lane_is_due_first() -> None:
    """However the lanes were begun, and one after the other."""
    core = _core(interval=0.5)
    for lane, used in [("late", 0.2), ("early", 0.0), ("later", 0.3)]:
        core.used(lane, used)
        core.put(lane, lane, 0.35)
    core.drain()
    due = []
    while (deadline := core.deadline()) is not None:
        core.tick(deadline)
        (send,) = _asked(core)
        assert isinstance(send, Send)
        due.append((send.keys, deadline))
        core.committed(send.keys[0], deadline)
    assert due == [(("early",), 0.5), (("late",), 0.7), (("later",), 0.8)]


def test_a_refusal_by_the_rules_may_be_the_echo_of_an_earlier_try() -> None:
    """The message is there: it is confirmed."""
    core = _core()
    core.put("m1", "s", 0.0)
    core.refused("m1", DENIED, 1.0)
    assert _asked(core) == [Send(("m1",)), Look("m1")]
    core.looked("m1", 2.0, present=True)
    assert core.drain() == [Delivered("m1", "confirmed")]


def test_what_the_rules_refused_is_not_called_queued_while_it_is_looked_for() -> None:
    """Though the look has to wait; one is under way at a time."""
    core = _core()
    core.put("m1", "s", 0.0)
    core.refused("m1", DENIED, 1.0)
    core.drain()
    core.tick(50.0)
    assert core.drain() == []
    core.refused("m1", QuotaExceeded("full"), 51.0)
    assert core.drain() == []
    core.online(52.0)
    assert core.drain() == [Look("m1")]
    core.unreachable("m1", AWAY, 53.0)
    assert core.drain() == []
    assert core.pending == {"m1": "sent"}


def test_whoever_may_not_look_was_refused_for_good() -> None:
    """Two refusals by the rules are no echo of each other."""
    core = _core()
    core.put("m1", "s", 0.0)
    core.refused("m1", DENIED, 1.0)
    core.drain()
    core.refused("m1", DENIED, 2.0)
    assert core.drain() == [Delivered("m1", "failed", DENIED)]


def test_a_refusal_by_the_rules_of_what_is_not_there_is_final() -> None:
    """And the next message of the lane has its turn."""
    core = _core()
    core.put("m1", "s", 0.0)
    core.put("m2", "s", 0.0)
    core.refused("m1", DENIED, 1.0)
    core.drain()
    core.looked("m1", 2.0, present=False)
    assert core.drain() == [
        Delivered("m1", "failed", DENIED),
        Delivered("m2", "sent"),
        Send(("m2",)),
    ]


def test_a_look_that_finds_no_conversation_is_final() -> None:
    """Nothing will ever be there, however often it is looked for."""
    core = _core()
    core.put("m1", "s", 0.0)
    core.unreachable("m1", UNKNOWN, 1.0)
    core.tick(100.0)
    core.drain()
    core.refused("m1", NotFound("no such conversation"), 101.0)
    assert _told(core) == [("m1", "failed")]
    assert core.pending == {}


@pytest.mark.parametrize("left_behind", [False, True])
def test_what_nobody_may_look_for_may_be_there_all_the_same(left_behind: bool) -> None:
    """Rules may be others by and by, so it is looked for again; others do not wait for that."""
    core = _core()
    if left_behind:
        core.restore("m1", "s", 0.0, tried=True, age=0.0)
    else:
        core.put("m1", "s", 0.0)
        core.unreachable("m1", UNKNOWN, 1.0)
    core.tick(100.0)
    for now in (101.0, 201.0):
        assert _asked(core)[-1] == Look("m1")
        core.barred("m1", now)
        core.tick(now)
        assert core.drain() == []
        assert core.deadline() == now + BackoffPolicy().cap
        core.tick(now + BackoffPolicy().cap)
    core.put("m2", "t", 300.0)
    core.looked("m1", 300.0, present=True)
    assert ("m1", "confirmed") in (told := _told(core))
    assert ("m2", "sent") in told


@pytest.mark.parametrize("was_absent", [False, True])
def test_what_nobody_may_look_for_and_nothing_speaks_for_is_not_there(was_absent: bool) -> None:
    """It never was in doubt, or has been looked for since."""
    core = _core()
    core.put("m1", "s", 0.0)
    if was_absent:
        core.unreachable("m1", UNKNOWN, 1.0)
        core.tick(100.0)
        core.looked("m1", 101.0, present=False)
    core.refused("m1", DENIED, 102.0)
    assert _asked(core)[-1] == Look("m1")
    core.barred("m1", 103.0)
    assert core.drain() == [Delivered("m1", "failed", DENIED)]
    core.barred("m1", 104.0)
    assert core.drain() == []


def test_a_look_that_fails_has_seen_nothing() -> None:
    """What may be there may be there still, though nobody may look any more."""
    core = _core()
    core.put("m1", "s", 0.0)
    core.unreachable("m1", UNKNOWN, 1.0)
    core.online(2.0)
    core.unreachable("m1", AWAY, 3.0)
    core.online(4.0)
    core.drain()
    core.barred("m1", 5.0)
    assert (core.drain(), core.pending) == ([], {"m1": "sent"})


@pytest.mark.parametrize("answer", ["yes", "no"])
def test_an_answer_that_comes_late_is_one(answer: str) -> None:
    """It was given up, and waits for the pause that the answer ends: it must not go out again."""
    core = _core()
    core.put("m1", "s", 0.0)
    core.unreachable("m1", AWAY, 1.0)
    core.drain()
    if answer == "yes":
        core.committed("m1", 1.1)
        assert core.drain() == [Delivered("m1", "confirmed")]
    else:
        core.refused("m1", InvalidData("bad"), 1.1)
        assert _told(core) == [("m1", "failed")]


def test_a_second_chance_waits_for_the_interval() -> None:
    """The rules' interval may have been used up elsewhere."""
    core = _core(interval=0.5, second_chances=1)
    core.put("m1", "s", 0.0)
    core.refused("m1", DENIED, 1.0)
    core.looked("m1", 1.1, present=False)
    core.drain()
    assert core.deadline() == 1.6
    core.tick(1.6)
    assert _asked(core) == [Send(("m1",))]
    core.refused("m1", DENIED, 2.0)
    core.looked("m1", 2.1, present=False)
    assert _told(core)[-1] == ("m1", "failed")


@pytest.mark.parametrize("error", [InvalidData("bad"), NotFound("no such database")])
def test_any_other_refusal_is_final(error: ImbariError) -> None:
    """Trying again would not mend it."""
    core = _core()
    core.put("m1", "s", 0.0)
    core.drain()
    core.refused("m1", error, 1.0)
    assert core.drain() == [Delivered("m1", "failed", error)]


@pytest.mark.parametrize("error", [QuotaExceeded("full"), CredentialRefused("who?")])
def test_what_may_pass_is_waited_for(error: ImbariError) -> None:
    """A quota fills again; a service in trouble refuses good sign-ins too."""
    core = _core()
    core.put("m1", "s", 0.0)
    core.drain()
    core.refused("m1", error, 1.0)
    assert core.drain() == [Delivered("m1", "queued")]
    core.online(1.1)
    assert _asked(core) == [Send(("m1",))]
    core.committed("m1", 1.2)
    assert _told(core) == [("m1", "confirmed")]


def test_a_sign_in_that_is_never_taken_again_is_over() -> None:
    """Somebody has to sign in, and hears so."""
    core = _core(sign_in_tries=3)
    core.put("m1", "s", 0.0)
    error = CredentialRefused("who?")
    for now in (1.0, 2.0):
        core.online(now)
        core.refused("m1", error, now)
    assert core.pending == {"m1": "queued"}
    core.online(3.0)
    core.refused("m1", error, 3.0)
    assert Delivered("m1", "failed", error) in core.drain()


def test_a_quota_does_not_use_up_the_sign_ins() -> None:
    """It may take hours to fill."""
    core = _core(sign_in_tries=2)
    core.put("m1", "s", 0.0)
    for now in range(1, 9):
        core.refused("m1", QuotaExceeded("full"), float(now))
        core.online(float(now))
    core.refused("m1", CredentialRefused("who?"), 9.0)
    assert core.pending == {"m1": "queued"}


@pytest.mark.parametrize("error", [QuotaExceeded("full"), CredentialRefused("who?"), AWAY])
def test_what_is_not_kept_fails_when_it_cannot_go_now(error: ImbariError) -> None:
    """Whoever cannot wait is told at once, and nothing goes out later."""
    core = _core()
    core.put("m1", "s", 0.0, keep=False)
    core.drain()
    if isinstance(error, Unavailable):
        core.unreachable("m1", error, 1.0)
    else:
        core.refused("m1", error, 1.0)
    assert core.drain() == [Delivered("m1", "failed", error)]
    assert core.pending == {}


def test_what_is_not_kept_is_still_looked_for_when_it_may_be_there() -> None:
    """A lost answer is no reason to call it lost."""
    core = _core()
    core.put("m1", "s", 0.0, keep=False)
    core.drain()
    core.unreachable("m1", UNKNOWN, 1.0)
    core.online(1.1)
    assert _asked(core) == [Look("m1")]


def test_the_interval_separates_messages_of_a_lane_even_if_nothing_waited() -> None:
    """It is counted from the end of the one before."""
    core = _core(interval=0.5)
    core.put("m1", "s", 0.0)
    core.committed("m1", 1.0)
    core.put("m2", "s", 1.1)
    core.drain()
    assert core.deadline() == 1.5
    core.online(1.2)
    assert _asked(core) == []
    core.tick(1.5)
    assert _asked(core) == [Send(("m2",))]


def test_the_interval_separates_messages_of_a_lane_that_waited() -> None:
    """From the end of the one before, whenever they were written."""
    core = _core(interval=0.5)
    core.put("m1", "s", 0.0)
    core.put("m2", "s", 0.0)
    core.drain()
    core.committed("m1", 1.0)
    assert (_asked(core), core.deadline()) == ([], 1.5)


def test_the_interval_also_counts_from_what_went_out_another_way() -> None:
    """The first message goes with the start of its conversation."""
    core = _core(interval=0.5)
    core.used("s", 1.0)
    core.put("m1", "s", 1.1)
    assert _asked(core) == []
    assert core.deadline() == 1.5


def test_a_message_given_up_makes_way_for_the_next() -> None:
    """And giving it up twice is fine."""
    core = _core()
    core.put("m1", "s", 0.0)
    core.put("m2", "s", 0.0)
    core.unreachable("m1", AWAY, 1.0)
    core.drain()
    core.withdraw("m1", 2.0)
    assert _asked(core) == [Send(("m2",))]
    core.unreachable("m2", UNKNOWN, 3.0)
    core.withdraw("m2", 4.0)
    core.withdraw("m2", 4.0)
    assert core.pending == {}


def test_facts_about_what_is_settled_change_nothing() -> None:
    """A late answer to an abandoned try."""
    core = _core()
    core.put("m1", "s", 0.0)
    core.committed("m1", 1.0)
    core.drain()
    core.refused("m1", DENIED, 2.0)
    core.unreachable("m1", UNKNOWN, 2.0)
    core.looked("m1", 2.0, present=False)
    core.committed("m1", 2.0)
    assert core.drain() == []


def test_what_was_left_behind_untried_goes_out_in_its_order() -> None:
    """And what is written now goes behind it."""
    core = _core()
    core.restore("a", "s", 0.0, tried=False, age=60.0)
    core.restore("b", "s", 0.0, tried=False, age=50.0)
    core.put("c", "s", 0.0)
    assert _asked(core) == [Send(("a",))]
    core.committed("a", 1.0)
    core.committed("b", 2.0)
    assert _asked(core) == [Send(("b",)), Send(("c",))]


@pytest.mark.parametrize("present", [True, False])
def test_what_was_left_behind_tried_is_looked_for_first(present: bool) -> None:
    """It is never said to be queued, since it may be there."""
    core = _core()
    core.restore("a", "s", 0.0, tried=True, age=60.0)
    assert core.drain() == [Delivered("a", "sent"), Look("a")]
    core.looked("a", 1.0, present=present)
    effects = [Delivered("a", "confirmed")] if present else [Send(("a",))]
    assert core.drain() == effects


@pytest.mark.parametrize("age", [86_401.0, -86_401.0, float("inf")])
def test_what_has_grown_stale_asks_and_holds_up_its_lane_alone(age: float) -> None:
    """Also by a clock that was moved; nobody waits for the clock then."""
    core = _core()
    core.restore("a", "s", 0.0, tried=False, age=age)
    core.restore("b", "s", 0.0, tried=False, age=0.0)
    core.put("c", "other", 0.0)
    assert _asked(core) == [Send(("c",))]
    core.committed("c", 0.1)
    assert core.pending == {"a": "held", "b": "queued"}
    assert not core.is_moving
    assert core.deadline() is None
    core.online(1.0)
    assert _asked(core) == []
    core.release("a", 2.0)
    assert _asked(core) == [Send(("a",))]
    core.committed("a", 3.0)
    assert _asked(core) == [Send(("b",))]


def test_what_is_stale_and_may_be_there_is_looked_for_before_it_asks() -> None:
    """Nobody is asked about what is there; and again once it is to go after all."""
    core = _core()
    core.restore("a", "s", 0.0, tried=True, age=1e6)
    assert _asked(core) == [Look("a")]
    core.looked("a", 1.0, present=False)
    assert core.drain() == [Delivered("a", "held")]
    core.release("a", 2.0)
    assert core.drain() == [Delivered("a", "sent"), Look("a")]
    core.looked("a", 3.0, present=False)
    assert _asked(core) == [Send(("a",))]


@pytest.mark.parametrize("tried", [True, False])
def test_what_waited_for_a_person_waits_for_one_still(tried: bool) -> None:
    """However young it is; what may be there is looked for first."""
    core = _core()
    core.restore("a", "s", 0.0, tried=tried, age=0.0, held=True)
    if tried:
        assert core.drain() == [Delivered("a", "sent"), Look("a")]
        core.looked("a", 1.0, present=False)
    assert core.drain() == [Delivered("a", "held")]


def test_what_may_be_there_is_looked_for_before_it_is_held() -> None:
    """Though it was not there a moment ago: a try since then may have arrived late."""
    core = _core()
    core.put("a", "s", 0.0)
    core.unreachable("a", UNKNOWN, 1.0)
    core.online(2.0)
    core.looked("a", 3.0, present=False)
    core.refused("a", QuotaExceeded("full"), 4.0)
    core.drain()
    core.hold("a", 4.1)
    assert core.drain() == [Look("a")]
    core.looked("a", 5.0, present=True)
    assert core.drain() == [Delivered("a", "confirmed")]


def test_what_waits_only_for_the_clock_is_held_at_once() -> None:
    """It was never sent, so there is nothing to look for."""
    core = _core()
    core.put("a", "s", 0.0)
    core.unreachable("a", AWAY, 0.0)
    core.drain()
    core.hold("a", 0.1)
    assert core.drain() == [Delivered("a", "held")]


def test_who_changes_their_mind_in_time_holds_nothing() -> None:
    """It was on its way all the while."""
    core = _core()
    core.put("a", "s", 0.0)
    core.hold("a", 0.1)
    core.drain()
    core.release("a", 0.2)
    assert core.drain() == []
    core.unreachable("a", AWAY, 1.0)
    assert core.pending == {"a": "queued"}


def test_what_is_released_keeps_the_interval() -> None:
    """And is queued until then."""
    core = _core(interval=0.5)
    core.restore("a", "s", 0.0, tried=False, age=0.0, held=True)
    core.used("s", 1.0)
    core.drain()
    core.release("a", 1.1)
    assert core.drain() == [Delivered("a", "queued")]
    assert core.deadline() == 1.5


def test_one_lane_that_moves_is_movement() -> None:
    """Whatever else is held."""
    core = _core()
    core.restore("a", "s", 0.0, tried=False, age=0.0, held=True)
    core.put("b", "t", 0.0)
    assert core.is_moving


def test_what_is_held_waits_until_it_is_released_or_given_up() -> None:
    """Those behind it wait with it, and go when it is gone."""
    core = _core()
    core.put("x", "s", 0.0)
    core.put("a", "s", 0.0)
    core.put("b", "s", 0.0)
    core.hold("a", 0.5)
    core.committed("x", 1.0)
    assert _asked(core) == [Send(("x",))]
    assert core.pending == {"a": "held", "b": "queued"}
    core.withdraw("a", 2.0)
    assert _asked(core) == [Send(("b",))]


def test_what_is_under_way_is_held_when_it_comes_back() -> None:
    """It cannot be called back before; and it may have arrived."""
    core = _core()
    core.put("a", "s", 0.0)
    core.put("b", "t", 0.0)
    core.hold("a", 0.1)
    core.hold("b", 0.1)
    core.drain()
    core.unreachable("a", AWAY, 1.0)
    core.unreachable("b", UNKNOWN, 1.0)
    assert core.pending == {"a": "held", "b": "sent"}
    core.drain()
    core.online(2.0)
    assert _asked(core) == [Look("b")]
    core.looked("b", 3.0, present=False)
    assert core.pending == {"a": "held", "b": "held"}


def test_what_has_grown_stale_meanwhile_is_not_sent() -> None:
    """It was found out at the last moment."""
    core = _core()
    core.put("a", "s", 0.0)
    core.aged("a", 1e6)
    assert core.pending == {"a": "held"}
    core.drain()
    core.tick(1e7)
    assert _asked(core) == []


def test_what_is_settled_is_neither_held_nor_released() -> None:
    """Whoever asks comes too late."""
    core = _core()
    core.hold("a", 0.0)
    core.release("a", 0.0)
    core.aged("a", 0.0)
    assert core.drain() == []


def test_there_is_a_bound() -> None:
    """What is refused then was not accepted."""
    core = _core(most=2)
    core.put("a", "s", 0.0)
    assert not core.is_full
    core.put("b", "s", 0.0)
    assert core.is_full


def test_whether_a_message_goes_at_once_is_known_before() -> None:
    """Not behind another, nor within the interval, nor while the service is away."""
    core = _core(interval=0.5)
    assert core.goes_at_once("s", 0.0)
    core.put("a", "s", 0.0)
    assert not core.goes_at_once("s", 0.0)
    assert core.goes_at_once("t", 0.0)
    core.committed("a", 1.0)
    assert not core.goes_at_once("s", 1.1)
    assert core.goes_at_once("s", 1.5)
    core.put("a", "t", 2.0)
    core.unreachable("a", AWAY, 2.0)
    assert not core.goes_at_once("s", 3.0)


def test_no_message_goes_at_once_behind_as_many_as_may_be_under_way() -> None:
    """Others have the line to themselves."""
    core = _core(most_under_way=2)
    core.put("a", "a", 0.0)
    assert core.goes_at_once("c", 0.0)
    core.put("b", "b", 0.0)
    assert not core.goes_at_once("c", 0.0)
    core.committed("a", 1.0)
    assert core.goes_at_once("c", 1.0)


@dataclass
class _Service:
    """A service with write-once places and a dislike, which loses requests and answers."""

    poison: frozenset[str] = frozenset()
    stored: list[str] = field(default_factory=list)

    def write(self, keys: tuple[str, ...]) -> bool:
        if any(key in self.stored or key in self.poison for key in keys):
            return False
        self.stored.extend(keys)
        return True


FATES = st.sampled_from(["ok", "lost request", "lost answer", "not sent"])


@examples(300)
@given(
    st.lists(FATES, max_size=40),
    st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=1, max_size=8),
    st.integers(1, 3),
    st.integers(1, 3),
)
def test_whatever_gets_lost_each_message_is_stored_once_in_order(
    fates: list[str], messages: list[tuple[int, bool]], batch: int, most: int
) -> None:
    """However lanes share updates; and what the service never takes fails, and it alone."""
    lanes = {f"m{n}": str(lane) for n, (lane, _) in enumerate(messages)}
    poison = frozenset(f"m{n}" for n, (_, bad) in enumerate(messages) if bad)
    core, service = _core(batch=batch, most_under_way=most), _Service(poison)
    told: list[tuple[str, str]] = []
    now = 0.0
    for key, lane in lanes.items():
        core.put(key, lane, now)
    fate = iter(fates)
    while core.pending:
        effects = core.drain()
        told += [(e.key, e.delivery) for e in effects if isinstance(e, Delivered)]
        if not effects:
            due = core.deadline()
            assert due is not None, "nothing to do and nothing to wait for"
            now = max(now, due)
            core.tick(now)
        for effect in effects:
            now += 0.1
            what = next(fate, "ok")
            match effect:
                case Send(keys):
                    assert len(keys) <= batch
                    made = what in {"ok", "lost answer"} and service.write(keys)
                    for key in keys:
                        if what == "not sent":
                            core.unreachable(key, AWAY, now)
                        elif what != "ok":
                            core.unreachable(key, UNKNOWN, now)
                        elif made:
                            core.committed(key, now)
                        else:
                            core.refused(key, DENIED, now)
                case Look(key) if what == "ok":
                    core.looked(key, now, present=key in service.stored)
                case Look(key):
                    core.unreachable(key, AWAY, now)
                case _:
                    pass
    told += _told(core)
    good = [key for key in lanes if key not in poison]
    for lane in set(lanes.values()):
        mine = [key for key in good if lanes[key] == lane]
        assert [key for key in service.stored if lanes[key] == lane] == mine
    assert sorted(key for key, delivery in told if delivery == "confirmed") == sorted(good)
    assert sorted(key for key, delivery in told if delivery == "failed") == sorted(poison)
    assert core.deadline() is None


@examples(300)
@given(
    st.lists(
        st.sampled_from(["ok", "lost request", "lost answer", "not sent", "kill"]), max_size=60
    ),
    st.lists(st.tuples(st.integers(0, 2), st.booleans()), min_size=1, max_size=6),
    st.integers(1, 3),
)
def test_whenever_the_program_is_killed_each_message_is_stored_once_in_order(
    fates: list[str], messages: list[tuple[int, bool]], batch: int
) -> None:
    """All that is left of one program is which messages there are, and which were tried.

    Those that are stale go out once a person says so, and in their place.
    """
    lanes = {f"m{n}": str(lane) for n, (lane, _) in enumerate(messages)}
    stale = {f"m{n}": 1e6 if old else 0.0 for n, (_, old) in enumerate(messages)}
    service, kept, tried = _Service(), dict(lanes), set[str]()
    fate, now = iter([*fates, "kill"]), 0.0

    def begin() -> OutboxCore:
        core = _core(batch=batch)
        for key, lane in kept.items():
            core.restore(key, lane, now, tried=key in tried, age=stale[key])
        return core

    core = begin()
    while kept:
        effects = core.drain()
        if not effects:
            if not core.is_moving:
                assert "held" in core.pending.values()
                for key, delivery in core.pending.items():
                    if delivery == "held":
                        core.release(key, now)
                continue
            due = core.deadline()
            assert due is not None, "nothing to do and nothing to wait for"
            now = max(now, due)
            core.tick(now)
        for effect in effects:
            now += 0.1
            what = "ok" if isinstance(effect, Delivered) else next(fate, "ok")
            if isinstance(effect, Send):
                tried.update(effect.keys)  # on disk before the network
                made = what in {"ok", "lost answer"} and service.write(effect.keys)
                for key in effect.keys:
                    if what == "not sent":
                        core.unreachable(key, AWAY, now)
                    elif what != "ok":
                        core.unreachable(key, UNKNOWN, now)
                    elif made:
                        core.committed(key, now)
                    else:
                        core.refused(key, DENIED, now)
            elif isinstance(effect, Look):
                if what == "ok":
                    core.looked(effect.key, now, present=effect.key in service.stored)
                else:
                    core.unreachable(effect.key, AWAY, now)
            elif effect.delivery == "confirmed":
                del kept[effect.key]
            else:
                assert effect.delivery != "failed"
            if what == "kill":
                core = begin()
                break
    for lane in set(lanes.values()):
        mine = [key for key in lanes if lanes[key] == lane]
        assert [key for key in service.stored if lanes[key] == lane] == mine


def test_what_becomes_due_while_updates_are_under_way_goes_out_together() -> None:
    """In the order it was written, and nothing before what stands in front of it."""
    core = _core(batch=3, most_under_way=1)
    for n, lane in enumerate("aabcd"):
        core.put(f"{lane}{n}", lane, float(n))
    assert _asked(core) == [Send(("a0",))]
    core.committed("a0", 10.0)
    assert _asked(core) == [Send(("a1", "b2", "c3"))]
    core.committed("a1", 11.0)
    core.committed("b2", 11.0)
    assert _asked(core) == []
    core.committed("c3", 11.0)
    assert _asked(core) == [Send(("d4",))]


def test_with_an_interval_every_message_goes_alone() -> None:
    """The rules would refuse two at once."""
    core = _core(batch=3, most_under_way=1, interval=0.5)
    for n, lane in enumerate("abb"):
        core.put(f"{lane}{n}", lane, 0.0)
    assert _asked(core) == [Send(("a0",))]
    core.committed("a0", 1.0)
    assert _asked(core) == [Send(("b1",))]


def test_what_must_be_looked_for_holds_up_its_lane_alone() -> None:
    """Order is per conversation."""
    core = _core(batch=3, most_under_way=2)
    core.put("a1", "a", 0.0)
    core.put("a2", "a", 0.0)
    core.drain()
    core.unreachable("a1", UNKNOWN, 0.0)
    core.put("b1", "b", 100.0)
    assert _asked(core) == [Look("a1"), Send(("b1",))]


def test_a_refusal_of_several_is_settled_one_by_one() -> None:
    """The innocent are not refused with the one that the service does not want."""
    core = _core(batch=2, most_under_way=1)
    core.put("x", "x", 0.0)
    core.put("a", "a", 0.0)
    core.put("b", "b", 0.0)
    core.committed("x", 1.0)
    core.drain()
    core.refused("a", DENIED, 2.0)
    core.refused("b", DENIED, 2.0)
    assert core.drain() == [Delivered("a", "sent"), Delivered("b", "queued"), Send(("a",))]
    core.committed("a", 3.0)
    assert _asked(core) == [Send(("b",))]


def test_messages_are_heard_of_in_the_order_in_which_they_were_put_in() -> None:
    """Whoever listens shows each from the first word on it; of states that passed nobody hears."""
    core = _core(batch=1, most_under_way=1)
    core.put("x", "x", 0.0)
    core.put("a", "s", 0.0)
    core.put("b", "s", 0.0)
    core.committed("x", 1.0)
    assert _told(core) == [("x", "confirmed"), ("a", "sent"), ("b", "queued")]


def test_what_may_be_there_is_not_queued_by_the_refusal_of_others() -> None:
    """Its first try got no answer."""
    core = _core(batch=2, most_under_way=1)
    core.restore("a", "a", 0.0, tried=True, age=0.0)
    core.put("x", "x", 0.0)
    core.looked("a", 1.0, present=False)
    core.put("b", "b", 1.0)
    core.committed("x", 2.0)
    assert _asked(core)[-1] == Send(("a", "b"))
    core.refused("a", InvalidData("one of you"), 3.0)
    assert core.pending["a"] == "sent"


@pytest.mark.parametrize("said", ["no", "nobody may look"])
def test_any_answer_ends_the_pause_for_everybody(said: str) -> None:
    """A refusal too: the service can be reached."""
    core = _core(most_under_way=5)
    core.put("a", "a", 0.0)
    core.unreachable("a", AWAY, 0.0)
    core.restore("b", "b", 0.01, tried=True, age=0.0)
    core.drain()
    if said == "no":
        core.refused("b", InvalidData("bad"), 0.02)
    else:
        core.barred("b", 0.02)
    assert Send(("a",)) in core.drain()


def test_nobody_waits_for_the_clock_while_others_have_to_make_room() -> None:
    """It would ring all the time. A look needs no room."""
    core = _core(batch=3, most_under_way=1)
    core.put("a", "a", 0.0)
    core.put("b", "b", 0.0)
    core.drain()
    assert core.deadline() is None
    core.restore("c", "c", 1.0, tried=True, age=0.0)
    assert _asked(core) == [Look("c")]
    core.unreachable("c", AWAY, 1.0)
    assert core.deadline() is not None
    core.withdraw("a", 1.1)
    assert _asked(core) == [Send(("b",))]


def test_what_must_be_looked_for_goes_with_nothing_of_its_lane() -> None:
    """It has to be known first whether it is there."""
    core = _core(batch=3, most_under_way=1)
    core.put("x", "x", 0.0)
    core.restore("a", "a", 0.0, tried=False, age=0.0)
    core.restore("b", "a", 0.0, tried=True, age=0.0)
    core.committed("x", 1.0)
    assert _asked(core) == [Send(("x",)), Send(("a",))]
    core.committed("a", 2.0)
    assert _asked(core) == [Look("b")]


def test_what_may_be_at_fault_goes_alone() -> None:
    """Neither behind another, nor before one."""
    core = _core(batch=3, most_under_way=1)
    core.restore("d", "d", 0.0, tried=True, age=0.0)
    for key in "xab":
        core.put(key, key, 0.0)
    core.committed("x", 1.0)
    assert _asked(core)[-1] == Send(("a", "b"))
    core.put("c", "c", 1.0)
    core.looked("d", 2.0, present=False)
    core.refused("a", InvalidData("one of you"), 3.0)
    core.committed("b", 3.0)
    assert _asked(core) == [Send(("d", "c"))]
    core.put("e", "e", 3.0)
    core.committed("d", 4.0)
    core.committed("c", 4.0)
    assert _asked(core) == [Send(("a",))]


def test_a_look_that_is_refused_is_about_this_message_alone() -> None:
    """Though it went with others."""
    core = _core(batch=2, most_under_way=1)
    for key in "xab":
        core.put(key, key, 0.0)
    core.committed("x", 1.0)
    core.unreachable("a", UNKNOWN, 2.0)
    core.online(3.0)
    core.drain()
    core.refused("a", NotFound("no such conversation"), 4.0)
    assert _told(core) == [("a", "failed")]


def test_an_outage_pauses_all_lanes_alike_however_many_wait() -> None:
    """Fifty conversations do not make the pause fifty times longer."""
    core = _core(most_under_way=50)
    for n in range(50):
        core.put(str(n), str(n), 0.0)
    for n in range(50):
        core.unreachable(str(n), AWAY, 0.0)
    assert core.deadline() == pytest.approx(BackoffPolicy().first / 2)
    core.drain()
    core.tick(BackoffPolicy().first / 2)
    assert len(_asked(core)) == 50


def test_one_answer_ends_the_pause_for_everybody() -> None:
    """A message written during the outage finds out that it is over."""
    core = _core()
    core.put("a", "a", 0.0)
    core.drain()
    core.unreachable("a", AWAY, 0.0)
    core.put("b", "b", 0.1)
    assert _asked(core) == [Send(("b",))]
    core.committed("b", 0.11)
    assert _asked(core) == [Send(("a",))]
