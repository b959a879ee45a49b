"""All transports are called alike: what nobody says means the same on each."""

import inspect
from types import SimpleNamespace
from typing import Any

import pytest

from imbari_chat.engine.effects import StateChanged
from imbari_chat.errors import InvalidData
from imbari_chat.http_environment import HttpEnvironment
from imbari_chat.net.auto import AutoTransport
from imbari_chat.net.auto_subscription import JointBuffer
from imbari_chat.net.rest import RestTransport
from imbari_chat.net.transport import Transport, Way
from imbari_chat.net.websocket import WebSocketTransport
from imbari_chat.wire.paths import ROOT

_CALLS = [
    name
    for name, one in vars(Transport).items()
    if inspect.isfunction(one) and not name.startswith("_")
]


@pytest.mark.parametrize("kind", [RestTransport, WebSocketTransport, AutoTransport])
@pytest.mark.parametrize("name", _CALLS)
def test_a_call_takes_the_same_on_every_transport(kind: type, name: str) -> None:
    """By the same names, in the same order, with the same defaults."""
    asked, offered = (
        [
            (one.name, one.kind, one.default)
            for one in inspect.signature(getattr(where, name)).parameters.values()
        ]
        for where in (Transport, kind)
    )
    assert offered == asked


def test_a_listener_that_says_nothing_misses_no_latest_value() -> None:
    """What it is behind with is put together."""
    assert inspect.signature(Transport.listen).parameters["overflow"].default == "coalesce"


@pytest.mark.parametrize("kind", [RestTransport, WebSocketTransport, AutoTransport])
def test_a_way_that_is_given_is_the_way(kind: Any) -> None:
    """And not what this process's environment says."""
    given = HttpEnvironment({"https_proxy": "http://proxy.example:1"})
    assert kind(None, timeout=5.0, environment=given)._environment is given


@pytest.mark.parametrize(
    ("kind", "way"), [(RestTransport, Way("rest")), (WebSocketTransport, Way("websocket"))]
)
def test_a_transport_says_which_way_it_goes(kind: Any, way: Way) -> None:
    """In the words of the settings."""
    assert kind(None, timeout=5.0).way == way


async def test_a_subscription_of_either_kind_begins_by_connecting() -> None:
    """Before anybody has looked."""
    buffer = JointBuffer(10, "coalesce", "/", lambda: False)
    assert buffer.latest == StateChanged("connecting")


async def test_what_cannot_be_written_is_told_as_what_was_not_made() -> None:
    """Nobody has to catch it, and there is nothing to take back."""
    transport: Any = WebSocketTransport(None, timeout=5.0)  # type: ignore[arg-type]  # never asked
    transport._caller = SimpleNamespace(known=object(), uid=None)
    told: list[Any] = []
    withdraw = transport.submit({ROOT: {}}, told.append)
    assert [type(one) for one in told] == [InvalidData]
    assert withdraw() is False
