"""A locale without UTF-8: what the terminal cannot show is replaced, column by column."""

from functools import lru_cache
from typing import Final

from imbari_chat.view.widths import columns_of

__all__ = ["plain"]

_LIKE: Final = str.maketrans("─━│┃▏▎╭╮╰╯…●○▸✓↑↓←→•·“”‘’–—", "--||||++++.*o>v^v<>..\"\"''--")


def plain(text: str) -> str:
    """``text`` in ASCII, in as many columns: a sign that is like it, or question marks."""
    return text if text.isascii() else "".join(map(_plain, text))


@lru_cache(4096)
def _plain(character: str) -> str:
    like = character.translate(_LIKE)
    return like if like.isascii() else "?" * columns_of(character)
