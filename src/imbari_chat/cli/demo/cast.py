"""Who the demo's customers are and what they say. Nothing here knows of a network."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

__all__ = ["ANSWERS", "CANNED", "CAST", "Part", "cast_of", "reaction"]


@dataclass(frozen=True, slots=True)
class Part:
    """One customer's part.

    Attributes:
        name: As in the lead form.
        email: As in the lead form.
        phone: As in the lead form.
        topic: The quick topic picked.
        greeting: Sent with the start of the conversation.
        question: Sent right after.
        reactions: Words of an answer, in lower case, and what is said to an answer with one.
        otherwise: Said to an answer with none of the words.
        thanks: Said to the second answer.
        afterthought: Said once the conversation has been resolved; None for most.
        late: Seconds after which they come.
    """

    name: str
    email: str
    greeting: str
    question: str
    reactions: tuple[tuple[tuple[str, ...], str], ...]
    otherwise: str
    thanks: str
    phone: str | None = None
    topic: str | None = None
    afterthought: str | None = None
    late: float = 0.0

    @property
    def lines(self) -> int:
        """How many messages the whole part has."""
        return 4 if self.afterthought is None else 5


CAST: Final = (
    Part(
        name="Amina Wanjiru",
        email="amina@example.com",
        phone="+254 712 345 678",
        topic="Wholesale",
        greeting="Good morning! I run a small café in Kampala.",
        question="Do you ship there, and how long does it take?",
        reactions=(
            (("day", "week"), "That is quicker than I thought. What would 40 kg a month cost?"),
            (("ship", "yes"), "Good to hear. How many days should I plan for?"),
        ),
        otherwise="I see. And what would 40 kg a month cost?",
        thanks="Perfect, thank you!",
        afterthought="One more thing: could we have samples first?",
    ),
    Part(
        name="山田 花子 ☕",
        email="hanako@example.jp",
        topic="Brewing advice",
        greeting="こんにちは！ I bought your Nyeri AA last week. ❤️",
        question="It tastes a little sour in my V60. 挽き目はどうすればいいですか？",
        reactions=(
            (("grind", "finer", "細"), "なるほど！ And the water, how hot?"),
            (("water", "hot", "°"), "94 °C, understood. And the grind?"),
        ),
        otherwise="わかりました。 Is there anything else I could try?",
        thanks="試してみます。ありがとう！ 🙏🏽 👨‍👩‍👧",
    ),
    Part(
        name="Brian Otieno",
        email="brian@example.org",
        topic="An order",
        greeting="Hi, I ordered the decaf on Monday.",
        question="Can I still change it to the espresso blend?",
        reactions=(
            (("yes", "sure", "can"), "Great, then the espresso blend please. Whole beans."),
        ),
        otherwise="Then I would rather cancel it, please.",
        thanks="Thanks, that was quick.",
    ),
    Part(
        name="[bold red]Bob[/] \x1b[31m\u202eynneJ",
        email="bob@example.net",
        topic="a hostile customer, for show",
        greeting="What strangers can type, and nothing obeys: \x1b]0;owned\x07"
        "[link=https://evil.example]free beans[/link]\x1b[2J",
        late=20.0,
        question="Where is o\u0300\u0301\u0302\u0303\u0304\u0305\u0306rder 4711?\r\n\u202e:sknahT",
        reactions=(
            (("sent", "way", "week", "post"), "[green]Great[/]. Is there a tracking number?"),
        ),
        otherwise="Hm. [blink]When[/] will it be sent?",
        thanks="\x9b31mThank you\u200b\u200b\u200b!",
    ),
    Part(
        name="Chloé d'Été",
        email="chloe@example.org",
        phone="01 99 00 12 34, evenings",
        topic="Something else",
        greeting="Bonjour !",
        question="Do you offer tastings at the roastery? We would be six people.",
        reactions=((("yes", "saturday", "tasting"), "Wonderful. Saturday at ten?"),),
        otherwise="A pity. Is there another place you would recommend?",
        thanks="Merci beaucoup !",
    ),
)

ANSWERS: Final = (
    "Hello! Yes, we send something every week, and it takes three days. I would grind a bit finer.",
    "I have just sent you the details by e-mail. Anything else?",
    "Of course. Two bags are on their way.",
)
"""What the headless admin says to the second, third and fifth message of a conversation."""

CANNED: Final = {
    "hello": "Hello {first_name}, thank you for writing to us.",
    "shipped": "Good news, {first_name}: your order is on its way.",
}
"""Replies that are ready when somebody sits down at the desk."""


def cast_of(count: int) -> Sequence[Part]:
    """``count`` customers; beyond the cast's size they come again under numbered names."""
    parts = []
    for index in range(count):
        part, turn = CAST[index % len(CAST)], index // len(CAST)
        if turn:
            part = replace(part, name=f"{part.name} {turn + 1}", afterthought=None)
        parts.append(part)
    return parts


def reaction(part: Part, answer: str) -> str:
    """What a customer says to the first answer, by its words."""
    words = answer.lower()
    for triggers, said in part.reactions:
        if any(trigger in words for trigger in triggers):
            return said
    return part.otherwise
