"""What a listener is told of messages written here, whoever speaks of them first."""

from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbari_chat.client.events.own_messages import PATIENCE, OwnMessages
from imbari_chat.errors import AccessDenied
from imbari_chat.schema import plans
from imbari_chat.schema.events import (
    ChatEvent,
    ConnectionChanged,
    DeliveryChanged,
    MessageAdded,
    MessageRemoved,
)
from imbari_chat.schema.models import ID_FIELD, Message
from imbari_chat.schema.outgoing import OutgoingMessage, became
from imbari_chat.schema.paths import MessageId, SessionId
from imbari_chat.states import Delivery
from imbari_chat.wire.pushid import PushIds

HERE = SessionId("-Here")
NOW = 1_700_000_000_000
LATER = NOW + 7
LIVE = ConnectionChanged("live")


class Play:
    """An outbox, a stream and a listener that keeps what it is told."""

    def __init__(self, *, can_tell: bool = True) -> None:
        self._ids = PushIds(lambda: [0] * 12)
        self.pending: dict[MessageId, OutgoingMessage] = {}
        self.window: dict[MessageId, Message] = {}
        self.shown: dict[MessageId, Message] = {}
        self.told: list[ChatEvent] = []
        self.floor = 0
        self.is_settled = True
        self.now = 0.0
        self.own = OwnMessages(self.pending.__contains__, self if can_tell else None)
        self.begin()

    def listen_anew(self, *, can_tell: bool = True) -> None:
        """Somebody begins to listen, and has been told nothing."""
        self.shown.clear()
        self.told.clear()
        earlier = [(HERE, one) for one in self.pending.values()]
        window = self if can_tell else None
        self.own = OwnMessages(self.pending.__contains__, window, earlier=earlier)

    def holds(self, key: str) -> bool:
        return key in self.window

    def is_below(self, message: Message) -> bool:
        return message.timestamp < self.floor

    def begin(self) -> None:
        """All that was there has been given."""
        self._take(self.own.go_on(self.now))

    def write(self) -> OutgoingMessage:
        plan = plans.reply(HERE, MessageId(self._ids.make(NOW)), "Hi", uid=None)
        message = plans.as_sent(plan)
        self.pending[message.id] = message
        self.became(message, "queued")
        return message

    def became(self, message: OutgoingMessage, delivery: Delivery, *, final: bool = False) -> None:
        error = AccessDenied("no") if delivery == "failed" else None
        became(message, delivery, error)
        if final:
            del self.pending[message.id]
        self._take(self.own.delivered(DeliveryChanged(HERE, message, delivery, error), self.now))

    def bring(self, message: OutgoingMessage) -> None:
        """The stream shows it, with the server's time."""
        raw = {"text": message.text, "from": "admin", "timestamp": LATER, ID_FIELD: message.id}
        stored = Message.model_validate(raw)
        self.window[stored.id] = stored
        self.say(MessageAdded(HERE, stored))

    def say(self, event: ChatEvent) -> None:
        self._take(self.own.heard(event) if isinstance(event, MessageAdded) else [event])

    def silent(self) -> None:
        """For as long as anybody waits."""
        self.now += PATIENCE
        self._take(self.own.silent(self.now))

    def _take(self, events: list[ChatEvent]) -> None:
        for event in events:
            self.told.append(event)
            if isinstance(event, MessageAdded):
                assert event.message.id not in self.shown, "told twice"
                self.shown[event.message.id] = event.message
            elif isinstance(event, MessageRemoved):
                del self.shown[event.message.id]


FATES = st.lists(
    st.sampled_from(["stored", "stored, then deleted", "refused", "given up", "left"]),
    min_size=1,
    max_size=5,
)


