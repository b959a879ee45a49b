"""A person at a prompt: the form field by field, then messages, with answers above the prompt."""

from dataclasses import replace
from typing import TYPE_CHECKING

from imbari_chat.cli.customer.lead import Lead, mistake_in, questions, topic_of
from imbari_chat.cli.customer.visit import Visit
from imbari_chat.cli.exit_codes import Interrupted
from imbari_chat.cli.stderr import Stderr
from imbari_chat.errors import InvalidData
from imbari_chat.schema.models import CUSTOMER_LABEL

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession

__all__ = ["asked", "at_terminal"]


async def at_terminal(visit: Visit, lead: Lead) -> None:
    """Be a customer until Ctrl-D; then wait for what has not been sent.

    Raises:
        Interrupted: Ctrl-C.
        ImbariError: Whatever the client raises.
    """
    from prompt_toolkit import PromptSession
    from prompt_toolkit.patch_stdout import patch_stdout

    prompt: PromptSession[str] = PromptSession()
    if not visit.is_under_way:
        try:
            await visit.start(await asked(lead, prompt, visit.stderr))
        except EOFError:
            return
        except KeyboardInterrupt:
            raise Interrupted from None
    visit.stderr.say("write, and press Enter to send; Ctrl-D leaves")
    with patch_stdout(raw=True):
        await visit.during(_converse(visit, prompt))


async def _converse(visit: Visit, prompt: "PromptSession[str]") -> None:
    """Prompt and send until Ctrl-D. What was refused stands in the prompt again."""

    def put_back() -> None:
        buffer = prompt.default_buffer
        if visit.returned and prompt.app.is_running and not buffer.text:
            buffer.insert_text(visit.returned.popleft())

    visit.on_returned = put_back
    while True:
        again = visit.returned.popleft() if visit.returned else ""
        try:
            text = await prompt.prompt_async(f"{CUSTOMER_LABEL}: ", default=again)
        except EOFError:
            break
        except KeyboardInterrupt:
            if prompt.default_buffer.text.strip():
                visit.returned.appendleft(prompt.default_buffer.text)
            raise Interrupted from None
        if not text.strip():
            continue
        try:
            await visit.hand_over(text)
        except InvalidData as error:
            visit.stderr.error(error)
            visit.returned.append(text)
    await visit.flush()


async def asked(lead: Lead, prompt: "PromptSession[str]", stderr: Stderr) -> Lead:
    """The lead form, field by field; a mistake is named and asked for again.

    Raises:
        EOFError: The person left.
    """
    filled = lead
    for name, question in questions():
        given = getattr(lead, name)
        while True:
            answer = given if given is not None else await prompt.prompt_async(question)
            filled = replace(filled, **{name: topic_of(answer) if name == "topic" else answer})
            mistake = mistake_in(name, filled)
            if mistake is None:
                break
            stderr.error(mistake)
            given = None
    return filled
