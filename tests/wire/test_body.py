"""The bodies of REST writes."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given

from imbari_chat.errors import InvalidData
from imbari_chat.wire.body import parse_body, parse_update
from imbari_chat.wire.json import Json, dumps, same
from tests.specs import cases
from tests.wire.strategies import exports, values


@cases("wire/bodies")
def test_bodies_are_read_or_refused_as_the_service_does(case: dict[str, Any]) -> None:
    """Values as they are, errors word for word, with the place of an illegal key."""
    read = parse_update if case["method"] == "PATCH" else parse_body
    body = case["body"].encode()
    if "error" in case:
        with pytest.raises(InvalidData) as caught:
            read(body)
        assert caught.value.what == case["error"]
    else:
        assert same(read(body), case["value"])


@given(exports)
def test_every_value_is_a_body(value: Json) -> None:
    """With priorities, compact or pretty."""
    assert same(parse_body(dumps(value).encode()), value)
    assert same(parse_body(dumps(value, pretty=True).encode()), value)


@given(values, values, values)
def test_the_first_illegal_key_is_the_one_named(before: Json, inside: Json, after: Json) -> None:
    """Whatever comes before it: strings with quotes, brackets and colons are not keys."""
    head = f'[{dumps(before)},\n{{"ok":[{dumps("x: {[")}],'
    text = f'{head}"bad.key":{dumps(inside)}}},{{"worse/key":{dumps(after)}}}]'
    with pytest.raises(InvalidData) as caught:
        parse_body(text.encode())
    column = len(head) - head.rindex("\n")
    assert f"beginning at 2:{column}." in caught.value.what


@pytest.mark.parametrize(
    ("read", "body", "place"),
    [
        (parse_body, '{"a":{"b":{"c.d":1}}}', "1:12"),
        (parse_body, '{"a":[{"b":[{"c":1},{"c.d":1}]}]}', "1:22"),
        (parse_body, '\n\n{"a":1,\n "b/c":2}', "4:2"),
        (parse_body, '\n{"b/c":2}', "2:2"),
        (parse_update, '{"a/b":{"c":1},"c.d":2}', "1:16"),
        (parse_update, '{"a/b":{"c":{"d/e":1}}}', "1:14"),
        (parse_update, '{"a":{"b":{}},"c/d":{".value":1,"e/f":2}}', "1:33"),
    ],
)
def test_an_illegal_key_is_found_however_deep_and_whatever_comes_before(
    read: Callable[[bytes], Json], body: str, place: str
) -> None:
    """The keys of an update may be paths, those below may not."""
    with pytest.raises(InvalidData, match=f"beginning at {place}\\."):
        read(body.encode())


def test_blank_is_no_body() -> None:
    """As empty as nothing at all."""
    with pytest.raises(InvalidData) as caught:
        parse_body(b" \r\n")
    assert caught.value.what == "Error: No data supplied."


def test_a_body_that_is_not_utf8_is_not_json() -> None:
    """The service's text for what it cannot parse."""
    with pytest.raises(InvalidData, match="couldn't parse JSON object, array, or value"):
        parse_body(b'"\xff"')
