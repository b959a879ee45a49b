"""Questions over the desk, on an app of the test's own."""

from collections.abc import Callable

import pytest
from textual.app import App
from textual.screen import ModalScreen

from imbari_chat.desk.frame import STYLES
from imbari_chat.desk.prompts import AskText, Choose
from imbari_chat.desk.text_page import TextPage
from imbari_chat.view.widths import widest
from tests.desk.desks import screen_of

WORDS = "[red]Ring [/x]"
"""As a customer or a colleague may write; Textual would take it for markup."""


class Styled(App[None]):
    """Draws as the desk does."""

    CSS = STYLES


@pytest.mark.parametrize(
    ("choices", "ways", "shown", "beyond"),
    [
        (0, "", [], ""),
        (0, "+", [], ""),
        (3, "", ["  1  c0", "  2  c1", "  3  c2"], ""),
        (3, "-", ["  1  c0", "  2  c1", "> 3  c2"], ""),
        (3, "+-", ["> 1  c0", "  2  c1", "  3  c2"], ""),
        (4, "", ["  1  c0", "  2  c1", "  3  c2"], "↓1 "),
        (4, "+++", ["  1  c0", "  2  c1", "> 3  c2"], "↓1 "),
        (4, "++++", ["  1  c1", "  2  c2", "> 3  c3"], "↑1 "),
        (4, "+++++", ["  1  c1", "  2  c2", "> 3  c3"], "↑1 "),
        (4, "-", ["  1  c1", "  2  c2", "> 3  c3"], "↑1 "),
        (4, "---", ["> 1  c1", "  2  c2", "  3  c3"], "↑1 "),
        (4, "----", ["> 1  c0", "  2  c1", "  3  c2"], "↓1 "),
        (5, "++++", ["  1  c1", "  2  c2", "> 3  c3"], "↑1 ↓1 "),
        (1_005, "+", ["> 1  c0", "  2  c1", "  3  c2"], "↓1,002 "),
        (1_005, "-", ["  1  c1002", "  2  c1003", "> 3  c1004"], "↑1,002 "),
    ],
)
async def test_a_choice_shows_what_fits_and_how_many_are_beyond(
    choices: int, ways: str, shown: list[str], beyond: str
) -> None:
    """In a window that has room for three, and for what has a key of its own."""
    question = Choose("Which?", [(f"c{at}", at) for at in range(choices)], [("0", "none", -1)])
    async with App[None]().run_test(size=(60, 12)) as pilot:
        await pilot.app.push_screen(question)
        for way in ways:
            question.action_move(1 if way == "+" else -1)
        assert question._rows.content == "\n".join([*shown, "  0  none"])
        assert question._hint.content == f"{beyond}A number chooses, or ↑ ↓ and Enter. Esc leaves."


async def test_there_is_always_room_for_one_choice() -> None:
    """Also for one that was known before the question was on the screen."""
    question = Choose("Which?", [("c0", 0)])
    question.add([("c1", 1)])
    async with App[None]().run_test(size=(60, 4)) as pilot:
        await pilot.app.push_screen(question)
        assert question._rows.content == "  1  c0"
        question.action_move(1)
        question.action_move(1)
        assert question._rows.content == "> 1  c1"


@pytest.mark.parametrize(
    ("screen", "keys"),
    [
        (lambda: TextPage([WORDS]), ""),
        (lambda: AskText(WORDS), ""),
        (lambda: AskText("What?", hint=WORDS), ""),
        (lambda: AskText("What?", check=lambda _: WORDS), "enter"),
        (lambda: Choose(WORDS, [("c0", 0)]), ""),
        (lambda: Choose("Which?", [(WORDS, 0)]), ""),
    ],
    ids=["page", "question", "hint", "problem", "question of a choice", "choice"],
)
async def test_what_others_wrote_is_drawn_as_they_wrote_it(
    screen: Callable[[], ModalScreen[object]], keys: str
) -> None:
    """Brackets and all, wherever there is room for it."""
    async with App[None]().run_test() as pilot:
        await pilot.app.push_screen(screen())
        await pilot.press(*keys.split())
        await pilot.pause()
        assert any(WORDS in row for row in screen_of(pilot.app))


@pytest.mark.parametrize("text", ["", "abc"])
async def test_what_is_wrong_with_an_answer_is_said_until_it_is_another(text: str) -> None:
    """It is written on behind what stood there to begin with."""
    answers: list[str | None] = []
    question = AskText("What?", text=text, check=lambda one: "too short" * (one == text) or None)
    async with Styled().run_test(size=(70, 12)) as pilot:
        await pilot.app.push_screen(question, answers.append)
        await pilot.pause()
        before = screen_of(pilot.app)
        assert [row.strip(" │") for row in before[3:8]] == [
            "What?", "", text, "", "Enter goes on, Esc leaves.",
        ]  # fmt: skip
        await pilot.press("enter")
        await pilot.pause()
        said = screen_of(pilot.app)
        await pilot.press("d", "backspace")
        await pilot.pause()
        assert (any("too short" in row for row in said), screen_of(pilot.app)) == (True, before)
        await pilot.press("d", "enter")
        await pilot.pause()
    assert answers == [f"{text}d"]


async def test_a_page_stays_in_its_columns() -> None:
    """By anybody's count, between words; what fits is left as it is laid out."""
    columns = "  Enter      open it"
    async with App[None]().run_test() as pilot:
        await pilot.app.push_screen(TextPage([columns, " ".join(["Amina 👩‍👩‍👧"] * 20)]))
        await pilot.pause()
        rows = [row.rstrip() for row in screen_of(pilot.app)]
        assert columns in rows
        assert sum(row.count("👩‍👩‍👧") for row in rows) == 20
        assert max(map(widest, rows)) <= 71
