"""The lead form as the command line fills it: from options, and from answers to questions."""

from collections.abc import Iterator
from dataclasses import dataclass

from imbari_chat.errors import InvalidData
from imbari_chat.schema.forms import QUICK_TOPICS, LeadForm

__all__ = ["Lead", "mistake_in", "questions", "topic_of"]


@dataclass(frozen=True, slots=True)
class Lead:
    """The lead form as far as it is filled; unchecked."""

    name: str | None = None
    email: str | None = None
    phone: str | None = None
    topic: str | None = None


def questions() -> Iterator[tuple[str, str]]:
    """The fields of a :class:`Lead` and what to ask for each."""
    topics = "".join(f"  {number} {topic}\n" for number, topic in enumerate(QUICK_TOPICS, 1))
    yield "name", "Your name: "
    yield "email", "Your e-mail: "
    yield "phone", "Your phone number (optional): "
    yield "topic", f"{topics}What is it about (a number, your own words, or nothing): "


def topic_of(answer: str) -> str:
    """A quick topic by its number, or the words themselves."""
    numbers = {str(number): topic for number, topic in enumerate(QUICK_TOPICS, 1)}
    return numbers.get(answer.strip(), answer)


def mistake_in(field: str, lead: Lead) -> InvalidData | None:
    """What is wrong with one field, whatever is still missing of the others."""
    try:
        LeadForm.checked(
            name=lead.name or "", email=lead.email or "", phone=lead.phone, topic=lead.topic
        )
    except InvalidData as error:
        # Fields are checked in the order in which they are asked; text that is not Unicode at all
        # is refused without naming its field.
        asked = {"name": "name", "email": "e-mail", "phone": "phone", "topic": "topic"}[field]
        return error if error.where in {asked, None} else None
    return None
