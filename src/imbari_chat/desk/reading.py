"""Read means seen: what is on the screen long enough is marked read."""

from collections.abc import Callable

from imbari_chat.desk.store import Store
from imbari_chat.desk.streams import Spawn
from imbari_chat.desk.talk import Talk
from imbari_chat.desk.transcript import Transcript
from imbari_chat.errors import ImbariError, Unavailable
from imbari_chat.schema.models import Message
from imbari_chat.schema.paths import MessageId
from imbari_chat.view import seen
from imbari_chat.view.advice import in_words
from imbari_chat.view.seen import Gaze, Seen

__all__ = ["Reader"]


class Reader:
    """Looks at what is drawn, now and then, and has marked what was seen.

    Args:
        store: The desk's.
        transcript: Where messages are drawn.
        spawn: For what waits for the network.
        clock: Gives seconds and never goes back.

    Attributes:
        divider: The first message that was unread when the conversation was opened.
    """

    def __init__(
        self, store: Store, transcript: Transcript, spawn: Spawn, clock: Callable[[], float]
    ) -> None:
        self.divider: MessageId | None = None
        self._store = store
        self._transcript = transcript
        self._spawn = spawn
        self._clock = clock
        self._seen = Seen()
        self._has_begun = False

    def begin(self) -> None:
        """Another conversation is open."""
        self.divider, self._seen = None, Seen()
        self._has_begun = False
        self._transcript.begin()

    def history_came(self) -> bool:
        """The divider stays where it is now, and reading begins there.

        Returns:
            Whether older messages are wanted: there are unread ones among them, or there is room.
        """
        conversation = self._store.state.conversation
        if conversation is None or self._has_begun:
            return False
        self._has_begun = True
        unread = [one for one in conversation.messages if one.is_unread]
        if unread:
            self.divider = unread[0].id
            self._transcript.update()
            self._transcript.to_message(unread[0].id)
        return len(unread) < conversation.session.unread_count or len(conversation.messages) < 50

    def look(self, talk: Talk | None, *, focused: bool, in_pane: bool, covered: bool) -> None:
        """See what is drawn, and have marked what has been seen.

        Args:
            talk: The open conversation.
            focused: The terminal has the keyboard, as far as it tells.
            in_pane: Keys go to the conversation.
            covered: Something lies over it.
        """
        conversation = self._store.state.conversation
        if conversation is None or talk is None:
            return
        gaze = Gaze(
            drawn=self._transcript.drawn(),
            terminal_focused=focused,
            pane_focused=in_pane,
            covered=covered,
            peek=conversation.peek,
            live=conversation.connection.state == "live",
        )
        self._seen = seen.looked(self._seen, gaze, int(self._clock() * 1000))
        self._seen, last = seen.to_mark(
            self._seen, conversation.messages, conversation.session.unread_count
        )
        if last is not None:
            self._spawn(self._mark(talk, last, self._seen.asked))

    async def _mark(self, talk: Talk, last: Message, asked: frozenset[MessageId]) -> None:
        try:
            await talk.mark_read(last)
        except Unavailable:
            self._seen = seen.unmarked(self._seen, asked)
        except ImbariError as error:
            self._store.tell(f"Not marked read: {in_words(error)}", is_error=True)
