"""Server values."""

from contextlib import nullcontext
from typing import Any

import pytest
from hypothesis import given

from imbari_chat.errors import InvalidData
from imbari_chat.wire.json import Json, same
from imbari_chat.wire.tree import EMPTY, Node, from_json
from imbari_chat.wire.values import SERVER_TIMESTAMP, increment, resolve
from tests.specs import cases, table
from tests.wire.strategies import exports, nodes, numbers

NOW: int = table("wire/server_values")["now"]


@cases("wire/server_values")
def test_server_values_resolve(case: dict[str, Any]) -> None:
    """To the instant of the request, to a sum, or to an error."""
    before = from_json(case["before"])
    if "error" in case:
        with pytest.raises(InvalidData):
            resolve(case["write"], before, NOW)
    else:
        assert from_json(resolve(case["write"], before, NOW)) == from_json(case["after"])


@given(exports, nodes)
def test_values_without_placeholders_are_not_copied(value: Json, existing: Node) -> None:
    """Resolving costs nothing where nothing is to be done."""
    assert resolve(value, existing, NOW) is value


def test_the_body_of_the_request_is_not_touched() -> None:
    """Whoever sent it may still look at it."""
    body: Json = {"a": [SERVER_TIMESTAMP], "b": {"c": 1}}
    resolve(body, EMPTY, NOW)
    assert body == {"a": [{".sv": "timestamp"}], "b": {"c": 1}}


@given(numbers, numbers)
def test_integers_add_exactly_and_doubles_as_doubles(a: float, b: float) -> None:
    """Sums stay 64-bit integers where both are and the sum fits."""
    if abs(a) > 1e300 or abs(b) > 1e300:
        return
    total = resolve(increment(b), from_json(a), NOW)
    if isinstance(a, int) and isinstance(b, int) and all(-(2**62) < n < 2**62 for n in (a, b)):
        assert same(total, a + b)
    else:
        assert total == pytest.approx(float(a) + float(b))


def test_an_increment_beyond_doubles_is_refused() -> None:
    """There is no infinity to store."""
    with pytest.raises(InvalidData):
        resolve(increment(1.7e308), from_json(1.7e308), NOW)


@pytest.mark.parametrize("by", [float("nan"), float("inf"), 10**400, True])
def test_an_increment_is_a_finite_number(by: float) -> None:
    """Refused before anything is sent."""
    with pytest.raises(InvalidData):
        increment(by)


@pytest.mark.parametrize(("levels", "fits"), [(32, True), (33, False), (100_000, False)])
def test_a_server_value_stands_as_deep_as_data_may(levels: int, fits: bool) -> None:
    """Deeper it is refused, long before Python's own limit."""
    value: Json = SERVER_TIMESTAMP
    for _ in range(levels):
        value = [value]
    with nullcontext() if fits else pytest.raises(InvalidData, match="32"):
        resolve(value, EMPTY, NOW)
