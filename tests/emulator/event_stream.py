"""An event stream read byte by byte, by nothing that the package itself brings."""

import json
from types import TracebackType
from typing import Any, Self

import httpx

__all__ = ["EventStream"]


_PATIENCE = 400


class EventStream:
    """One open stream.

    Args:
        client: Where to ask; its timeout bounds every wait.
        url: What to listen to.
        headers: Sent along.
        method: How it is opened.
    """

    def __init__(
        self,
        client: httpx.Client,
        url: str,
        headers: dict[str, str] | None = None,
        *,
        method: str = "GET",
    ) -> None:
        asked = client.build_request(
            method, url, headers={"Accept": "text/event-stream", **(headers or {})}
        )
        self.response = client.send(asked, stream=True)
        self._chunks = self.response.iter_raw()
        self._buffer = b""

    def raw(self) -> bytes:
        """The bytes of the next frame, blank line included."""
        while b"\n\n" not in self._buffer:
            self._buffer += next(self._chunks)
        frame, _, self._buffer = self._buffer.partition(b"\n\n")
        return frame + b"\n\n"

    def said(self) -> bytes:
        """The bytes of the next frame that is no keep-alive."""
        for _ in range(_PATIENCE):
            frame = self.raw()
            if not frame.startswith(b"event: keep-alive"):
                return frame
        raise AssertionError("nothing but keep-alives")

    def next(self) -> tuple[str, Any]:
        """The next event that is no keep-alive, and its data, as JSON where it is JSON."""
        event, data = self.said().decode().rstrip("\n").split("\n")
        text = data.removeprefix("data: ")
        return event.removeprefix("event: "), json.loads(text) if text[:1] in '{n"' else text

    def ended(self) -> bool:
        """True when the server has finished the stream properly, with nothing left to read."""
        return not self._buffer and next(self._chunks, None) is None

    def close(self) -> None:
        """Leave."""
        self.response.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
