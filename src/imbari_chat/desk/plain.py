"""A locale without UTF-8: what the terminal cannot show is replaced, column by column."""

import locale
import os
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from imbari_chat.view.widths import columns_of

if TYPE_CHECKING:
    from textual.driver import Driver

__all__ = ["driver_for_locale", "plain"]

_LIKE: Final = str.maketrans("─━│┃▏▎╭╮╰╯…●○▸✓↑↓←→•·“”‘’–—", "--||||++++.*o>v^v<>..\"\"''--")


def plain(text: str) -> str:
    """``text`` in ASCII, in as many columns: a sign that is like it, or question marks."""
    return text if text.isascii() else "".join(map(_plain, text))


@lru_cache(4096)
def _plain(character: str) -> str:
    like = character.translate(_LIKE)
    return like if like.isascii() else "?" * columns_of(character)


def driver_for_locale() -> "type[Driver] | None":
    """What draws where the locale is not UTF-8; None where it is, or where there is none."""
    if os.name != "posix" or locale.nl_langinfo(locale.CODESET).upper() in {"UTF-8", "UTF8"}:
        return None
    from textual.drivers.linux_driver import LinuxDriver

    class PlainDriver(LinuxDriver):
        def write(self, data: str) -> None:
            super().write(plain(data))

    return PlainDriver
