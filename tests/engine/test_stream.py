"""The stream state machine, told the time."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbari_chat.engine.refusals import CredentialRefused
from imbari_chat.engine.stream import (
    Changed,
    Connect,
    Disconnect,
    Effect,
    Ended,
    StateChanged,
    StreamCore,
    StreamPolicy,
)
from imbari_chat.errors import (
    AccessDenied,
    AuthError,
    ConfigError,
    ImbariError,
    InvalidData,
    QuotaExceeded,
    Unavailable,
)
from imbari_chat.wire.sse import Frame

POLICY = StreamPolicy()


def _core() -> StreamCore:
    return StreamCore(lambda: 0.0, POLICY)


def _put(path: str, data: Any) -> Frame:
    return Frame("put", json.dumps({"path": path, "data": data}))


def _patch(path: str, data: Any) -> Frame:
    return Frame("patch", json.dumps({"path": path, "data": data}))


def _live(core: StreamCore, value: Any = None, now: float = 0.0) -> None:
    core.start(now)
    core.opened(now)
    core.received(_put("/", value), now)
    core.drain()


def _states(effects: list[Effect]) -> list[str]:
    return [effect.state for effect in effects if isinstance(effect, StateChanged)]


def test_the_first_snapshot_comes_before_live() -> None:
    """Whoever sees `live` has already been given the value."""
    core = _core()
    core.start(0.0)
    core.opened(0.1)
    core.received(_put("/", {"a": 1}), 0.2)
    assert core.drain() == [
        StateChanged("connecting"),
        Connect(renew=False),
        Changed({"a": 1}, None),
        StateChanged("live"),
    ]


def test_a_put_below_says_which_child_it_touched() -> None:
    """Consumers of a thousand records look at the one that changed."""
    core = _core()
    _live(core, {"a": {"x": 1}, "b": 2})
    core.received(_put("/a/x", 5), 1.0)
    assert core.drain() == [Changed({"a": {"x": 5}, "b": 2}, frozenset({"a"}))]


def test_a_patch_may_hold_paths_for_keys() -> None:
    """A multi-path update arrives as one change."""
    core = _core()
    _live(core, {"a": {"x": 1, "y": 1}, "b": 2})
    core.received(_patch("/", {"a/x": 7, "b": None, "c": 3}), 1.0)
    assert core.drain() == [Changed({"a": {"x": 7, "y": 1}, "c": 3}, frozenset("abc"))]


def test_a_patch_below_touches_that_child_alone() -> None:
    """The path of a patch counts too."""
    core = _core()
    _live(core, {"a": {"x": 1}})
    core.received(_patch("/a", {"x": 2, "z": 3}), 1.0)
    assert core.drain() == [Changed({"a": {"x": 2, "z": 3}}, frozenset("a"))]


def test_a_reconnect_hands_over_the_new_snapshot() -> None:
    """What happened in between is in it; removals too."""
    core = _core()
    _live(core, {"a": 1, "b": 2})
    core.lost("gone", 1.0)
    assert _states(core.drain()) == ["reconnecting"]
    core.tick(2.0)
    assert core.drain() == [Connect(renew=False)]
    core.opened(2.1)
    core.received(_put("/", {"b": 2, "c": 3}), 2.2)
    assert core.drain() == [Changed({"b": 2, "c": 3}, None), StateChanged("live")]


@pytest.mark.parametrize("answer", [Unavailable("503"), QuotaExceeded("429")])
def test_an_outage_that_speaks_http_is_waited_out(answer: ImbariError) -> None:
    """It is not the consumer's business."""
    core = _core()
    core.start(0.0)
    core.refused(answer, 1.0)
    effects = core.drain()
    assert _states(effects) == ["connecting", "reconnecting"]
    assert not any(isinstance(effect, Ended) for effect in effects)


