"""Ports of loopback that stay a test's own while nobody listens at them."""

import itertools
import random
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

__all__ = ["own_port"]

# Below the range from which systems pick ports by themselves. Not by the seed, which processes
# beside this one share.
_PORTS: Final = itertools.cycle(random.SystemRandom().sample(range(20_000, 32_000), 12_000))


@contextmanager
def own_port() -> Iterator[int]:
    """A port that the block may listen at, give up and take again, as may programs it starts.

    On Linux it is held meanwhile by a socket that does not listen, so whoever connects is refused.
    Listening beside that needs ``SO_REUSEADDR``, which servers set; this function does not, and so
    gives nobody else the same port. Elsewhere nothing but chance keeps others from it.
    """
    with socket.socket() as holding:
        for port in _PORTS:
            try:
                holding.bind(("127.0.0.1", port))
            except OSError:
                continue
            break
        holding.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if sys.platform != "linux":
            holding.close()
        yield port
