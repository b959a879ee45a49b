"""A program that is forked cannot be told from one that the interpreter was started for."""

import ast
import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests import programs

_FACTS = """
import asyncio, gc, json, os, random, signal, sys, tempfile, threading
from imbari_chat.errors import ImbariError
print(json.dumps(dict(
    arguments=sys.argv, path=sys.path, cwd=os.getcwd(), name=__name__, here=ImbariError.__module__,
    environment=dict(os.environ), timezone=__import__("time").tzname, folder=tempfile.gettempdir(),
    parent=os.getppid(), umask=os.umask(0o22), collects=gc.isenabled(),
    leads=[os.getsid(0) == os.getpid(), os.getpgrp() == os.getpid()],
    belongs=[os.getsid(0) == os.getsid(os.getppid()), os.getpgrp() == os.getpgid(os.getppid())],
    signals=[str(signal.getsignal(one)) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE)],
    threads=[one.name for one in threading.enumerate()], descriptors=os.listdir("/dev/fd")[:-1],
    streams=[
        [one.fileno(), one.name, one.mode, one.encoding, one.errors, one.isatty(),
         one.line_buffering, one.write_through]
        for one in (sys.stdin, sys.stdout, sys.stderr)
    ],
    same=[sys.stdin is sys.__stdin__, sys.stdout is sys.__stdout__, sys.stderr is sys.__stderr__],
)))
"""


@pytest.fixture(autouse=True)
def buffered(monkeypatch: pytest.MonkeyPatch) -> None:
    """As most people have it."""
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)


@pytest.fixture(params=[subprocess.Popen, programs.Popen], ids=["started", "forked"])
def popen(request: pytest.FixtureRequest) -> Any:
    """Both ways."""
    return request.param


def _facts(popen: Any, *arguments: str, **options: Any) -> dict[str, Any]:
    with popen(
        [sys.executable, "-c", _FACTS, *arguments],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, **options,
    ) as process:  # fmt: skip
        told: dict[str, Any] = json.loads(process.stdout.read())
    assert process.returncode == 0
    assert told["parent"] == os.getpid()
    return told


@pytest.mark.drawn
@pytest.mark.parametrize(
    ("variables", "options"),
    [
        ({}, {}),
        ({}, {"start_new_session": True}),
        ({}, {"process_group": 0}),
        ({}, {"cwd": Path(__file__).parent}),
        ({"TZ": "Asia/Tokyo", "COLUMNS": "33", "TMPDIR": "/"}, {}),
        ({"PYTHONUNBUFFERED": "1"}, {}),
        ({"PYTHONPATH": f"/tmp:{Path(__file__).parents[1]}"}, {}),
        ({"PYTHONIOENCODING": "latin-1"}, {}),
    ],
    ids=str,
)
@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_program_finds_itself_in_the_same_place(
    variables: dict[str, str], options: dict[str, Any], *, is_terminal: bool
) -> None:
    """Whatever it looks at."""
    here, there = os.openpty() if is_terminal else os.pipe()
    options |= {"env": {**os.environ, **variables}, "stderr": there}
    started, forked = (
        _facts(popen, "a word", "--option", **options)
        for popen in (subprocess.Popen, programs.Popen)
    )
    os.close(here)
    os.close(there)
    assert started["streams"][2][5] is is_terminal
    assert forked == started


_ENDS = {
    "done": "print('x' * 10)",
    "code": "import sys; print('x', end=''); sys.exit(7)",
    "words": "import sys; sys.exit('why')",
    "error": "1 / 0",
    "interrupt": "raise KeyboardInterrupt",
    "signal": "import os; print('lost', end=''); os.kill(os.getpid(), 15)",
    "exit": "import os; os._exit(9)",
    "atexit": "import atexit; atexit.register(print, 'last'); print('first')",
    "object": "class A: __del__ = lambda self: print('gone')\na = A()",
    "thread": "import threading, time; threading.Timer(0.01, print, ['later']).start()",
    "syntax": "nonsense nonsense",
    "import": "from imbari_chat.nowhere import nothing",
    "input": "print(input())",
}


@pytest.mark.parametrize("code", _ENDS.values(), ids=_ENDS)
def test_a_program_ends_in_the_same_way(code: str) -> None:
    """Its code or signal, what it printed, and the last word on standard error."""
    ends = []
    for popen in (subprocess.Popen, programs.Popen):
        process = popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        output, errors = process.communicate("hello\n", timeout=30)
        ends.append((process.returncode, output, errors.splitlines()[-1:]))
    assert ends[0] == ends[1]


