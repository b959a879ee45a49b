"""What an editor shows at a name: signature and text, of every method of the blocking clients."""

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jedi
import pytest
from jedi import settings

from imbari_chat import AdminChat, BlockingPager, Conversation, CustomerChat, Team

# One worker parses the package, and not each.
pytestmark = pytest.mark.xdist_group("jedi")

CLIENTS = {one.__name__: one for one in (AdminChat, Conversation, CustomerChat, Team)}


@pytest.fixture(scope="module", autouse=True)
def _cache_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """jedi keeps what it parsed in files that processes side by side read half written."""
    folder: Path = tmp_path_factory.mktemp("jedi")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settings, "cache_directory", str(folder))
        yield


def _methods(kind: type) -> list[str]:
    return [
        name
        for name, member in inspect.getmembers(kind)
        if not name.startswith("_") and callable(member)
    ]


def _hover(expression: str) -> str:
    """What jedi, which many editors ask, says of an expression."""
    code = f"from imbari_chat import BlockingPager, {', '.join(CLIENTS)}\n"
    script = jedi.Script(code + expression)
    (found,) = script.help(2, len(expression) - 1)
    text: str = found.docstring()
    return text


@pytest.mark.drawn
@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind in CLIENTS for name in _methods(CLIENTS[kind])]
)
def test_hovering_over_a_method_shows_its_own_signature_and_text(kind: str, name: str) -> None:
    """Each parameter by its name, and the first sentence that help() would show."""
    shown = _hover(f"{kind}.{name}")
    member: Any = getattr(CLIENTS[kind], name)
    for parameter in inspect.signature(member).parameters:
        assert parameter in shown.split("\n\n", 1)[0]
    assert (inspect.getdoc(member) or "").splitlines()[0] in shown


@pytest.mark.parametrize("name", ["older", "newer"])
def test_hovering_over_a_pager_shows_its_text(name: str) -> None:
    """The blocking pager speaks for itself as well."""
    assert (getattr(BlockingPager, name).__doc__ or "").splitlines()[0] in _hover(
        f"BlockingPager.{name}"
    )


def test_help_shows_what_one_writes_in_ordinary_code() -> None:
    """The example of a handler is one that a blocking client takes."""
    said = inspect.getdoc(AdminChat.on) or ""
    assert "    def greet(event: MessageAdded) -> None: ..." in said
    assert "async" not in said
