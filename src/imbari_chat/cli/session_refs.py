"""How a person names a conversation: its number in the last inbox, its id, or how its id begins.

A number always means the list that was printed last, which is kept in a small file, so that a list
that has moved since cannot send a reply to the wrong person. Session ids are push ids of twenty
characters, or whatever the website made; ``id:42`` says that 42 is an id.
"""

import json
import re
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

from imbari_chat.cli.exit_codes import UsageError
from imbari_chat.errors import NotFound
from imbari_chat.files import replacing, write_all

if TYPE_CHECKING:
    from imbari_chat.client import AsyncAdminChat
    from imbari_chat.config import Settings
    from imbari_chat.schema.models import Session
    from imbari_chat.schema.paths import SessionId

__all__ = ["LastInbox", "addressee", "find_session", "named_offline"]

_POSITION: Final = re.compile(r"#?([0-9]{1,4})", re.ASCII)
_AN_ID: Final = "id:"
_WHOLE: Final = 20
"""Characters of a push id."""
_AGAIN: Final = "`imbari-chat inbox` prints a new one"


class LastInbox:
    """The sessions that ``inbox`` printed last, per database and profile.

    Args:
        settings: Where to keep it, and which database and profile it belongs to.

    Raises:
        ConfigError: No database is configured.
    """

    def __init__(self, settings: "Settings") -> None:
        place = json.dumps([dict(settings.where()), settings.profile], sort_keys=True)
        name = f"{settings.profile}-{sha256(place.encode()).hexdigest()[:12]}.json"
        self._file = Path(settings.data_dir) / "inbox" / name

    def remember(self, ids: Sequence[str]) -> None:
        """Replace the list, all at once: another command may be reading it.

        Raises:
            OSError: The file cannot be written.
        """
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with replacing(self._file) as new:
            write_all(new, json.dumps(list(ids)).encode())

    def at(self, position: int) -> str:
        """The id of a session by its number, counted from 1.

        Raises:
            UsageError: No list was printed yet, or what is kept of it cannot be read.
            NotFound: The list is shorter.
        """
        try:
            ids = json.loads(self._file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise UsageError(
                f"number {position} means a line of the last inbox, and none was printed here yet",
                hint=_AGAIN,
            ) from None
        except ValueError:
            ids = None
        if not isinstance(ids, list) or not all(isinstance(item, str) for item in ids):
            raise UsageError(
                "the last inbox cannot be read any more", where=str(self._file), hint=_AGAIN
            )
        if not 1 <= position <= len(ids):
            count = f"{len(ids)} session" + ("" if len(ids) == 1 else "s")
            raise NotFound(f"the last inbox has no number {position}; it had {count}", hint=_AGAIN)
        return str(ids[position - 1])


async def find_session(chat: "AsyncAdminChat", reference: str, settings: "Settings") -> "SessionId":
    """The session that ``reference`` names.

    Raises:
        UsageError: It is empty, or a number and no inbox was printed.
        NotFound: Nothing has that number, id or beginning.
        InvalidData: Several ids begin so, or no id can.
    """
    reference = reference.strip()
    position = _POSITION.fullmatch(reference)
    if position:
        return await chat.find(LastInbox(settings).at(int(position[1])))
    wanted = reference.removeprefix(_AN_ID)
    if not wanted:
        raise UsageError("which conversation? An empty name names none", hint=_AGAIN)
    found = await chat.find(wanted)
    if not found.startswith(wanted):
        # A range of keys that begins at a number holds keys that do not begin with its digits.
        raise NotFound(f"there is no conversation whose id begins with {wanted!r}", hint=_AGAIN)
    return found


def named_offline(reference: str, settings: "Settings") -> "SessionId | None":
    """The session that ``reference`` names, if that can be told without asking.

    It is a number of the last inbox, or a whole push id.

    Raises:
        UsageError: It is a number, and no inbox was printed.
        NotFound: The last inbox has no such number.
    """
    from imbari_chat.schema import paths

    reference = reference.strip()
    position = _POSITION.fullmatch(reference)
    if position:
        return paths.session_id(LastInbox(settings).at(int(position[1])))
    wanted = reference.removeprefix(_AN_ID)
    return paths.session_id(wanted) if len(wanted) == _WHOLE else None


def addressee(session: "Session") -> str:
    """Whose conversation it is, for a line of narration: ``Amina <amina@example.com>``."""
    name = session.customer_name.strip() or "somebody without a name"
    return f"{name} <{session.customer_email}>" if session.customer_email else name
