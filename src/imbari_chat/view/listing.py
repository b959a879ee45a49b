"""Which conversations the desk lists, in which order, and where the selection is.

The stream's window is in :class:`~imbari_chat.view.inbox.Inbox`; here are the older ones that were
loaded behind it, and what the person chose to see.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal, TypeAlias, get_args

from imbari_chat.schema.events import (
    ChatEvent,
    DeliveryChanged,
    MessageAdded,
    SessionAdded,
    SessionRemoved,
)
from imbari_chat.schema.models import Message, Sender, Session
from imbari_chat.schema.order import session_place
from imbari_chat.schema.outgoing import OutgoingMessage
from imbari_chat.schema.paths import SessionId
from imbari_chat.schema.teamwork import TeamSnapshot

__all__ = [
    "Kind",
    "Listing",
    "Order",
    "Shown",
    "asks_who_waits",
    "counted",
    "extended",
    "following",
    "heard",
    "in_all",
    "is_unheard_of",
    "is_waiting",
    "kept",
    "known",
    "listed",
    "looked_at",
    "moved",
    "other_order",
    "other_shown",
    "place",
    "reach",
    "unheard_of",
    "unread",
]

Shown: TypeAlias = Literal[
    "active", "unread", "waiting", "mine", "unassigned", "snoozed", "resolved", "all"
]
Order: TypeAlias = Literal["newest", "longest waiting"]
Kind: TypeAlias = Literal["unread", "waiting"]

_NOTHING: Final = TeamSnapshot()

_TEXTS_KEPT: Final = 50
"""Texts of one conversation that search looks through."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What the list shows.

    Attributes:
        shown: Which conversations.
        order: Which of them come first.
        earliest: Only what was written then or later, in ms since the epoch; None for whenever.
        query: What is searched for; empty for no search.
        selected: The conversation the selection was put on; None as long as nobody moved it, which
            is the first one, whichever that is.
        older: Conversations behind the stream's window, as they were when they were loaded.
        is_complete: There are no more to load.
        is_loading: Older ones are on their way, because they were asked for or searched.
        ids: All conversations that there are, once that has been read; kept by what is heard.
        last_senders: Who wrote last, of the conversations where that has been heard or looked at;
            None where nobody has.
        asked_at: When the customer wrote first of all that is not answered, in ms since the epoch,
            of the conversations where that has been heard.
        texts: What was heard or read of a conversation, for the search.
        team: What the team keeps beside the conversations.
        me: The admin's own uid, once it is known.
    """

    shown: Shown = "active"
    order: Order = "newest"
    earliest: int | None = None
    query: str = ""
    selected: SessionId | None = None
    older: Mapping[SessionId, Session] = field(default_factory=dict)
    is_complete: bool = False
    is_loading: bool = False
    ids: frozenset[SessionId] | None = None
    last_senders: Mapping[SessionId, Sender | None] = field(default_factory=dict)
    asked_at: Mapping[SessionId, int] = field(default_factory=dict)
    texts: Mapping[SessionId, tuple[str, ...]] = field(default_factory=dict)
    team: TeamSnapshot = _NOTHING
    me: str | None = None

    def last_sender(self, session: Session) -> Sender | None:
        """Who wrote last, if that is known: what is unread is a customer's."""
        known = self.last_senders.get(session.id)
        return known or ("customer" if session.unread_count else None)

    def waiting_since(self, session: Session) -> int:
        """When the customer wrote what is not answered, in ms since the epoch; what came before
        anything was heard of it counts as its last message."""
        return min(
            self.asked_at.get(session.id, session.last_message_time), session.last_message_time
        )


def listed(listing: Listing, window: Mapping[SessionId, Session]) -> list[Session]:
    """The conversations to list, the first one first.

    Args:
        listing: What is to be shown.
        window: The stream's, which know better than the older ones.
    """
    words = listing.query.casefold().split()
    shown = [
        session
        for session in {**listing.older, **window}.values()
        if _is_shown(listing, session)
        and (listing.earliest is None or session.last_message_time >= listing.earliest)
        and (not words or _is_found(listing, session, words))
    ]
    if listing.order == "newest":
        return sorted(shown, key=session_place, reverse=True)
    return sorted(
        shown,
        key=lambda one: (
            not is_waiting(listing, one), listing.waiting_since(one), session_place(one)
        ),
    )  # fmt: skip


def in_all(listing: Listing, window: Mapping[SessionId, Session]) -> int:
    """How many a search finds that the filter may leave out."""
    return len(listed(replace(listing, shown="all"), window))


