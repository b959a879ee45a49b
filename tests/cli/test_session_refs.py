"""What names a conversation, to whom it is named and what is asked of the service for it."""

import io
import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from imbari_chat.cli import session_refs
from imbari_chat.cli.exit_codes import UsageError
from imbari_chat.cli.session_refs import (
    NumberedList,
    addressee,
    find_session,
    find_sessions,
    named_offline,
    short_ids,
    standard_input,
    this_terminal,
)
from imbari_chat.errors import ImbariError, InvalidData, NotFound, SessionNotFound
from imbari_chat.schema.models import Session
from tests.view.records import NOW, session
from tests.zones import time_zone

HOUR = 3_600_000
WHOLE = "-O0123456789abcdefgh"


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The machine's; it stands."""
    clock = SimpleNamespace(now=NOW)
    monkeypatch.setattr(session_refs, "local_time", lambda: clock.now)
    return clock


def _settings(tmp_path: Path, profile: str = "me", **where: str) -> Any:
    """Of a database and a profile, that keep their data there."""
    place = where or {"url": "http://here", "namespace": "x"}
    return SimpleNamespace(data_dir=tmp_path / "data", profile=profile, where=lambda: place)


class Chat:
    """An admin's, over these conversations, the newest first."""

    def __init__(self, *pages: Sequence[Session], refuses: ImbariError | None = None) -> None:
        self.pages, self.refuses = list(pages), refuses
        self.found: list[str] = []
        self.page_size = 0

    async def find(self, reference: str) -> str:
        self.found.append(reference)
        if self.refuses is not None:
            raise self.refuses
        for one in self._all():
            if one.id == reference:
                return one.id
        raise SessionNotFound("there is none")

    async def get_session(self, session_id: str) -> Session:
        return next(one for one in self._all() if one.id == session_id)

    def browse(self, *, page_size: int) -> "Chat":
        self.page_size = page_size
        self._left: Iterator[Sequence[Session]] = iter(self.pages)
        return self

    async def older(self) -> Sequence[Session]:
        return next(self._left, ())

    def _all(self) -> Iterator[Session]:
        return (one for page in self.pages for one in page)


AMINA = session("amina", customerName=" Amina Nakato ", customerEmail="Amina@Example.com")
BRIAN = session("brian", customerName="Brian", customerEmail="brian@example.com")


async def _find(tmp_path: Path, reference: str, *sessions: Session) -> str:
    chat: Any = Chat(sessions or (AMINA, BRIAN))
    return str(await find_session(chat, reference, _settings(tmp_path)))


ODD = tuple(session(one) for one in ("42", "a@b", "id:7"))


FOUND = [
    ("amina", "amina"),
    (" amina ", "amina"),
    ("id:brian", "brian"),
    ("id:42", "42"),
    ("id:a@b", "a@b"),
    ("id:id:7", "id:7"),
    ("amina@example.com", "amina"),
    ("AMINA@EXAMPLE.COM", "amina"),
    ("amina n", "amina"),
    ("Amina Nakato", "amina"),
    ("b", "brian"),
]


@pytest.mark.parametrize(("reference", "found"), FOUND)
async def test_one_is_found_by_what_can_mean_one_alone(
    tmp_path: Path, reference: str, found: str
) -> None:
    """An id, or what a person is called."""
    assert await _find(tmp_path, reference, AMINA, BRIAN, *ODD) == found


NOT_FOUND: list[tuple[str, type[ImbariError], str]] = [
    ("", UsageError, "Nothing, or a dash, names none"),
    ("-", UsageError, "Nothing, or a dash, names none"),
    ("id:", UsageError, "Nothing, or a dash, names none"),
    ("nakato", SessionNotFound, "id, name or e-mail 'nakato'"),
    ("amina@example", SessionNotFound, "id, name or e-mail 'amina@example'"),
    ("id:Amina", SessionNotFound, "id, name or e-mail 'Amina'"),
    ("7", UsageError, "number 7 means a line of a list"),
    ("#7", UsageError, "number 7 means a line of a list"),
    ("12345", SessionNotFound, "'12345'"),
]


@pytest.mark.parametrize(("reference", "kind", "what"), NOT_FOUND)
async def test_what_names_none_is_an_error_that_says_so(
    tmp_path: Path, reference: str, kind: type[ImbariError], what: str
) -> None:
    with pytest.raises(kind) as caught:
        await _find(tmp_path, reference)
    assert what in caught.value.what
    if kind is UsageError:
        assert caught.value.hint is not None
        assert "`imbari-chat inbox` prints a new one" in caught.value.hint


