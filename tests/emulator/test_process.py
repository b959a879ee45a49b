"""A command beside an emulator: its exit code, its signals, and what it leaves behind."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from imbari_chat.emulator import Emulator
from imbari_chat.emulator.process import CommandNotFound, run
from imbari_chat.errors import Unavailable
from tests import programs

ENDING = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


def _run(code: str, *arguments: str, emulator: Emulator | None = None) -> int:
    return run([sys.executable, "-c", textwrap.dedent(code), *arguments], emulator or Emulator())


def _ended(pid: int) -> bool:
    """True if the process is gone, or only waits to be collected."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"


def _wait_for_end(pid: int) -> None:
    deadline = time.monotonic() + 30
    while not _ended(pid):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _wait_for(file: Path) -> str:
    deadline = time.monotonic() + 30
    while not (file.exists() and file.read_text().endswith("\n")):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return file.read_text().strip()


def test_the_command_finds_the_emulator_by_its_environment() -> None:
    """And everything else it inherits; the exit code is its own."""
    code = """
        import os, sys, urllib.request
        host = os.environ["FIREBASE_DATABASE_EMULATOR_HOST"]
        answer = urllib.request.urlopen(f"http://{host}/a.json").read()
        sys.exit(7 if answer == b"null" and "PATH" in os.environ else 1)
    """
    emulator = Emulator()
    assert _run(code, emulator=emulator) == 7
    with pytest.raises(Unavailable):
        _ = emulator.database_host


def test_a_command_ended_by_a_signal_is_128_and_more() -> None:
    """As a shell reports it."""
    assert _run("import os; os.kill(os.getpid(), 9)") == 137


@pytest.mark.parametrize("command", ["no-such-command-anywhere", "/no/such/file"])
def test_a_command_that_is_not_there_is_named(command: str) -> None:
    """And the emulator does not stay up for it."""
    emulator = Emulator()
    with pytest.raises(CommandNotFound) as missing:
        run([command], emulator)
    assert missing.value.where == command
    with pytest.raises(Unavailable):
        _ = emulator.database_host


def test_a_file_that_is_no_program_is_named(tmp_path: Path) -> None:
    """Found, and still not to be run."""
    script = tmp_path / "script"
    script.write_text("no interpreter line\n")
    script.chmod(0o755)
    with pytest.raises(CommandNotFound, match="cannot be run"):
        run([str(script)], Emulator())


def test_what_a_command_leaves_behind_is_ended(tmp_path: Path) -> None:
    """Its whole process group, also what ignores a polite request."""
    note = tmp_path / "pid"
    code = """
        import subprocess, sys, time
        leftover = (
            "import os, signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
            "print(os.getpid(), file=open(sys.argv[1], 'w'), flush=True); time.sleep(60)"
        )
        subprocess.Popen([sys.executable, "-c", leftover, sys.argv[1]])
        while True:
            try:
                if open(sys.argv[1]).read().endswith("\\n"):
                    break
            except FileNotFoundError:
                pass
            time.sleep(0.01)
    """
    command = [sys.executable, "-c", textwrap.dedent(code), str(note)]
    assert run(command, Emulator(), grace=0.1) == 0
    _wait_for_end(int(_wait_for(note)))


def test_what_a_command_leaves_behind_may_take_its_time_to_end(tmp_path: Path) -> None:
    """As much as it gets; and nobody waits longer than it takes."""
    begun, ended = tmp_path / "begun", tmp_path / "ended"
    leftover = """
        import signal, sys, time

        def end(*_):
            time.sleep(0.3)
            open(sys.argv[2], "w").close()
            sys.exit()

        signal.signal(signal.SIGTERM, end)
        open(sys.argv[1], "w").close()
        signal.pause()
    """
    code = """
        import os, subprocess, sys, time
        subprocess.Popen([sys.executable, "-c", *sys.argv[1:]])
        while not os.path.exists(sys.argv[2]):
            time.sleep(0.01)
    """
    command = [sys.executable, "-c", textwrap.dedent(code), textwrap.dedent(leftover)]
    assert run([*command, str(begun), str(ended)], Emulator(), grace=60) == 0
    assert ended.exists()