def is_waiting(listing: Listing, session: Session) -> bool:
    """Whether the customer wrote last and nobody has closed the matter."""
    return not session.is_resolved and listing.last_sender(session) == "customer"


def heard(listing: Listing, event: ChatEvent, window: Mapping[SessionId, Session]) -> Listing:
    """What an event of the inbox's stream makes of the list.

    Args:
        listing: Before it.
        event: What was heard.
        window: The stream's conversations before it.
    """
    match event:
        case MessageAdded(_, OutgoingMessage(delivery="queued" | "sent" | "held" | "failed")):
            return listing
        case MessageAdded(session_id, message):
            texts = (*listing.texts.get(session_id, ()), message.text)[-_TEXTS_KEPT:]
            listing = replace(listing, texts={**listing.texts, session_id: texts})
            return _wrote(listing, session_id, message.sender, message.timestamp)
        case SessionAdded(session) if listing.ids is not None and session.id not in listing.ids:
            return heard(replace(listing, ids=listing.ids | {session.id}), event, window)
        case SessionAdded(session) if session.unread_count and not listing.last_senders.get(
            session.id
        ):
            return _wrote(listing, session.id, "customer", session.last_message_time)
        case DeliveryChanged(session_id, message, "confirmed"):  # one's own is not told again
            return _wrote(listing, session_id, "admin", message.timestamp)
        case SessionRemoved(session, deleted):
            older = {key: one for key, one in listing.older.items() if key != session.id}
            ids = listing.ids
            if not deleted:
                older[session.id] = window.get(session.id, session)
            elif ids is not None:
                ids -= {session.id}
            return replace(listing, older=older, ids=ids)
        case _:
            return listing


def looked_at(listing: Listing, last: Mapping[SessionId, Message | None]) -> Listing:
    """The last message of conversations of which nothing told; of what was heard meanwhile that is
    older."""
    news = {key: one for key, one in last.items() if not listing.last_senders.get(key)}
    said = {key: one for key, one in news.items() if one is not None}
    asked_at = {key: one.timestamp for key, one in said.items() if one.sender == "customer"}
    senders = {key: one.sender if one else None for key, one in news.items()}
    texts = {key: (one.text,) for key, one in said.items()}
    return replace(
        listing,
        last_senders={**listing.last_senders, **senders},
        asked_at={**asked_at, **listing.asked_at},
        texts={**texts, **listing.texts},
    )


def is_unheard_of(listing: Listing, session: Session) -> bool:
    """Whether nothing has told who wrote last."""
    return not session.unread_count and session.id not in listing.last_senders


def unheard_of(listing: Listing, window: Mapping[SessionId, Session]) -> list[Session]:
    """The conversations of which it is not known whether they wait, the newest first."""
    all_of_them = {**listing.older, **window}.values()
    found = [one for one in all_of_them if not one.is_resolved and is_unheard_of(listing, one)]
    return sorted(found, key=session_place, reverse=True)


def asks_who_waits(listing: Listing) -> bool:
    """Whether what is listed, or its order, depends on who wrote last."""
    return listing.shown == "waiting" or listing.order == "longest waiting"


def known(listing: Listing, session: Session) -> Listing:
    """A conversation behind the window, as it is by now; nothing if it is not behind it."""
    if session.id not in listing.older:
        return listing
    return replace(listing, older={**listing.older, session.id: session})


def counted(
    listing: Listing, ids: frozenset[SessionId], window: Mapping[SessionId, Session]
) -> Listing:
    """All that there are is known; one that was loaded and is not among them is gone."""
    older = {key: one for key, one in listing.older.items() if key in ids}
    return _completed(replace(listing, ids=ids, older=older), window)


def extended(
    listing: Listing,
    page: Sequence[Session],
    window: Mapping[SessionId, Session],
    *,
    is_last: bool,
) -> Listing:
    """A page behind the window was read; perhaps there are no more."""
    older = {**listing.older, **{one.id: one for one in page}}
    complete = listing.is_complete or is_last
    return _completed(replace(listing, older=older, is_complete=complete), window)


def _completed(listing: Listing, window: Mapping[SessionId, Session]) -> Listing:
    """Complete also by having all that there are, though the last page was a full one."""
    has_all = listing.ids is not None and listing.ids <= listing.older.keys() | window.keys()
    return replace(listing, is_complete=listing.is_complete or has_all)


