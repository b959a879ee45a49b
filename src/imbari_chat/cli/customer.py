"""``customer``: the widget in a terminal, or in a pipe.

At a terminal the lead form is asked field by field and messages are written at a prompt, above
which the answers appear. In a pipe nothing is asked: the form comes from options, each line of
standard input is a message, and answers go to standard output.

Who the customer is stays stored as a sign-in of the profile; their conversation is the newest one
that the database lists for them. So nothing is kept here that could contradict either.
"""

import asyncio
import contextlib
import sys
import threading
from collections import Counter
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from imbari_chat.cli.exits import TimeoutReached, UsageError
from imbari_chat.cli.narration import Narrator, narrating_log
from imbari_chat.cli.output import Output, record
from imbari_chat.client import AsyncCustomerChat
from imbari_chat.errors import ImbariError, InvalidData, Unavailable
from imbari_chat.schema.events import ChatEvent, ConnectionChanged, MessageAdded, RecordRejected
from imbari_chat.schema.forms import QUICK_TOPICS, LeadForm
from imbari_chat.schema.models import CUSTOMER_LABEL, Message, Session
from imbari_chat.view.text import safe_text

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession

__all__ = ["Lead", "run_customer"]

_HISTORY: Final = 50
_BADGE: Final = "● new reply while you were away"


@dataclass(frozen=True, slots=True)
class Lead:
    """The lead form as far as options fill it; unchecked."""

    name: str | None = None
    email: str | None = None
    phone: str | None = None
    topic: str | None = None


async def run_customer(
    flags: Mapping[str, Any],
    lead: Lead,
    *,
    new: bool = False,
    wait: float | None = None,
    json: bool = False,
    quiet: bool = False,
) -> None:
    """Be a customer until standard input ends (Ctrl-D), or Ctrl-C.

    Args:
        flags: Where the chat is, by the names of :class:`~imbari_chat.config.Settings`.
        lead: What options say of the lead form. Unused when a conversation is resumed.
        new: Start another conversation even if there is one to resume.
        wait: In a pipe: after the last line wait so many seconds for an answer.
        json: JSON lines: one ``session`` first, then ``message_added`` for every message.
        quiet: Narrate nothing but warnings and errors.

    Raises:
        UsageError: In a pipe: a name or an e-mail is needed and no option gives it.
        TimeoutReached: In a pipe: no answer came within ``wait``.
        InvalidData: In a pipe: a field or a message is not acceptable.
        ImbariError: Whatever the client raises.
    """
    tell = Narrator(quiet=quiet)
    at_terminal = sys.stdin.isatty() and sys.stdout.isatty() and not json
    with narrating_log(tell):
        async with AsyncCustomerChat.from_env(
            remember=True, on_rejected=tell.rejected, **flags
        ) as chat:
            visit = _Visit(chat, tell, Output(), at_terminal=at_terminal, json=json)
            if not new:
                await visit.resume()
            if at_terminal:
                await _at_terminal(visit, lead)
            else:
                await _in_a_pipe(visit, lead, wait)


class _Visit:
    """One visit to the chat: what is printed of it, and every message once."""

    def __init__(
        self,
        chat: AsyncCustomerChat,
        tell: Narrator,
        out: Output,
        *,
        at_terminal: bool,
        json: bool,
    ) -> None:
        self.tell = tell
        self.is_under_way = False
        self._chat = chat
        self._out = out
        self._at_terminal = at_terminal
        self._json = json
        self._shown: set[str] = set()
        self._typed: Counter[str] = Counter()
        self._answered = asyncio.Event()
        self._was_live = False

    async def resume(self) -> None:
        """Come back to the newest conversation, if there is one, and look at what is new."""
        sessions = await self._chat.sessions()
        if not sessions:
            return
        session = await self._chat.resume(sessions[0].id)
        self._begin(session)
        for message in await self._chat.history(limit=_HISTORY):
            is_news = message.sender == "admin" and message.timestamp > (
                session.customer_seen_at or 0
            )
            if is_news:
                self._answered.set()
            if is_news or self._at_terminal:
                self._print(message)
            self._shown.add(message.id)
        if self._chat.has_new_message:
            self.tell.say(_BADGE)
        await self._chat.open()

    async def start(self, lead: Lead) -> None:
        """Start a conversation.

        Raises:
            InvalidData: A field of the form is not acceptable.
            ImbariError: Whatever the client raises.
        """
        self._begin(
            await self._chat.start(lead.name or "", lead.email or "", lead.phone, lead.topic)
        )

    def _begin(self, session: Session) -> None:
        self.is_under_way = True
        if self._json:
            self._out.line({"event": "session", "session": record(session)})

    async def send(self, text: str) -> None:
        """Send what was typed here.

        Raises:
            InvalidData: It is empty or too long.
            ImbariError: Whatever the client raises.
        """
        self._answered.clear()
        self._typed[text] += 1
        try:
            message = await self._chat.send(text)
        except ImbariError:
            self._typed[text] -= 1
            raise
        if message.id not in self._shown:  # else its echo was faster
            self._typed[text] -= 1
            self._shown.add(message.id)
        if self._json:
            self._print(message)

    async def answered(self, within: float) -> bool:
        """Whether an answer to what was sent last comes in time."""
        try:
            await asyncio.wait_for(self._answered.wait(), within)
        except TimeoutError:
            return False
        return True

    async def follow(self) -> None:
        """Print what comes, until cancelled.

        Raises:
            ImbariError: The stream has ended for good.
        """
        async with aclosing(self._chat.events(history=_HISTORY)) as events:
            async for event in events:
                self._hear(event)

    def _hear(self, event: ChatEvent) -> None:
        match event:
            case MessageAdded(_, message) if message.id not in self._shown:
                self._shown.add(message.id)
                if message.sender == "admin":
                    self._print(message)
                    self._answered.set()
                elif self._typed[message.text]:
                    self._typed[message.text] -= 1
                elif self._at_terminal or self._json:  # written elsewhere, as the same customer
                    self._print(message)
            case RecordRejected():
                self.tell.rejected(event)
            case ConnectionChanged("live"):
                if self._was_live:
                    self.tell.say("connected again")
                self._was_live = True
            case ConnectionChanged("reconnecting", reason):
                self.tell.say(f"connection lost{f': {reason}' if reason else ''}; trying again")
            case _:
                pass

    def _print(self, message: Message) -> None:
        if self._json:
            self._out.line(
                {
                    "event": "message_added",
                    "session_id": self._chat.session.id,
                    "message": record(message),
                }
            )
            return
        indent = f"\n{' ' * (len(message.label) + 2)}"
        text = safe_text(message.text, multiline=True).replace("\n", indent)
        self._out.text(f"{message.label}: {text}")


