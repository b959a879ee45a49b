"""One's own sign of life: what is written when, in virtual time, over every kind of line."""

import asyncio
from collections.abc import Mapping
from typing import Any, Self

import pytest

from imbari_chat.client.presence.announcer import Announcer, Pace
from imbari_chat.engine.effects import Changed, StateChanged
from imbari_chat.errors import AccessDenied, ImbariError, Unavailable
from imbari_chat.schema.paths import SessionId
from imbari_chat.schema.presence import AdminSign, CustomerSign, Sign
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import Path
from imbari_chat.wire.values import SERVER_TIMESTAMP
from tests.virtual_time import in_virtual_time

NOW = 1_800_000_000_000
ONLINE, AWAY = CustomerSign(SessionId("-S"), "online"), CustomerSign(SessionId("-S"), "away")
ELSEWHERE = CustomerSign(SessionId("-T"), "online")
DENIED, UNREACHABLE, SILENCE = AccessDenied("denied"), Unavailable("cannot connect"), "no answer"

Fate = ImbariError | str | None
Step = tuple[float, Sign | str | ImbariError | None]
"""At which second something is to be said, the line becomes something, listening fails, or all is
closed."""


class Line:
    """A transport that notes when it was asked for what.

    Args:
        fates: What becomes of the first writes: an error, silence or success.
        lasts: Whether it is a lasting connection, whose end the service notices.
    """

    def __init__(self, *fates: Fate, lasts: bool = False) -> None:
        self.lasts = lasts
        self.told: list[str] = []
        self.heard: asyncio.Queue[Changed | StateChanged | ImbariError] = asyncio.Queue()
        self.heard.put_nowait(Changed(None, None))  # what stands there is nobody's concern
        self._fates = list(fates)
        self._is_open = False

    def note(self, what: str) -> None:
        self.told.append(f"{asyncio.get_running_loop().time():g} {what}")

    @property
    def on_disconnect(self) -> Self | None:
        return self if self.lasts and self._is_open else None

    async def open(self) -> None:
        self._is_open = True

    async def set(self, path: Path, value: Json) -> None:
        assert value is None
        self.note(f"at the end -{_short(path)}")

    async def update(self, changes: Mapping[Path, Json]) -> None:
        fate = self._fates.pop(0) if self._fates else None
        words = [
            f"-{_short(path)}" if value is None else f"+{_short(path)} {_state(value)}"
            for path, value in changes.items()
            if value != SERVER_TIMESTAMP
        ]
        self.note(" ".join(words) + ("" if fate is None else f": {fate}"))
        if fate is SILENCE:
            await asyncio.Event().wait()
        if isinstance(fate, ImbariError):
            raise fate

    def listen(self, path: Path) -> Self:
        self.note(f"listen {_who(path)}")
        return self

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.note("unlisten")

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> object:
        item = await self.heard.get()
        if isinstance(item, ImbariError):
            raise item
        return item


def _who(path: Path) -> str:
    """The last letter of the conversation or the uid."""
    return path[2][-1]


def _short(place: Path) -> str:
    """Whose sign it is, and which connection's."""
    return f"{_who(place)}{place[-1]}"


def _state(sign: Any) -> str:
    return str(sign.get("state", "there"))


def told(line: Line, *steps: Step, notes: bool = False, pace: Pace | None = None) -> list[str]:
    """What ``line`` was told until the last of the steps. The first connection has number ff.

    Args:
        notes: With what the announcer's owner was told.
    """

    async def main() -> list[str]:
        note = line.note if notes else lambda _: None
        signs = Announcer(
            line,  # type: ignore[arg-type]  # so much of a transport as is asked for
            pace or Pace(),
            clock=lambda: NOW,
            giving=lambda place: note(f"giving {_short(place)}"),
            given=lambda place, made: note(f"given {_short(place)} {made - NOW}"),
            refused=lambda error: line.note(f"refused: {error}"),
        )
        signs._connection = 254 if line.lasts else 255
        loop = asyncio.get_running_loop()
        for second, step in steps:
            await asyncio.sleep(second - loop.time())
            if step == "close":
                await signs.close()
                line.note("closed")
                assert asyncio.all_tasks() == {asyncio.current_task()}
            elif isinstance(step, ImbariError):
                line.heard.put_nowait(step)
            elif isinstance(step, str):
                line.heard.put_nowait(StateChanged(step))  # type: ignore[arg-type]  # one of them
            else:
                signs.say(step)
        await asyncio.sleep(0)
        is_heard = any("listen" in one for one in line.told)
        listening: object = signs.subscription
        assert listening is (line if is_heard else None)
        return list(line.told)

    return in_virtual_time(main())


def test_a_sign_is_renewed_each_minute_and_changed_each_second_at_most() -> None:
    """Whoever changes in between is told the last of it; after a change a minute begins anew."""
    line = Line()
    steps: list[Step] = [(0, ONLINE), (0.2, AWAY), (0.3, ONLINE), (0.4, AWAY), (70, ONLINE)]
    assert told(line, *steps, (131, None), (300, None)) == [
        "0 +Sff online", "1 +Sff away", "61 +Sff away", "70 +Sff online", "130 +Sff online",
        "131 -Sff",
    ]  # fmt: skip


