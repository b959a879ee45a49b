"""One round: play a schedule, mend everything, and judge what is left."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from imbari_chat import Unavailable
from imbari_chat.wire.json import Json, dumps
from tests.faults.cast import Cast, Way
from tests.faults.leaks import Belongings
from tests.faults.ledger import Stored, Verdict, judge
from tests.faults.proxy import Proxy
from tests.faults.schedule import DENIALS, NO_SOCKETS, Clock, Fault, Profile, Schedule, Step
from tests.faults.server import Server
from tests.faults.wall_clock import WallClock

__all__ = ["Outcome", "patience_for", "play"]

_ROOT = Path(__file__).parents[2]
_RULES: dict[Profile, Path] = {
    "strict": _ROOT / "database.rules.json",
    "compat": _ROOT / "examples" / "rules" / "compat.rules.json",
}

_AGREEMENT = 40.0
"""Seconds after the mending in which everything must have been delivered and heard; where a line is
slow, seconds in which nobody has heard anything; see :func:`patience_for`."""

_READS = 3
"""How often a listener reads what it missed before it says anything: it does not know how deep to
look, so each look is four times as deep as the last one, and goes twice past what is ahead of its
time."""

_LOOK = 0.1


@dataclass(slots=True)
class Outcome:
    """What became of a round.

    Attributes:
        verdict: See :class:`~tests.faults.ledger.Verdict`.
        faults: How many faults struck.
        frames_cut: How many sockets were cut between two bytes of what was said.
        half_open: How many connections were left open and silent.
        moves: How often a client was taken to another transport.
        shown_out: How many listeners the rules ended, which began again.
        kills: How often a program with a durable outbox was killed.
        drifted: Conversations that the website left with a wrong count.
        repaired: How many of them were put right.
        seconds: How long it took.
    """

    verdict: Verdict
    faults: int
    frames_cut: int = 0
    half_open: int = 0
    moves: int = 0
    shown_out: int = 0
    kills: int = 0
    drifted: int = 0
    repaired: int = 0
    seconds: float = 0.0


async def play(schedule: Schedule, folder: Path) -> Outcome:
    """Play it, inside of :func:`~tests.faults.wall_clock.wall_clocks`.

    Args:
        schedule: What happens.
        folder: An empty directory for the server's data.
    """
    began = time.monotonic()
    belongings = Belongings(folder, f"faults {schedule.seed}-")
    with belongings.here():
        outcome = await asyncio.create_task(_play(schedule, folder, belongings))
    left = await belongings.left()
    outcome.verdict.leaks += len(left)
    outcome.verdict.faults += [f"left over: {one}" for one in left]
    outcome.seconds = time.monotonic() - began
    return outcome


async def _play(schedule: Schedule, folder: Path, belongings: Belongings) -> Outcome:
    async with AsyncExitStack() as stack:
        rules = _RULES[schedule.profile]
        server = Server(rules, folder / "data", schedule.lifetime)
        await stack.enter_async_context(server)
        belongings.ports.update(server.ports)
        ways = {
            name: Way(
                await stack.enter_async_context(Proxy(server.database, schedule.lines.get(name))),
                await stack.enter_async_context(Proxy(server.auth, schedule.lines.get(name))),
            )
            for name in schedule.actors
        }
        for way in ways.values():
            belongings.ports.update(way.ports)
        cast = Cast(schedule, server, rules.read_text("utf-8"), folder, stack)
        round_ = _Round(schedule, server, ways, cast)
        await round_.prepare()
        await round_.storm()
        outcome = await round_.settle()
    sockets = [one for name, one in ways.items() if schedule.transports.get(name) != "rest"]
    outcome.frames_cut = sum(way.database.frames_cut for way in sockets)
    outcome.half_open = sum(way.database.half_open for way in ways.values())
    outcome.moves = cast.moves
    outcome.shown_out = cast.door.shown_out
    outcome.kills = cast.kills
    return outcome


def patience_for(schedule: Schedule, stored: Json) -> float:
    """Seconds to wait for somebody to hear something.

    A listener says nothing before it has all that it missed of a conversation, since that is told
    in order. So a slow line has the time besides that it takes for whatever is stored.
    """
    if not schedule.lines:
        return _AGREEMENT
    return _AGREEMENT + _READS * len(dumps(stored)) / min(schedule.lines.values())


class _Round:
    def __init__(
        self,
        schedule: Schedule,
        server: Server,
        ways: dict[str, Way],
        cast: Cast,
    ) -> None:
        self._schedule = schedule
        self._server = server
        self._ways = ways
        self._cast = cast
        clocks = {name: schedule.clocks.get(name, Clock(0.0)) for name in schedule.actors}
        self._machines = {name: WallClock(clock.ahead) for name, clock in clocks.items()}

    async def prepare(self) -> None:
        """Everybody is there, and the inboxes are live, before anything goes wrong."""
        for name, way in self._ways.items():
            await self._machines[name].run(self._cast.admit(name, way))

    async def storm(self) -> None:
        """Everybody does what the schedule says, while the faults strike."""
        began = time.monotonic()
        async with asyncio.TaskGroup() as everything:
            for name, steps in self._schedule.actors.items():
                machine = self._machines[name]
                act = self._act(name, steps, began)
                everything.create_task(act, context=machine.context)
                everything.create_task(self._move_clock(name, machine, began))
            for fault in self._schedule.faults:
                everything.create_task(self._strike(fault, began))

    async def settle(self) -> Outcome:
        """Mend, deliver, wait until everybody agrees with what is stored, and judge."""
        await self._server.start()
        for way in self._ways.values():
            await way.mend()
        chats = self._cast.chats
        for chat in chats.values():
            chat.reconnect_now()
        await asyncio.gather(
            *(chat.flush(timeout=_AGREEMENT) for chat in chats.values()), self._cast.finish()
        )
        await asyncio.gather(
            *(self._machines[name].run(self._cast.last_words(name)) for name in chats)
        )
        verdict, stored = await self._agreement()
        outcome = Outcome(verdict, len(self._schedule.faults))
        drifted = stored.drifted()
        excused = sorted(drifted.keys() & self._cast.touched())
        for session_id in drifted.keys() - set(excused):
            verdict.found(f"{session_id} counts {drifted[session_id]:+d} unread too many")
        if excused and not verdict.faults:
            outcome.drifted = len(excused)
            outcome.verdict = verdict = await self._repaired(excused)
            outcome.repaired = len(excused) if not verdict.faults else 0
        verdict.faults += self._cast.troubles + self._cast.written.failed()
        return outcome

    async def _repaired(self, sessions: list[str]) -> Verdict:
        """The verdict once the counts that the website left wrong have been put right."""
        desk = self._cast.desk
        for session_id in sessions:
            await _patiently(desk.recount, session_id)
        verdict, stored = await self._agreement()
        for session_id, difference in stored.drifted().items():
            verdict.found(f"{session_id} still counts {difference:+d} unread too many")
        return verdict

    async def _agreement(self) -> tuple[Verdict, Stored]:
        """The verdict, once it is clean twice in a row, or when time is up."""
        before, heard = None, 0
        raw = await self._server.stored()
        patience = patience_for(self._schedule, raw)
        deadline = time.monotonic() + patience
        while True:
            raw = await self._server.stored()
            stored = Stored(raw)
            self._cast.written.settle()
            verdict = judge(
                self._cast.ledger,
                stored,
                [one.heard for one in self._cast.listeners],
                website=self._cast.touched(),
            )
            clean = not verdict.faults
            if (clean and raw == before) or time.monotonic() > deadline:
                return verdict, stored
            before = raw if clean else None
            events = sum(one.events for one in self._cast.listeners)
            if self._schedule.lines and events > heard:
                deadline, heard = time.monotonic() + patience, events
            await asyncio.sleep(_LOOK)

    async def _strike(self, fault: Fault, began: float) -> None:
        await _until(began + fault.at)
        if fault.what == "kill":
            await self._server.kill()
            await asyncio.sleep(fault.seconds)
            await self._server.start()
            return
        if fault.what in DENIALS:
            await self._cast.door.close(fault.what, fault.seconds)
            return
        everybody = list(self._ways)
        names = everybody if fault.whose is None else [everybody[fault.whose % len(everybody)]]
        whose = [self._ways[name] for name in names]
        for way in whose:
            await way.spoil(fault)
        await asyncio.sleep(fault.seconds)
        for way in whose:
            if fault.what == "stall and cut":
                way.database.cut()
            await way.mend()
        if fault.what == NO_SOCKETS and fault.amount % 2:
            for chat in (self._cast.chats.get(name) for name in names):
                if chat is not None:
                    chat.reconnect_now()

    async def _move_clock(self, name: str, machine: WallClock, began: float) -> None:
        clock = self._schedule.clocks.get(name)
        for at, ahead in () if clock is None else clock.jumps:
            await _until(began + at)
            machine.ahead = ahead
            self._cast.move_clock(name, ahead)

    async def _act(self, name: str, steps: tuple[Step, ...], began: float) -> None:
        for number, step in enumerate(steps):
            await _until(began + step.at)
            await self._cast.act(name, step, f"{name} {number}")


async def _patiently(call: Callable[[str], Awaitable[object]], session_id: str) -> None:
    """Nothing is wrong any more, but a line may be slow."""
    deadline = time.monotonic() + _AGREEMENT
    while True:
        with suppress(Unavailable):
            await call(session_id)
            return
        if time.monotonic() > deadline:
            raise Unavailable(f"{session_id} could not be recounted")


async def _until(moment: float) -> None:
    await asyncio.sleep(max(0.0, moment - time.monotonic()))