@pytest.mark.parametrize("answer", [Unavailable("503"), QuotaExceeded("429")])
@pytest.mark.parametrize("asked", [StreamCore.refused, StreamCore.no_credential])
def test_a_service_that_asks_to_be_left_alone_is(
    answer: ImbariError, asked: Callable[[StreamCore, ImbariError, float], None]
) -> None:
    """The database, and whoever gives credentials; and our own pause is not made shorter."""
    core = _core()
    core.start(0.0)
    answer.retry_after = 20.0
    asked(core, answer, 1.0)
    assert core.drain()[-1] == StateChanged("reconnecting", answer.what, 20.0)
    assert (core.retry_at, core.deadline()) == (21.0, 21.0)
    core.tick(20.9)
    assert core.drain() == []
    core.tick(21.0)
    answer.retry_after = 0.01
    asked(core, answer, 21.0)
    (told,) = (one for one in core.drain() if isinstance(one, StateChanged))
    assert told.retry_in is not None
    assert told.retry_in > 0.1


@pytest.mark.parametrize(
    "answer", [AccessDenied("no"), InvalidData("bad query"), ConfigError("no such database")]
)
def test_a_refusal_that_trying_again_cannot_mend_ends_the_stream(answer: ImbariError) -> None:
    """The consumer is told, and nothing is tried again."""
    core = _core()
    core.start(0.0)
    core.refused(answer, 1.0)
    effects = core.drain()
    assert effects[-1] == Ended(answer)
    assert core.deadline() is None
    core.tick(100.0)
    assert core.drain() == []


def test_a_dead_credential_is_replaced_before_the_next_attempt() -> None:
    """A 401 that is not the rules' doing."""
    core = _core()
    core.start(0.0)
    core.refused(CredentialRefused("Auth token is expired"), 1.0)
    core.drain()
    core.tick(5.0)
    assert core.drain() == [Connect(renew=True)]


@pytest.mark.parametrize("error", [AuthError("sign in again"), ConfigError("no key file")])
def test_a_sign_in_that_is_over_or_cannot_be_ends_the_stream(error: ImbariError) -> None:
    """No new credential will ever come."""
    core = _core()
    _live(core)
    core.no_credential(error, 1.0)
    assert core.drain()[-1] == Ended(error)


def test_a_renewal_without_network_is_tried_again() -> None:
    """And it is a renewal that is tried again, not the old credential."""
    core = _core()
    core.start(0.0)
    core.refused(CredentialRefused("expired"), 0.0)
    core.tick(1.0)
    core.no_credential(Unavailable("no network"), 2.0)
    core.drain()
    core.tick(10.0)
    assert core.drain() == [Connect(renew=True)]


def test_auth_revoked_reconnects_at_once_with_a_new_credential() -> None:
    """An ID token lives an hour; its end is no outage."""
    core = _core()
    _live(core)
    core.received(Frame("auth_revoked", "credential is no longer valid"), 3600.0)
    assert core.drain() == [
        Disconnect(),
        StateChanged("reconnecting", "the credential ended", 0.0),
        Connect(renew=True),
    ]


def test_a_credential_that_ends_right_at_the_beginning_is_replaced_at_once() -> None:
    """It is the first time: nothing spins yet."""
    core = _core()
    _live(core)
    core.received(Frame("auth_revoked", ""), 0.1)
    assert core.drain()[-1] == Connect(renew=True)


@pytest.mark.parametrize("taken", [False, True])
def test_a_credential_revoked_over_and_over_does_not_spin(*, taken: bool) -> None:
    """The second time in a row it waits, also if the new one was taken for a moment."""
    core = _core()
    _live(core)
    core.received(Frame("auth_revoked", ""), 10.0)
    core.opened(10.1)
    if taken:
        core.received(_put("/", None), 10.1)
    core.drain()
    core.received(Frame("auth_revoked", ""), 10.2)
    effects = core.drain()
    assert not any(isinstance(effect, Connect) for effect in effects)
    assert _states(effects) == ["reconnecting"]
    assert core.deadline() == core.retry_at is not None


