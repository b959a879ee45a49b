"""An office's proxies: the only way out, and the only place where names are known."""

import asyncio
import base64
from collections.abc import Mapping
from urllib.parse import quote, urlsplit

from tests.environment.authority import Listening

__all__ = ["ForwardProxy", "SocksProxy"]


class ForwardProxy(Listening):
    """Opens tunnels (CONNECT) and passes plain requests on.

    Args:
        places: ``HOST:PORT`` as clients know it to ``HOST:PORT`` on this machine.
        credential: ``NAME:PASSWORD`` that it asks for; None to let everybody through.
    """

    def __init__(self, places: Mapping[str, str], credential: str | None = None) -> None:
        super().__init__()
        self.places = places
        self._credential = credential
        self.asked: list[str] = []
        """What it was asked for: method and place."""

    @property
    def url(self) -> str:
        """As a variable names it; with a name and a password if it asks for them."""
        user = f"{quote(self._credential, safe=':')}@" if self._credential else ""
        return f"http://{user}127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
        tunnel = method == "CONNECT"
        parts = urlsplit(target)
        place = target if tunnel else f"{parts.hostname}:{parts.port or 80}"
        self.asked.append(f"{method} {place}")
        if not self._admits(head):
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            return
        if place not in self.places:
            writer.write(b"HTTP/1.1 502 No Such Host\r\nContent-Length: 0\r\n\r\n")
            return
        host, _, port = self.places[place].rpartition(":")
        upstream = await asyncio.open_connection(host, int(port))
        if tunnel:
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            path = f"{parts.path}?{parts.query}" if parts.query else parts.path
            upstream[1].write(head.replace(target.encode(), path.encode(), 1))
        await self.join((reader, writer), upstream)

    def _admits(self, head: bytes) -> bool:
        if self._credential is None:
            return True
        known = "Basic " + base64.b64encode(self._credential.encode()).decode()
        fields = (line.partition(": ") for line in head.decode().split("\r\n"))
        return any(n.lower() == "proxy-authorization" and value == known for n, _, value in fields)


class SocksProxy(Listening):
    """SOCKS version 5 without a password, for names alone.

    Args:
        places: ``HOST:PORT`` as clients know it to ``HOST:PORT`` on this machine.
    """

    def __init__(self, places: Mapping[str, str]) -> None:
        super().__init__()
        self._places = places
        self.asked: list[str] = []
        """Places that it was asked for."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, methods = await reader.readexactly(2)
        await reader.readexactly(methods)
        writer.write(b"\x05\x00")
        _, _, _, kind = await reader.readexactly(4)
        assert kind == 3, "clients leave names to the proxy"
        (length,) = await reader.readexactly(1)
        host = (await reader.readexactly(length)).decode()
        place = f"{host}:{int.from_bytes(await reader.readexactly(2))}"
        self.asked.append(place)
        name, _, port = self._places[place].rpartition(":")
        upstream = await asyncio.open_connection(name, int(port))
        writer.write(b"\x05\x00\x00\x01" + bytes(6))
        await self.join((reader, writer), upstream)
