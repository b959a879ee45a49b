"""The pages made from the code say what the code says, and all of it."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

import imbari_chat
from imbari_chat.config import Settings
from tools import reference
from tools.docstrings import markdown
from tools.manual import MANUAL, manual_pages

_SOURCES = Path(imbari_chat.__file__).parent
_VARIABLE = re.compile(r"\bIMBARI_CHAT_[A-Z_]+\b")


@pytest.mark.parametrize(
    ("path", "page"),
    [
        (reference.API, reference.api_page),
        (reference.SETTINGS, reference.settings_page),
        (reference.KEYS, reference.keys_page),
    ],
    ids=["api", "settings", "keys"],
)
def test_a_page_is_what_the_code_says(path: Path, page: object) -> None:
    """`make reference` writes it anew."""
    assert callable(page)
    assert path.read_text("utf-8") == page()


def test_the_manual_is_what_the_code_says() -> None:
    """A page for each command, and none of a command that is no more."""
    pages = manual_pages()
    assert {path.name for path in MANUAL.iterdir()} == {path.name for path in pages}
    for path, page in pages.items():
        assert path.read_text("utf-8") == page, path.name


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not here, which reads manuals")
def test_the_manual_can_be_read() -> None:
    """What people typed into the code is no command of troff; each topic is a section."""
    pages = sorted(MANUAL.iterdir())
    result = subprocess.run(
        ["groff", "-man", "-ww", "-Tutf8", *("-P-" + flag for flag in "cbou"), *pages],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert result.stderr == ""
    for words in ("EXIT CODES", "IMBARI_CHAT_PROFILE", "\\u001b", "imbari-chat reply 1"):
        assert words in result.stdout
    assert "`" not in result.stdout


def test_every_public_name_is_on_the_page() -> None:
    """Whoever finds a name in the package finds it here."""
    page = reference.API.read_text("utf-8")
    missing = [name for name in imbari_chat.__all__ if f"### `{name}`" not in page]
    assert missing == []


def test_every_variable_that_the_code_reads_is_on_the_page() -> None:
    """Also those that are no settings."""
    page = reference.SETTINGS.read_text("utf-8")
    read = {
        name
        for path in _SOURCES.rglob("*.py")
        for name in _VARIABLE.findall(path.read_text("utf-8"))
    }
    assert len(read) > 10
    assert {name for name in read if f"`{name}`" not in page} == set()


def test_every_setting_says_what_it_means() -> None:
    """A setting without a meaning is a setting nobody finds."""
    rows = reference.SETTINGS.read_text("utf-8").splitlines()
    for name in Settings.model_fields:
        (row,) = [row for row in rows if row.startswith(f"| `{name}` |")]
        assert len(row.split("|")[5].strip()) > 10


def test_a_docstring_becomes_markdown() -> None:
    """Sections become lists, examples stay examples, roles become names."""
    text = """What it does.

    See :meth:`~imbari_chat.AdminChat.flush`, as in::

        desk.flush(timeout=5)

    Args:
        text: What to say,
            over two lines.
        queue: Whether ``it`` waits.

    Returns:
        The message.
    """
    assert markdown(text) == [
        "What it does.",
        "",
        "See `flush`, as in:",
        "",
        "    desk.flush(timeout=5)",
        "",
        "Args:",
        "",
        "- `text`: What to say, over two lines.",
        "- `queue`: Whether `it` waits.",
        "",
        "Returns: The message.",
    ]