def kept(listing: Listing, before: Sequence[Session], rows: Sequence[Session]) -> Listing:
    """The selection where it was, or at the place it had if its conversation is not listed any
    more. One that nobody moved stays on top.

    Args:
        listing: With the selection.
        before: What was listed.
        rows: What is.
    """
    if any(one.id == listing.selected for one in rows):
        return listing
    was = next((at for at, one in enumerate(before) if one.id == listing.selected), None)
    if was is None:
        return listing
    return replace(listing, selected=rows[min(was, len(rows) - 1)].id if rows else None)


def moved(listing: Listing, rows: Sequence[Session], by: int) -> Listing:
    """The selection so many rows further, not beyond either end."""
    if not rows:
        return listing
    to = max(0, min(place(listing, rows) + by, len(rows) - 1))
    return replace(listing, selected=rows[to].id)


def following(listing: Listing, rows: Sequence[Session], kind: Kind) -> Session | None:
    """The next conversation of this kind behind the selection, from the top again at the end."""
    start = place(listing, rows) + 1
    for session in (*rows[start:], *rows[:start]):
        if session.unread_count if kind == "unread" else is_waiting(listing, session):
            return session
    return None


def other_shown(listing: Listing, by: int = 1) -> Listing:
    """The filter so many further, around the end."""
    choices = get_args(Shown)
    chosen = choices[(choices.index(listing.shown) + by) % len(choices)]
    return replace(listing, shown=chosen)


def other_order(listing: Listing) -> Listing:
    return replace(listing, order="longest waiting" if listing.order == "newest" else "newest")


def unread(listing: Listing, window: Mapping[SessionId, Session]) -> str:
    """How many messages are unread, with a ``+`` if not all conversations are loaded; empty for
    none."""
    count = sum(one.unread_count for one in {**listing.older, **window}.values())
    return f"{count:,}{'' if listing.is_complete else '+'}" if count else ""


def reach(listing: Listing, rows: Sequence[Session], window: Mapping[SessionId, Session]) -> str:
    """How far the list goes, and how far a search looked, in words."""
    count, loaded = f"{len(rows):,}", f"{len({**listing.older, **window}):,}"
    total = None if listing.ids is None else f"{len(listing.ids):,}"
    if asks_who_waits(listing) and (left := len(unheard_of(listing, window))):
        count = f"{left:,} to look at, {count}"
    if listing.query:
        texts = f"texts of {len(listing.texts):,}"
        if listing.is_complete:
            return f"{count} found in all {loaded}, {texts} of them"
        where = f"the newest {loaded}" if total is None else f"{loaded} of {total}"
        further = "looking further…" if listing.is_loading else "End looks further"
        return f"{count} found in {where}; {further}; {texts}"
    if listing.is_complete:
        return f"{count} of {loaded}"
    more = "loading more…" if listing.is_loading else "End: more"
    return f"{count} of {loaded if total is None else f'{total}, {loaded}'} loaded; {more}"


def _wrote(listing: Listing, session_id: SessionId, sender: Sender, at: int) -> Listing:
    """Who wrote last, and when."""
    asked_at = {key: one for key, one in listing.asked_at.items() if key != session_id}
    if sender == "customer":
        asked_at[session_id] = listing.asked_at.get(session_id, at)
    senders = {**listing.last_senders, session_id: sender}
    return replace(listing, last_senders=senders, asked_at=asked_at)


def place(listing: Listing, rows: Sequence[Session]) -> int:
    """The row that is selected; the first one, if none was chosen or it is not there."""
    return next((at for at, one in enumerate(rows) if one.id == listing.selected), 0)


def _is_shown(listing: Listing, session: Session) -> bool:
    if listing.shown == "all":
        return True
    if (listing.team.snooze_of(session) is not None) != (listing.shown == "snoozed"):
        return False
    assignment = listing.team.assignment_of(session.id)
    match listing.shown:
        case "snoozed":
            return True
        case "active":
            return not session.is_resolved
        case "resolved":
            return session.is_resolved
        case "unread":
            return session.unread_count > 0
        case "waiting":
            return is_waiting(listing, session)
        case "mine":
            is_mine = assignment is not None and assignment.to == listing.me
            return is_mine and not session.is_resolved
        case "unassigned":
            return assignment is None and not session.is_resolved


def _is_found(listing: Listing, session: Session, words: Sequence[str]) -> bool:
    fields = (session.customer_name, session.customer_email, session.last_message)
    labels = listing.team.labels_of(session.id)
    text = "\n".join((*fields, *labels, *listing.texts.get(session.id, ()))).casefold()
    return all(word in text for word in words)