@given(FATES, st.booleans(), st.data())
def test_in_the_end_what_is_shown_is_what_is_stored_and_what_is_on_its_way(
    fates: list[str], confirms_first: bool, data: st.DataObject
) -> None:
    """In whatever order the outbox and the stream speak, and whenever somebody looks."""
    play = Play()
    stories = [_story(play, fate, confirms_first=confirms_first) for fate in fates]
    while stories:
        story = data.draw(st.sampled_from(stories))
        if next(story, None) is None:
            stories.remove(story)
        assert play.shown.keys() >= play.pending.keys() | play.window.keys()
    play.silent()
    assert play.shown.keys() == play.pending.keys() | play.window.keys()
    assert play.own.due_since is None


def _story(play: Play, fate: str, *, confirms_first: bool) -> Iterator[str]:
    """What happens to one message; each step is a moment at which others may happen."""
    message = play.write()
    yield "written"
    play.became(message, "sent")
    yield "under way"
    if fate == "left":
        return
    if fate in ("refused", "given up"):
        play.became(message, "failed" if fate == "refused" else "sent", final=True)
        return
    steps: list[Callable[[], None]] = [
        lambda: play.bring(message),
        lambda: play.became(message, "confirmed", final=True),
    ]
    for step in reversed(steps) if confirms_first else steps:
        step()
        yield "further"
    if fate == "stored, then deleted":
        del play.window[message.id]
        play.say(MessageRemoved(HERE, message))


@pytest.mark.parametrize("confirms_first", [True, False])
def test_a_message_is_told_once_and_then_carries_the_servers_time(confirms_first: bool) -> None:
    """The same object from the beginning; the stream's copy is not told."""
    play = Play()
    for _ in _story(play, "stored", confirms_first=confirms_first):
        pass
    (added,) = [one for one in play.told if isinstance(one, MessageAdded)]
    assert isinstance(added.message, OutgoingMessage)
    assert added.message.timestamp == LATER
    assert added.message.delivery == "confirmed"


def test_it_comes_before_the_first_word_on_its_delivery_and_goes_before_the_last() -> None:
    """So whoever hears of a delivery knows the message."""
    play = Play()
    message = play.write()
    play.became(message, "failed", final=True)
    kinds = [type(one) for one in play.told]
    assert kinds == [MessageAdded, DeliveryChanged, MessageRemoved, DeliveryChanged]


def test_what_was_deleted_before_the_stream_could_show_it_is_taken_back() -> None:
    """Confirmed, and nowhere to be seen in a live and silent stream."""
    play = Play()
    message = play.write()
    play.became(message, "confirmed", final=True)
    assert play.own.due_since is not None
    play.silent()
    assert play.told[-1] == MessageRemoved(HERE, message)
    assert play.shown == {}


def test_what_is_still_being_read_may_bring_it() -> None:
    """Whoever comes late has a gap to read first, and the message may stand in it."""
    play = Play()
    message = play.write()
    play.became(message, "confirmed", final=True)
    play.is_settled = False
    play.silent()
    play.bring(message)
    play.is_settled = True
    play.silent()
    added, *others = [one for one in play.told if not isinstance(one, DeliveryChanged)]
    assert isinstance(added, MessageAdded)
    assert others == []


def test_a_stream_that_cannot_tell_takes_nothing_back_by_being_silent() -> None:
    """The inbox shows sessions; that it does not speak of a message means nothing."""
    play = Play(can_tell=False)
    message = play.write()
    play.became(message, "confirmed", final=True)
    play.silent()
    assert list(play.shown) == [message.id]
    assert play.own.due_since is None
    play.bring(message)  # late, but it comes
    assert len([one for one in play.told if isinstance(one, MessageAdded)]) == 1


def test_a_message_that_is_shown_without_being_news_is_not_taken_back() -> None:
    """It stands in the window of a listener who asked for no history."""
    play = Play()
    message = play.write()
    play.became(message, "confirmed", final=True)
    play.window[message.id] = message
    play.silent()
    assert list(play.shown) == [message.id]


