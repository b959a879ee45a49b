"""What is being sent to the emulator, over all connections: the bodies of requests under way.

One body may have 256 MiB, and nobody has to be signed in to send one. So all of them together have
a bound too, over which a request is told to come again.
"""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from imbari_chat.wire.json import dumps

__all__ = ["Incoming", "bounded"]


class Incoming:
    """Bytes that have been received for what is not done yet.

    Args:
        bound: Of all together; what comes alone may have more.
    """

    def __init__(self, bound: int = 512 * 1024 * 1024) -> None:
        self._bound = bound
        self.held = 0

    def take(self, size: int, own: int) -> bool:
        """Count ``size`` more, unless they would be too many.

        Args:
            own: Bytes that the same request has taken before.

        Returns:
            False if there is no room, and nothing has been counted.
        """
        others = self.held - own
        if size and others and self.held + size > self._bound:
            return False
        self.held += size
        return True

    def release(self, size: int) -> None:
        """Count ``size`` no more."""
        self.held -= size


def bounded(app: ASGIApp, incoming: Incoming) -> ASGIApp:
    """``app``, which is told that a client has left when there is no room for its body.

    The client is told by 503, and the connection closed.
    """

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        taken = 0
        refused = started = False

        async def counted() -> Message:
            nonlocal taken, refused
            if refused:
                return {"type": "http.disconnect"}
            message = await receive()
            size = len(message.get("body", b""))
            if incoming.take(size, taken):
                taken += size
                return message
            refused = True
            return {"type": "http.disconnect"}

        async def passed_on(message: Message) -> None:
            nonlocal started
            if not refused:
                started = True
                await send(message)

        try:
            await app(scope, counted, passed_on)
        finally:
            incoming.release(taken)
        if refused and not started:
            await _refuse(send)

    return answer


async def _refuse(send: Send) -> None:
    body = dumps({"error": "Too much is being sent to the emulator at once"}).encode()
    headers = [
        (b"content-type", b"application/json; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"retry-after", b"1"),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": body})