async def _following(visit: _Visit, work: Coroutine[Any, Any, None]) -> None:
    """Do ``work`` while following the conversation; whichever fails first ends both."""
    following = asyncio.create_task(visit.follow())
    working = asyncio.create_task(work)
    try:
        done, _ = await asyncio.wait({following, working}, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        following.cancel()
        working.cancel()
        await asyncio.gather(following, working, return_exceptions=True)


async def _at_terminal(visit: _Visit, lead: Lead) -> None:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.patch_stdout import patch_stdout

    prompt: PromptSession[str] = PromptSession()
    if not visit.is_under_way:
        try:
            await visit.start(await _asked(lead, prompt, visit.tell))
        except EOFError:
            return
    visit.tell.say("write, and press Enter to send; Ctrl-D leaves")
    with patch_stdout(raw=True):
        await _following(visit, _converse(visit, prompt))


async def _converse(visit: _Visit, prompt: "PromptSession[str]") -> None:
    """Prompt and send until Ctrl-D. What could not be sent stands in the next prompt."""
    unsent = ""
    while True:
        try:
            text = await prompt.prompt_async(f"{CUSTOMER_LABEL}: ", default=unsent)
        except EOFError:
            return
        unsent = ""
        if not text.strip():
            continue
        try:
            await visit.send(text)
        except (InvalidData, Unavailable) as error:
            visit.tell.error(error)
            unsent = text


async def _asked(lead: Lead, prompt: "PromptSession[str]", tell: Narrator) -> Lead:
    """The lead form, field by field; a mistake is named and asked for again.

    Raises:
        EOFError: The person left.
    """
    filled = lead
    for name, question in _questions():
        given = getattr(lead, name)
        while True:
            answer = given if given is not None else await prompt.prompt_async(question)
            filled = replace(filled, **{name: _topic(answer) if name == "topic" else answer})
            mistake = _mistake_in(name, filled)
            if mistake is None:
                break
            tell.error(mistake)
            given = None
    return filled


def _questions() -> Iterator[tuple[str, str]]:
    topics = "".join(f"  {number} {topic}\n" for number, topic in enumerate(QUICK_TOPICS, 1))
    yield "name", "Your name: "
    yield "email", "Your e-mail: "
    yield "phone", "Your phone number (optional): "
    yield "topic", f"{topics}What is it about (a number, your own words, or nothing): "


def _topic(answer: str) -> str:
    """A quick topic by its number, or the words themselves."""
    numbers = {str(number): topic for number, topic in enumerate(QUICK_TOPICS, 1)}
    return numbers.get(answer.strip(), answer)


def _mistake_in(field: str, lead: Lead) -> InvalidData | None:
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


async def _in_a_pipe(visit: _Visit, lead: Lead, wait: float | None) -> None:
    lines = _standard_input()
    first = await anext(lines, None)
    if not visit.is_under_way:
        if first is None:
            visit.tell.say("nothing to send")
            return
        if not lead.name or not lead.email:
            raise UsageError(
                "a new conversation needs a name and an e-mail", hint="Give --name and --email"
            )
        topic = None if lead.topic is None else _topic(lead.topic)
        await visit.start(replace(lead, topic=topic))

    async def speak() -> None:
        if first is not None:
            await visit.send(first)
        async for line in lines:
            await visit.send(line)
        if wait is not None and not await visit.answered(wait):
            raise TimeoutReached(f"no answer within {wait:g} s")

    await _following(visit, speak())


async def _standard_input() -> AsyncIterator[str]:
    """The lines of standard input that are not blank.

    A thread of its own reads them, for a read cannot be interrupted and must not hold up the end.

    Raises:
        InvalidData: It is not text in the terminal's encoding.
    """
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[str | InvalidData | None] = asyncio.Queue()

    def put(line: str | InvalidData | None) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended, and nobody wants to know
            loop.call_soon_threadsafe(lines.put_nowait, line)

    def read() -> None:
        try:
            for line in sys.stdin:
                put(line.rstrip("\r\n"))
        except UnicodeDecodeError as error:
            put(InvalidData(f"standard input is not {error.encoding} text: {error.reason}"))
        put(None)

    threading.Thread(target=read, name="standard input", daemon=True).start()
    while (line := await lines.get()) is not None:
        if isinstance(line, InvalidData):
            raise line
        if line.strip():
            yield line
