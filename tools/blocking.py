"""``python -m tools.blocking``: the blocking clients, written from the async ones.

Signatures and documentation are taken from the source as it stands there, less what waits:
``await``, ``async`` and the names of the async classes. ``--check`` writes nothing and fails if the
file is not what the source says.
"""

import ast
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Final

__all__ = ["CLIENTS", "blocking_clients"]

_CLIENT: Final = Path(__file__).parents[1] / "src" / "imbari_chat" / "client"
CLIENTS: Final = _CLIENT / "sync" / "clients.py"

_HEAD: Final = '''"""The blocking clients: the same names as the async ones, without ``await``.

Made by ``make generate`` from the async clients; change those.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Generic, Self, TypeVar, Unpack

from pydantic import BaseModel

from imbari_chat.client.admin import AsyncAdminChat
from imbari_chat.client.base import BaseChat, EventSource
from imbari_chat.client.conversation import AsyncConversation
from imbari_chat.client.customer import AsyncCustomerChat
from imbari_chat.client.dispatcher import ErrorHandler
from imbari_chat.client.gateway import RejectionHandler
from imbari_chat.client.reading.pager import Start
from imbari_chat.client.reading.unread_counts import UnreadCountMismatch
from imbari_chat.client.status import ChatStatus
from imbari_chat.client.sync.base import (
    BlockingBase,
    BlockingChatBase,
    BlockingConversationBase,
    BlockingPagerBase,
    BlockingTeamBase,
)
from imbari_chat.client.sync.portal import BlockingIterator
from imbari_chat.engine.buffer import DEFAULT_LIMIT, Overflow
from imbari_chat.schema.events import ChatEvent
from imbari_chat.schema.models import Message, Sender, Session, Status
from imbari_chat.schema.outgoing import OutgoingMessage
from imbari_chat.schema.paths import SessionId
from imbari_chat.schema.presence import PresenceSnapshot
from imbari_chat.schema.teamwork import (
    Assignment,
    Block,
    CannedReply,
    Note,
    Snooze,
    TeamSnapshot,
)

if TYPE_CHECKING:
    from imbari_chat.config import Settings, SettingsFlags

__all__ = ["AdminChat", "BlockingPager", "Conversation", "CustomerChat", "Team"]

C = TypeVar("C", bound=BaseChat)
E = TypeVar("E", bound=ChatEvent)
L = TypeVar("L", bound=EventSource)
R = TypeVar("R", bound=BaseModel)
'''

_CLASSES: Final = (
    ("base.py", "EventSource", "_EventSource(BlockingBase[L])"),
    ("base.py", "BaseChat", "_Chat(BlockingChatBase[C], _EventSource[C])"),
    ("reading/pager.py", "Pager", "BlockingPager(BlockingPagerBase[R])"),
    (
        "conversation.py",
        "AsyncConversation",
        "Conversation(BlockingConversationBase, _EventSource[AsyncConversation])",
    ),
    ("teamwork/canned_replies.py", "CannedReplies", "_CannedReplies(BlockingTeamBase)"),
    ("teamwork/team.py", "AsyncTeam", "Team(_CannedReplies)"),
    ("admin.py", "AsyncAdminChat", "AdminChat(_Chat[AsyncAdminChat])"),
    ("customer.py", "AsyncCustomerChat", "CustomerChat(_Chat[AsyncCustomerChat])"),
)
"""Module, async class, and the head of the blocking one, bases before what stands on them."""

_RESULTS: Final = {
    "AsyncGenerator[ChatEvent, None]": ("BlockingIterator[ChatEvent]", "BlockingIterator"),
    "AsyncGenerator[TeamSnapshot, None]": ("BlockingIterator[TeamSnapshot]", "BlockingIterator"),
    "AsyncGenerator[tuple[Note, ...], None]": (
        "BlockingIterator[tuple[Note, ...]]",
        "BlockingIterator",
    ),
    "AsyncTeam": ("Team", "Team"),
    "SessionPager": ("BlockingPager[Session]", "BlockingPager"),
    "MessagePager": ("BlockingPager[Message]", "BlockingPager"),
    "AsyncConversation": ("Conversation", "Conversation"),
}
"""What a method that is not awaited gives: here, and what wraps it."""

_BLOCKING_ON: Final = "Callable[[Callable[[E], None]], Callable[[E], None]]"

Function = ast.FunctionDef | ast.AsyncFunctionDef


