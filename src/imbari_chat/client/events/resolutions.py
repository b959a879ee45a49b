"""What is resolved and reopened, wherever the conversation stands in the inbox.

A window of the inbox shows those that moved last, and being resolved moves none. This listens by
when a conversation was resolved instead: one that is comes in, and one that is reopened, or
deleted, goes.
"""

from collections.abc import AsyncGenerator
from typing import Final

from imbari_chat.client.events.event_stream import connection_changed
from imbari_chat.client.events.iteration import EventIteration
from imbari_chat.client.gateway import Gateway
from imbari_chat.engine.effects import Changed, StateChanged
from imbari_chat.engine.mirror import children
from imbari_chat.errors import InvalidData
from imbari_chat.schema import decode, paths
from imbari_chat.schema.events import ChatEvent, SessionChanged
from imbari_chat.schema.models import Session
from imbari_chat.schema.paths import SessionId
from imbari_chat.wire.json import Json

__all__ = ["resolutions"]

_DEPLOY: Final = "Deploy the rules: imbari-chat rules deploy database.rules.json"

_BEFORE: Final = 86_400_000
"""Milliseconds before now from which on resolved conversations are listened to: what was resolved
today may be reopened."""


def resolutions(gateway: Gateway) -> AsyncGenerator[ChatEvent, None]:
    """A SessionChanged for each that is resolved from now on, or reopened after a day at most; and
    how the connection is, live once it is known what was resolved before.

    Args:
        gateway: An admin's.

    Raises:
        InvalidData: The database has no index for it; it would send all there is.
        ImbariError: It has ended for good.
    """
    return EventIteration(gateway.place, _resolutions(gateway))


async def _resolutions(gateway: Gateway) -> AsyncGenerator[ChatEvent, None]:
    known: dict[SessionId, Session] | None = None
    live: StateChanged | None = None
    query = paths.sessions_resolved_since(await _beginning(gateway))
    async with gateway.transport.listen(paths.SESSIONS, query) as subscription:
        async for item in subscription:
            match item:
                case StateChanged(state="live", reason=str(reason)):
                    raise InvalidData(reason, where=str(paths.SESSIONS), hint=_DEPLOY)
                case StateChanged(state="live") if known is None:
                    live = item
                case StateChanged():
                    yield connection_changed(item)
                case Changed():
                    found = _resolved(item.value)
                    for event in await _news(gateway, found, known):
                        yield event
                    known = found
                    if live is not None:
                        yield connection_changed(live)
                        live = None


async def _beginning(gateway: Gateway) -> int:
    """From which moment on to listen, ms: a day before now, by whichever clock that is longer ago.

    What was resolved last was stamped by the server. Nobody's clock is asked where nothing was.

    Raises:
        InvalidData: The database has no index for it.
    """
    try:
        answer = await gateway.patient.get(paths.SESSIONS, paths.session_resolved_last())
    except InvalidData as error:
        raise InvalidData(error.what, where=error.where, hint=_DEPLOY) from error
    stamps = [one.get("resolvedAt") for one in children(answer).values() if isinstance(one, dict)]
    latest = max((int(one) for one in stamps if isinstance(one, int | float)), default=0)
    return max(min(gateway.ids.now(), latest) - _BEFORE, 0)


async def _news(
    gateway: Gateway, found: dict[SessionId, Session], known: dict[SessionId, Session] | None
) -> list[ChatEvent]:
    """What is told of those that are resolved, after those that were."""
    if known is None:
        return []
    news: list[ChatEvent] = [
        SessionChanged(session, session.model_copy(update={"status": "active"}))
        for key, session in found.items()
        if key not in known
    ]
    for key in known.keys() - found.keys():
        raw = await gateway.patient.get(paths.session(key))
        now = None if raw is None else decode.session(key, raw).record
        if now is not None and not now.is_resolved:
            news.append(SessionChanged(now, known[key]))
    return news


def _resolved(value: Json) -> dict[SessionId, Session]:
    """Those that are resolved; what does not fit is told of by the inbox."""
    records = (one.record for one in decode.sessions(value))
    return {one.id: one for one in records if one is not None and one.is_resolved}
