"""What the service says of the connection itself."""

from typing import Any

import pytest

from imbari_chat.engine import control
from imbari_chat.engine.control import Greeting, Moved
from imbari_chat.errors import ConfigError
from imbari_chat.wire.json import Json
from imbari_chat.wire.messages import Control


@pytest.mark.parametrize(
    ("kind", "payload", "news"),
    [
        (
            "h",
            {"h": "s-1.example", "s": "abc", "ts": 5},
            Greeting("s-1.example", "abc", 5),
        ),
        ("h", {}, Greeting(None, None)),
        ("h", "junk", Greeting(None, None)),
        ("r", "s-2.firebaseio.com", Moved("s-2.firebaseio.com")),
        ("r", 5, Moved(5)),
        ("o", {}, None),
        ("e", "x", None),
    ],
)
def test_what_it_says_is_read(kind: str, payload: Json, news: Any) -> None:
    """As far as it matters; junk is nothing."""
    assert control.read(Control(kind, payload)) == news


@pytest.mark.parametrize(
    ("payload", "why"),
    [("over quota", "over quota"), ("two\nlines", "two lines"), (5, "no reason given")],
)
def test_being_shown_out_is_an_error_of_the_settings(payload: Json, why: str) -> None:
    """On one line, with what to look at."""
    error = control.read(Control("s", payload))
    assert isinstance(error, ConfigError)
    assert error.what == f"the database does not serve this client: {why}"
    assert error.hint == "Check the database's address and region, and the plan's limits"
