"""What is set for one database: its rules, and the settings beside them."""

from collections.abc import Sequence

from imbari_chat.emulator.database.audiences import PendingEvent
from imbari_chat.emulator.database.limits import SIZE_LIMITS
from imbari_chat.emulator.database.namespace import Namespace
from imbari_chat.emulator.database.refusal import Refusal
from imbari_chat.emulator.database.requests import ReadSetting, WriteSetting
from imbari_chat.emulator.database.responses import Response, found, plain
from imbari_chat.errors import InvalidData, RulesError
from imbari_chat.rules import Ruleset
from imbari_chat.wire.json import Json, parse

__all__ = ["read_setting", "write_setting"]


def read_setting(asked: ReadSetting, namespace: Namespace) -> Response:
    """One setting, or the rules: as they were written, or as JSON.

    Raises:
        Refusal: There is no such setting.
    """
    if asked.name == "rules":
        return found(namespace.rules.json) if asked.strict else plain(namespace.rules.text)
    if asked.name not in namespace.settings:
        raise Refusal(404, "404 Not Found")
    return found(namespace.settings[asked.name])


def write_setting(asked: WriteSetting, namespace: Namespace, now: int) -> Sequence[PendingEvent]:
    """Set one, unless it is a dry run. Returns the events of listeners whom new rules shut out.

    Args:
        now: Milliseconds since the epoch.

    Raises:
        Refusal: There is no such setting, or it cannot be set to this.
    """
    if asked.name == "rules":
        return _set_rules(asked, namespace, now)
    if asked.name not in namespace.settings:
        raise Refusal(404, "404 Not Found")
    try:
        value = parse(asked.body)
    except InvalidData:
        raise Refusal(400, "Invalid data; couldn't parse JSON object, array, or value.") from None
    if not _is_setting(asked.name, value):
        raise _bad_setting(asked.name)
    if not asked.dry_run:
        namespace.settings[asked.name] = value
    return ()


def _is_setting(name: str, value: Json) -> bool:
    if name == "defaultWriteSizeLimit":
        return isinstance(value, str) and value in SIZE_LIMITS
    return isinstance(value, bool)


def _bad_setting(name: str) -> Refusal:
    """[unsure]: the service's text is not recorded."""
    return Refusal(400, f"{name} cannot be set to this value")


def _set_rules(asked: WriteSetting, namespace: Namespace, now: int) -> Sequence[PendingEvent]:
    try:
        rules = Ruleset.parse(asked.body.decode())
    except RulesError as error:
        raise Refusal(400, f"{error.line}:{error.column}: {error.what}\n") from None
    except UnicodeDecodeError:
        raise Refusal(400, "1:1: The rules are not UTF-8.\n") from None
    return [] if asked.dry_run else namespace.set_rules(rules, now)
