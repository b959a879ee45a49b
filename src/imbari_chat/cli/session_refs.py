"""How a person names a conversation: by a number, an id, an e-mail or a name.

A number means the list that ``inbox`` printed last in this terminal. It is kept in a small file, so
that neither a list that has moved since nor one in another window can send a reply to the wrong
person. Session ids are push ids of twenty characters, or whatever the website made; ``id:42`` says
that 42 is an id. All else is accepted where it can mean one conversation only.
"""

import json
import os
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

from imbari_chat.cli.exit_codes import UsageError
from imbari_chat.cli.stderr import agrees
from imbari_chat.clock import local_time
from imbari_chat.errors import InvalidData, NotFound, SessionNotFound
from imbari_chat.files import replacing, write_all

if TYPE_CHECKING:
    from imbari_chat.client import AsyncAdminChat
    from imbari_chat.config import Settings
    from imbari_chat.schema.models import Session
    from imbari_chat.schema.paths import SessionId

__all__ = [
    "POSITION",
    "NumberedList",
    "addressee",
    "find_session",
    "find_sessions",
    "named_offline",
    "short_ids",
    "unmistakable",
]

POSITION: Final = re.compile(r"#?([0-9]{1,4})", re.ASCII)
_AN_ID: Final = "id:"
_WHOLE: Final = 20
"""Characters of a push id."""
_SHORT: Final = 8
"""Of them, the moment it was made at: hardly two conversations share it."""
_AGAIN: Final = "`imbari-chat inbox` prints a new one"
_ELSEWHERE: Final = f"{_AGAIN}; an e-mail, a name or an id names a conversation everywhere"
_OLD: Final = 12 * 3_600_000
"""Milliseconds after which a list is yesterday's."""
_PAGE: Final = 1000
"""Conversations among which a name or an e-mail is looked for at a time, the newest first."""


def this_terminal() -> str:
    """What tells the terminal that this program was started in from others, redirected or not."""
    return str(os.getsid(0) if sys.platform != "win32" else os.getppid())


class NumberedList:
    """What was printed with numbers last, in this terminal.

    Args:
        settings: Where to keep it, and which database and profile it belongs to.
        what: Which list: conversations by default.

    Raises:
        ConfigError: No database is configured.
    """

    def __init__(self, settings: "Settings", what: str = "conversation") -> None:
        self._what = what
        place = [dict(settings.where()), settings.profile, this_terminal(), what]
        digest = sha256(json.dumps(place, sort_keys=True).encode()).hexdigest()[:16]
        self._directory = Path(settings.data_dir) / "inbox"
        self._file = self._directory / f"{settings.profile}-{digest}.json"

    def remember(self, ids: Sequence[str]) -> None:
        """Replace the list, all at once: another command may be reading it. Old ones are deleted.

        Raises:
            OSError: The file cannot be written.
        """
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        now = local_time()
        for file in self._directory.glob("*.json"):
            with suppress(FileNotFoundError):  # another command deletes them too
                if file.stat().st_mtime * 1000 < now - 2 * _OLD:
                    file.unlink()
        with replacing(self._file) as new:
            write_all(new, json.dumps({"printed": now, "ids": list(ids)}).encode())

    def at(self, position: int) -> tuple[str, int]:
        """The id of what has this number, counted from 1, and when the list was printed, ms.

        Raises:
            UsageError: No list was printed here, or what is kept of it cannot be read.
            NotFound: The list is shorter.
        """
        try:
            kept = json.loads(self._file.read_text(encoding="utf-8"))
            ids, printed = [str(one) for one in kept["ids"]], int(kept["printed"])
        except FileNotFoundError:
            raise UsageError(
                f"number {position} means a line of a list, and none was printed in this terminal",
                hint=f"{_ELSEWHERE}, {_AN_ID}{position} if that is its id"
                if self._what == "conversation"
                else "Its id names it everywhere",
            ) from None
        except (ValueError, TypeError, KeyError):
            raise UsageError(
                "the last list cannot be read any more",
                where=str(self._file),
                hint="Print a new one",
            ) from None
        if not 1 <= position <= len(ids):
            count = f"{len(ids)} {self._what}" + ("" if len(ids) == 1 else "s")
            raise NotFound(f"the last list has no number {position}; it had {count}")
        return ids[position - 1], printed


async def find_session(chat: "AsyncAdminChat", reference: str, settings: "Settings") -> "SessionId":
    """The session that ``reference`` names.

    A number of an old list is asked about at a terminal, and refused elsewhere.

    Raises:
        UsageError: It is empty, or a number of no list that counts.
        NotFound: Nothing has that number, id, e-mail or name.
        InvalidData: It may mean several.
    """
    reference = reference.strip()
    position = POSITION.fullmatch(reference)
    if position:
        found, printed = NumberedList(settings).at(int(position[1]))
        session_id = await chat.find(found)
        if local_time() - printed > _OLD:
            await _confirm(chat, session_id, int(position[1]), printed)
        return session_id
    wanted = reference.removeprefix(_AN_ID)
    if wanted in ("", "-"):
        raise UsageError("which conversation? Nothing, or a dash, names none here", hint=_AGAIN)
    try:
        if "@" not in wanted or reference != wanted:
            return await chat.find(wanted)
    except SessionNotFound:
        pass
    except InvalidData as error:
        if error.hint:  # which names some of those it may mean
            raise
    found_by_person = None if reference != wanted else await _by_person(chat, wanted)
    if found_by_person is None:
        raise SessionNotFound(f"no conversation has the id, name or e-mail {wanted!r}")
    return found_by_person