def test_what_was_never_said_is_not_taken_away() -> None:
    """Nor is anything renewed that has been taken away."""
    assert told(Line(), (0, None), (1, ONLINE), (5, None), (6, None), (300, None)) == [
        "1 +Sff online", "5 -Sff",
    ]  # fmt: skip


@pytest.mark.parametrize("lasts", [False, True])
def test_who_says_nothing_any_more_is_silent_until_they_say_something(lasts: bool) -> None:
    """A line that could end a sign by itself is no reason to ask it for that."""
    line = Line(lasts=lasts)
    assert told(line, (0, ONLINE), (5, None), (299, "live"), (300, AWAY), (301, "close"))[-5:] == (
        ["300 at the end -S00", "300 +S00 away", "301 unlisten", "301 -S00", "301 closed"]
        if lasts
        else ["0 +Sff online", "5 -Sff", "300 +Sff away", "301 -Sff", "301 closed"]
    )


def test_a_sign_that_cannot_be_given_is_tried_again_ever_more_rarely() -> None:
    """Twice as long each time, a minute at most; after one that was given, from the beginning."""
    line = Line(*[UNREACHABLE] * 7, None, UNREACHABLE)
    assert told(line, (0, ONLINE), (154, AWAY), (280, None)) == [
        *(f"{at} +Sff online: cannot connect" for at in (0, 3, 9, 21, 45, 93, 153)),
        "213 +Sff away", "273 +Sff away: cannot connect", "276 +Sff away", "280 -Sff",
    ]  # fmt: skip


def test_a_service_that_asks_to_be_left_alone_is() -> None:
    busy = Unavailable("busy")
    busy.retry_after = 20.0
    assert told(Line(busy), (0, ONLINE), (70, None)) == [
        "0 +Sff online: busy", "20 +Sff online", "70 -Sff",
    ]  # fmt: skip


def test_what_was_refused_and_is_wanted_no_more_is_forgotten() -> None:
    """It is not taken away either."""
    assert told(Line(DENIED), (0, ONLINE), (1, None), (300, ONLINE), (301, "close")) == [
        "0 +Sff online: denied", "300 +Sff online", "301 -Sff", "301 closed",
    ]  # fmt: skip


def test_an_outage_may_last_for_days() -> None:
    """And ends like any other."""
    line = Line(*[UNREACHABLE] * 3000)
    assert told(line, (0, ONLINE), (400_000, None))[3000:3001] == ["179793 +Sff online"]


@pytest.mark.parametrize(
    ("fates", "expected"),
    [
        ([DENIED] * 4, ["0 +Sff online: denied", "3 +Sff online: denied", "9 +Sff online: denied",
                        "9 refused: denied"]),
        ([DENIED] * 2, ["0 +Sff online: denied", "3 +Sff online: denied", "9 +Sff online",
                        "40 +Sff away"]),
        ([DENIED, DENIED, None, DENIED], ["0 +Sff online: denied", "3 +Sff online: denied",
                                          "9 +Sff online", "40 +Sff away: denied", "43 +Sff away"]),
        ([UNREACHABLE] * 4, [*(f"{at} +Sff online: cannot connect" for at in (0, 3, 9, 21)),
                             "45 +Sff away"]),
    ],
)  # fmt: skip
def test_three_refusals_in_a_row_are_the_end(fates: list[Fate], expected: list[str]) -> None:
    """Of whatever else went wrong nobody is told."""
    assert told(Line(*fates), (0, ONLINE), (40, AWAY), (50, "still")) == expected


def test_the_service_is_asked_to_take_a_sign_away_before_it_is_told_of_it() -> None:
    """Once for each connection and place; what is renewed or changed there is asked for no more.

    While the line is known to be cut nothing is said; where it stood before is taken away as the
    next is told. The numbers of connections begin anew at 00.
    """
    line = Line(lasts=True)
    steps: list[Step] = [
        (0, ONLINE), (10, AWAY), (71, "reconnecting"), (72, ONLINE), (75, "connecting"),
        (80, "live"), (150, "connecting"), (160, ELSEWHERE), (170, None), (400, ELSEWHERE),
        (401, None),
    ]  # fmt: skip
    assert told(line, *steps, notes=True) == [
        "0 at the end -Sff", "0 giving Sff", "0 +Sff online", "0 given Sff 0", "0 listen S",
        "10 giving Sff", "10 +Sff away", "10 given Sff 0",
        "70 giving Sff", "70 +Sff away", "70 given Sff 0",
        "80 at the end -S00", "80 giving S00", "80 +S00 online -Sff", "80 given S00 0",
        "140 giving S00", "140 +S00 online", "140 given S00 0",
        "160 unlisten", "160 at the end -T01", "160 giving T01", "160 +T01 online -S00",
        "160 given T01 0", "160 listen T",
        "170 -T01",
        "400 at the end -T02", "400 giving T02", "400 +T02 online", "400 given T02 0",
        "401 -T02",
    ]  # fmt: skip


