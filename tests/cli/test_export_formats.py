"""What an exported conversation looks like, to the letter, and where it goes to."""

import asyncio
import io
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from imbari_chat.cli import progress
from imbari_chat.cli.exit_codes import UsageError
from imbari_chat.cli.export import command
from imbari_chat.cli.export.command import _kind, _named, _reading, _sink, export
from imbari_chat.cli.export.formats import FORMATS, Exported, Kind
from imbari_chat.cli.inbox import Shown
from imbari_chat.errors import ConfigError
from imbari_chat.schema.models import ID_FIELD, Message, Session
from imbari_chat.schema.teamwork import Note
from tests.view.records import NOW, message, session
from tests.zones import time_zone

NOTE = Note.model_validate({ID_FIELD: "-N1", "text": "+ private", "name": "Noor", "at": NOW + 2})
AMINA = session(
    "-OAmina", customerName="Amina N.", customerEmail="amina@example.com",
    customerPhone="+256 700", topic="Wholesale *now*", createdAt=NOW - 60_000, status="resolved",
)  # fmt: skip
TALK = Exported(
    AMINA,
    [
        message("-M1", "= 1 < 2\n  -x\n\n2) b", senderUid="u1", extra=1),
        message("-M2", "Hi \x7f", sender="admin", timestamp=NOW + 1),
    ],
    [NOTE],
)
BARE = Exported(session("-OBare", customerName="", customerEmail="", lastMessageTime=0), [])

CSV = """\
-OAmina,Amina N.,amina@example.com,resolved,note,-N1,2024-03-12 14:05,1710252300002,Noor,'+ private
-OAmina,Amina N.,amina@example.com,resolved,customer,-M1,2024-03-12 14:05,1710252300000,Amina N.,"'= 1 < 2
  -x

2) b"
-OAmina,Amina N.,amina@example.com,resolved,admin,-M2,2024-03-12 14:05,1710252300001,Imbari Team,Hi \ufffd
"""  # noqa: E501

MD = """\
# Amina N.

- Id: \\-OAmina
- E-mail: amina@example.com
- Phone: \\+256 700
- Topic: Wholesale \\*now\\*
- Status: resolved
- Since: 2024-03-12 14:04

**Note by Noor** 2024-03-12 14:05

> \\+ private

**Amina N.** 2024-03-12 14:05

> \\= 1 \\< 2\\
> &nbsp;&nbsp;\\-x
>
> 2\\) b

**Imbari Team** 2024-03-12 14:05

> Hi \ufffd

"""

HTML = """\
<article>
<h2>Amina N.</h2>
<dl>
<dt>Id</dt><dd>-OAmina</dd>
<dt>E-mail</dt><dd>amina@example.com</dd>
<dt>Phone</dt><dd>+256 700</dd>
<dt>Topic</dt><dd>Wholesale *now*</dd>
<dt>Status</dt><dd>resolved</dd>
<dt>Since</dt><dd>2024-03-12 14:04</dd>
</dl>
<section class="note">
<h3>Note by Noor <time>2024-03-12 14:05</time></h3>
<p>+ private</p>
</section>
<section class="customer">
<h3>Amina N. <time>2024-03-12 14:05</time></h3>
<p>= 1 &lt; 2
  -x

2) b</p>
</section>
<section class="admin">
<h3>Imbari Team <time>2024-03-12 14:05</time></h3>
<p>Hi \ufffd</p>
</section>
</article>
"""

BARE_HTML = """\
<article>
<h2>(no name)</h2>
<dl>
<dt>Id</dt><dd>-OBare</dd>
<dt>Status</dt><dd>active</dd>
</dl>
</article>
"""

LOOKS = [
    (Kind.CSV, TALK, CSV.replace("\n", "\r\n").replace("< 2\r\n  -x\r\n\r\n2", "< 2\n  -x\n\n2")),
    (Kind.CSV, BARE, ""),
    (Kind.MD, TALK, MD),
    (Kind.MD, BARE, "# (no name)\n\n- Id: \\-OBare\n- Status: active\n\n"),
    (Kind.HTML, TALK, HTML),
    (Kind.HTML, BARE, BARE_HTML),
]


@pytest.mark.parametrize(("kind", "one", "text"), LOOKS)
def test_a_conversation_is_written_so(kind: Kind, one: Exported, text: str) -> None:
    with time_zone("UTC"):
        assert FORMATS[kind]().conversation(one) == text


