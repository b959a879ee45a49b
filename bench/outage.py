"""One outage, every library: ``python -m bench.outage [MODE ...]``.

Each library listens to one conversation in a process of its own, all behind one proxy. 64 messages
are stored beside the proxy: 20 inside an outage of 5 s, 44 after it; one from before is removed
inside. What each library brought its program is counted. The modes are measured side by side.
"""

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from bench import emulators, sends
from bench.beside import beside_peers
from bench.connection import once
from bench.libraries import LIBRARIES, Name, message, session
from bench.proxy import Mode, between
from bench.row import Beyond, Figure, Row, Target
from bench.subject import Happening, subject
from bench.table import columns, figure

__all__ = ["Account", "account", "rows"]

MODES: Final[tuple[Mode, ...]] = ("refuse", "401", "503", "end", "reset", "429")
_AS_IN_R1: Final = {"refuse", "401", "503"}
_OUTAGE: Final = 5.0
_INSIDE: Final = 20
_AFTER: Final = 44
_PACE: Final = 0.1
_WAIT: Final = 10.0
"""How long after the outage an event may come, in seconds."""

_NONE: Final = Target("<=", 0, "ours")
_BEFORE: Final = "before the outage"


@dataclass(frozen=True, slots=True)
class Account:
    """What one library's program learned of the 64 messages.

    Attributes:
        missed: Messages that never came.
        doubled: Messages that came more than once.
        disordered: Messages that came after a later one.
        removal: Whether the removal came.
        first: Seconds from the outage's end to the first message.
        told: What the program was told of the outage, if anything.
    """

    missed: int
    doubled: int
    disordered: int
    removal: bool
    first: Figure
    told: str | None

    @property
    def amiss(self) -> int:
        """Messages out of order or doubled, and the removal if it is missing."""
        return self.doubled + self.disordered + (not self.removal)


def account(
    seen: Sequence[Happening],
    texts: Sequence[str],
    *,
    began: float,
    ended: float,
    listening: bool,
) -> Account:
    """Judge what was seen.

    Args:
        seen: All that the library brought.
        texts: The messages that were stored, in order.
        began: When the outage began, in the machine's monotonic seconds.
        ended: When it was over.
        listening: Whether anybody was left to bring more.
    """
    place = {text: number for number, text in enumerate(texts)}
    came = [one for one in seen if one.kind == "message" and one.text in place]
    order = list(dict.fromkeys(place[one.text] for one in came))
    after = [one.at - ended for one in came if one.at >= ended]
    told = [one.text for one in seen if one.kind == "told" and one.at >= began]
    return Account(
        missed=len(texts) - len(order),
        doubled=len(came) - len(order),
        disordered=sum(later < earlier for earlier, later in pairwise(order)),
        removal=any(one.kind == "removed" for one in seen),
        first=after[0] if after else Beyond(_WAIT, never=not listening),
        told=told[0] if told else None,
    )


def rows() -> Iterator[Row]:
    """R1, R2 and R3, the worst of the modes each."""
    accounts = _all(MODES)
    groups = (
        ("R1", "never delivered of 64, 5 s outage: refused, 401, 503", _AS_IN_R1),
        ("R2", "the same: clean end, reset, 429", set(MODES) - _AS_IN_R1),
    )
    for name, what, modes in groups:
        missed = {
            library: max(accounts[mode, library].missed for mode in MODES if mode in modes)
            for library in LIBRARIES
        }
        yield from beside_peers(name, what, "", missed, _NONE)
    amiss = {library: max(accounts[mode, library].amiss for mode in MODES) for library in LIBRARIES}
    what = "doubled, out of order, removal not told, worst mode"
    yield from beside_peers("R3", what, "", amiss, _NONE)


def _all(modes: Sequence[Mode]) -> dict[tuple[Mode, Name], Account]:
    """Every library through every mode, at the same time."""
    with emulators.ours() as running, ThreadPoolExecutor(len(modes)) as pool:
        results = list(pool.map(lambda mode: _one(mode, running.database), modes))
    return {
        (mode, name): told
        for mode, accounts in zip(modes, results, strict=True)
        for name, told in accounts.items()
    }


def _one(mode: Mode, database: str) -> dict[Name, Account]:
    """Every library through one mode."""
    conversation = f"-O{mode:a<18}"
    with ExitStack() as stack:
        proxy = stack.enter_context(between(database))
        once(database, "PUT", f"/chatSessions/{conversation}.json", session())
        subjects = [stack.enter_context(subject(name, proxy.host)) for name in LIBRARIES]
        for one in subjects:
            one.listen(conversation)
        _store(database, conversation, 0, _BEFORE)
        for one in subjects:
            one.wait(_has(_BEFORE), _WAIT, "given a message")
        begin = time.monotonic()
        proxy.become(mode)
        once(database, "DELETE", f"/messages/{conversation}/{_key(0)}.json")
        texts = [f"message {number}" for number in range(1, _INSIDE + _AFTER + 1)]
        for number, text in enumerate(texts[:_INSIDE], 1):
            time.sleep(max(begin + number * _OUTAGE / (_INSIDE + 1) - time.monotonic(), 0))
            _store(database, conversation, number, text)
        time.sleep(max(begin + _OUTAGE - time.monotonic(), 0))
        proxy.become("pass")
        ended = time.monotonic()
        for number, text in enumerate(texts[_INSIDE:], _INSIDE + 1):
            _store(database, conversation, number, text)
            time.sleep(_PACE)
        # All are waited for alike, so that one which says a thing twice has the time to do so.
        time.sleep(max(ended + _WAIT - time.monotonic(), 0))
        return {
            one.name: account(one.seen, texts, began=begin, ended=ended, listening=one.alive())
            for one in subjects
        }


def _has(text: str) -> Callable[[Sequence[Happening]], bool]:
    return lambda seen: any(one.text == text for one in seen)


def _key(number: int) -> str:
    return f"-P{number:018}"


def _store(database: str, conversation: str, number: int, text: str) -> None:
    path = f"/messages/{conversation}/{_key(number)}.json"
    once(database, "PUT", path, message(text))


def main(arguments: Sequence[str] | None = None) -> None:
    """Print what each library made of each mode."""
    parser = argparse.ArgumentParser(prog="python -m bench.outage", description=__doc__)
    parser.add_argument("modes", nargs="*", metavar="MODE", help=f"any of {', '.join(MODES)}")
    modes = [mode for mode in MODES if mode in set(parser.parse_args(arguments).modes or MODES)]
    print(f"64 messages, {_INSIDE} of them inside an outage of {_OUTAGE:g} s, and one removal")
    headings = (
        "mode", "library", "delivered", "missed", "doubled", "out of order", "removal",
        "first event after", "the program was told",
    )  # fmt: skip
    lines = [
        (
            mode,
            name,
            str(_INSIDE + _AFTER - told.missed),
            str(told.missed),
            str(told.doubled),
            str(told.disordered),
            "told" if told.removal else "missed",
            figure(told.first, "s"),
            told.told or "nothing",
        )
        for (mode, name), told in _all(modes).items()
    ]
    print(columns([headings, *lines]))
    print()
    print(sends.table())


if __name__ == "__main__":
    main()