def test_a_credential_that_was_taken_for_a_while_is_replaced_at_once_again() -> None:
    """Hour after hour."""
    core = _core()
    _live(core)
    for hour in (1, 2, 3):
        core.received(Frame("auth_revoked", ""), 3600.0 * hour)
        assert core.drain()[-1] == Connect(renew=True)
        core.opened(3600.0 * hour + 1)
        core.received(_put("/", None), 3600.0 * hour + 1)


@pytest.mark.parametrize("data", ["null", '"Permission denied."', "Permission denied."])
def test_cancel_ends_the_stream_however_its_data_is_quoted(data: str) -> None:
    """Lost permission is never hidden behind a reconnect."""
    core = _core()
    _live(core)
    core.received(Frame("cancel", data), 1.0)
    ended = core.drain()[-1]
    assert isinstance(ended, Ended)
    assert isinstance(ended.error, AccessDenied)


def test_silence_is_first_shown_and_then_acted_on() -> None:
    """Stale is a warning; dead is a reconnect."""
    core = _core()
    _live(core)
    assert core.deadline() == POLICY.stale_after
    core.tick(POLICY.stale_after)
    assert _states(core.drain()) == ["stale"]
    assert core.deadline() == POLICY.dead_after
    core.tick(POLICY.dead_after)
    effects = core.drain()
    assert effects[0] == Disconnect()
    assert _states(effects) == ["reconnecting"]


def test_a_keep_alive_ends_staleness() -> None:
    """Any byte proves life."""
    core = _core()
    _live(core)
    core.tick(POLICY.stale_after)
    core.drain()
    core.received(Frame("keep-alive", "null"), POLICY.stale_after + 1)
    assert _states(core.drain()) == ["live"]


def test_a_connection_that_never_answers_is_given_up() -> None:
    """Connecting has a deadline of its own, up to the first event; a beginning puts it off once."""
    core = _core()
    core.start(0.0)
    core.opened(1.0)
    core.drain()
    core.tick(POLICY.connect_timeout)
    assert core.drain() == []
    core.tick(1.0 + POLICY.connect_timeout)
    effects = core.drain()
    assert effects[0] == Disconnect()
    assert _states(effects) == ["reconnecting"]


def test_a_snapshot_that_keeps_arriving_is_not_given_up() -> None:
    """On a slow line it takes minutes; begun again it would take as long, and never be whole."""
    core = _core()
    core.start(0.0)
    core.opened(1.0)
    core.drain()
    now = 1.0
    while now < 20 * POLICY.connect_timeout:
        now += 0.9 * POLICY.connect_timeout
        core.tick(now)
        core.heard(now)
        core.arriving(now)
    assert core.drain() == []
    core.received(_put("/", 1), now)
    assert _states(core.drain()) == ["live"]


def test_a_snapshot_that_stops_arriving_is_given_up() -> None:
    """Silence is counted from the last byte, and said to be silence."""
    core = _core()
    core.start(0.0)
    core.opened(1.0)
    core.arriving(5.0)
    core.drain()
    core.tick(4.9 + POLICY.connect_timeout)
    assert core.drain() == []
    core.tick(5.0 + POLICY.connect_timeout)
    disconnect, lost = core.drain()
    assert disconnect == Disconnect()
    assert isinstance(lost, StateChanged)
    assert lost.reason == f"the answer stopped for {POLICY.connect_timeout:g} s"


def test_keeping_alive_is_no_answer() -> None:
    """A service that only says that it is there has not begun to send what is stored."""
    core = _core()
    core.start(0.0)
    core.opened(1.0)
    core.drain()
    for now in (3.0, 6.0, 9.0):
        core.received(Frame("keep-alive", "null"), now)
    core.tick(1.0 + POLICY.connect_timeout)
    assert _states(core.drain()) == ["reconnecting"]