@pytest.mark.parametrize(
    ("text", "cell"),
    [("-1+1", "'-1+1"), (" -1+1", "' -1+1"), ("-1", "-1"), ("1-1", "1-1"), ("@x", "'@x")],
)
def test_no_cell_is_a_formula(text: str, cell: str) -> None:
    """A dash may begin one, and an id as well."""
    row = FORMATS[Kind.CSV]().conversation(Exported(AMINA, [message("-M", text)]))
    assert row.removesuffix("\r\n").rpartition(",")[2] == cell


def test_a_conversation_is_lines_of_json_for_a_program() -> None:
    """Itself, its notes and its messages, by the names that ``show --json`` has."""
    text = FORMATS[Kind.JSONL]().conversation(TALK)
    assert '"Hi \\u007f"' in text
    about, note, first, last = (json.loads(line) for line in text.splitlines())
    assert (about["kind"], about["id"], about["customer_name"]) == (
        "session",
        "-OAmina",
        "Amina N.",
    )
    assert (note["kind"], note["session_id"], note["text"]) == ("note", "-OAmina", "+ private")
    assert (first["kind"], first["session_id"], first["id"]) == ("message", "-OAmina", "-M1")
    assert (last["text"], last["extra"]) == ("Hi \x7f", {})
    assert ": " not in text.replace("says hello", "")


@pytest.mark.parametrize(
    ("kind", "head", "foot"),
    [
        (Kind.JSONL, "", ""),
        (
            Kind.CSV,
            "session_id,customer_name,customer_email,status,kind,id,time,timestamp,author,text\r\n",
            "",
        ),
        (Kind.MD, "", ""),
        (Kind.HTML, None, "</main>\n</body>\n</html>\n"),
    ],
)
def test_all_of_them_are_a_document(kind: Kind, head: str | None, foot: str) -> None:
    chosen = FORMATS[kind]()
    assert chosen.foot() == foot
    if head is None:
        assert chosen.head().endswith("</head>\n<body>\n<main>\n")
    else:
        assert chosen.head() == head


@pytest.mark.parametrize(
    ("given", "output", "kind"),
    [
        (None, None, Kind.JSONL),
        ("csv", None, Kind.CSV),
        ("csv", "a.md", Kind.CSV),
        (None, "a.md", Kind.MD),
        (None, "a.b.HTML", Kind.HTML),
        (None, "a.jsonl", Kind.JSONL),
    ],
)
def test_a_file_says_by_its_end_what_it_is_to_be(
    given: str | None, output: str | None, kind: Kind
) -> None:
    """Unless that is said besides."""
    assert _kind(given, None if output is None else Path(output)) is kind


@pytest.mark.parametrize("output", ["a", "csv", "a.txt", "a.csv.gz"])
def test_a_file_that_does_not_say_it_is_refused(output: str) -> None:
    with pytest.raises(UsageError) as caught:
        _kind(None, Path("somewhere") / output)
    assert caught.value.what == f"{output!r} does not say which format it is to have"
    assert caught.value.hint == "Say --format, or let it end in .jsonl, .csv, .md, .html"


def test_standard_output_is_given_what_a_file_would_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing stays nothing."""
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    with _sink(None) as write:
        for text in ("", "a\n", "b\n\n"):
            write(text)
    assert stream.getvalue() == "a\nb\n\n"


def test_a_file_takes_its_place_when_all_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In UTF-8; wherever the program goes meanwhile."""
    monkeypatch.chdir(tmp_path)
    with _sink(Path("a.md")) as write:
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        write("café")
        write("\n")
        assert not (tmp_path / "a.md").exists()
    assert (tmp_path / "a.md").read_bytes() == "café\n".encode()


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """With what the system says of it, and no more."""
    output = tmp_path / "nowhere" / "a.md"
    with pytest.raises(ConfigError) as caught, _sink(output):
        pass
    assert caught.value.what == f"{output} cannot be written: No such file or directory"
    assert caught.value.hint == "Name a file in a directory that you may write in"


class Chat:
    """An admin's, with notes of each conversation."""

    def __init__(self) -> None:
        self.team = self
        self.asked: list[str] = []

    async def notes(self, session_id: str) -> list[Note]:
        self.asked.append(session_id)
        return [NOTE]

    async def get_session(self, session_id: str) -> Session:
        self.asked.append(session_id)
        return session(session_id)


