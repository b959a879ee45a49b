"""Node's official SDK and this library in one conversation, as a reader would have them hold it."""

import re
import sys
from pathlib import Path

import pytest
from examples.node import __main__ as node
from examples.node.line import Frames
from websockets.frames import Frame, Opcode

from tests.examples.conftest import ROOT, run
from tests.node import node_or_skip

_COMMAND = [sys.executable, "-m", "examples.node"]
_HANDSHAKE = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n\r\n"
)


@pytest.mark.peer
def test_both_lose_the_network_and_nothing_else(nowhere: Path) -> None:
    """The whole transcript; whoever was away finds everything there, once and in order."""
    node_or_skip()
    result = run(*_COMMAND, cwd=ROOT)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stderr == ""
    said, _, counts = result.stdout.partition("\n\n                        connections")
    assert said == (
        "Both are there\n"
        "  customer  Do you ship to Kampala?\n"
        "  desk      We do, every Tuesday.\n"
        "The customer goes offline, and both write on\n"
        "  customer  Then 20 kg, please.  (waits)\n"
        "  customer  And 5 kg of decaf.  (waits)\n"
        "  desk      This week 20 kg come with 1 kg of decaf.\n"
        "The customer comes back\n"
        "The desk's line is cut, and both write on\n"
        "  customer  Is anybody there?\n"
        "  desk      Noted: 26 kg on Tuesday.  (waits)\n"
        "The line is mended\n"
        "\n"
        "Each has in the end\n"
        "  1. customer  Do you ship to Kampala?\n"
        "  2. desk      We do, every Tuesday.\n"
        "  3. desk      This week 20 kg come with 1 kg of decaf.\n"
        "  4. customer  Then 20 kg, please.\n"
        "  5. customer  And 5 kg of decaf.\n"
        "  6. customer  Is anybody there?\n"
        "  7. desk      Noted: 26 kg on Tuesday."
    )
    rows = re.findall(r"WebSocket +(\d+) +(\d+) +(\d+)", counts)
    (connections, out, back), (_, desk_out, desk_back) = (map(int, row) for row in rows)
    assert connections == 2
    # Sent on each connection: who it is, what it listens to; and once: four updates, a farewell.
    assert out >= 2 * 2 + 4 + 1
    assert back > out
    # The desk's were two as well, and the same about it: three updates, and the newest of it all.
    assert desk_out >= 2 * 2 + 3
    assert desk_back > 0


def test_without_node_it_says_what_it_takes(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sentence, and no trace."""
    monkeypatch.setenv("PATH", str(nowhere))
    result = run(*_COMMAND, cwd=ROOT)
    assert result.returncode == 1
    assert result.stdout == ""
    assert re.fullmatch(r"This needs Node .+: run `make peers`\.\n", result.stderr)


@pytest.mark.peer
def test_an_end_of_node_is_told(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a sentence and at once, not by waiting for what cannot come."""
    node_or_skip()
    program = nowhere / "node"
    program.write_text("#!/bin/sh\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(nowhere), prepend=":")
    result = run(*_COMMAND, cwd=ROOT)
    assert result.returncode == 1
    assert result.stderr == "Node ended with code 3.\n"


def test_without_the_sdk_it_says_how_to_get_it(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Node alone does not do."""
    monkeypatch.setattr(node, "SDK", nowhere / "package.json")
    monkeypatch.setattr("shutil.which", lambda name: name)
    with pytest.raises(SystemExit, match="run `make peers`"):
        node.main()


@pytest.mark.parametrize("step", [1, 2, 3, 7, 1000, 1 << 20])
@pytest.mark.parametrize("is_masked", [True, False])
def test_frames_are_counted_however_they_are_cut(step: int, *, is_masked: bool) -> None:
    """Of each length that a header has a form for, beside what does not count."""
    frames = [
        Frame(Opcode.TEXT, b"x" * size).serialize(mask=is_masked)
        for size in (0, 1, 125, 126, 65_535, 65_536)
    ]
    sent = _HANDSHAKE + b"".join(frames)
    counted = Frames()
    pieces = [sent[begin : begin + step] for begin in range(0, len(sent), step)]
    assert sum(map(counted.ended_by, pieces)) == len(frames)


def test_what_is_no_websocket_has_no_frames() -> None:
    """Whatever its bytes look like."""
    counted = Frames()
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n" + b"\x81\x00" * 20
    assert counted.ended_by(answer) == 0
    assert counted.ended_by(b"\x81\x00") == 0
