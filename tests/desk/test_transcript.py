"""What was said, as it stands there: days, senders, and what the customer has seen."""

from datetime import UTC

import pytest
from textual.geometry import Size

from imbari_chat.desk.transcript import Said, Transcript
from imbari_chat.schema.paths import message_id, session_id
from imbari_chat.view.outgoing import Failed, Pending
from tests.desk.desks import Chat, opened, screen_of, until
from tests.view.records import NOW, message, session

_DAY = 86_400_000


async def _said(chat: Chat) -> list[str]:
    """The rows of the conversation of the only session, from its beginning on."""
    async with opened(chat, size=(80, 24), zone=UTC) as (app, pilot):
        await pilot.press("enter")
        await until(pilot, lambda: _beginning(screen_of(app)))
        rows = screen_of(app)
        first = _beginning(rows)
        end = next(at for at, row in enumerate(rows) if at > first and set(row) == {"─"})
        return [row.rstrip("─").rstrip() for row in rows[first:end]]


def _beginning(rows: list[str]) -> int:
    """The first row of what was said; 0 if it is not there."""
    words = "the beginning of the conversation"
    return next((at + 1 for at, row in enumerate(rows) if words in row), 0)


async def test_days_are_separated_and_senders_grouped() -> None:
    """By who wrote, within a minute; a name that changes makes no other sender."""
    chat = Chat(
        session("amina"),
        messages=(
            message("m1", "One", read=True, customerName="Amina"),
            message("m2", "Two", read=True, customerName="Imbari Team", timestamp=NOW + 1),
            message("m3", "Yes", sender="admin", timestamp=NOW + 2),
            message("m4", "Three", read=True, timestamp=NOW + 61_000),
            message("m5", "Four", read=True, timestamp=NOW + _DAY),
        ),
    )
    assert await _said(chat) == [
        "── Tuesday 12 March 2024",
        "14:05  customer │ One",
        "                │ Two",
        "14:05        us ┃ Yes",
        "14:06  customer │ Three",
        "── Wednesday 13 March 2024",
        "14:05  customer │ Four",
    ]


@pytest.mark.parametrize(("at", "sender", "is_said"), [
    (NOW, "admin", True), (NOW - 1, "admin", False), (NOW, "customer", False),
])  # fmt: skip
async def test_an_answer_that_the_customer_has_seen_is_marked(
    at: int, sender: str, is_said: bool
) -> None:
    """When they had the chat open since; what they wrote themselves is not."""
    last = message("m1", "Yes", sender=sender, read=True)  # type: ignore[arg-type]  # one of both
    rows = await _said(Chat(session("amina", customerSeenAt=at), messages=(last,)))
    assert (rows[-1].strip() == "seen") is is_said


class _Wide(Transcript):
    """Without a screen."""

    size = Size(60, 24)  # what the screen gives it


def test_ink_tells_what_is_new_what_is_ours_and_what_was_not_stored() -> None:
    """And what stands beside a text is fainter than the text."""
    amina = session_id("amina")
    said = Said(
        messages=(message("m1", "Hello"), message("m2", "Hi", sender="admin", read=True)),
        pending=[(Pending(1, amina, "Later"), "queued")],
        failed=[Failed(2, amina, "Never", "denied"), Failed(3, amina, "Nor this", "too long")],
        keys="R again",
        divider=message_id("m1"),
        seen_at=NOW,
        top="the beginning",
        now=NOW,
        zone=UTC,
    )
    lines = [
        "".join(f"‹{ink}:{text.strip('─')}›" for text, ink in line.parts if text.strip())
        for line in _Wide(lambda: said)._laid_out(said)
    ]
    assert lines == [
        "‹dim: the beginning›",
        "‹dim: today ›",
        "‹red: new ›",
        "‹dim:14:05›‹red:•›‹cyan: customer │ ›‹none:Hello›",
        "‹dim:14:05›‹bold green:       us ┃ ›‹none:Hi›",
        "‹dim:seen›",
        "‹red:!     ›‹bold green:       us ┃ ›‹dim:Never›",
        "‹red:not sent: denied›",
        "‹dim:R again›",
        "‹red:!     ›‹bold green:       us ┃ ›‹dim:Nor this›",
        "‹red:not sent: too long›",
        "‹bold green:…     ›‹bold green:       us ┃ ›‹dim:Later›",
        "‹yellow:queued›",
    ]