def test_what_is_on_its_way_comes_after_what_was_there() -> None:
    """Whoever begins to listen gets the history first, then that, then ``live``."""
    play = Play()
    there, waits = play.write(), play.write()
    play.listen_anew()
    play.say(ConnectionChanged("connecting"))
    play.bring(there)
    play.begin()
    play.say(LIVE)
    play.became(there, "sent")
    added = [one.message.id for one in play.told if isinstance(one, MessageAdded)]
    assert added == [there.id, waits.id]
    assert play.told[1:4] == [
        MessageAdded(HERE, play.window[there.id]),
        MessageAdded(HERE, waits),
        LIVE,
    ]


def test_whoever_has_no_history_yet_is_told_nothing_of_ones_own_but_its_delivery() -> None:
    """And then all of it, in the order in which it was written, stored or not."""
    play = Play()
    before, refused = play.write(), play.write()
    play.listen_anew()
    play.say(ConnectionChanged("reconnecting", "down"))
    since = play.write()
    play.became(refused, "failed", final=True)
    play.became(before, "confirmed", final=True)
    play.say(LIVE)  # a busy consumer's stream may say so before it gives what was there
    assert not any(isinstance(one, MessageAdded | MessageRemoved) for one in play.told)
    play.begin()
    assert play.told[-2:] == [MessageAdded(HERE, before), MessageAdded(HERE, since)]
    play.bring(before)
    play.bring(since)
    assert list(play.shown) == [before.id, since.id]


def test_what_had_arrived_below_the_history_is_not_told_after_it() -> None:
    """The stream gives the end of the conversation; what stands before it is not news."""
    play = Play()
    first, last = play.write(), play.write()
    play.listen_anew()
    play.became(first, "confirmed", final=True)
    play.bring(last)
    play.begin()
    assert list(play.shown) == [last.id]
    play.became(last, "confirmed", final=True)
    assert list(play.shown) == [last.id]


@pytest.mark.parametrize("stands_below", [True, False])
def test_what_may_stand_below_waits_until_the_stream_says_so(*, stands_below: bool) -> None:
    """Nobody here knows when it was stamped; what was written later waits behind it."""
    play = Play()
    first, second = play.write(), play.write()
    play.listen_anew()
    play.became(first, "confirmed", final=True)
    play.floor = LATER
    play.begin()
    third = play.write()
    assert list(play.shown) == []
    if stands_below:
        play.silent()
    else:
        play.bring(first)
        play.begin()
    assert list(play.shown) == [first.id, second.id, third.id][stands_below:]
    assert play.own.due_since is None


def test_what_the_window_shows_without_giving_it_keeps_nothing_waiting() -> None:
    """A listener asked for no history: others stand after it, and it is due to nobody."""
    play = Play()
    first, second = play.write(), play.write()
    play.listen_anew()
    play.window[first.id] = first
    play.became(first, "confirmed", final=True)
    play.floor = LATER
    play.begin()
    assert list(play.shown) == [second.id]
    assert play.own.due_since is None


@pytest.mark.parametrize("arrived", [True, False])
def test_what_was_told_and_may_stand_below_is_not_taken_back(*, arrived: bool) -> None:
    """It was stored before the listener began, and its answer came late; unlike one that was given
    up, of which nobody knows."""
    play = Play()
    message = play.write()
    play.listen_anew()
    play.floor = LATER
    play.begin()
    play.became(message, "confirmed" if arrived else "sent", final=True)
    play.silent()
    assert list(play.shown) == [message.id] * arrived
    assert play.own.due_since is None


def test_what_was_told_and_stands_below_is_not_told_again_when_it_is_found_there() -> None:
    """However late its session names it."""
    play = Play()
    message = play.write()
    play.listen_anew()
    play.floor = LATER
    play.begin()
    play.became(message, "confirmed", final=True)
    play.silent()
    play.silent()
    assert play.own.heard(MessageAdded(HERE, message)) == []
    assert list(play.shown) == [message.id]


def test_what_is_on_its_way_will_stand_above_all_that_is_shown() -> None:
    """However long ago it was written."""
    play = Play()
    message = play.write()
    play.listen_anew()
    play.floor = LATER
    play.begin()
    assert list(play.shown) == [message.id]