def test_a_reader_who_has_gone_is_met_at_the_end(popen: Any) -> None:
    """What could not be written any more is an error of the interpreter's."""
    code = "import sys\nprint('one', flush=True)\nsys.stdin.read()\nprint('two')"
    pipe = subprocess.PIPE
    with popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe, stderr=pipe) as process:
        assert process.stdout.readline() == b"one\n"
        process.stdout.close()
        process.stdin.close()
        assert process.wait(30) == 120
        assert b"BrokenPipeError" in process.stderr.read()


def test_ctrl_c_is_an_interrupt(popen: Any) -> None:
    """And kills who does not take it, as a shell expects."""
    code = "import time\nprint('ready', flush=True)\nwhile True:\n    time.sleep(0.1)"
    pipe = subprocess.PIPE
    with popen([sys.executable, "-c", code], stdout=pipe, stderr=pipe) as process:
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == -signal.SIGINT
        assert process.stderr.read().endswith(b"KeyboardInterrupt\n")


def test_a_script_is_a_script(popen: Any, tmp_path: Path) -> None:
    """It finds what lies beside it, and a traceback shows its lines."""
    (tmp_path / "beside.py").write_text("here = __file__")
    script = tmp_path / "script.py"
    script.write_text("import beside\nprint(__file__, beside.here, __name__)\n1 / 0  # a line\n")
    pipe = subprocess.PIPE
    process = popen([sys.executable, str(script)], stdout=pipe, stderr=pipe, text=True)
    output, errors = process.communicate(timeout=30)
    assert output == f"{script} {tmp_path / 'beside.py'} __main__\n"
    assert "1 / 0  # a line" in errors


def test_a_directory_that_is_not_there_is_an_error(popen: Any) -> None:
    """And the next program starts."""
    with pytest.raises(FileNotFoundError) as missing:
        popen([sys.executable, "-c", ""], cwd="/no/such/place")
    assert missing.value.filename == "/no/such/place"
    assert popen([sys.executable, "-c", ""]).wait(30) == 0


def test_programs_do_not_share_their_dice() -> None:
    """Nor does any of them know what another did."""
    code = "import random, sys; print(random.random(), hasattr(sys, 'mark')); sys.mark = True"
    first, second = (
        programs.run([sys.executable, "-c", code], timeout=30).stdout.split() for _ in range(2)
    )
    assert first[0] != second[0]
    assert [first[1], second[1]] == ["False", "False"]


async def test_asyncio_has_them_as_well() -> None:
    """Many at once; and what is ordinary stays so."""
    ordinary = subprocess.Popen
    code = "import sys; print(sys.argv[1], input()); sys.exit(3)"

    async def one(number: int) -> tuple[str, int | None]:
        pipe = asyncio.subprocess.PIPE
        process = await programs.start(
            sys.executable, "-c", code, str(number), stdin=pipe, stdout=pipe
        )
        output, _ = await process.communicate(b"hello")
        return output.decode(), process.returncode

    ends = await asyncio.gather(*map(one, range(4)))
    assert ends == [(f"{number} hello\n", 3) for number in range(4)]
    assert subprocess.Popen is ordinary


def test_a_program_that_takes_too_long_is_killed() -> None:
    """And nobody waits for it."""
    began = time.monotonic()
    with pytest.raises(subprocess.TimeoutExpired):
        programs.run([sys.executable, "-c", "import time; time.sleep(60)"], timeout=0.2)
    assert time.monotonic() - began < 20


_ORDINARY = {
    "bench/test_bench.py": "a module is no program of -c",
    "cli/test_start_up.py": "what a start imports",
    "client/test_redaction.py": "what an import does to logging",
    "emulator/test_process.py": "a child of this very process",
    "emulator/test_sockets.py": "what an emulator imports",
    "identity/test_secrets.py": "what an import imports",
    "net/test_loading.py": "what an event loop imports",
}
"""Tests that start the interpreter themselves, and for what."""


def test_who_starts_an_interpreter_has_a_reason() -> None:
    """Everybody else takes what is cheap."""
    here = Path(__file__).parent
    found = set()
    for file in here.rglob("*.py"):
        text = file.read_text("utf-8")
        for node in ast.walk(ast.parse(text)) if "sys.executable" in text else ():
            match node:
                case ast.Call(func=ast.Attribute(ast.Name("subprocess" | "asyncio"))) if (
                    "sys.executable" in ast.unparse(node)
                ):
                    found.add(str(file.relative_to(here)))
    assert sorted(found) == sorted(_ORDINARY)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process adopt another")
def test_nothing_is_imported_twice() -> None:
    """That is the point: the package is there when the program begins."""
    code = "import sys\nfrom imbari_chat.emulator import Emulator\nprint(Emulator.__module__)"
    began = "import sys; print('imbari_chat.emulator.server' in sys.modules)"
    programs.run([sys.executable, "-c", code], timeout=30)
    assert programs.run([sys.executable, "-c", began], timeout=30).stdout == "True\n"
