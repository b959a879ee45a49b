"""Names that read as ours and are a customer's."""

import unicodedata
from typing import Final

from imbari_chat.schema.models import ADMIN_LABEL

__all__ = ["reads_as_us"]

_LOOKALIKES: Final = str.maketrans(
    # Cyrillic, Greek and others that are drawn like a Latin letter, and digits that pass for one.
    "аᴀɑαбвʙеєѐёһніїıɩ1l|јкκмоοо0рρгѕтτυхуʏ",
    "aaaabbbeeeehhiiiiiiijkkmoooopprsttuxyy",
)
_OURS: Final = ("imbari", ADMIN_LABEL.casefold().replace(" ", ""))


def reads_as_us(name: str) -> bool:
    """Whether a customer's ``name`` can be taken for the team's, by spelling or by likeness.

    Case, accents, width, spacing and punctuation make no difference, nor do letters of other
    scripts that look the same.
    """
    skeleton = _skeleton(name)
    return any(_skeleton(ours) in skeleton for ours in _OURS)


def _skeleton(name: str) -> str:
    folded = unicodedata.normalize("NFKD", name).casefold().translate(_LOOKALIKES)
    return "".join(one for one in folded if one.isalnum()).replace("rn", "m")
