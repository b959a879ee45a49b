"""Where a socket leads, and where else the service may send it (reference: hello, reset)."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlencode

from imbari_chat.wire.json import Json

__all__ = ["MOST_MOVES", "SERVICE_DOMAINS", "Route", "SocketPlace"]

SERVICE_DOMAINS: Final = (".firebaseio.com", ".firebasedatabase.app")

MOST_MOVES: Final = 5
"""How often a socket, a stream or any other request is followed where the service sends it."""

_HOST = re.compile(r"([a-z0-9.-]+)(?::[0-9]{1,5})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class SocketPlace:
    """One database as sockets reach it.

    Attributes:
        host: Name and, if it is not the usual one, port.
        namespace: The database at this host.
        secure: Whether the way there is encrypted.
    """

    host: str
    namespace: str
    secure: bool

    def url(self, host: str, last_session: str | None = None) -> str:
        """The address to dial (reference: URL, namespace, HTTP upgrade).

        The namespace goes along where the host does not say it.

        Args:
            host: This place's own, or the one that the service named instead.
            last_session: What the service called the connection before this one, so that it need
                not wait for that one to time out.
        """
        from imbari_chat.wire.messages import VERSION  # which only sockets need

        query = {"v": VERSION}
        if not self.secure or host != self.host:
            query["ns"] = self.namespace
        if last_session:
            query["ls"] = last_session
        scheme = "wss" if self.secure else "ws"
        return f"{scheme}://{host}/.ws?{urlencode(query, quote_via=quote)}"

    def may_move_to(self, host: str) -> bool:
        """Whether a credential may go to ``host``: only over TLS, and within the service's domains.

        An emulator is where its address says, whatever it calls itself.
        """
        named = _HOST.fullmatch(host.lower())
        return self.secure and named is not None and named[1].endswith(SERVICE_DOMAINS)


class Route:
    """The way of one client's connections, each of which may say where the next one leads."""

    def __init__(self) -> None:
        self._place: SocketPlace | None = None
        self._host: str | None = None
        self._moves = 0
        self._session: str | None = None

    def url(self, place: SocketPlace) -> str:
        """The address to dial next, for a database at ``place``."""
        if place != self._place:
            self._place, self._host = place, None
        return place.url(self._host or place.host, self._session)

    def greeted(self, host: Json, session: Json) -> None:
        """A connection has begun, and the server has told what to use for the next one."""
        if isinstance(session, str):
            self._session = session
        self._adopt(host)

    def moved(self, host: Json) -> str | None:
        """The server sends this client elsewhere. Returns why it cannot go there, if it cannot."""
        self._moves += 1
        if self._moves > MOST_MOVES:
            return "the service sent this client in circles"
        if not self._adopt(host):
            return "the service sent this client to a host that is not its own"
        return None

    def arrived(self) -> None:
        """A connection is as it should be."""
        self._moves = 0

    def failed(self) -> None:
        """Nobody greeted at the host that was dialed: the next try begins where the first did."""
        self._host, self._moves = None, 0

    def _adopt(self, host: Json) -> bool:
        if self._place is None or not isinstance(host, str) or not self._place.may_move_to(host):
            return False
        self._host = host
        return True
