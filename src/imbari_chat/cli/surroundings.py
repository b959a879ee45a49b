"""What the doctor says of what is around the program: terminal, clock, connections and rules."""

import os
import shutil
import sys
from difflib import SequenceMatcher
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

from imbari_chat.cli.checks import Check, failed
from imbari_chat.errors import AccessDenied, AuthError, ConfigError, ImbariError

if TYPE_CHECKING:
    from imbari_chat.config import Settings
    from imbari_chat.identity.project import Project
    from imbari_chat.net.transport import Way

__all__ = ["clock", "connections", "deployed_rules", "terminal"]

_OFF: Final = 30
"""Seconds by which a clock may be wrong before anybody notices."""
_FAR_OFF: Final = 300
"""Seconds beyond which Google refuses what a service account signs."""


def terminal() -> Check:
    """Whether what strangers write can be shown, and whether the desk can."""
    encoding = (sys.stdout.encoding or "").lower()
    if encoding.replace("-", "") != "utf8":
        found = f"standard output takes {encoding or 'no encoding'}, which lacks most letters"
        return Check("terminal", "warn", found, "Set LC_ALL to a UTF-8 locale, such as C.UTF-8")
    if not sys.stdout.isatty():
        return Check("terminal", "ok", "standard output is no terminal; its encoding is UTF-8")
    kind = os.environ.get("TERM", "")
    if os.name == "posix" and kind in {"", "dumb", "unknown"}:
        found = "TERM says that this terminal cannot place a cursor, so the desk cannot be shown"
        return Check("terminal", "warn", found, "Set TERM, or use inbox, show and reply")
    columns, lines = shutil.get_terminal_size()
    return Check("terminal", "ok", f"{kind or 'a console'}, UTF-8, {columns} by {lines}")


def clock(said: str | None, now: float) -> Check:
    """Whether this machine's clock is right.

    Args:
        said: The Date header of the service's answer.
        now: This machine's, in seconds since the epoch.
    """
    try:
        theirs = parsedate_to_datetime(said or "").timestamp()
    except ValueError:
        return Check("clock", "ok", "the service does not say what time it is")
    off = round(now - theirs)
    if abs(off) <= _OFF:
        return Check("clock", "ok", "as the service's")
    found = f"{abs(off)} s {'ahead of' if off > 0 else 'behind'} the service's"
    hint = "Set it, by NTP for example; the order of messages does not rest on it, sign-ins do"
    return Check("clock", "fail" if abs(off) > _FAR_OFF else "warn", found, hint)


def connections(way: "Way") -> Check:
    """By what the database was reached just now, and what of its connections a desk takes."""
    if way.name == "websocket":
        return Check("connections", "ok", f"{way}: one for all that a program listens to")
    if way.reason is None:
        return Check("connections", "ok", f"{way}: one for each thing that a program listens to")
    return Check(
        "connections",
        "warn",
        str(way),
        "All works by requests and event streams, one for each thing that a program listens to; a"
        " proxy or firewall that lets WebSockets through to the database makes it faster",
    )


def deployed_rules(settings: "Settings", project: "Project") -> Check:
    """Whether the rules in force are those that this version ships. Blocks."""
    from imbari_chat.identity.rules import DeployedRules, same_rules
    from imbari_chat.schema import strict_rules

    name = "rules deployed"
    may_read = settings.credentials or settings.identity == "application-default"
    if not (settings.on_emulator or may_read):
        return Check(name, "ok", "not compared: only a service account may read them")
    try:
        with DeployedRules(project, key_file=settings.credentials) as deployed:
            found = deployed.text()
    except (AccessDenied, AuthError, ConfigError) as error:
        return Check(name, "ok", f"not compared: {error.what}")
    except ImbariError as error:
        return failed(name, error)
    shipped = strict_rules()
    if same_rules(found, shipped):
        return Check(name, "ok", "those that this version ships")
    blocks = SequenceMatcher(None, found.splitlines(), shipped.splitlines()).get_opcodes()
    places = sum(kind != "equal" for kind, *_ in blocks)
    return Check(
        name,
        "warn",
        f"others than this version ships, in {places} place{'' if places == 1 else 's'}",
        "See the difference: imbari-chat rules deploy database.rules.json --dry-run",
    )
