"""What is written for a line that several widgets share, in a terminal that nobody here wrote.

pyte counts each code point by itself, as xterm does; the library that lays lines out does not.
"""

from typing import Final

import pyte
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.geometry import Region
from textual.strip import Strip

from imbari_chat.desk.cells import InColumns, strip
from tests.desk.program import HARD

_WIDTH: Final = 40
_CONSOLE: Final = Console(color_system="truecolor")

TEXTS = st.lists(st.sampled_from(list(HARD.values())), min_size=1, max_size=3).map(" ".join)
CUTS = st.lists(st.integers(1, _WIDTH - 1), min_size=2, max_size=2, unique=True).map(sorted)


def _line(*texts: str) -> Strip:
    return strip([(text, Style.null()) for text in texts], _WIDTH, Style.null())


def _plain(text: str) -> Strip:
    return Strip([Segment(text)])


class _Terminal:
    def __init__(self) -> None:
        self._screen = pyte.Screen(_WIDTH + 10, 1)
        self._stream = pyte.Stream(self._screen)

    def draws(self, update: CompositorUpdate) -> None:
        self._stream.feed(InColumns(update).render_segments(_CONSOLE))

    def text(self, first: int, last: int) -> str:
        """What stands in these columns, without what joined it."""
        return "".join(self._screen.buffer[0][at].data for at in range(first, last))


@given(TEXTS, TEXTS, CUTS)
@example(HARD["Hebrew"], "x", [5, 6])
def test_nothing_moves_a_box_over_a_line_or_what_is_beside_it(
    before: str, after: str, cuts: list[int]
) -> None:
    """Wherever it cuts through a text; nor when only what is left of it is drawn again."""
    left, right = cuts
    box = "|" * (right - left)
    terminal = _Terminal()
    start, _, end = _line(before, " a@b.c ", after).divide([left, right, _WIDTH])
    pieces = [start, _plain(box), end, _plain("▏beside")]
    terminal.draws(LayoutUpdate([pieces], Region(0, 0, _WIDTH + 7, 1)))
    assert terminal.text(left, right) == box
    assert terminal.text(_WIDTH, _WIDTH + 7) == "▏beside"
    again, _, _ = _line(after).divide([left, right, _WIDTH])
    chops = {0: again, left: None, right: None, _WIDTH: None}
    ends = [left, right, _WIDTH, _WIDTH + 7]
    terminal.draws(ChopsUpdate([chops], [(0, 0, left)], [ends]))
    assert terminal.text(left, right) == box
    assert terminal.text(_WIDTH, _WIDTH + 7) == "▏beside"


@given(st.data())
def test_what_nobody_disputes_is_drawn_again_as_the_library_draws_it(data: st.DataObject) -> None:
    """The same pieces of the same rows, from wherever a change begins to where it ends."""
    chops: list[dict[int, Strip | None]] = []
    spans, ends = [], []
    for y in range(3):
        left, right = data.draw(CUTS)
        columns = st.integers(0, _WIDTH) | st.sampled_from([left, right])
        first, last = sorted([data.draw(columns), data.draw(columns)])
        pieces = {0: "a" * left, left: "b" * (right - left), right: "c" * (_WIDTH - right)}
        under = data.draw(st.sampled_from([None, *pieces]))
        spans.append((y, first, last))
        ends.append([left, right, _WIDTH])
        chops.append({x: None if x == under else _plain(one) for x, one in pieces.items()})
    update = ChopsUpdate(chops, spans, ends)
    ours, theirs = (pyte.Screen(_WIDTH, 3) for _ in "12")
    pyte.Stream(ours).feed(InColumns(update).render_segments(_CONSOLE))
    pyte.Stream(theirs).feed(update.render_segments(_CONSOLE))
    assert ours.display == theirs.display


def test_a_field_of_the_librarys_has_room_for_who_counts_more() -> None:
    """The blanks behind its text, over which the text is written whole."""
    text = HARD["Bengali"]
    field = Strip([Segment(text), Segment(" " * 14)])
    update = LayoutUpdate([[field, _plain("│")]], Region(0, 0, field.cell_length + 1, 1))
    written = InColumns(update).render_segments(_CONSOLE)
    blanks = " " * field.cell_length
    address = f"\x1b[{field.cell_length + 1}G\x1b[1;{field.cell_length + 1}H"
    assert written == f"\x1b[1;1H{blanks}\x1b[1G{text}{address}│"


def test_what_nobody_disputes_is_written_as_it_is() -> None:
    """Each piece behind its address."""
    update = LayoutUpdate([[_plain("Hello"), _plain("│")]], Region(0, 0, 6, 1))
    assert InColumns(update).render_segments(_CONSOLE) == "\x1b[1;1HHello\x1b[1;6H│"


def test_a_text_that_is_all_marks_is_drawn_as_none() -> None:
    """They would join what stands before; a cut may leave nothing else."""
    marks = "\u0301\u0327"
    update = LayoutUpdate([[Strip([Segment("e")]), Strip([Segment(marks)])]], Region(0, 0, 1, 1))
    written = InColumns(update).render_segments(_CONSOLE)
    assert written == "\x1b[1;1He\x1b[1;2H\x1b[2G\x1b[2G"


def test_each_disputed_text_of_a_piece_has_an_address_of_its_own() -> None:
    """What stands between them is where the library believes it to be, and joins nothing."""
    bengali, thai = HARD["Bengali"], HARD["Thai"]
    line = Strip([Segment(one) for one in ("a", bengali, "b", f"\u0301{thai} ", " ", "c")])
    written = InColumns(LayoutUpdate([[line]], Region(0, 0, 80, 1))).render_segments(_CONSOLE)
    first = 2 + cell_len(bengali)
    second = first + 1 + cell_len(thai) + 2
    assert written == (
        f"\x1b[1;1Ha{' ' * cell_len(bengali)}\x1b[2G{bengali}\x1b[{first}Gb"
        f"{' ' * (cell_len(thai) + 2)}\x1b[{first + 1}G{thai}\x1b[{second}Gc"
    )
