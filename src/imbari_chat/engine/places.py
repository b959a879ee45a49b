"""Where a socket leads, and where else the service may send it."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlencode

from imbari_chat.wire.messages import VERSION

__all__ = ["SERVICE_DOMAINS", "SocketPlace"]

SERVICE_DOMAINS: Final = (".firebaseio.com", ".firebasedatabase.app")

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

        Args:
            host: This place's own, or the one that the service named instead.
            last_session: What the service called the connection before this one, so that it need
                not wait for that one to time out.
        """
        query = {"v": VERSION, "ns": self.namespace}
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
