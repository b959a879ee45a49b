"""What the server says of the connection itself (reference: control messages).

A greeting is one whatever is in it, of whatever version: the SDKs go on too, and what is not
understood after it shows soon enough.
"""

from dataclasses import dataclass
from typing import TypeAlias

from imbari_chat.engine.refusals import one_line
from imbari_chat.errors import ConfigError
from imbari_chat.wire.json import Json
from imbari_chat.wire.messages import Control

__all__ = ["Greeting", "Moved", "News", "read"]


@dataclass(frozen=True, slots=True)
class Greeting:
    """The first message of a server.

    Attributes:
        host: Where to connect from now on, as it was said.
        session: What to call this connection when there is another one, as it was said.
        time: What the server's clock shows, ms, as it was said.
    """

    host: Json
    session: Json
    time: Json = None


@dataclass(frozen=True, slots=True)
class Moved:
    """The service is elsewhere.

    Attributes:
        host: Where, as it was said.
    """

    host: Json


News: TypeAlias = Greeting | Moved | ConfigError


def read(control: Control) -> News | None:
    """What it means: an error is the end, and None is nothing that matters here."""
    payload = control.payload
    match control.kind:
        case "h":
            told = payload if isinstance(payload, dict) else {}
            return Greeting(told.get("h"), told.get("s"), told.get("ts"))
        case "r":
            return Moved(payload)
        case "s":
            why = one_line(payload) if isinstance(payload, str) else "no reason given"
            return ConfigError(
                f"the database does not serve this client: {why}",
                hint="Check the database's address and region, and the plan's limits",
            )
        case _:
            return None