async def test_an_address_is_no_id(tmp_path: Path) -> None:
    """The service is not asked for one."""
    chat: Any = Chat((AMINA,))
    await find_session(chat, "amina@example.com", _settings(tmp_path))
    assert chat.found == []
    assert chat.page_size == 1000


@pytest.mark.parametrize("hint", ["Such as -O1", None])
async def test_an_id_that_may_mean_several_may_be_a_name(tmp_path: Path, hint: str | None) -> None:
    """If it is one at all: then it is said which it may mean."""
    chat: Any = Chat((AMINA,), refuses=InvalidData("no id", hint=hint))
    if hint is None:
        assert await find_session(chat, "Amina", _settings(tmp_path)) == "amina"
    else:
        with pytest.raises(InvalidData, match="Such as"):
            await find_session(chat, "Amina", _settings(tmp_path))


def _of(*facts: tuple[str, str, str]) -> list[Session]:
    """Conversations of these names, addresses and statuses."""
    return [
        session(f"s{at}", customerName=name, customerEmail=email, status=status)
        for at, (name, email, status) in enumerate(facts)
    ]


A, R = "active", "resolved"
SEVERAL = [
    ([("Amina", "a@x", R), ("Amina", "A@x", A)], "s1"),
    ([("Amina", "a@x", R), ("Amina", "a@x", R)], None),
    ([("Amina", "a@x", A), ("Amina", "a@x", A)], None),
    ([("Amina", "a@x", R), ("Amina", "b@x", A)], None),
    ([("Amina", "", R), ("Amina", "", A)], None),
    ([("Brian", "b@x", A), ("Amina", "a@x", R)], "s1"),
]


@pytest.mark.parametrize(("facts", "found"), SEVERAL)
async def test_of_one_persons_the_one_that_is_not_resolved_is_meant(
    tmp_path: Path, facts: list[tuple[str, str, str]], found: str | None
) -> None:
    """Those of different people are not chosen among, nor those of nobody in particular."""
    if found is not None:
        assert await _find(tmp_path, "amina", *_of(*facts)) == found
        return
    with pytest.raises(InvalidData) as caught:
        await _find(tmp_path, "amina", *_of(*facts))
    assert caught.value.what == f"{len(facts)} conversations are of 'amina'"


async def test_of_many_some_are_named(tmp_path: Path) -> None:
    """By id, person and status."""
    facts = [("Amina", f"a{at}@x" if at else "", A) for at in range(4)]
    with pytest.raises(InvalidData) as caught:
        await _find(tmp_path, "amina", *_of(*facts))
    assert caught.value.hint == (
        "For example s0 Amina, active; s1 Amina <a1@x>, active; s2 Amina <a2@x>, active"
    )


async def test_older_ones_are_looked_at_where_no_newer_one_is_meant(tmp_path: Path) -> None:
    """Page by page, to the end."""
    older, newer = _of(("Amina", "a@x", R), ("Amina", "a@x", A))
    for pages, found in (([[BRIAN], [older]], older), ([[newer], [older]], newer)):
        chat: Any = Chat(*pages)
        assert await find_session(chat, "amina", _settings(tmp_path)) == found.id


def test_a_person_without_a_name_or_an_address_is_told_of_all_the_same() -> None:
    assert addressee(AMINA) == "Amina Nakato <Amina@Example.com>"
    assert addressee(session("x", customerName=" ")) == "somebody without a name <x@example.com>"
    assert addressee(session("x", customerName="X", customerEmail="")) == "X"


async def test_a_number_means_the_list_of_this_terminal(tmp_path: Path) -> None:
    """Of this database, profile and kind; it is not longer than it is."""
    settings, chat = _settings(tmp_path), Chat((AMINA, BRIAN))
    session_chat: Any = chat
    NumberedList(settings).remember(["brian", "amina"])
    assert await find_session(session_chat, "1", settings) == "brian"
    assert await find_session(session_chat, "#2", settings) == "amina"
    assert NumberedList(settings).at(2) == ("amina", NOW)
    for position, had in ((3, "2 conversations"), (0, "2 conversations")):
        with pytest.raises(NotFound) as caught:
            NumberedList(settings).at(position)
        assert caught.value.what == f"the last list has no number {position}; it had {had}"
    NumberedList(settings, "note").remember(["n"])
    with pytest.raises(NotFound, match=r"it had 1 note$"):
        NumberedList(settings, "note").at(2)
    NumberedList(settings).remember([])
    with pytest.raises(NotFound, match="it had 0 conversations"):
        NumberedList(settings).at(1)