async def find_sessions(
    chat: "AsyncAdminChat", references: Sequence[str], settings: "Settings"
) -> "list[SessionId]":
    """The sessions that these name, each once; ``-`` stands for lines of standard input.

    Of a line, what stands before the first tab counts. A number there is an id: what another
    command prints has no numbers.

    Raises:
        UsageError: As for :func:`find_session`; or standard input names none.
        NotFound: As for :func:`find_session`.
        InvalidData: As for :func:`find_session`; or standard input is not UTF-8.
    """
    named: list[str] = []
    for reference in references:
        if reference.strip() == "-":
            lines = standard_input().splitlines()
            columns = [line.partition("\t")[0].strip() for line in lines if line.strip()]
            named += [f"{_AN_ID}{one}" if one.isdecimal() else one for one in columns]
        else:
            named.append(reference)
    if not named:
        raise UsageError("standard input names no conversation")
    found = [await find_session(chat, one, settings) for one in named]
    return list(dict.fromkeys(found))


def standard_input() -> str:
    """All of it.

    Raises:
        InvalidData: It is not UTF-8.
    """
    try:
        return sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidData("standard input is not UTF-8 text", where=f"byte {error.start}") from None


def named_offline(reference: str, settings: "Settings") -> "SessionId | None":
    """The session that ``reference`` names, if that can be told without asking.

    It is a number of the last list, unless that is old, or a whole push id.

    Raises:
        UsageError: It is a number, and no list was printed here.
        NotFound: The last list has no such number.
    """
    from imbari_chat.schema import paths

    reference = reference.strip()
    position = POSITION.fullmatch(reference)
    if position:
        found, printed = NumberedList(settings).at(int(position[1]))
        return paths.session_id(found) if local_time() - printed <= _OLD else None
    wanted = reference.removeprefix(_AN_ID)
    return paths.session_id(wanted) if len(wanted) == _WHOLE else None


def unmistakable(session_id: str) -> str:
    """An id as it names its conversation, whatever it looks like."""
    looks_otherwise = POSITION.fullmatch(session_id) or session_id.startswith(_AN_ID)
    return f"{_AN_ID}{session_id}" if looks_otherwise or "@" in session_id else session_id


def short_ids(ids: Sequence[str]) -> list[str]:
    """The beginnings by which ids can be told apart, each of eight characters at least."""
    short: list[str] = []
    for one in ids:
        length = _SHORT
        while length < len(one) and sum(other.startswith(one[:length]) for other in ids) > 1:
            length += 1
        short.append(unmistakable(one[:length]))
    return short


def addressee(session: "Session") -> str:
    """Whose conversation it is, for a line of narration: ``Amina <amina@example.com>``."""
    name = session.customer_name.strip() or "somebody without a name"
    return f"{name} <{session.customer_email}>" if session.customer_email else name


async def _confirm(
    chat: "AsyncAdminChat", session_id: "SessionId", position: int, printed: int
) -> None:
    from imbari_chat.view.dates import full

    when, session = full(printed, None), await chat.get_session(session_id)
    if not agrees(f"number {position} of the list of {when} is {addressee(session)}. Go on?"):
        raise UsageError(f"number {position} is of an old list, printed {when}", hint=_AGAIN)


async def _by_person(chat: "AsyncAdminChat", wanted: str) -> "SessionId | None":
    """The one conversation of a person; of several, the one that is not resolved.

    The newest thousand with any decide; the thousand before them are read if there is none.

    Raises:
        InvalidData: It may be several.
    """
    matches: list[Session] = []
    pager = chat.browse(page_size=_PAGE)
    while not matches and (page := await pager.older()):
        matches = [one for one in page if _is_of(one, wanted.casefold())]
    if len({one.customer_email.casefold() or one.id for one in matches}) == 1:
        active = [one for one in matches if not one.is_resolved]
        matches = active if len(active) == 1 else matches
    if len(matches) > 1:
        some = [f"{unmistakable(one.id)} {addressee(one)}, {one.status}" for one in matches[:3]]
        raise InvalidData(
            f"{len(matches)} conversations are of {wanted!r}", hint=f"For example {'; '.join(some)}"
        )
    return matches[0].id if matches else None


def _is_of(session: "Session", wanted: str) -> bool:
    """Whether an e-mail is the customer's, or a name the beginning of theirs."""
    if "@" in wanted:
        return session.customer_email.casefold() == wanted
    return session.customer_name.strip().casefold().startswith(wanted)