def test_a_renewed_connection_that_takes_its_time_is_not_called_live() -> None:
    """What changed meanwhile is not known before the new snapshot is whole."""
    core = _core()
    core.start(0.0)
    core.opened(0.0, expires_in=3600.0)
    core.received(_put("/", 1), 0.0)
    due = 3600.0 - POLICY.renew_before
    core.heard(due)
    core.tick(due)
    core.opened(due + 1, expires_in=3600.0)
    core.drain()
    core.arriving(due + 2)
    assert core.drain() == []
    core.arriving(due + POLICY.connect_timeout)
    assert _states(core.drain()) == ["connecting"]
    core.received(_put("/", 2), due + POLICY.connect_timeout + 1)
    assert _states(core.drain()) == ["live"]


def test_a_connection_is_replaced_before_its_credential_ends() -> None:
    """Quietly: nothing was lost, so no state changes."""
    core = _core()
    core.start(0.0)
    core.opened(0.0, expires_in=3600.0)
    core.received(_put("/", 1), 0.0)
    core.drain()
    due = 3600.0 - POLICY.renew_before
    core.heard(due - 1)
    core.tick(due)
    assert core.drain() == [Disconnect(), Connect(renew=True)]


def test_a_credential_about_to_end_does_not_spin() -> None:
    """However short it lives, a connection is used for a while."""
    core = _core()
    core.start(0.0)
    core.opened(0.0, expires_in=1.0)
    core.received(_put("/", 1), 0.0)
    deadline = core.deadline()
    assert deadline is not None
    assert deadline >= 30.0


@pytest.mark.parametrize("data", ["", "{", "[]", '{"path":1,"data":2}', '{"path":"/a"}'])
def test_an_unreadable_event_starts_over_from_a_snapshot(data: str) -> None:
    """Going on would apply later events to the wrong value."""
    core = _core()
    _live(core, {"a": 1})
    core.received(Frame("put", data), 1.0)
    effects = core.drain()
    assert effects[0] == Disconnect()
    assert _states(effects) == ["reconnecting"]


def test_events_nobody_knows_are_passed_over() -> None:
    """The protocol may grow."""
    core = _core()
    _live(core)
    core.received(Frame("message", "hello"), 1.0)
    assert core.drain() == []


def test_reconnect_now_skips_the_wait() -> None:
    """Somebody knows that the network is back."""
    core = _core()
    core.start(0.0)
    core.lost("gone", 1.0)
    core.drain()
    core.reconnect_now(1.01)
    assert core.drain() == [Connect(renew=False)]


def test_reconnect_now_replaces_a_silent_connection() -> None:
    """It may be dead, and whoever asks does not want to find out."""
    core = _core()
    _live(core)
    core.tick(POLICY.stale_after)
    core.drain()
    core.reconnect_now(POLICY.stale_after + 1)
    effects = core.drain()
    assert effects[0] == Disconnect()
    assert _states(effects) == ["reconnecting"]
    assert effects[-1] == Connect(renew=False)


def test_reconnect_now_leaves_alone_what_is_well_or_under_way() -> None:
    """However often it is called."""
    core = _core()
    core.start(0.0)
    core.drain()
    core.reconnect_now(0.1)
    core.opened(0.2)
    core.received(_put("/", 1), 0.3)
    core.drain()
    core.reconnect_now(0.4)
    assert core.drain() == []


def test_the_next_attempt_is_foreseen() -> None:
    """For people to see; nothing is foreseen while an attempt is under way."""
    core = _core()
    core.start(0.0)
    assert core.retry_at is None
    core.lost("gone", 1.0)
    assert core.retry_at == core.deadline()
    core.tick(100.0)
    assert core.retry_at is None


