"""What a client says of itself: is it alive, since when, why not, and what is queued."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from imbari_chat import AsyncAdminChat, ChatStatus, Settings
from imbari_chat.client.gateway import Gateway
from imbari_chat.client.reading.patient import Behind
from imbari_chat.client.status import status_of
from imbari_chat.emulator import Emulator
from imbari_chat.engine.backoff import BackoffPolicy
from imbari_chat.engine.stream import StreamPolicy
from imbari_chat.errors import AccessDenied
from imbari_chat.identity import factory
from imbari_chat.net.rest import RestTransport
from imbari_chat.net.transport import Subscription, Way
from imbari_chat.states import ConnectionState
from tests.client.in_memory import Silence
from tests.client.scenarios.faces import WAIT, eventually
from tests.faults.proxy import Proxy


def _listener(
    state: ConnectionState,
    *,
    since: float = 0.0,
    heard: float | None = None,
    reason: str | None = None,
    retry_in: float | None = None,
) -> Subscription:
    one = Silence()
    one.state, one.since, one.last_heard = state, since, heard
    one.reason, one.retry_in = reason, retry_in
    return one


def _status(*listeners: Subscription, **facts: Any) -> ChatStatus:
    way = Way("rest", "no WebSocket: status 403")
    return status_of(listeners, (), way, **{"closed": False, "failure": None, **facts})


@pytest.mark.parametrize(
    ("states", "worst", "alive"),
    [
        ((), "idle", True),
        (("live",), "live", True),
        (("live", "connecting"), "connecting", False),
        (("connecting", "stale", "live"), "stale", False),
        (("stale", "reconnecting", "live"), "reconnecting", False),
    ],
)
def test_the_state_is_that_of_the_listener_that_is_worst_off(
    states: tuple[ConnectionState, ...], worst: str, alive: bool
) -> None:
    """One that is away is enough not to be alive."""
    status = _status(*(_listener(state) for state in states))
    assert (status.state, status.alive, status.listeners) == (worst, alive, len(states))


def test_the_rest_is_the_worst_ones_too_but_what_was_heard_last_is_anybodys() -> None:
    """With times as they are in a calendar."""
    status = _status(
        _listener("live", since=5.0, heard=90.0),
        _listener("reconnecting", since=60.0, heard=50.0, reason="cannot connect", retry_in=1.5),
    )
    assert status.since == datetime(1970, 1, 1, 0, 1, tzinfo=UTC)
    assert status.last_heard == datetime(1970, 1, 1, 0, 1, 30, tzinfo=UTC)
    assert (status.reason, status.retry_in) == ("cannot connect", 1.5)


def test_a_client_that_is_closed_or_whose_listening_ended_says_so() -> None:
    """With the reason, whatever its other listeners do."""
    live = _listener("live", since=5.0)
    closed = _status(live, closed=True)
    assert (closed.state, closed.alive, closed.since) == ("closed", False, None)
    ended = _status(live, failure=AccessDenied("reading is not permitted"))
    assert (ended.state, ended.reason) == ("closed", "reading is not permitted")


def test_what_is_live_is_stale_while_what_was_missed_is_read() -> None:
    """What is worse stays what it is, and is more to the point."""
    behind = Behind("catching up with /messages: no answer", 90.0)
    live = _status(_listener("live", since=60.0), behind=behind)
    assert (live.state, live.alive, live.reason) == ("stale", False, behind.reason)
    assert live.since == datetime(1970, 1, 1, 0, 1, 30, tzinfo=UTC)
    away = _status(_listener("reconnecting", reason="cannot connect"), behind=behind)
    assert (away.state, away.reason) == ("reconnecting", "cannot connect")
    assert _status(behind=behind).state == "idle"
    assert _status(_listener("live"), behind=behind, closed=True).state == "closed"


def test_a_status_is_one_line_for_people() -> None:
    """Everything that matters."""
    away = _status(
        _listener("reconnecting", since=60.0, reason="cannot connect", retry_in=1.25),
        _listener("live"),
    )
    assert str(away) == (
        "reconnecting since 00:01:00Z; cannot connect; trying again in 1.2 s;"
        " 2 listeners, 0 queued, 0 under way; rest: no WebSocket: status 403"
    )
    assert str(_status()).startswith("idle; 0 listeners, 0 queued, 0 under way; rest: ")


Make = Callable[..., AsyncAdminChat]


@pytest.fixture
async def desk_at(flags: dict[str, Any]) -> AsyncIterator[Make]:
    """A maker of admins that reach the database at an address, and worry as they are told."""
    made: list[AsyncAdminChat] = []

    def make(address: str, policy: StreamPolicy) -> AsyncAdminChat:
        settings = Settings.load(**{**flags, "database_emulator": address})
        transport = RestTransport(
            lambda: factory.admin_access(settings), timeout=settings.timeout, policy=policy
        )
        made.append(AsyncAdminChat._over(Gateway(transport)))
        return made[-1]

    yield make
    for one in made:
        await one.close()


async def test_silence_is_told_before_it_is_taken_for_death(desk_at: Make, proxy: Proxy) -> None:
    """Live, stale, reconnecting with a reason, and live again; ``since`` moves with each."""
    policy = StreamPolicy(
        connect_timeout=0.4,
        stale_after=0.2,
        dead_after=0.6,
        backoff=BackoffPolicy(first=0.02, cap=0.02),
    )
    before = datetime.now(UTC)
    desk = desk_at(proxy.address, policy)
    await desk.listen()
    live = desk.status
    assert (live.state, live.listeners) == ("live", 1)
    assert live.since is not None
    assert before <= live.since <= datetime.now(UTC) + timedelta(seconds=1)
    proxy.stall()
    await eventually(lambda: desk.status.state == "stale")
    stale = desk.status
    assert stale.reason is not None
    assert "nothing heard" in stale.reason
    assert stale.since is not None
    assert stale.since > live.since
    await eventually(lambda: desk.status.state == "reconnecting")
    assert desk.status.last_heard == live.last_heard
    await proxy.mend()
    await eventually(lambda: desk.status.alive)
    again = desk.status
    assert again.last_heard is not None
    assert live.last_heard is not None
    assert again.last_heard > live.last_heard


async def test_somebody_who_knows_better_ends_the_wait(desk_at: Make, emulator: Emulator) -> None:
    """``retry_in`` counts down by itself; ``reconnect_now`` does not wait for it."""
    policy = StreamPolicy(backoff=BackoffPolicy(first=600.0, cap=600.0))
    async with Proxy(emulator.database_host) as proxy:
        desk = desk_at(proxy.address, policy)
        await desk.listen()
        await proxy.refuse()
        await eventually(lambda: desk.status.retry_in is not None)
        first = desk.status.retry_in
        assert first is not None
        assert 250 < first <= 600
        await eventually(lambda: (desk.status.retry_in or first) < first)
        await proxy.mend()
        desk.reconnect_now()
        await eventually(lambda: desk.status.alive)


async def test_messages_are_counted_by_how_far_they_got(
    desk_at: Make, proxy: Proxy, session: str
) -> None:
    """One is under way in a black hole, the others of its conversation wait behind it."""
    desk = desk_at(proxy.address, StreamPolicy())
    async with desk.open(session, peek=True) as conversation:
        await conversation.reply("first")
        proxy.stall()
        written = [await conversation.reply(str(number), timeout=0) for number in range(3)]
        await eventually(lambda: desk.status.sent == 1)
        status = desk.status
        assert (status.queued, status.sent, status.outbox) == (2, 1, tuple(written))
        assert status.state == "idle"
        assert "2 queued, 1 under way" in str(status)
        await proxy.mend()
        assert await desk.flush(timeout=WAIT) == ()
        assert (desk.status.queued, desk.status.sent, desk.status.outbox) == (0, 0, ())