def test_each_database_profile_and_terminal_has_its_own_lists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In files of their owner's; the order in which settings say where it is means nothing."""
    NumberedList(_settings(tmp_path)).remember(["amina"])
    turned = _settings(tmp_path, namespace="x", url="http://here")
    assert NumberedList(turned).at(1) == ("amina", NOW)
    others = [
        NumberedList(_settings(tmp_path, profile="you")),
        NumberedList(_settings(tmp_path, url="http://there", namespace="x")),
        NumberedList(_settings(tmp_path), "note"),
    ]
    monkeypatch.setattr(session_refs, "this_terminal", lambda: "another window")
    others.append(NumberedList(_settings(tmp_path)))
    for one in others:
        with pytest.raises(UsageError, match="none was printed in this terminal"):
            one.at(1)
    (file,) = (tmp_path / "data" / "inbox").iterdir()
    assert file.name.startswith("me-")
    assert file.stat().st_mode & 0o077 == 0
    assert file.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("what", "hint"),
    [
        (
            "conversation",
            "an e-mail, a name or an id names a conversation everywhere, id:1 if that is its id",
        ),
        ("note", "Its id names it everywhere"),
    ],
)
def test_where_no_list_was_printed_another_way_is_told(
    tmp_path: Path, what: str, hint: str
) -> None:
    with pytest.raises(UsageError) as caught:
        NumberedList(_settings(tmp_path), what).at(1)
    assert caught.value.hint is not None
    assert caught.value.hint.endswith(hint)


BROKEN = ["", "[]", "{}", '{"ids": 1, "printed": 1}', '{"ids": [], "printed": "x"}', "\udc80"]


@pytest.mark.parametrize("text", BROKEN)
def test_a_list_that_cannot_be_read_is_named(tmp_path: Path, text: str) -> None:
    """It is printed anew."""
    numbered = NumberedList(_settings(tmp_path))
    numbered.remember(["amina"])
    (file,) = (tmp_path / "data" / "inbox").iterdir()
    file.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(UsageError) as caught:
        numbered.at(1)
    assert (caught.value.where, caught.value.hint) == (str(file), "Print a new one")


def test_a_list_is_read_as_it_was_written(tmp_path: Path) -> None:
    """In UTF-8, whatever the machine's own encoding is."""
    numbered = NumberedList(_settings(tmp_path))
    numbered.remember(["amina"])
    (file,) = (tmp_path / "data" / "inbox").iterdir()
    file.write_bytes(json.dumps({"ids": ["café"], "printed": 5}, ensure_ascii=False).encode())
    assert numbered.at(1) == ("café", 5)


@pytest.mark.parametrize(("hours", "kept"), [(23, True), (25, False)])
def test_lists_of_days_before_are_deleted(tmp_path: Path, hours: int, kept: bool) -> None:
    """When another is kept."""
    directory = tmp_path / "data" / "inbox"
    directory.mkdir(parents=True)
    for name in ("you-1.json", "you-1.txt"):
        (directory / name).write_text("")
        os.utime(directory / name, ((NOW - hours * HOUR) / 1000,) * 2)
    NumberedList(_settings(tmp_path)).remember([])
    assert (directory / "you-1.json").exists() is kept
    assert (directory / "you-1.txt").exists()


@pytest.mark.parametrize("deleted_before", ["stat", "unlink"])
def test_lists_may_be_deleted_by_several_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deleted_before: str
) -> None:
    """Whatever another command has deleted meanwhile is none the worse."""
    directory = tmp_path / "data" / "inbox"
    directory.mkdir(parents=True)
    old = directory / "you-1.json"
    old.write_text("")
    os.utime(old, (0, 0))
    does = getattr(Path, deleted_before)

    def late(file: Path, **options: Any) -> Any:
        if file == old and os.path.lexists(old):
            os.unlink(old)  # noqa: PTH108  # as another would
        return does(file, **options)

    monkeypatch.setattr(Path, deleted_before, late)
    numbered = NumberedList(_settings(tmp_path))
    numbered.remember(["amina"])
    assert numbered.at(1) == ("amina", NOW)
    assert os.listdir(directory) == [numbered._file.name]  # noqa: PTH208


def test_a_terminal_is_told_from_others_by_its_session() -> None:
    """Redirected or not, so nothing of the standard streams is asked."""
    assert this_terminal() == str(os.getsid(0))


