"""What waits for slow readers: shared, counted once, bounded, and taken in order."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbari_chat.emulator.outgoing import PIECE, Backlog, Outgoing, Payload

BOUND = 1000


@dataclass(eq=False)
class Reader:
    """A connection that takes nothing by itself."""

    outgoing: Outgoing
    bound: int = 10**9
    cut: bool = False
    woken: int = 0
    taken: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.backlog = Backlog(self.outgoing, self.bound, wake=self._wake, cut_off=self._cut_off)

    def _wake(self) -> None:
        self.woken += 1

    def _cut_off(self) -> None:
        self.cut = True

    def take(self) -> None:
        piece = self.backlog.piece()
        if piece is not None:
            self.taken.append(piece[0])


steps: st.SearchStrategy[list[tuple[str, int, frozenset[int]]]] = st.lists(
    st.one_of(
        st.tuples(st.just("event"), st.integers(0, 600), st.frozensets(st.integers(0, 3))),
        st.tuples(st.just("later"), st.integers(0, 600), st.frozensets(st.integers(0, 3))),
        st.tuples(st.just("written"), st.integers(0, 600), st.just(frozenset())),
        st.tuples(st.just("take"), st.integers(0, 3), st.just(frozenset())),
        st.tuples(st.just("leave"), st.integers(0, 3), st.just(frozenset())),
    ),
    max_size=40,
)


@given(steps)
def test_what_is_held_is_what_somebody_waits_for_each_once(
    said: list[tuple[str, int, frozenset[int]]],
) -> None:
    """Whatever is said to whom, and in whatever order they take it or leave."""
    outgoing = Outgoing(BOUND)
    readers = [Reader(outgoing) for _ in range(4)]
    payloads: list[Payload] = []
    unwritten: list[Payload] = []
    events: list[list[Payload]] = [[] for _ in readers]
    for number, (what, amount, to) in enumerate(said):
        match what:
            case "event" | "later":
                data = bytes([number % 256]) * amount if what == "event" else None
                payload = Payload(data, size=amount)
                payloads.append(payload)
                unwritten += [payload] if data is None else []
                for each in sorted(to):
                    events[each].append(payload)
                    readers[each].backlog.push(payload)
            case "written" if unwritten:
                outgoing.fill(unwritten.pop(0), bytes([number % 256]) * amount)
            case "take":
                readers[amount].take()
            case "leave":
                readers[amount].backlog.close()
        waited_for = [payload for payload in payloads if payload.backlogs]
        assert outgoing.held == sum(payload.size for payload in waited_for)
        holders = {backlog for payload in waited_for for backlog in payload.backlogs}
        assert outgoing.held <= BOUND or len(holders) == 1
        assert all(not (reader.cut and reader.backlog.size) for reader in readers)
    for reader, meant in zip(readers, events, strict=True):
        told = b"".join(reader.taken)
        assert b"".join(payload.data or b"" for payload in meant).startswith(told)


def test_a_payload_for_many_is_held_once() -> None:
    """And no more when the last of them has taken it."""
    outgoing = Outgoing(BOUND)
    readers = [Reader(outgoing) for _ in range(50)]
    payload = Payload(b"x" * 900)
    for reader in readers:
        reader.backlog.push(payload)
    assert outgoing.held == 900
    assert not any(reader.cut for reader in readers)
    for reader in readers:
        assert outgoing.held == 900
        reader.take()
    assert outgoing.held == 0


def test_who_has_taken_nothing_for_longest_makes_room() -> None:
    """Not who came first, and not who holds the new."""
    outgoing = Outgoing(BOUND)
    stuck, quick, new = (Reader(outgoing) for _ in range(3))
    for reader in (quick, stuck):
        for _ in range(2):
            reader.backlog.push(Payload(b"x" * 200))
    quick.take()
    new.backlog.push(Payload(b"x" * 500))
    assert (stuck.cut, quick.cut, new.cut) == (True, False, False)
    assert outgoing.held == 700


def test_room_is_made_for_what_does_not_fit_and_not_for_what_does() -> None:
    """To the byte, and also if it is only known when it is written how large something is."""
    for later in (True, False):
        for size in (600, 601):
            outgoing = Outgoing(BOUND)
            stuck, new = (Reader(outgoing) for _ in range(2))
            stuck.backlog.push(Payload(b"x" * 400))
            payload = Payload(None, size=1) if later else Payload(b"x" * size)
            new.backlog.push(payload)
            if later:
                assert not stuck.cut
                outgoing.fill(payload, b"x" * size)
            assert (stuck.cut, new.cut) == (size == 601, False)
            assert outgoing.held == (601 if stuck.cut else BOUND)


def test_who_takes_little_takes_its_turn_at_making_room() -> None:
    """Something was taken, and what still waits counts as that of others does."""
    outgoing = Outgoing(BOUND)
    little, stuck, empty, new = (Reader(outgoing) for _ in range(4))
    empty.backlog.push(Payload(b"x" * 100))
    for reader in (little, little, stuck):
        reader.backlog.push(Payload(b"x" * 300))
    empty.take()
    little.take()
    new.backlog.push(Payload(b"x" * 900))
    assert (stuck.cut, little.cut, empty.cut, new.cut) == (True, True, False, False)
    assert outgoing.held == 900


def test_who_has_left_makes_no_room() -> None:
    """Nor is told that it was cut off."""
    outgoing = Outgoing(BOUND)
    left, stuck, new = (Reader(outgoing) for _ in range(3))
    for reader in (left, stuck):
        reader.backlog.push(Payload(b"x" * 500))
    left.backlog.close()
    left.backlog.push(Payload(b"x" * 500))
    new.backlog.push(Payload(b"x" * 600))
    new.backlog.push(Payload(b"x" * 500))
    assert (left.cut, stuck.cut, new.cut) == (False, True, False)
    assert outgoing.held == 1100


def test_one_payload_alone_may_be_larger_than_the_bound() -> None:
    """Or nobody could have it; what comes behind it may not."""
    outgoing = Outgoing(BOUND)
    alone = Reader(outgoing, bound=100)
    for _ in range(3):  # what has been taken is no reason to refuse what comes
        alone.backlog.push(Payload(b"x" * 50))
        alone.take()
    alone.backlog.push(Payload(b"x" * 5000))
    alone.backlog.push(Payload(b"x" * 500))
    assert outgoing.held == 5500
    alone.backlog.push(Payload(b"x"))
    assert alone.cut
    assert outgoing.held == 0


@pytest.mark.parametrize("sizes", [[40, 60], [1] * 100, [0] * 100, [99, 0]])
@pytest.mark.parametrize("asked", [0, 5])
def test_what_waits_behind_the_first_is_bounded_to_the_byte(sizes: list[int], asked: int) -> None:
    """What is empty counts as a byte; what was asked for does not count, nor what was taken."""
    reader = Reader(Outgoing(10**9), bound=100)
    for size in (5000, *sizes):
        reader.backlog.push(Payload(b"x" * size))
        for _ in range(asked):
            reader.backlog.push(Payload(b"x" * 500), asked=True)
    assert (reader.cut, reader.woken) == (False, (1 + len(sizes)) * (1 + asked))
    for _ in range(1 + asked):  # the first, and what was asked for behind it
        reader.take()
    cut = []
    for size in (sizes[0], 0):
        reader.backlog.push(Payload(b"x" * size))
        cut.append(reader.cut)
    assert cut == [False, True]
    assert reader.backlog.size == 0


@pytest.mark.parametrize("size", [0, 1, 5000])
def test_what_was_asked_for_leaves_room_for_two_others(size: int) -> None:
    """One is as good as being sent, and one behind it may be of any size."""
    reader = Reader(Outgoing(10**9), bound=100)
    for payload in (500, 500, 500):
        reader.backlog.push(Payload(b"x" * payload), asked=True)
    for payload in (5000, size):
        reader.backlog.push(Payload(b"x" * payload))
    assert not reader.cut


def test_what_is_not_written_yet_keeps_its_place() -> None:
    """The next one waits behind it, however long it takes."""
    outgoing = Outgoing(BOUND)
    reader = Reader(outgoing)
    later = Payload(None, size=10)
    reader.backlog.push(later)
    reader.backlog.push(Payload(b"second"))
    reader.take()
    assert reader.taken == []
    woken = reader.woken
    outgoing.fill(later, b"first")
    assert reader.woken > woken
    reader.take()
    reader.take()
    assert reader.taken == [b"first", b"second"]


def test_more_may_come_behind_whatever_is_not_called_the_last() -> None:
    """Written at once, or later."""
    outgoing = Outgoing(BOUND)
    reader, later = Reader(outgoing), Payload(None)
    for payload in (Payload(b"1"), later):
        reader.backlog.push(payload)
    outgoing.fill(later, b"2")
    assert [reader.backlog.piece() for _ in range(3)] == [(b"1", False), (b"2", False), None]
    assert outgoing.held == 0


def test_a_large_payload_is_handed_on_in_pieces() -> None:
    """So a transport that keeps copies keeps a small one; the last piece says so."""
    backlog = Reader(Outgoing(10 * PIECE)).backlog
    backlog.push(Payload(b"x" * (2 * PIECE + 1), last=True))
    pieces = [backlog.piece() for _ in range(4)]
    assert [piece and (len(piece[0]), piece[1]) for piece in pieces] == [
        (PIECE, False),
        (PIECE, False),
        (1, True),
        None,
    ]


@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("later", [True, False])
def test_the_end_comes_with_the_last_of_its_bytes(*, last: bool, later: bool) -> None:
    """Also of what was not written yet when it began to wait."""
    outgoing = Outgoing(BOUND)
    reader = Reader(outgoing)
    data = b"x" * (PIECE + 1)
    payload = Payload(None, size=1) if later else Payload(data, last=last)
    reader.backlog.push(payload)
    if later:
        outgoing.fill(payload, data, last=last)
    assert reader.backlog.piece() == (data[:PIECE], False)
    assert reader.backlog.piece() == (data[PIECE:], last)