@pytest.mark.parametrize("notes", [True, False])
async def test_notes_are_read_if_they_are_asked_for(
    monkeypatch: pytest.MonkeyPatch, notes: bool
) -> None:
    """Beside all messages."""

    async def whole(_: object, session_id: str) -> list[Message]:
        return [message(f"of {session_id}", "x")]

    monkeypatch.setattr("imbari_chat.cli.ahead.whole", whole)
    chat: Any = Chat()
    found = await _reading(chat, notes=notes)(AMINA)
    assert (found.session, list(found.notes)) == (AMINA, [NOTE] * notes)
    assert [one.id for one in found.messages] == [f"of {AMINA.id}"]
    assert chat.asked == [AMINA.id] * notes


async def test_what_is_named_twice_is_exported_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the order in which it was named."""

    async def find(_: object, reference: str, __: object) -> str:
        return reference.lower()

    monkeypatch.setattr(command, "find_session", find)
    chat: Any = Chat()
    settings: Any = None
    found = await _named(chat, ["Brian", "Amina", "BRIAN"], settings)
    assert [one.id for one in found] == ["brian", "amina"]
    assert chat.asked == ["brian", "amina"]


class Many(Chat):
    """So many conversations, of two messages each; and what was shown of the way through them."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count
        self.browsed: dict[str, object] = {}
        self.progress: list[object] = []
        self.draws = False

    def browse(self, **options: object) -> AsyncIterator[Session]:
        self.browsed = options
        return self._all()

    async def _all(self) -> AsyncIterator[Session]:
        for number in range(self.count):
            yield session(f"-S{number}")


def _exports(monkeypatch: pytest.MonkeyPatch, chat: Many, **options: Any) -> None:
    """Run the command against this."""

    async def whole(_: object, __: object) -> list[Message]:
        return [message("-M1", "x"), message("-M2", "y")][: 1 + (chat.count > 1)]

    def with_admin_chat(
        _: object, __: object, work: Callable[[Any], Awaitable[Any]], *, draws: bool
    ) -> Any:
        chat.draws = draws

        async def run() -> Any:
            return await work(chat)

        return asyncio.run(run())

    @contextmanager
    def shown(_: object, what: str, total: int) -> Iterator[Callable[[], None]]:
        chat.progress += [what, total]
        yield lambda: chat.progress.append("step")

    monkeypatch.setattr("imbari_chat.cli.ahead.whole", whole)
    monkeypatch.setattr(progress, "progress", shown)
    monkeypatch.setattr(command, "with_admin_chat", with_admin_chat)
    monkeypatch.setattr(time, "time_ns", lambda: NOW * 1_000_000)
    ctx: Any = SimpleNamespace(find_object=lambda _: None)
    export(ctx, **options)


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "0 conversations with 0 messages exported"),
        (1, "1 conversation with 1 message exported"),
        (2, "2 conversations with 4 messages exported"),
    ],
)
def test_it_is_said_how_much_was_exported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], count: int, said: str
) -> None:
    """And while it lasts how far it is; in quiet mode neither."""
    chat = Many(count)
    _exports(monkeypatch, chat)
    told = capsys.readouterr()
    assert told.err == f"{said}\n"
    assert told.out.count('"kind":"session"') == count
    assert chat.progress == ["exporting", count, *["step"] * count]
    assert chat.draws
    _exports(monkeypatch, chat, quiet=True)
    assert capsys.readouterr().err == ""


def test_those_that_are_asked_for_are_exported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """By status and time, into a file that is named."""
    chat, file = Many(2), tmp_path / "a.csv"
    _exports(monkeypatch, chat)
    assert chat.browsed == {"status": None, "since": None, "page_size": 500}
    _exports(monkeypatch, chat, output=file, status=Shown.ACTIVE, since="2h")
    assert chat.browsed == {"status": "active", "since": NOW - 7_200_000, "page_size": 500}
    assert capsys.readouterr().err.endswith(f"4 messages exported to {file}\n")
    assert file.read_text().count("-M1") == 2


@pytest.mark.parametrize("options", [{"since": "2h"}, {"status": Shown.ACTIVE}])
def test_what_is_named_is_not_chosen_besides(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    """It would be left out without a word. Named so, a length of time is told from a mistake."""
    with pytest.raises(UsageError, match="exported whatever they are"):
        _exports(monkeypatch, Many(1), sessions=["1"], **options)
    with pytest.raises(UsageError, match="--since"):
        _exports(monkeypatch, Many(1), since="whenever")
