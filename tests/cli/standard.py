"""Standard input as a pipe, written to line by line."""

import os
from typing import TextIO

__all__ = ["Standard"]


class Standard:
    """See the module.

    Attributes:
        stream: What the program reads.
    """

    def __init__(self) -> None:
        reading, self._writing = os.pipe()
        self.stream: TextIO = os.fdopen(reading, encoding="utf-8")

    def line(self, text: str) -> None:
        os.write(self._writing, f"{text}\n".encode())

    def raw(self, data: bytes) -> None:
        os.write(self._writing, data)

    def end(self) -> None:
        if self._writing >= 0:
            os.close(self._writing)
            self._writing = -1