@pytest.mark.parametrize("error", [ProcessLookupError, PermissionError])
def test_what_cannot_be_signalled_is_waited_for_no_longer(
    monkeypatch: pytest.MonkeyPatch, error: type[OSError]
) -> None:
    """It has gone, or runs for somebody else; the command's own exit code stands."""

    def kill(_group: int, _number: int) -> None:
        raise error

    monkeypatch.setattr(os, "killpg", kill)
    assert run([sys.executable, "-c", "raise SystemExit(3)"], Emulator(), grace=3600) == 3


OUTER = """
    import sys
    from imbari_chat.emulator import Emulator
    from imbari_chat.emulator.process import run
    sys.exit(run([sys.executable, "-c", sys.argv[1], sys.argv[2]], Emulator()))
"""


def test_a_signal_that_comes_before_the_command_reaches_it() -> None:
    """As soon as there is one."""

    class Early(Emulator):
        def environment(self) -> dict[str, str]:
            os.kill(os.getpid(), signal.SIGTERM)
            return super().environment()

    command = [sys.executable, "-c", "import time; time.sleep(600)"]
    assert run(command, Early()) == 128 + signal.SIGTERM


@pytest.mark.parametrize("number", ENDING)
def test_signals_reach_the_command(tmp_path: Path, number: signal.Signals) -> None:
    """The command decides what they mean; its exit code is passed back."""
    note = tmp_path / "ready"
    inner = """
        import signal, sys, time
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda number, _: sys.exit(40 + number))
        print("ready", file=open(sys.argv[1], "w"), flush=True)
        while True:
            time.sleep(0.1)  # what comes just before a sleep is heard after it
    """
    outer = programs.Popen(
        [sys.executable, "-c", textwrap.dedent(OUTER), textwrap.dedent(inner), str(note)]
    )
    _wait_for(note)
    outer.send_signal(number)
    assert outer.wait(60) == 40 + number


def test_no_signal_waits_for_the_command_to_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread that handles them waits with an end: what comes just before that is heard soon."""
    go, wait = tmp_path / "go", subprocess.Popen.wait
    by_main: list[bool] = []

    def noting(child: subprocess.Popen[bytes], timeout: float | None = None) -> int:
        if timeout is None and child.returncode is None:
            by_main.append(threading.current_thread() is threading.main_thread())
            go.touch()
        return wait(child, timeout)

    monkeypatch.setattr(subprocess.Popen, "wait", noting)
    code = "import os, sys, time\nwhile not os.path.exists(sys.argv[1]):\n    time.sleep(0.01)"
    assert run([sys.executable, "-c", code, str(go)], Emulator()) == 0
    assert by_main == [False]


SERVER = """
    import os, sys
    from imbari_chat.emulator import Emulator
    from imbari_chat.emulator.process import serve
    serve(
        Emulator(),
        parent=int(sys.argv[2]) if len(sys.argv) > 2 else None,
        ready=lambda: print(os.getpid(), file=open(sys.argv[1], "w"), flush=True),
    )
"""


PARENT = """
    import os, subprocess, sys
    subprocess.run([sys.executable, "-c", sys.argv[1], sys.argv[2], str(os.getpid())])
"""


@pytest.mark.parametrize("number", ENDING)
def test_a_served_emulator_ends_when_asked(tmp_path: Path, number: signal.Signals) -> None:
    """Without a trace on stderr."""
    note = tmp_path / "pid"
    served = programs.Popen(
        [sys.executable, "-c", textwrap.dedent(SERVER), str(note)], stderr=subprocess.PIPE
    )
    _wait_for(note)
    served.send_signal(number)
    _, complaints = served.communicate(timeout=60)
    assert (served.returncode, complaints) == (0, b"")


def test_a_served_emulator_ends_when_asked_though_its_parent_stays(tmp_path: Path) -> None:
    """Nobody goes on watching the parent."""
    note = tmp_path / "pid"
    served = subprocess.Popen(  # a child of this very process, from its first moment on
        [sys.executable, "-c", textwrap.dedent(SERVER), str(note), str(os.getpid())]
    )
    _wait_for(note)
    served.terminate()
    try:
        assert served.wait(60) == 0
    finally:
        served.kill()


UNHEARD = """
    import signal, threading, time
    from imbari_chat.emulator import Emulator
    from imbari_chat.emulator.process import serve

    def end():
        time.sleep(0.2)  # long enough for the wait to have begun, which makes it harder
        signal.pthread_kill(threading.get_ident(), signal.SIGTERM)

    serve(Emulator(), ready=threading.Thread(target=end, daemon=True).start)
