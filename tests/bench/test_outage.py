"""What is made of what a library brought its program, and the seam that the libraries share."""

import json

import pytest

from bench.connection import connected
from bench.libraries import LIBRARIES, message, session
from bench.outage import Account, account
from bench.prepared import sessions
from bench.row import Beyond
from bench.subject import Happening, subject
from imbari_chat.emulator import Emulator
from imbari_chat.schema import decode
from imbari_chat.wire.json import parse

TEXTS = ["one", "two", "three"]
CONVERSATION = "-Oabcdefghijklmnopqr"


def heard(*texts: str, begin: float = 10.0) -> list[Happening]:
    """Messages that came, a second apart."""
    return [Happening(begin + at, CONVERSATION, "message", text) for at, text in enumerate(texts)]


def judged(seen: list[Happening], *, listening: bool = True) -> Account:
    """Of an outage from 8 to 10."""
    return account(seen, TEXTS, began=8.0, ended=10.0, listening=listening)


def test_all_that_came_once_and_in_order_is_nothing_amiss() -> None:
    """With the removal, and the first a moment after the outage."""
    removal = Happening(10.0, CONVERSATION, "removed", "zero")
    told = judged([*heard("one", "two", "three", begin=10.5), removal])
    assert (told.missed, told.amiss, told.first) == (0, 0, 0.5)


@pytest.mark.parametrize(
    ("texts", "missed", "doubled", "disordered"),
    [
        ((), 3, 0, 0),
        (("one", "three"), 1, 0, 0),
        (("one", "two", "three", "two"), 0, 1, 0),
        (("two", "one", "three"), 0, 0, 1),
        (("one", "of another conversation"), 2, 0, 0),
    ],
)
def test_each_way_of_being_amiss_is_counted(
    texts: tuple[str, ...], missed: int, doubled: int, disordered: int
) -> None:
    """Without the removal, which is one more."""
    told = judged(heard(*texts))
    assert (told.missed, told.doubled, told.disordered) == (missed, doubled, disordered)
    assert told.amiss == doubled + disordered + 1


def test_nothing_after_the_outage_is_never_only_if_nobody_listens() -> None:
    """Whoever still listens may be late."""
    early = heard("one", begin=9.0)
    assert judged(early).first == Beyond(10.0)
    assert judged(early, listening=False).first == Beyond(10.0, never=True)


def test_what_the_program_was_told_before_the_outage_does_not_count() -> None:
    """Only of the outage itself."""
    connecting = Happening(7.0, CONVERSATION, "told", "connecting")
    lost = Happening(9.0, CONVERSATION, "told", "reconnecting")
    assert judged([connecting]).told is None
    assert judged([connecting, lost]).told == "reconnecting"


def test_prepared_sessions_are_sessions() -> None:
    """Every reader has the same work, and none of it is about malformed records."""
    read = decode.sessions(parse(json.dumps(sessions(20))))
    assert len(read) == 20
    assert all(one.record is not None and one.rejected is None for one in read)


@pytest.mark.parametrize("name", LIBRARIES)
def test_every_library_listens_and_sends_behind_the_same_seam(name: str) -> None:
    """A message stored by somebody else is heard; one sent is stored; somebody listens."""
    with Emulator() as emulator, connected(emulator.database_host) as store:
        place = f"/messages/{CONVERSATION}"
        store.ask("PUT", f"/chatSessions/{CONVERSATION}.json", json.dumps(session()))
        with subject(name, emulator.database_host) as one:  # type: ignore[arg-type]  # a name
            one.open(CONVERSATION)
            one.listen(CONVERSATION)
            store.ask("PUT", f"{place}/-P1.json", json.dumps(message("hello")))
            one.wait(lambda seen: any(x.text == "hello" for x in seen), 10, "given a message")
            one.send(CONVERSATION, ["an answer"])
            one.wait(lambda seen: any(x.kind == "sent" for x in seen), 10, "done sending")
            assert one.alive()
        stored = json.loads(store.ask("GET", f"{place}.json"))
        assert sorted(record["text"] for record in stored.values()) == ["an answer", "hello"]