def test_two_of_which_the_later_is_there_are_both() -> None:
    """They go in order, so the earlier is not told when its answer comes at last."""
    play = Play()
    first, last = play.write(), play.write()
    play.listen_anew()
    play.bring(last)
    play.begin()
    play.became(first, "sent")
    play.became(first, "confirmed", final=True)
    assert list(play.shown) == [last.id]


def test_the_stream_has_its_time_to_bring_each() -> None:
    """By the one that it has been expected to bring for the longest."""
    play = Play()
    early, late = play.write(), play.write()
    play.became(early, "confirmed", final=True)
    play.now += 1
    play.became(late, "confirmed", final=True)
    assert play.own.due_since == 0
    assert play.own.silent(PATIENCE - 0.1) == []
    assert play.own.silent(PATIENCE) == [MessageRemoved(HERE, early)]
    assert play.own.due_since == 1


def test_a_listener_begins_once() -> None:
    """With what had arrived before, which the stream has its time to bring from then on; what is
    on its way it is not expected to bring."""
    play = Play()
    stored, waits = play.write(), play.write()
    play.listen_anew()
    play.became(stored, "confirmed", final=True)
    dues = [play.own.due_since]
    play.now = 3.0
    play.begin()
    dues.append(play.own.due_since)
    assert play.own.go_on(4.0) == []
    assert [*dues, play.own.due_since] == [None, 3.0, 3.0]
    play.silent()
    assert list(play.shown) == [waits.id]


@pytest.mark.parametrize("can_tell", [True, False])
def test_what_the_stream_brings_first_is_not_told_again(can_tell: bool) -> None:
    """Whatever becomes of it; it may be deleted by then."""
    play = Play(can_tell=can_tell)
    message = play.write()
    play.bring(message)
    play.window.clear()
    play.became(message, "sent")
    play.became(message, "confirmed", final=True)
    assert len([one for one in play.told if isinstance(one, MessageAdded)]) == 1


@pytest.mark.parametrize("can_tell", [True, False])
def test_those_written_before_one_that_arrived_have_arrived_too(can_tell: bool) -> None:
    """Itself as well; those written after it have not, nor have those of other conversations."""
    play = Play()
    first, second, third, fourth = (play.write() for _ in range(4))
    play.listen_anew(can_tell=can_tell)
    elsewhere = SessionId("-Elsewhere")
    play.own = OwnMessages(
        play.pending.__contains__,
        play if can_tell else None,
        earlier=[(elsewhere, first), *((HERE, one) for one in (second, third, fourth))],
    )
    play.bring(third)
    play.begin()
    added = [one for one in play.told if isinstance(one, MessageAdded)]
    told = [(one.session_id, one.message.id) for one in added]
    assert told == [(HERE, third.id), (elsewhere, first.id), (HERE, fourth.id)]


@pytest.mark.parametrize("can_tell", [True, False])
def test_what_others_wrote_says_nothing_of_ones_own(can_tell: bool) -> None:
    """It is told after what was there."""
    play = Play()
    theirs = play.write()
    del play.pending[theirs.id]
    mine = play.write()
    play.listen_anew(can_tell=can_tell)
    play.bring(theirs)
    play.begin()
    assert list(play.shown) == [theirs.id, mine.id]


@pytest.mark.parametrize("is_pending", [True, False])
def test_what_had_arrived_of_a_stream_that_cannot_tell_is_told(*, is_pending: bool) -> None:
    """As what is on its way still."""
    play = Play()
    message = play.write()
    play.listen_anew(can_tell=False)
    if not is_pending:
        play.became(message, "confirmed", final=True)
    play.begin()
    assert list(play.shown) == [message.id]


def test_what_the_window_shows_without_giving_it_is_not_told() -> None:
    """A listener asked for no history, and the message is part of it; nor is it told when it is
    deleted before it is known what became of it."""
    play = Play()
    message = play.write()
    play.listen_anew()
    play.window[message.id] = message
    play.begin()
    assert play.shown == {}
    play.window.clear()
    play.became(message, "sent")
    assert play.shown == {}
