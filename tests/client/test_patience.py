"""A catch-up read goes on for as long as trying again may help, as the stream beside it does."""

import asyncio
from contextlib import suppress
from typing import Any, cast

import pytest

from imbari_chat.client.gateway import Gateway
from imbari_chat.client.reading import patient as module
from imbari_chat.engine.backoff import BackoffPolicy
from imbari_chat.engine.outbox import OutboxCore, OutboxPolicy
from imbari_chat.engine.refusals import (
    Call,
    CredentialRefused,
    Remedy,
    TokenExpired,
    refusal,
    remedy,
    stranger,
)
from imbari_chat.engine.stream import Ended, StreamCore, StreamPolicy
from imbari_chat.errors import (
    AccessDenied,
    AuthError,
    ConfigError,
    Conflict,
    ImbariError,
    InvalidData,
    NotFound,
    QuotaExceeded,
    StreamOverflow,
    Unavailable,
)
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import Path
from imbari_chat.wire.query import Query

WHERE = Path.parse("/messages/s")
CALL = Call(str(WHERE))

PASSES: dict[str, ImbariError] = {
    "no answer": Unavailable("away"),
    "a stranger": stranger(403, CALL),
    "429": refusal(429, '{"error": "slow down"}', CALL),
    "402": refusal(402, '{"error": "over quota"}', CALL),
    "423": refusal(423, '{"error": "deactivated"}', CALL),
    "500": refusal(500, '{"error": "internal"}', CALL),
    "undecided 401": refusal(401, '{"error": "Could not parse auth token."}', CALL),
    "expired": refusal(401, '{"error": "Auth token is expired"}', CALL),
    "quota of sign-ins": QuotaExceeded("too many sign-ins for now"),
}

ENDS: dict[str, ImbariError] = {
    "denied": refusal(401, '{"error": "Permission denied"}', CALL),
    "App Check": refusal(401, '{"error": "Missing appcheck token"}', CALL),
    "bad request": refusal(400, '{"error": "Index not defined"}', CALL),
    "too large": refusal(413, '{"error": "Payload is too large"}', CALL),
    "wrong address": refusal(404, '{"error": "404 Not Found"}', CALL),
    "sign-in over": AuthError("your sign-in has ended"),
    "settings": ConfigError("no"),
    "conflict": Conflict("no"),
    "not found": NotFound("no"),
    "overflow": StreamOverflow("no"),
}


class Answers:
    """A transport that says one thing after the other."""

    uid = None

    def __init__(self, *answers: ImbariError | int) -> None:
        self.left = list(answers)

    async def get(self, path: Path, query: Query | None = None) -> Json:
        answer = self.left.pop(0)
        if isinstance(answer, ImbariError):
            raise answer
        return answer


def _gateway(*answers: ImbariError | int) -> Gateway:
    return Gateway(cast("Any", Answers(*answers)))


@pytest.mark.parametrize("error", PASSES.values(), ids=PASSES)
async def test_what_may_pass_is_sat_out_everywhere(
    error: ImbariError, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a catch-up read, a stream and a message alike."""
    monkeypatch.setattr(module, "_PAUSE", 0.0)
    assert remedy(error) is not Remedy.NOTHING
    for query in (None, Query.by_child("timestamp")):
        assert await _gateway(error, error, 7).patient.get(WHERE, query) == 7

    stream = StreamCore(lambda: 0.0, StreamPolicy())
    stream.start(0.0)
    stream.refused(error, 1.0)
    assert stream.state == "reconnecting"
    assert stream.retry_at is not None

    outbox = OutboxCore(lambda: 0.0, OutboxPolicy(backoff=BackoffPolicy(first=1.0)))
    outbox.put("m", "s", 0.0)
    if isinstance(error, Unavailable):
        outbox.unreachable("m", error, 1.0)
    else:
        outbox.refused("m", error, 1.0)
    assert "m" in outbox.pending
    assert outbox.deadline() is not None


@pytest.mark.parametrize("answer", [7, AccessDenied("no")])
async def test_a_read_that_is_over_is_not_behind_however_long_ago_it_began(
    answer: ImbariError | int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answered, refused or given up: nothing says later that it takes long."""
    monkeypatch.setattr(module, "_NOTICED", 0.01)
    reader, told = _gateway(answer).patient, list[None]()
    reader.watch(lambda: told.append(None))
    with suppress(AccessDenied):
        await reader.get(WHERE)
    reading = asyncio.create_task(_gateway(*[Unavailable("away")] * 9).patient.get(WHERE))
    await asyncio.sleep(0)
    reading.cancel()
    await asyncio.wait({reading})
    await asyncio.sleep(0.03)
    assert reader.behind is None
    assert told == []


@pytest.mark.parametrize("error", ENDS.values(), ids=ENDS)
async def test_what_will_be_refused_again_ends_everything(error: ImbariError) -> None:
    """And whoever listens or reads is told."""
    assert remedy(error) is Remedy.NOTHING
    with pytest.raises(type(error)) as caught:
        await _gateway(error, 7).patient.get(WHERE)
    assert caught.value is error

    stream = StreamCore(lambda: 0.0, StreamPolicy())
    stream.start(0.0)
    stream.refused(error, 1.0)
    assert stream.drain()[-1] == Ended(error)

    if not isinstance(error, AccessDenied):  # which may be the echo of an earlier try
        outbox = OutboxCore(lambda: 0.0, OutboxPolicy())
        outbox.put("m", "s", 0.0)
        outbox.refused("m", error, 1.0)
        assert not outbox.pending


@pytest.mark.parametrize("error", [CredentialRefused("no"), TokenExpired("no")])
def test_a_refused_token_is_renewed_before_the_next_attempt(error: ImbariError) -> None:
    """And a fault of any other kind is no reason to."""
    assert remedy(error) is Remedy.RENEW
    for other in (*PASSES.values(), *ENDS.values(), InvalidData("no"), ValueError()):
        is_refused = isinstance(other, CredentialRefused)
        assert (remedy(other) is Remedy.RENEW) is is_refused
