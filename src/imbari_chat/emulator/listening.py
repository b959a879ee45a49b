"""TCP sockets that listen, and what to say when they cannot."""

import errno
import socket
from ipaddress import ip_address

from imbari_chat.errors import ConfigError

__all__ = ["address", "is_loopback", "listen"]


def is_loopback(host: str) -> bool:
    """True if only this machine reaches ``host``."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def listen(name: str, host: str, port: int) -> socket.socket:
    """A listening TCP socket; connections queue from here on.

    Args:
        name: What it is for, in error messages.
        port: 0 takes a free one.

    Raises:
        ConfigError: The port is taken or not allowed, or there is no such host.
    """
    try:
        family, kind, protocol, _, bindable = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (socket.gaierror, UnicodeError) as error:
        raise ConfigError(
            f"{host} is not an address to listen on",
            where="host",
            hint="give a name or address of this machine, such as 127.0.0.1",
        ) from error
    listening = socket.socket(family, kind, protocol)
    try:
        # A port whose connections are still winding down can be taken again; one in use cannot.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(bindable)
        listening.listen(1024)
    except (OSError, OverflowError) as error:
        listening.close()
        raise _cannot_listen(name, host, port, error) from error
    return listening


def _cannot_listen(name: str, host: str, port: int, error: Exception) -> ConfigError:
    where = f"{name} port {port}"
    match getattr(error, "errno", None):
        case errno.EADDRINUSE:
            return ConfigError(
                f"port {port} of {host} is in use",
                where=where,
                hint="stop what uses it (another emulator?), choose another port, or 0 for any",
            )
        case errno.EACCES:
            return ConfigError(
                f"port {port} of {host} may not be used",
                where=where,
                hint="choose a port above 1023, or 0 for any free one",
            )
    return ConfigError(
        f"cannot listen on port {port} of {host}: {error}",
        where=where,
        hint="give an address of this machine, and a port from 0, any free one, to 65535",
    )


def address(listening: socket.socket) -> tuple[str, int]:
    """The host and port a socket listens on."""
    host, port = listening.getsockname()[:2]
    return str(host), int(port)