def test_signing_in_takes_as_long_as_it_takes() -> None:
    """On a slow line one that is cut begins anew; the request after it has its own time."""
    core = _core()
    core.start(0.0)
    core.refused(CredentialRefused("expired"), 0.0)
    core.tick(1.0)
    assert core.drain()[-1] == Connect(renew=True)
    core.tick(1.0 + POLICY.connect_timeout)
    core.tick(100.0)
    assert core.drain() == [StateChanged("connecting", "signing in takes its time")]
    assert core.deadline() is None
    core.identified(100.0)
    core.tick(99.9 + POLICY.connect_timeout)
    assert core.drain() == []
    core.tick(100.0 + POLICY.connect_timeout)
    assert _states(core.drain()) == ["reconnecting"]
    core.tick(200.0)
    assert core.drain() == [Connect(renew=False)]  # what was renewed is


def test_a_renewal_that_cannot_be_had_is_begun_again() -> None:
    """The old credential would be refused."""
    core = _core()
    core.start(0.0)
    core.refused(CredentialRefused("expired"), 0.0)
    core.tick(1.0)
    core.no_credential(Unavailable("no network"), 50.0)
    core.drain()
    core.tick(100.0)
    assert core.drain() == [Connect(renew=True)]


def test_a_renewal_that_takes_its_time_is_not_called_live() -> None:
    """There is no connection meanwhile."""
    core = _core()
    core.start(0.0)
    core.opened(0.0, expires_in=3600.0)
    core.received(_put("/", 1), 0.0)
    due = 3600.0 - POLICY.renew_before
    core.heard(due)
    core.tick(due)
    core.drain()
    core.tick(due + POLICY.connect_timeout - 0.1)
    assert core.drain() == []
    core.tick(due + POLICY.connect_timeout)
    assert _states(core.drain()) == ["connecting"]
    core.tick(due + 100)
    assert (core.drain(), core.deadline()) == ([], None)
    core.opened(due + 101)
    core.received(_put("/", 1), due + 101)
    assert _states(core.drain()) == ["live"]


def test_a_credential_that_could_not_be_found_is_not_renewed_when_it_is() -> None:
    """Nobody has said anything against it."""
    core = _core()
    core.start(0.0)
    core.no_credential(Unavailable("no network"), 1.0)
    core.drain()
    core.tick(10.0)
    assert core.drain() == [Connect(renew=False)]


def test_a_short_lived_connection_does_not_reset_the_backoff() -> None:
    """A service that accepts and drops at once is not hammered."""
    core = _core()
    waits = []
    now = 0.0
    core.start(now)
    for _ in range(4):
        core.opened(now)
        core.received(_put("/", 1), now)
        core.lost("dropped", now)
        deadline = core.deadline()
        assert deadline is not None
        waits.append(deadline - now)
        now = deadline
        core.tick(now)
    assert waits == sorted(waits)
    assert waits[-1] > waits[0]


def test_a_long_lived_connection_resets_the_backoff() -> None:
    """An hour of service outweighs yesterday's trouble."""
    core = _core()
    core.start(0.0)
    for _ in range(10):
        core.lost("refused", 0.0)
    core.tick(100.0)
    core.opened(100.0)
    core.received(_put("/", 1), 100.0)
    core.lost("dropped", 100.0 + POLICY.stable_after)
    deadline = core.deadline()
    assert deadline is not None
    assert deadline - (100.0 + POLICY.stable_after) <= POLICY.backoff.first


FACTS: list[Callable[[StreamCore, float], None]] = [
    lambda core, now: core.identified(now),
    lambda core, now: core.opened(now),
    lambda core, now: core.received(_put("/", {"a": now}), now),
    lambda core, now: core.received(_patch("/", {"b": None}), now),
    lambda core, now: core.received(Frame("cancel", "null"), now),
    lambda core, now: core.received(Frame("auth_revoked", ""), now),
    lambda core, now: core.lost("gone", now),
    lambda core, now: core.refused(AccessDenied("no"), now),
    lambda core, now: core.refused(CredentialRefused("no"), now),
    lambda core, now: core.no_credential(Unavailable("no"), now),
    lambda core, now: core.no_credential(AuthError("no"), now),
    lambda core, now: core.heard(now),
    lambda core, now: core.arriving(now),
    lambda core, now: core.tick(now),
    lambda core, now: core.reconnect_now(now),
]


