"""Server-Sent Events, both ways."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbari_chat.wire.sse import Frame, SseParser, encode
from tests.specs import cases, table

STREAMS = [case["text"].encode() for case in table("wire/streams")["cases"]]

mess = st.lists(
    st.sampled_from(
        [b"\r", b"\n", b"\r\n", b"data: x", b"event: e", b"data", b":", b"\xef\xbb\xbf"]
    )
    | st.binary(max_size=3),
    max_size=30,
).map(b"".join)


def read(*chunks: bytes) -> list[Frame]:
    """All frames of a stream that comes in these pieces."""
    parser = SseParser()
    return [frame for chunk in chunks for frame in parser.feed(chunk)]


@cases("wire/streams")
def test_streams_are_read_as_the_format_says(case: dict[str, Any]) -> None:
    """Line ends, comments, unknown fields, several data lines."""
    assert read(case["text"].encode()) == [Frame(*frame) for frame in case["frames"]]


@cases("wire/streams")
def test_a_cut_anywhere_makes_no_difference(case: dict[str, Any]) -> None:
    """In two at every byte, within characters and line ends too, and byte by byte."""
    data = case["text"].encode()
    whole = read(data)
    for cut in range(len(data) + 1):
        assert read(data[:cut], data[cut:]) == whole
        assert read(data[:cut], b"", data[cut:]) == whole
    assert read(*(data[i : i + 1] for i in range(len(data)))) == whole


@given(mess | st.sampled_from(STREAMS), st.lists(st.integers(0, 100), max_size=6))
def test_cuts_anywhere_in_anything_make_no_difference(data: bytes, cuts: list[int]) -> None:
    """Even in bytes that are no stream at all."""
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[a:b] for a, b in pairwise(edges)]
    assert read(*pieces) == read(data)


def test_a_frame_is_given_as_soon_as_its_blank_line_ends() -> None:
    """A carriage return ends it; whether a line feed follows need not be waited for."""
    parser = SseParser()
    assert parser.feed(b"data: 1\r\n\r") == [Frame("message", "1")]
    assert parser.feed(b"\ndata: 2\n\n") == [Frame("message", "2")]


@given(st.text("abc-_", min_size=1), st.text())
def test_what_is_encoded_reads_back(event: str, data: str) -> None:
    """Line ends become line feeds; nothing else changes."""
    try:
        written = encode(event, data)
    except UnicodeEncodeError:
        return
    expected = data.replace("\r\n", "\n").replace("\r", "\n")
    assert read(written) == [Frame(event, expected)]


def test_frames_look_as_the_service_writes_them() -> None:
    """One event line, one data line, one blank line."""
    assert encode("put", '{"path":"/","data":null}') == (
        b'event: put\ndata: {"path":"/","data":null}\n\n'
    )


def test_an_event_name_is_one_line() -> None:
    """Or data could be smuggled in."""
    with pytest.raises(ValueError, match="one line"):
        encode("put\ndata: x", "y")


def test_bad_bytes_are_replaced() -> None:
    """One broken character does not end a stream."""
    assert read(b"data: \xff!\n\n") == [Frame("message", "\ufffd!")]


def test_a_long_line_is_looked_at_once() -> None:
    """However many pieces it comes in, none is searched again when the next one comes."""
    searched = 0

    class Counting(bytes):
        def __contains__(self, part: object) -> bool:
            nonlocal searched
            searched += part == b"\n" and len(self)
            return super().__contains__(part)  # type: ignore[operator]  # bytes ask for less

    parser, fed = SseParser(), 0
    for piece in [b"data: ", *[b"x" * 64] * 500, b"\n\n"]:
        fed += len(piece)
        frames = parser.feed(Counting(piece))
    assert frames == [Frame("message", "x" * 64 * 500)]
    assert searched == fed


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_a_frame_is_under_way_from_its_first_byte_to_its_end(ends: str) -> None:
    """Whichever of its lines have come; what is between two of them is not one."""
    parser = SseParser()
    assert not parser.is_within_frame
    for line in ("event: put", "data: 1", "data: 2"):
        for piece in (line, ends):
            assert parser.feed(piece.encode()) == []
            assert parser.is_within_frame
    assert parser.feed(ends.encode()) == [Frame("put", "1\n2")]
    assert not parser.is_within_frame
    parser.feed(f": nothing{ends}".encode())
    assert not parser.is_within_frame


def test_any_line_of_a_frame_begins_it() -> None:
    """A comment belongs to none."""
    for line, is_within in ((b"event: put\n", True), (b"data: 1\n", True), (b": alive\n", False)):
        parser = SseParser()
        parser.feed(line)
        assert parser.is_within_frame is is_within


def test_a_byte_order_mark_is_passed_over_where_a_stream_begins() -> None:
    """Anywhere else it is a part of what stands there."""
    (frame,) = SseParser().feed("\ufeffdata: 1\n\ufeffdata: 2\ndata: \ufeff3\n\n".encode())
    assert frame.data == "1\n\ufeff3"
