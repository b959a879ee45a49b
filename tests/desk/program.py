"""A desk on a real terminal: run as a program, with every script in names and texts."""

import asyncio
from typing import Any, Final, cast

from imbari_chat.desk.app import Desk
from imbari_chat.desk.frame import Place
from imbari_chat.schema.events import MessageAdded
from tests.desk.desks import Chat
from tests.view.records import NOW, message, session

__all__ = ["HARD", "main"]

HARD: Final = {
    "Bengali": "আমার সোনার বাংলা আমি তোমায়",
    "Hindi": "क्या आप केन्या में हैं हिन्दी",
    "Tamil": "வணக்கம் தமிழ் மொழி",
    "Telugu": "తెలుగు భాష నమస్కారం",
    "Malayalam": "മലയാളം ഭാഷ നമസ്കാരം",
    "Khmer": "ភាសាខ្មែរ សួស្តី",
    "Burmese": "မြန်မာဘာသာ မင်္ဂလာပါ",
    "Thai": "ภาษาไทย สวัสดีที่นี่",
    "Arabic": "اللُّغَةُ العَرَبِيَّة مرحبا",
    "Hebrew": "שָׁלוֹם עִבְרִית",
    "CJK": "中文字符日本語한국어",
    "flags": "🇰🇪🇺🇬🇹🇿 flags 🇰🇪",
    "skin tones": "👍🏿👋🏽 tones 🙏🏾",
    "families": "👨‍👩‍👧‍👦 family 🏳️‍🌈",
    "styles": "❤️☎️✈️ styled ☀️",
    "newest": "🫩🫆🪾 newest 🫈",
}


def main(*, fails_at: str = "", editor: str = "") -> None:
    """Show it until Ctrl-C.

    Args:
        fails_at: A method of the desk's that raises.
        editor: A program that writes on in the terminal; a customer writes a lot meanwhile.
    """
    if fails_at:
        setattr(Desk, fails_at, _fail)
    sessions = [
        session(name, at=-at, customerName=text, lastMessage=text * 3, customerEmail="a@b.c")
        for at, (name, text) in enumerate(HARD.items())
    ]
    said = tuple(
        message(f"m{at:02}", f"{text} " * 6 + "end", timestamp=NOW + at * 60_000, read=True)
        for at, text in enumerate(HARD.values())
    )
    chat: Any = Chat(*sessions, messages=said)

    async def edit(text: str) -> str:
        process = await asyncio.create_subprocess_exec("sh", "-c", editor)
        for at in range(60):  # each drawn by itself, if anything is drawn
            chat.inbox.put_nowait(MessageAdded(sessions[-1].id, message(f"n{at}", f"Hello {at}")))
            await asyncio.sleep(0.02)
        await process.wait()
        return f"{text} written"

    app = Desk(cast("Any", chat), place=Place("demo-shop", "default"), edit=edit)
    app.run()
    if app.failure is not None:
        raise app.failure


def _fail(*_: object) -> None:
    raise ZeroDivisionError("a mistake of ours")


if __name__ == "__main__":
    main()