def test_a_line_that_is_back_is_told_the_same_at_once() -> None:
    """Though nothing changed and nothing is due."""
    line = Line(lasts=True)
    assert told(line, (0, ONLINE), (5, "reconnecting"), (5, "live"), (6, None))[-3:] == [
        "5 at the end -S00", "5 +S00 online -Sff", "6 -S00",
    ]  # fmt: skip


def test_whom_nobody_tells_of_the_line_says_on() -> None:
    """Where one may not listen."""
    line = Line(lasts=True)
    assert told(line, (0, DENIED), (0, ONLINE), (70, AWAY), (80, None)) == [
        "0 at the end -Sff", "0 +Sff online", "0 listen S", "0 unlisten", "60 +Sff online",
        "70 +Sff away", "80 -Sff",
    ]  # fmt: skip
    line = Line(lasts=True)
    steps: list[Step] = [(0, ONLINE), (10, "reconnecting"), (11, AWAY), (20, DENIED), (30, None)]
    assert told(line, *steps)[-4:] == [
        "20 unlisten", "20 at the end -S00", "20 +S00 away -Sff", "30 -S00",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([], ["10 closed"]),
        ([(0, ONLINE)], ["0 +Sff online", "10 -Sff", "10 closed"]),
        ([(0, ONLINE), (5, None)], ["0 +Sff online", "5 -Sff", "10 closed"]),
    ],
)
def test_who_leaves_takes_the_sign_away(steps: list[Step], expected: list[str]) -> None:
    """Once; and it is not given again."""
    assert told(Line(), *steps, (10, "close"), (200, None)) == expected


def test_leaving_waits_for_a_moment_only() -> None:
    """What is not taken away then ages out, or goes with the connection."""
    line = Line(None, SILENCE)
    assert told(line, (0, ONLINE), (10, "close"))[1:] == ["10 -Sff: no answer", "10.3 closed"]
    line = Line(None, UNREACHABLE)
    assert told(line, (0, ONLINE), (10, "close"))[1:] == ["10 -Sff: cannot connect", "10 closed"]
    line = Line(lasts=True)
    assert told(line, (0, ONLINE), (9, "reconnecting"), (10, "close"))[-2:] == [
        "10 unlisten", "10 closed",
    ]  # fmt: skip


def test_who_left_may_come_again() -> None:
    """At another place of a connection that lasts."""
    line = Line(lasts=True)
    steps: list[Step] = [(0, ONLINE), (4, "close"), (20, ONLINE), (30, "close"), (40, "close")]
    assert told(line, *steps) == [
        "0 at the end -Sff", "0 +Sff online", "0 listen S", "4 unlisten", "4 -Sff", "4 closed",
        "20 at the end -S00", "20 +S00 online", "20 listen S", "30 unlisten", "30 -S00",
        "30 closed", "40 closed",
    ]  # fmt: skip


def test_who_comes_again_is_refused_three_times_anew() -> None:
    """And tries as soon as at first."""
    line = Line(*[DENIED] * 4)
    steps: list[Step] = [(0, ONLINE), (4, "close"), (20, ONLINE), (40, "close")]
    assert told(line, *steps) == [
        "0 +Sff online: denied", "3 +Sff online: denied", "4 closed",
        "20 +Sff online: denied", "23 +Sff online: denied", "29 +Sff online", "40 -Sff",
        "40 closed",
    ]  # fmt: skip


@pytest.mark.parametrize("end", [None, "close"])
def test_what_may_have_been_given_is_taken_away(end: str | None) -> None:
    """Nobody knows what became of a write that got no answer."""
    line = Line(UNREACHABLE)
    assert told(line, (0, ONLINE), (2, end), (8, "close"), (9, None))[:2] == [
        "0 +Sff online: cannot connect",
        "2 -Sff" if end else "3 -Sff",
    ]


def test_of_a_conversation_that_may_be_gone_nothing_is_taken_away() -> None:
    """What is refused is refused as a whole; what stood in the same conversation still stands."""
    gone = Line(None, *[DENIED] * 3)
    assert told(gone, (0, ONLINE), (5, ELSEWHERE), (20, "close")) == [
        "0 +Sff online", *(f"{at} +Tff online -Sff: denied" for at in (5,)),
        *(f"{at} +Tff online: denied" for at in (8, 14)), "14 refused: denied", "20 closed",
    ]  # fmt: skip
    same = Line(None, DENIED)
    assert told(same, (0, ONLINE), (5, AWAY), (7, "close")) == [
        "0 +Sff online", "5 +Sff away: denied", "7 -Sff", "7 closed",
    ]  # fmt: skip


def test_an_admin_has_one_place_whatever_conversation_is_open() -> None:
    """One is an admin wherever one reads."""
    line = Line(lasts=True)
    steps: list[Step] = [(0, AdminSign("uid")), (5, AdminSign("uid", None, SessionId("-S")))]
    assert told(line, *steps, (6, None)) == [
        "0 at the end -dff", "0 +dff there", "0 listen d", "5 +dff there", "6 -dff",
    ]  # fmt: skip