@pytest.mark.parametrize(
    ("hours", "answer", "asked"), [(12, None, 0), (12.1, "y\n", 1), (12.1, "\n", 1)]
)
async def test_a_number_of_yesterdays_list_is_asked_about(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    clock: SimpleNamespace,
    hours: float,
    answer: str | None,
    asked: int,
) -> None:
    """By name: a person can tell. Whoever does not say yes is told how old it is."""
    settings, chat, questions = _settings(tmp_path), Chat((AMINA, BRIAN)), list[str]()
    session_chat: Any = chat
    NumberedList(settings).remember(["brian", "amina"])
    clock.now = NOW + int(hours * HOUR)

    def agrees(question: str) -> bool:
        questions.append(question)
        return answer == "y\n"

    monkeypatch.setattr(session_refs, "agrees", agrees)
    with time_zone("UTC"):
        if answer == "\n":
            with pytest.raises(UsageError) as caught:
                await find_session(session_chat, "#2", settings)
            assert caught.value.what == "number 2 is of an old list, printed 2024-03-12 14:05"
            assert caught.value.hint == "`imbari-chat inbox` prints a new one"
        else:
            assert await find_session(session_chat, "2", settings) == "amina"
    assert questions == asked * [
        "number 2 of the list of 2024-03-12 14:05 is Amina Nakato <Amina@Example.com>. Go on?"
    ]


def test_what_can_be_told_without_asking_is(tmp_path: Path, clock: SimpleNamespace) -> None:
    """A number of a list that is not old, or a whole push id."""
    settings = _settings(tmp_path)
    NumberedList(settings).remember(["brian", "amina"])
    assert named_offline(" 2 ", settings) == "amina"
    assert named_offline("#2", settings) == "amina"
    assert named_offline(f" {WHOLE} ", settings) == WHOLE
    assert named_offline(f"id:{WHOLE}", settings) == WHOLE
    for reference in ("amina", WHOLE[1:], f"{WHOLE}x", "id:2", "12345"):
        assert named_offline(reference, settings) is None
    with pytest.raises(NotFound):
        named_offline("3", settings)
    clock.now += 12 * HOUR
    assert named_offline("1", settings) == "brian"
    clock.now += 1
    assert named_offline("1", settings) is None


def _piped(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data), encoding="ascii"))


async def test_several_are_named_each_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By arguments, and by lines in the place of a dash, of which the first column counts."""
    chat: Any = Chat((AMINA, BRIAN, session("é")))
    _piped(monkeypatch, "brian\tBrian\tx\n\n  \né\namina\n".encode())
    names = ["Amina Nakato", " - ", "id:brian"]
    assert await find_sessions(chat, names, _settings(tmp_path)) == ["amina", "brian", "é"]


async def test_a_number_on_standard_input_is_an_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever list this terminal printed: what another command prints in a pipe has no numbers."""
    settings = _settings(tmp_path)
    NumberedList(settings).remember(["amina", "brian"])
    chat: Any = Chat((AMINA, BRIAN, session("1"), session("23456")))
    _piped(monkeypatch, b"1\tBrian\n 23456\n#2\n")
    assert await find_sessions(chat, ["-", "1"], settings) == ["1", "23456", "brian", "amina"]


@pytest.mark.parametrize("odd", ["42", "a@b", "id:7", "amina", "12345"])
async def test_an_id_is_printed_as_it_may_be_given(tmp_path: Path, odd: str) -> None:
    """For a person who takes it from there."""
    (printed,) = short_ids([odd])
    assert await _find(tmp_path, printed, session(odd)) == odd


@pytest.mark.parametrize("data", [b"", b"\n \n"])
async def test_lines_that_name_none_are_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes
) -> None:
    """A script's mistake rather than a wish to do nothing."""
    chat: Any = Chat()
    _piped(monkeypatch, data)
    with pytest.raises(UsageError, match="standard input names no conversation"):
        await find_sessions(chat, ["-"], _settings(tmp_path))


def test_standard_input_that_is_no_text_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """And says where."""
    _piped(monkeypatch, b"caf\xe9\n")
    with pytest.raises(InvalidData) as caught:
        standard_input()
    assert caught.value.where == "byte 3"


@pytest.mark.parametrize(
    ("ids", "short"),
    [
        (["-P7alW130F0"], ["-P7alW13"]),
        (["-P7alW130F0", "-P7alW130G0"], ["-P7alW130F", "-P7alW130G"]),
        (["-P7alW130F0", "-P7alW131F0"], ["-P7alW130", "-P7alW131"]),
        (["-P7alW130F0", "-P7alW140F0"], ["-P7alW13", "-P7alW14"]),
        (["-P7alW130", "-P7alW1301"], ["-P7alW130", "-P7alW1301"]),
        (["-P7alW1", "-P7alW"], ["-P7alW1", "-P7alW"]),
    ],
)
def test_ids_are_as_short_as_they_can_be_told_apart(ids: list[str], short: list[str]) -> None:
    """Of eight characters at least, where they have so many."""
    assert short_ids(ids) == short