@pytest.mark.parametrize("fact", FACTS)
def test_nothing_that_comes_after_the_end_is_waited_for(
    fact: Callable[[StreamCore, float], None],
) -> None:
    """Neither in a stream that was closed nor in one that was refused; a connection may be late."""
    closed, refused = _core(), _core()
    for core in (closed, refused):
        _live(core)
    closed.close()
    refused.refused(AccessDenied("no"), 1.0)
    for core in (closed, refused):
        core.drain()
        fact(core, 2.0)
        assert core.drain() == []
        assert core.deadline() is None


@given(st.lists(st.tuples(st.sampled_from(FACTS), st.floats(0, 60)), max_size=30))
def test_a_stream_is_always_waiting_for_something_until_it_is_over(
    steps: list[tuple[Callable[[StreamCore, float], None], float]],
) -> None:
    """Whatever happens in whatever order, it never falls silent: a deadline, a sign-in, which ends
    by itself, or a named end."""
    core = _core()
    core.start(0.0)
    core.drain()
    now, ended = 0.0, False
    for fact, wait in steps:
        now += wait
        fact(core, now)
        effects = core.drain()
        assert not (ended and effects), "effects after the end"
        ended = ended or any(isinstance(effect, Ended) for effect in effects)
        assert ended == (core.deadline() is None and not core._identifying)
    core.close()
    closing = core.drain()
    assert core.state == "closed"
    assert ended or closing == [Disconnect(), StateChanged("closed")]
    core.close()
    assert core.drain() == []


@pytest.mark.parametrize("end", ["closed", "refused"])
def test_a_stream_that_is_over_hears_nothing(end: str) -> None:
    """Neither bytes nor events, whoever still has some."""
    core = _core()
    _live(core, {"a": 1})
    if end == "closed":
        core.close()
    else:
        core.refused(AccessDenied("no"), 1.0)
    core.drain()
    core.opened(2.0, expires_in=60.0)
    core.heard(2.0)
    core.arriving(2.0)
    core.received(_put("/", {"b": 2}), 2.0)
    core.lost("cut", 2.0)
    core.tick(100.0)
    core.reconnect_now(100.0)
    assert (core.drain(), core.deadline(), core.state) == ([], None, "closed")


def test_before_it_begins_a_stream_waits_for_nothing() -> None:
    """And is not there."""
    core = _core()
    assert (core.state, core.deadline(), core.retry_at, core.drain()) == ("closed", None, None, [])


def test_a_policy_is_the_streams_own() -> None:
    """Or the usual one."""
    hasty = StreamPolicy(connect_timeout=3.0)
    for policy, timeout in ((None, POLICY.connect_timeout), (hasty, 3.0)):
        core = StreamCore(lambda: 0.0, policy)
        core.start(1.0)
        assert core.deadline() == 1.0 + timeout


def test_an_answer_that_begins_has_its_time_to_go_on() -> None:
    """From each sign of it; who is asking is found out once."""
    core = _core()
    core.start(0.0)
    core.identified(1.0)
    core.identified(9.0)
    assert core.deadline() == 1.0 + POLICY.connect_timeout
    core.opened(5.0)
    assert core.deadline() == 5.0 + POLICY.connect_timeout
    core.arriving(6.0)
    assert core.deadline() == 6.0 + POLICY.connect_timeout
    core.received(_put("/", 1), 7.0)
    assert core.deadline() == 7.0 + POLICY.stale_after


