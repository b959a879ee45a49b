"""What is written and not sent, on disk: it survives whatever ends the desk.

One file holds all of one project's drafts, whole at every moment.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from imbari_chat import private_files
from imbari_chat.schema.paths import SessionId

__all__ = ["Drafts"]


class Drafts:
    """Drafts by conversation.

    Args:
        file: Where they are kept; None keeps them in memory alone.

    Raises:
        ConfigError: The file cannot be read.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._texts = {} if file is None else _read(file)

    @property
    def texts(self) -> Mapping[SessionId, str]:
        return self._texts

    def put(self, session_id: SessionId, text: str) -> None:
        """Keep ``text``; a blank one is forgotten.

        Raises:
            ConfigError: The file cannot be written.
        """
        texts = {key: one for key, one in self._texts.items() if key != session_id}
        if text.strip():
            texts[session_id] = text
        if texts == self._texts:
            return
        self._texts = texts
        if self._file is not None:
            private_files.replace(self._file, json.dumps(texts))


def _read(file: Path) -> dict[SessionId, str]:
    stored = private_files.read(file)
    try:
        found = json.loads(stored or b"{}")
    except ValueError:
        return {}  # cut off by a full disk, or not ours: there is nothing to give back
    if not isinstance(found, dict):
        return {}
    return {SessionId(key): text for key, text in found.items() if isinstance(text, str)}
