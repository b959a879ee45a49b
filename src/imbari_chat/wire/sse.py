"""Server-Sent Events frames, both ways.

The database writes an event and one line of data per frame; the parser takes everything the
format allows, because proxies and other servers stand between.
"""

import re
from dataclasses import dataclass

__all__ = ["Frame", "SseParser", "encode"]

_LINE_ENDS = (b"\n", b"\r")
_TEXT_LINE_END = re.compile(r"\r\n|\r|\n")
_LONGEST_NAME = len(b"event:")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Frame:
    """One event.

    Attributes:
        event: Its type; ``"message"`` when the stream names none.
        data: Its data lines, joined by line feeds.
    """

    event: str
    data: str


class SseParser:
    """Bytes in, whole frames out, however the bytes are cut.

    Every byte is looked at once: a long line is gathered in pieces and joined when it ends. An
    unfinished frame at the end of a stream is not a frame.
    """

    def __init__(self) -> None:
        self._pieces: list[bytes] = []  # of the line that has not ended yet
        self._after_cr = False  # a line feed that comes next belongs to the line end before it
        self._first_line = True
        self._event = ""
        self._data: list[str] = []

    def feed(self, chunk: bytes) -> list[Frame]:
        """Take the next bytes of the stream and give the frames they complete."""
        if self._after_cr and chunk:
            chunk = chunk.removeprefix(b"\n")
            self._after_cr = False
        if not chunk:
            return []
        # Most of a large event comes in chunks that end no line: finding that out first is many
        # times faster than splitting them.
        if b"\n" not in chunk and b"\r" not in chunk:
            self._pieces.append(chunk)
            return []
        lines = chunk.splitlines()
        rest = None if chunk.endswith(_LINE_ENDS) else lines.pop()
        frames = []
        for line in lines:
            self._pieces.append(line)
            frame = self._line(b"".join(self._pieces))
            self._pieces.clear()
            if frame is not None:
                frames.append(frame)
        if rest is not None:
            self._pieces.append(rest)
        self._after_cr = chunk.endswith(b"\r")
        return frames

    @property
    def is_within_frame(self) -> bool:
        """Whether a frame has begun and not ended."""
        return bool(self._pieces or self._data or self._event)

    def _line(self, line: bytes) -> Frame | None:
        if self._first_line:
            line = line.removeprefix(_BYTE_ORDER_MARK)
            self._first_line = False
        if not line:
            return self._dispatch()
        name, _, _ = line[:_LONGEST_NAME].partition(b":")
        match name:
            case b"data":
                self._data.append(_value(line, len(name)))
            case b"event":
                self._event = _value(line, len(name))
        return None  # a comment has no name; ids and retry times are not used by the database

    def _dispatch(self) -> Frame | None:
        """A blank line ends a frame; one without data is dropped, as the format has it."""
        frame = Frame(self._event or "message", "\n".join(self._data)) if self._data else None
        self._event = ""
        self._data.clear()
        return frame


def _value(line: bytes, end_of_name: int) -> str:
    """What follows the colon and one space, without copying a line of megabytes more than once."""
    begin = end_of_name + 1
    if line[begin : begin + 1] == b" ":
        begin += 1
    return str(memoryview(line)[begin:], errors="replace")


def encode(event: str, data: str) -> bytes:
    """One frame as it goes over the wire; line ends in ``data`` become line feeds.

    Raises:
        ValueError: The event's name has a line end in it.
    """
    if _TEXT_LINE_END.search(event):
        raise ValueError("an event's name is one line")
    lines = "".join(f"data: {line}\n" for line in _TEXT_LINE_END.split(data))
    return f"event: {event}\n{lines}\n".encode()