def test_bytes_that_arrive_on_a_live_stream_are_no_answer_that_is_waited_for() -> None:
    """However long it has been live."""
    core = _core()
    _live(core)
    late = POLICY.connect_timeout * 5
    core.heard(late)
    core.arriving(late)
    assert core.drain() == []
    assert core.deadline() == late + POLICY.stale_after


def test_what_a_lost_connection_still_brings_is_not_heard() -> None:
    """The next snapshot holds it; it may be much older than what comes then."""
    for lose in (
        lambda core: core.lost("cut", 1.0),
        lambda core: core.received(Frame("auth_revoked", ""), 1.0),
        lambda core: (core.tick(POLICY.stale_after), core.reconnect_now(POLICY.stale_after)),
    ):
        core = _core()
        _live(core, {"a": 1})
        lose(core)
        core.drain()
        core.received(_put("/a", 2), POLICY.stale_after + 1)
        core.arriving(POLICY.stale_after + 1)
        assert core.drain() == []


def test_a_deadline_is_not_over_before_it_is() -> None:
    """To the second: the next attempt, a renewal, a silence that was told already."""
    core = _core()
    core.start(0.0)
    core.lost("cut", 1.0)
    core.drain()
    due = core.retry_at
    assert due is not None
    core.tick(due - 0.01)
    assert core.drain() == []
    core.tick(due)
    assert core.drain() == [Connect(renew=False)]
    core.opened(due, expires_in=3600.0)
    core.received(_put("/", 1), due)
    core.drain()
    core.tick(due + 1)
    assert core.drain() == []
    for _ in range(2):
        core.tick(due + POLICY.stale_after)
    assert _states(core.drain()) == ["stale"]


def test_whoever_knows_that_the_network_is_back_asks_once() -> None:
    """What was to be tried later is not tried again then."""
    core = _core()
    core.start(0.0)
    core.lost("cut", 1.0)
    core.drain()
    core.reconnect_now(1.1)
    assert (core.drain(), core.retry_at) == ([Connect(renew=False)], None)
    core.reconnect_now(1.2)
    assert core.drain() == []


def test_a_credential_that_ends_every_hour_is_renewed_at_once_each_time() -> None:
    """If it was live in between; otherwise the new one is renewed as well, later."""
    core = _core()
    _live(core)
    for hour in (3600.0, 7200.0):
        core.received(Frame("auth_revoked", ""), hour)
        assert core.drain()[-1] == Connect(renew=True)
        core.opened(hour)
        core.received(_put("/", 1), hour)
        core.drain()
    core.received(Frame("auth_revoked", ""), 9000.0)
    core.opened(9000.0)
    core.received(Frame("auth_revoked", ""), 9000.0)
    core.drain()
    assert core.retry_at is not None
    core.tick(core.retry_at)
    assert core.drain() == [Connect(renew=True)]


def test_only_a_connection_that_lasted_makes_up_for_trouble() -> None:
    """Neither one that broke at once nor the time that went by without one."""
    core, now, waits = _core(), 100.0, list[float]()
    core.start(now)
    for number in range(12):
        if number % 2:
            core.opened(now)
            now += 1.0
        core.lost("cut", now)
        due = core.retry_at
        assert due is not None
        waits.append(due - now)
        now = due
        core.tick(now)
    assert waits == sorted(waits)
    assert waits[-1] > 2 * waits[0]


def test_a_refusal_ends_a_stream_in_order() -> None:
    """The connection goes, then it is closed, with the reason; then it is over."""
    core, error = _core(), AccessDenied("no")
    _live(core)
    core.refused(error, 1.0)
    assert core.drain() == [Disconnect(), StateChanged("closed", "no"), Ended(error)]
    core = _core()
    _live(core)
    core.received(Frame("cancel", "null"), 1.0)
    *_, ended = core.drain()
    assert isinstance(ended, Ended)
    assert ended.error.hint == "Check who is signed in and the security rules"
