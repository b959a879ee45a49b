"""What is done with a conversation beside answering it: asked for, done, and told."""

from collections.abc import Callable, Coroutine, Iterator, Mapping
from datetime import datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from textual.app import App

from imbari_chat.desk.asking import Asking
from imbari_chat.desk.handover import Directory, Handover
from imbari_chat.desk.prompts import AskText, Choose
from imbari_chat.desk.store import Store
from imbari_chat.desk.streams import Spawn
from imbari_chat.schema.models import Session
from imbari_chat.schema.paths import SessionId
from imbari_chat.view.dates import full
from imbari_chat.view.labels import customer_label
from imbari_chat.view.moments import WHEN, coming, morning
from imbari_chat.view.sanitize import safe_text

if TYPE_CHECKING:
    from imbari_chat.client import AsyncAdminChat

__all__ = ["Teamwork", "ends_of_blocks", "ends_of_snoozes"]

End: TypeAlias = datetime | Literal["never", "typed"]
"""When something ends: then, or by nobody's doing, or as is yet to be typed."""

_LONGEST: Final = 60


class Teamwork:
    """Each of these with one key; questions lie over the desk meanwhile.

    Args:
        app: Where questions are asked.
        chat: An admin's chat, entered.
        store: The desk's.
        spawn: For what waits for the network, or for an answer.
        zone: The reader's time zone; None for the system's.
        directory: Where admins have accounts; None if that is not known.
        on_done: Called with the conversation, once something was done with it.
    """

    def __init__(
        self,
        app: App[None],
        chat: "AsyncAdminChat",
        store: Store,
        spawn: Spawn,
        zone: tzinfo | None,
        directory: Directory | None,
        on_done: Callable[[SessionId], None],
    ) -> None:
        self._asking = Asking(app, store)
        self._asked, self._done = self._asking.asked, self._asking.done
        self._chat = chat
        self._store = store
        self._spawn = spawn
        self._zone = zone
        self._on_done = on_done
        self._work: Mapping[str, Callable[[Session], Coroutine[Any, Any, None]]] = {
            "status": self._change_status,
            "unread": self._mark_unread,
            "claim": self._claim,
            "assign": Handover(self._asking, chat, store, spawn, directory).begin,
            "label": self._label,
            "snooze": self._snooze,
            "block": self._block,
            "note": self._note,
        }

    async def begin(self, what: str, session: Session) -> None:
        """Do one of these beside the desk; what it asks first is there when this returns, so that
        the next keys are its answer.

        Args:
            what: Its name in the table of keys.
            session: With which conversation.
        """
        self._asking.begin()
        self._spawn(self._do(what, session))
        await self._asking.is_shown()

    async def _do(self, what: str, session: Session) -> None:
        await self._work[what](session)
        self._on_done(session.id)

    async def _change_status(self, session: Session) -> None:
        """Resolve it, or reopen it."""
        if session.is_resolved:
            await self._done(self._chat.reopen(session.id), "Reopened")
        else:
            await self._done(self._chat.resolve(session.id), "Resolved")

    async def _mark_unread(self, session: Session) -> None:
        """The customer's latest message counts as unread again."""
        needless = "Nothing to mark: it is unread already, or its customer wrote nothing"
        await self._done(self._chat.mark_unread(session.id), "Marked unread", needless)

    async def _claim(self, session: Session) -> None:
        """Take it, from a colleague only when that is confirmed."""
        team, instead_of = self._chat.team, None
        held = self._store.listing.team.assignment_of(session.id)
        if held is not None and held.to != self._store.listing.me:
            who = safe_text(held.label, max_length=_LONGEST)
            if not await self._asked(Choose(f"{who} has it.", [(f"take it from {who}", True)])):
                return
            instead_of = held.to
        await self._done(team.claim(session.id, instead_of=instead_of), "You have it")

    async def _label(self, session: Session) -> None:
        """Its labels, as a line that is edited."""
        before = self._store.listing.team.labels_of(session.id)
        text = await self._asked(
            AskText("Labels", text=safe_text(", ".join(before)), hint="A comma between.")
        )
        if text is None:
            return
        after = [one.strip().lower() for one in text.split(",") if one.strip()]
        added = [one for one in after if one not in before]
        gone = [one for one in before if one not in after]
        if added:
            await self._done(self._chat.team.label(session.id, added), "Labelled")
        if gone:
            await self._done(self._chat.team.unlabel(session.id, gone), "Labels taken away")

    async def _snooze(self, session: Session) -> None:
        """Out of sight until then or until the customer writes; back in sight, if it is out."""
        if self._store.listing.team.snooze_of(session) is not None:
            await self._done(self._chat.team.unsnooze(session.id), "In sight again")
            return
        until = await self._end("Out of sight until", ends_of_snoozes(self._now(), self._zone))
        if isinstance(until, datetime):
            taken = self._chat.team.snooze(session.id, until)
            await self._done(taken, f"Out of sight until {self._words(until)}")

    async def _block(self, session: Session) -> None:
        """Take no more messages from this customer, with a reason and an end; or take them."""
        if self._store.listing.team.block_of(session) is not None:
            if await self._asked(Choose("Blocked.", [("let this customer write again", True)])):
                await self._done(self._chat.team.unblock(session.id), "Unblocked")
            return
        name = safe_text(customer_label(session), max_length=_LONGEST)
        reason = await self._asked(AskText(f"Block {name}. Why?", hint="For colleagues."))
        if not reason:
            return
        end = await self._end(f"Block {name} until", ends_of_blocks(self._now()))
        if isinstance(end, datetime):
            blocked = self._chat.team.block(session.id, reason, until=end)
            await self._done(blocked, f"Blocked until {self._words(end)}")
        elif end == "never":
            await self._done(self._chat.team.block(session.id, reason, until=None), "Blocked")

    async def _note(self, session: Session) -> None:
        """Note something that no customer sees."""
        text = await self._asked(AskText("A note for the team; no customer sees it."))
        if text:
            await self._done(self._chat.team.add_note(session.id, text), "Noted")

    async def _end(self, question: str, ends: Iterator[tuple[str, End]]) -> End | None:
        """One of these ends, or one that is typed; None if the question is left."""
        choices: list[tuple[str, End]] = [*ends, ("another time, typed", "typed")]
        end = await self._asked(Choose(question, choices))
        if end != "typed":
            return end
        typed = await self._asked(AskText(question, hint=f"Say {WHEN}.", check=self._wrong_end))
        then = None if typed is None else self._coming(typed)
        return None if then is None else datetime.fromtimestamp(then / 1000, self._zone)

    def _wrong_end(self, typed: str) -> str | None:
        then = self._coming(typed)
        if then is None:
            return "That is neither a date nor a length of time."
        return None if then > self._now().timestamp() * 1000 else "That has passed already."

    def _coming(self, typed: str) -> int | None:
        return coming(typed, round(self._now().timestamp() * 1000), self._zone)

    def _words(self, moment: datetime) -> str:
        return full(round(moment.timestamp() * 1000), self._zone)

    def _now(self) -> datetime:
        return datetime.now(self._zone).astimezone(self._zone)


def ends_of_snoozes(now: datetime, zone: tzinfo | None) -> Iterator[tuple[str, datetime]]:
    """What a snooze can be until: hours from now, and mornings."""

    def in_the_morning(days: int) -> datetime:
        return datetime.fromtimestamp(
            morning(round(now.timestamp() * 1000), days, zone) / 1000, zone
        )

    yield "in an hour", now + timedelta(hours=1)
    yield "in three hours", now + timedelta(hours=3)
    yield "tomorrow morning", in_the_morning(1)
    yield "Monday morning", in_the_morning(7 - now.weekday())
    yield "in a week", now + timedelta(days=7)


def ends_of_blocks(now: datetime) -> Iterator[tuple[str, End]]:
    """When a block can end."""
    yield "in an hour", now + timedelta(hours=1)
    yield "tomorrow", now + timedelta(days=1)
    yield "in a week", now + timedelta(days=7)
    yield "in 30 days", now + timedelta(days=30)
    yield "somebody lifts it", "never"