"""


def test_a_served_emulator_hears_a_signal_that_does_not_wake_it() -> None:
    """As when it comes just before the wait begins; here another thread gets the signal."""
    done = programs.run([sys.executable, "-c", textwrap.dedent(UNHEARD)], timeout=60)
    assert done.returncode == 0, done.stderr


def test_a_served_emulator_is_gone_when_its_parent_dies(tmp_path: Path) -> None:
    """However the parent died."""
    note = tmp_path / "pid"
    parent = programs.Popen(
        [
            sys.executable,
            "-c",
            textwrap.dedent(PARENT),
            textwrap.dedent(SERVER),
            str(note),
        ]
    )
    served = int(_wait_for(note))
    parent.kill()
    parent.wait()
    _wait_for_end(served)


def test_a_parent_that_is_gone_already_is_noticed(tmp_path: Path) -> None:
    """The id of somebody else's parent ends the emulator at once."""
    note = tmp_path / "pid"
    served = programs.Popen(
        [sys.executable, "-c", textwrap.dedent(SERVER), str(note), str(os.getppid())]
    )
    assert served.wait(60) == 0


def test_a_command_is_gone_when_whoever_asked_for_it_dies(tmp_path: Path) -> None:
    """Also one that ignores a polite request; nothing runs on unseen."""
    note = tmp_path / "pid"
    inner = """
        import os, signal, sys, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print(os.getpid(), os.getppid(), file=open(sys.argv[1], "w"), flush=True)
        time.sleep(60)
    """
    outer = textwrap.dedent(OUTER).replace("Emulator())", "Emulator(), grace=0.1)")
    starter = "import subprocess, sys; subprocess.run(sys.argv[1:])"
    command = [sys.executable, "-c", outer, textwrap.dedent(inner), str(note)]
    parent = programs.Popen([sys.executable, "-c", starter, *command])
    command_pid, exec_pid = map(int, _wait_for(note).split())
    parent.kill()
    parent.wait()
    _wait_for_end(command_pid)
    _wait_for_end(exec_pid)


def test_running_a_command_leaves_no_thread() -> None:
    """The watch over the parent ends with the command."""
    before = set(threading.enumerate())
    assert _run("pass") == 0
    assert set(threading.enumerate()) <= before  # others may end meanwhile


def test_serve_says_when_it_is_ready(tmp_path: Path) -> None:
    """By then it answers, and a signal already ends it in good order."""
    code = """
        import os, signal, sys
        from pathlib import Path
        from imbari_chat.emulator import Emulator
        from imbari_chat.emulator.process import serve
        emulator = Emulator(export_on_exit=Path(sys.argv[1]))
        def ready():
            assert emulator.database_host
            os.kill(os.getpid(), signal.SIGTERM)
        serve(emulator, ready=ready)
    """
    out = tmp_path / "out"
    served = programs.run([sys.executable, "-c", textwrap.dedent(code), str(out)], timeout=60)
    assert served.returncode == 0
    assert (out / "firebase-export-metadata.json").exists()


TERMINAL = """
    import os, pty, sys
    sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))
"""


@pytest.mark.parametrize(("typed", "code"), [(b"hello\n", 5), (b"\x03", 130)])
def test_the_command_owns_the_terminal(tmp_path: Path, typed: bytes, code: int) -> None:
    """It can read what is typed, and Ctrl-C reaches it directly."""
    inner = """
        import signal, sys
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        print("ready", file=open(sys.argv[1], "w"), flush=True)
        sys.exit(len(input()))
    """
    note = tmp_path / "ready"
    outer = [sys.executable, "-c", textwrap.dedent(OUTER), textwrap.dedent(inner), str(note)]
    with programs.Popen(
        [sys.executable, "-c", textwrap.dedent(TERMINAL), *outer],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    ) as terminal:
        _wait_for(note)
        terminal.communicate(typed, timeout=60)
    assert terminal.returncode == code
