"""What a reconnect costs, in bytes of both directions."""

from imbari_chat.engine.effects import Changed
from imbari_chat.engine.link_effects import LinkPolicy
from imbari_chat.schema import paths, strict_rules
from imbari_chat.schema.paths import SessionId
from imbari_chat.wire.json import Json
from tests.emulator.database.sockets_in_memory import Room
from tests.together.wired import Wired

CHATS = 50
MESSAGES = 20


def _connected() -> tuple[Room, Wired]:
    """An inbox and fifty conversations, all of them followed and live."""
    sessions: Json = {f"-S{n:018}": {"lastMessageTime": n, "name": "Amina"} for n in range(CHATS)}
    room = Room(strict_rules())
    room.rest(str(paths.SESSIONS), sessions)
    wired = Wired(room, LinkPolicy(stable_after=0.0))
    wired.listen(0, str(paths.SESSIONS), paths.sessions_in_order().limit_to_last(200))
    for n in range(CHATS):
        place = paths.messages(SessionId(f"-S{n:018}"))
        messages: Json = {
            f"-M{m:018}": {"text": "How do you do? " * 20, "from": "customer", "timestamp": m}
            for m in range(MESSAGES)
        }
        room.rest(str(place), messages)
        wired.listen(n + 1, str(place), paths.messages_in_order().limit_to_last(100))
    wired.run()
    assert wired.link.state == "live"
    return room, wired


def test_fifty_one_windows_that_missed_nothing_come_back_for_a_few_bytes() -> None:
    """At most five kilobytes of the server's, and nobody is told anything but the state."""
    _, wired = _connected()
    whole = wired.received
    wired.received = wired.sent = 0
    before = {hearer: list(told) for hearer, told in wired.told.items()}
    wired.cut()
    wired.run()
    assert wired.link.state == "live"
    assert wired.received <= 5_000 < whole / 10
    assert wired.sent <= 12_000
    for hearer, told in wired.told.items():
        assert not any(isinstance(item, Changed) for item in told[len(before[hearer]) :])
        assert wired.states(hearer)[-2:] == ["reconnecting", "live"]


def test_what_one_window_missed_is_sent_and_nothing_else() -> None:
    """A message written meanwhile costs its own window."""
    room, wired = _connected()
    wired.received = 0
    wired.cut()
    place = paths.messages(SessionId(f"-S{3:018}"))
    room.rest(str(place / "-N"), {"text": "late", "from": "customer", "timestamp": 99})
    wired.run()
    told = [hearer for hearer in wired.told if "-N" in str(wired.value(hearer))]
    assert told == [4]
    assert wired.received <= 15_000
