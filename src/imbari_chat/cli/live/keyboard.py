"""prompt_toolkit's key presses as the view's keys."""

from collections.abc import Iterable, Iterator
from typing import Final

from prompt_toolkit.key_binding import KeyPress
from prompt_toolkit.keys import Keys

from imbari_chat.view.keys import Key

__all__ = ["keys_of"]

_NAMES: Final = {
    Keys.ControlM: "enter",
    Keys.ControlI: "tab",
    Keys.ControlH: "backspace",
    Keys.Escape: "escape",
}


def keys_of(presses: Iterable[KeyPress]) -> Iterator[Key]:
    """The keys of one batch. Escape with another press behind it is Alt and that key.

    prompt_toolkit holds a lone Escape back until it is flushed, so one that comes with company was
    sent together with it.
    """
    alt = False
    for press in presses:
        if press.key == Keys.Escape and not alt:
            alt = True
            continue
        key = _key(press)
        if key is not None:
            yield Key(f"alt-{key.name}") if alt else key
        alt = False
    if alt:
        yield Key("escape")


def _key(press: KeyPress) -> Key | None:
    if press.key == Keys.BracketedPaste:
        return Key.pasted(press.data)
    if not isinstance(press.key, Keys):
        return Key.typed(press.key)
    if press.key in _NAMES:
        return Key(_NAMES[press.key])
    if press.key.value.startswith("<"):  # mouse reports and the like
        return None
    return Key(press.key.value.replace("c-", "ctrl-").replace("s-", "shift-"))
