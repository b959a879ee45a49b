"""Messages of the socket, both ways."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbari_chat.errors import InvalidData
from imbari_chat.wire.json import Json, dumps
from imbari_chat.wire.messages import (
    Answer,
    Control,
    Push,
    Request,
    from_client,
    from_server,
    location,
    on_the_wire,
)
from imbari_chat.wire.paths import Path
from tests.specs import cases, table
from tests.wire.strategies import keys

REFUSED = table("wire/messages")["refused"]

values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner),
)
parts = st.sampled_from(["t", "d", "r", "a", "b", "p", "h", "q", "c", "s"])
near_misses = st.recursive(
    values | st.sampled_from(["c", "d", "p", "q", "auth"]),
    lambda inner: st.dictionaries(parts, inner, max_size=5),
)


def _message(said: dict[str, Any]) -> Any:
    if "control" in said:
        return Control(said["control"], said["payload"])
    if "push" in said:
        return Push(said["push"], said["body"])
    if "status" in said:
        return Answer(said["number"], said["status"], said["data"])
    return Request(said["number"], said["action"], said["body"])


@cases("wire/messages")
def test_messages_are_read_and_written(case: dict[str, Any]) -> None:
    """As they were seen on the wire, to the letter."""
    read = from_client if case["side"] == "client" else from_server
    assert read(case["text"]) == _message(case["read"])
    assert str(_message(case["read"])) == case.get("written", case["text"])


@pytest.mark.parametrize("case", REFUSED, ids=[case["name"] for case in REFUSED])
def test_what_is_no_message_is_refused(case: dict[str, Any]) -> None:
    """By name, not by a traceback."""
    count, unit = case.get("repeat", [0, ""])
    with pytest.raises(InvalidData):
        from_client(case["text"] + unit * count)


@pytest.mark.parametrize("read", [from_client, from_server])
def test_what_is_no_json_is_shown_by_its_place(read: Callable[[str], object]) -> None:
    """Unless it is read in steps."""
    with pytest.raises(InvalidData, match="line 1, column 6"):
        read('{"t":')


@given(st.text() | near_misses.map(dumps))
def test_anything_is_read_or_refused(text: str) -> None:
    """By both sides."""
    for read in (from_client, from_server):
        try:
            message = read(text)
        except InvalidData:
            continue
        assert read(str(message)) == message


@given(st.lists(keys, max_size=5), st.booleans())
def test_a_path_is_the_same_with_slashes_anywhere(named: list[str], sloppy: bool) -> None:
    """JavaScript leads with one, Java and the service do not."""
    path = Path(named)
    assert location(on_the_wire(path)) == path
    assert location(str(path)) == path
    assert location("//".join(["", *named, ""])) == path


def test_a_path_of_any_length_is_read_as_often_as_it_comes() -> None:
    """Short ones are kept as they were read."""
    long = Path(("a" * 300, "b"))
    assert [location(on_the_wire(path)) for path in (long, Path("ab"), long, Path("ab"))] == [
        long, Path("ab"), long, Path("ab"),
    ]  # fmt: skip
    with pytest.raises(InvalidData):
        location("a" * 300 + "#")


def test_only_the_last_segment_may_be_a_priority() -> None:
    """Which is how one is set alone."""
    assert location("/a/.priority") == ("a", ".priority")
    for wrong in ("/.priority/a", "/a.b", "/a/$x", 7, None):
        with pytest.raises(InvalidData):
            location(wrong)


@pytest.mark.parametrize(
    "inner",
    ["{}", '{"r": 1.5, "b": {}}', '{"r": "1"}', '{"a": 1}', '{"r": true}', '{"b": {"s": "ok"}}'],
)
def test_what_is_neither_an_answer_nor_a_push_is_refused(inner: str) -> None:
    """Rather than taken for one of them."""
    with pytest.raises(InvalidData, match="neither an answer nor a push"):
        from_server(f'{{"t": "d", "d": {inner}}}')


@pytest.mark.parametrize("read", [from_client, from_server])
@pytest.mark.parametrize("kind", ["x", "", "C", None, 1, ["d"]])
def test_a_message_of_a_kind_that_nobody_knows_is_none(
    read: Callable[[str], object], kind: Any
) -> None:
    """Though what it holds would be one."""
    inner: Json = {"r": 1, "a": "q", "b": {"p": "/"}, "t": "h"}
    with pytest.raises(InvalidData, match="control"):
        read(dumps({"t": kind, "d": inner}))