def blocking_clients() -> str:
    """The text of ``client/sync/clients.py``."""
    text = _HEAD + "".join(f"\n\n{_class(*each)}" for each in _CLASSES)
    text = _ruff(text, "check", "--quiet", "--select", "F401,I", "--fix")
    return _ruff(text, "format", "--quiet")


def _class(module: str, name: str, head: str) -> str:
    source = (_CLIENT / module).read_text("utf-8")
    found = next(
        node
        for node in ast.parse(source).body
        if isinstance(node, ast.ClassDef) and node.name == name
    )
    shown = [node for node in found.body if isinstance(node, Function) and _is_shown(node)]
    parts = [
        f"class {head}:",
        _documentation(found, "    "),
        *("\n".join(_method(node, name)) for node in shown),
    ]
    return "\n\n".join(parts) + "\n"


def _is_shown(node: Function) -> bool:
    """Whether it is for people: what says nothing of itself does what a base says."""
    public = not node.name.startswith("_") or node.name == "__init__"
    return public and ast.get_docstring(node) is not None


def _method(node: Function, owner: str) -> Iterator[str]:
    decorators = [ast.unparse(one) for one in node.decorator_list]
    returns = "" if node.returns is None else ast.unparse(node.returns)
    shown, wrapper = _RESULTS.get(returns, (returns, ""))
    if node.name == "on":
        shown = _BLOCKING_ON
    for one in decorators:
        yield f"    @{one}"
    yield f"    def {node.name}({ast.unparse(node.args)}) -> {shown}:"
    yield _documentation(node, "        ")
    yield from (f"        {line}" for line in _body(node, owner, decorators, returns, wrapper))


def _body(
    node: Function, owner: str, decorators: list[str], returns: str, wrapper: str
) -> Iterator[str]:
    call = f"self._client.{node.name}"
    arguments = ", ".join(_passed(node))
    if node.name == "__init__":
        handed_on = arguments.replace("on_error=on_error", "on_error=portal.off_loop(on_error)")
        thread = owner.removeprefix("Async").removesuffix("Chat").lower()
        yield f'self._begin("imbari-chat {thread}",'
        yield f"    lambda portal: {owner}({handed_on}))"
    elif "classmethod" in decorators:
        yield from (_plain(ast.unparse(one)) for one in _statements(node))
    elif "property" in decorators:
        yield f"return {wrapper}(self._portal, {call})" if wrapper else f"return {call}"
    elif node.name == "on":
        yield "return self._on(kind, sender, where)"
    elif node.name == "close":
        yield "return self._close()"
    elif node.name == "wait_closed":
        yield "self._wait_closed()"
    elif wrapper:
        yield f"return {wrapper}(self._portal, {call}({arguments}))"
    else:
        inner = f"self._call({call}({arguments}))"
        if isinstance(node, ast.FunctionDef):
            inner = f"self._call_soon({call})"
        yield inner if returns == "None" else f"return {inner}"


def _passed(node: Function) -> Iterator[str]:
    yield from (one.arg for one in node.args.args if one.arg not in ("self", "cls"))
    yield from (f"{one.arg}={one.arg}" for one in node.args.kwonlyargs)


def _statements(node: Function) -> list[ast.stmt]:
    return node.body[1:] if ast.get_docstring(node) else node.body


def _documentation(node: Function | ast.ClassDef, indent: str) -> str:
    """The docstring as it stands, without what waits."""
    text = ast.get_docstring(node)
    assert text, f"{node.name} says nothing of itself"
    lines = _plain(text).splitlines()
    quoted = f'"""{lines[0]}"""' if len(lines) == 1 else '"""' + "\n".join(lines) + '\n"""'
    return textwrap.indent(quoted, indent, lambda line: bool(line.strip()))


def _plain(text: str) -> str:
    """As one writes it in ordinary code."""
    text = re.sub(r"\basync (with|for|def)\b", r"\1", text)
    text = re.sub(r"\bawait ", "", text)
    return re.sub(r"\bAsync(AdminChat|CustomerChat|Conversation|Team)\b", r"\1", text)


def _ruff(text: str, *arguments: str) -> str:
    return subprocess.run(  # noqa: S603  # a program of this environment
        [sys.executable, "-m", "ruff", *arguments, "--stdin-filename", str(CLIENTS), "-"],
        input=text,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def main(arguments: list[str]) -> int:
    """Write the file, or with ``--check`` say whether it is up to date."""
    made = blocking_clients()
    if CLIENTS.read_text("utf-8") == made:
        return 0
    if "--check" in arguments:
        print(f"{CLIENTS.name} is not what the async clients say; run `make generate`")
        return 1
    CLIENTS.write_text(made, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
