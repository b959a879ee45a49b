"""A proxy that does two things only: for programs beside the tests, which know it by this name."""

from types import TracebackType
from typing import Self

from tests.faults.proxy import Proxy

__all__ = ["CuttingProxy"]


class CuttingProxy:
    """Passes bytes to ``target`` (HOST:PORT) until it is cut."""

    def __init__(self, target: str) -> None:
        self._proxy = Proxy(target)

    @property
    def address(self) -> str:
        """HOST:PORT to connect to; the same after every cut."""
        return self._proxy.address

    async def cut(self) -> None:
        """Break every connection and refuse new ones."""
        await self._proxy.refuse()

    async def mend(self) -> None:
        """Let connections through again."""
        await self._proxy.mend()

    async def __aenter__(self) -> Self:
        await self._proxy.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._proxy.__aexit__(kind, error, trace)
