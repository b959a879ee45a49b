"""Names of hosts, looked up where nothing waits for it."""

import socket
from urllib.parse import urlsplit

from imbari_chat.errors import Unavailable
from imbari_chat.http_environment import HttpEnvironment, is_this_machine
from imbari_chat.net.workers import Workers

__all__ = ["look_up"]


async def look_up(url: str, workers: Workers, environment: HttpEnvironment, where: str) -> None:
    """Find out on a worker whether a name can be resolved, unless a proxy does that.

    Whoever dials resolves it again, on one of asyncio's own threads. The interpreter waits for
    those at its end, so a name server that hangs must not be met there first.

    Args:
        url: An ``http://`` or ``https://`` address.
        workers: Where to wait.
        environment: Knows of proxies.
        where: What is being done, for the error.

    Raises:
        Unavailable: It cannot.
        ConfigError: The proxy cannot be used.
    """
    host = urlsplit(url).hostname or ""
    if is_this_machine(host) or environment.proxy_for(url) is not None:
        return
    try:
        await workers.run(socket.getaddrinfo, host, None)
    except OSError as error:
        raise Unavailable(
            f"the name {host} cannot be resolved ({error.strerror or error})", where=where
        ) from error
