"""Which settings files of working directories somebody has consented to.

A directory can come from anybody: a cloned repository, an unpacked archive, a shared folder. A
file in it that says where the chat is, or which credentials to use, is obeyed only as it was when
somebody read it and said so.
"""

import hashlib
import json
from pathlib import Path

from imbari_chat import private_files

__all__ = ["Consents"]


class Consents:
    """Consents, by the file's place and the digest of what it said then.

    Args:
        directory: Where they are kept; made when first needed.
    """

    def __init__(self, directory: Path) -> None:
        self._file = directory / "settings-files.json"

    def cover(self, file: Path) -> bool:
        """Whether somebody consented to ``file`` as it is now.

        Raises:
            ConfigError: The consents cannot be read.
            OSError: The file cannot be read.
        """
        return self._given().get(str(file.resolve())) == _digest(file)

    def give(self, file: Path) -> None:
        """Consent to ``file`` as it is now.

        Raises:
            ConfigError: The consent cannot be kept.
            OSError: The file cannot be read.
        """
        given = {**self._given(), str(file.resolve()): _digest(file)}
        private_files.replace(self._file, json.dumps(given))

    def withdraw(self, file: Path) -> bool:
        """Consent no longer; False if there was no consent.

        Raises:
            ConfigError: The consents cannot be changed.
        """
        given = self._given()
        if given.pop(str(file.resolve()), None) is None:
            return False
        private_files.replace(self._file, json.dumps(given))
        return True

    def _given(self) -> dict[str, str]:
        """Whatever is damaged is no consent."""
        try:
            value = json.loads(private_files.read(self._file) or b"{}")
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
