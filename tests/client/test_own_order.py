"""What one writes is heard in the order in which it is stored, whenever one begins to listen."""

from collections import deque
from collections.abc import Callable

from hypothesis import example, given
from hypothesis import strategies as st

from imbari_chat.client.events.diff import MessageDiff
from imbari_chat.client.events.own_messages import PATIENCE, OwnMessages
from imbari_chat.schema import plans
from imbari_chat.schema.events import ChatEvent, DeliveryChanged, MessageAdded, MessageRemoved
from imbari_chat.schema.order import place_of_message
from imbari_chat.schema.outgoing import OutgoingMessage, became
from imbari_chat.schema.paths import MessageId, SessionId
from imbari_chat.states import Delivery
from imbari_chat.wire.json import Json
from imbari_chat.wire.pushid import PushIds

HERE = SessionId("-Here")
LIMIT = 2


class Conversation:
    """A real window of two over a conversation whose stream and whose answers lag behind it.

    Attributes:
        heard: Ids of one's own messages as the listener was told of them.
        expected: Ids of those that it is to be told of, in order.
        may_be_heard: Ids of those besides that were on their way when it began, as far as was
            known; they are told as long as nobody knows better.
        given_up: Ids of those that nobody sees to any more. They have not arrived.
    """

    def __init__(self) -> None:
        self._ids = PushIds(lambda: [0] * 12)
        self._clock = 1_700_000_000_000
        self._stored: dict[str, Json] = {}
        self._outbox: dict[MessageId, OutgoingMessage] = {}
        self._answers: deque[OutgoingMessage] = deque()
        self._ours: set[str] = set()
        self.given_up: set[str] = set()
        self.listen()

    def write(self) -> None:
        message = plans.as_sent(plans.reply(HERE, MessageId(self._id()), "Hi", uid=None))
        self._outbox[message.id] = message
        self._ours.add(message.id)
        self.expected.append(message.id)
        self._became(message, "queued")

    def store(self) -> None:
        """The oldest that has not arrived yet arrives."""
        for message in self._outbox.values():
            if message.id not in self._stored:
                self._store(message.id)
                self._answers.append(message)
                return

    def store_anothers(self) -> None:
        self._store(self._id())

    def answer(self) -> None:
        """It becomes known that one has arrived."""
        if self._answers:
            message = self._answers.popleft()
            del self._outbox[message.id]
            self._became(message, "confirmed")

    def give_up(self) -> None:
        """Nobody sees to the oldest that has not arrived any more, nor knows that it has not."""
        for message in self._outbox.values():
            if message.id not in self._stored:
                del self._outbox[message.id]
                self.given_up.add(message.id)
                self._became(message, "sent")
                return

    def listen(self) -> None:
        """Somebody begins to listen, and has been told nothing."""
        window = self._window()
        self._diff = MessageDiff(HERE, LIMIT, LIMIT)
        earlier = [(HERE, one) for one in self._outbox.values()]
        self._own = OwnMessages(self._outbox.__contains__, self._diff, earlier=earlier)
        self._stream: deque[dict[str, Json]] = deque([window])
        self.heard: list[str] = []
        self.expected = [key for key in window if key in self._ours]
        self.expected += [key for key in self._outbox if key not in self._stored]
        self.may_be_heard = set(self._outbox)

    def hear(self) -> None:
        """The stream's next window, with what has gone by unseen."""
        if not self._stream:
            return
        window = self._stream.popleft()
        is_first = not self._diff.has_begun
        gap = self._diff.gap(window)
        if gap is not None:
            everything = self._in_order()
            after = -1 if gap.after is None else everything.index(gap.after[0])
            until = everything.index(min(window, key=everything.index))
            for key in everything[after + 1 : until]:
                self._batch(self._diff.fill(gap, {key: self._stored[key]}))
        for events in self._diff.updates(window, gap=gap, now=self._clock, at_most=1):
            self._batch(events)
        if is_first:
            self._batch([])

    def coalesce(self) -> None:
        """Whoever listens is busy, and gets the later of two windows."""
        if len(self._stream) > 1 and self._diff.has_begun:
            self._stream.popleft()

    def settle(self, *, answers_first: bool) -> None:
        """Everything arrives and is answered; then nothing is said for as long as anybody waits."""
        for _ in range(len(self._outbox)):
            self.store()
        for first in (answers_first, not answers_first):
            while self._answers if first else self._stream:
                (self.answer if first else self.hear)()
        for moment in (1, 2):
            self._take(self._own.silent(moment * PATIENCE))
        self.expected = [one for one in self.expected if one not in self.given_up]

    @property
    def is_over(self) -> bool:
        """Nothing is remembered of what has been told and is the stream's."""
        own = self._own
        return not (own._told or own._due or own._brought or own._waiting)

    def _id(self) -> str:
        self._clock += 1
        return self._ids.make(self._clock)

    def _store(self, key: str) -> None:
        self._clock += 1
        self._stored[key] = {"text": "Hi", "from": "admin", "timestamp": self._clock}
        self._stream.append(self._window())

    def _in_order(self) -> list[str]:
        return sorted(self._stored, key=lambda key: place_of_message(key, self._stored[key]))

    def _window(self) -> dict[str, Json]:
        return {key: self._stored[key] for key in self._in_order()[-LIMIT:]}

    def _became(self, message: OutgoingMessage, delivery: Delivery) -> None:
        became(message, delivery, None)
        self._take(self._own.delivered(DeliveryChanged(HERE, message, delivery, None), 0.0))

    def _batch(self, events: list[ChatEvent]) -> None:
        for event in events:
            self._take(self._own.heard(event) if isinstance(event, MessageAdded) else [event])
        if self._diff.has_begun:
            self._take(self._own.go_on(0.0))

    def _take(self, events: list[ChatEvent]) -> None:
        for event in events:
            if isinstance(event, MessageRemoved):
                assert event.message.id in self.given_up, "nothing is deleted here"
                self.heard.remove(event.message.id)
            if isinstance(event, MessageAdded) and event.message.id in self._ours:
                self.heard.append(event.message.id)


WHATEVER = st.sampled_from(
    [
        Conversation.write,
        Conversation.store,
        Conversation.store_anothers,
        Conversation.answer,
        Conversation.listen,
        Conversation.hear,
        Conversation.coalesce,
        Conversation.give_up,
    ]
)
CONFIRMED_BEFORE_THE_WINDOW_IS_HEARD = [
    Conversation.write,
    Conversation.write,
    Conversation.store_anothers,
    Conversation.store_anothers,
    Conversation.listen,
    Conversation.store,
    Conversation.answer,
    Conversation.hear,
]
WRITTEN_BEFORE_THE_WINDOW_IS_HEARD = [
    Conversation.write,
    Conversation.store,
    Conversation.answer,
    Conversation.listen,
    Conversation.write,
]


@given(st.lists(WHATEVER, max_size=25), st.booleans())
@example(CONFIRMED_BEFORE_THE_WINDOW_IS_HEARD, True)
@example(WRITTEN_BEFORE_THE_WINDOW_IS_HEARD, False)
def test_each_of_ones_own_is_heard_once_and_in_order(
    steps: list[Callable[[Conversation], None]], answers_first: bool
) -> None:
    """But for those that stand below the first window; none but what is given up is taken back."""
    conversation = Conversation()
    for step in steps:
        step(conversation)
    conversation.settle(answers_first=answers_first)
    assert conversation.is_over, "something is kept for ever"
    heard = conversation.heard
    assert heard == sorted(set(heard))
    wanted = set(conversation.expected)
    assert wanted <= set(heard) <= wanted | conversation.may_be_heard - conversation.given_up
