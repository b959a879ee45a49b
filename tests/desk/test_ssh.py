"""The desk on the other end of an ssh connection: sshd itself, spoken to by a pipe."""

import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.desk.tmux import CODE, Tmux, gone

_INSTALL: Final = "apt-get install openssh-server openssh-client"
_CONFIG: Final = """
HostKey {folder}/host
AuthorizedKeysFile {folder}/key.pub
PasswordAuthentication no
UsePAM no
StrictModes no
PermitRootLogin yes
AcceptEnv LC_*
"""


class Far:
    """The desk, in a terminal here and on a machine that is reached by ssh.

    Args:
        folder: Where keys are.
    """

    def __init__(self, folder: Path) -> None:
        sshd = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
        if sshd is None or shutil.which("ssh") is None:
            pytest.skip(f"sshd and ssh are not installed: {_INSTALL}")
        for key in ("host", "key"):
            command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / key)]
            subprocess.run(command, check=True)
        (folder / "config").write_text(_CONFIG.format(folder=folder), "utf-8")
        server = [sshd, "-f", str(folder / "config")]
        checked = subprocess.run([*server, "-t"], capture_output=True, text=True, check=False)
        if checked.returncode:
            pytest.skip(f"sshd does not start here: {checked.stderr.strip()}")
        self._pid = folder / "pid"
        there = f"echo $$ > {self._pid}; exec {sys.executable} -c {shlex.quote(CODE)}"
        options = (
            f"ProxyCommand={shlex.join([*server, '-i'])}",
            "StrictHostKeyChecking=no", "SendEnv=LC_ALL",
            f"UserKnownHostsFile={folder / 'known'}", f"IdentityFile={folder / 'key'}",
        )  # fmt: skip
        flags = [part for option in options for part in ("-o", option)]
        self.terminal = Tmux(folder, (80, 24), ["ssh", "-q", "-tt", *flags, "there", there])

    @property
    def pid(self) -> int:
        """The desk's."""
        return int(self._pid.read_text("utf-8"))

    def cut(self) -> None:
        """The connection is gone without a word."""
        os.kill(int(self.terminal.asked("pane_pid")), signal.SIGKILL)


@pytest.fixture
def far(tmp_path: Path) -> Iterator[Far]:
    opened = Far(tmp_path)
    yield opened
    opened.terminal.end()


@pytest.mark.peer
def test_the_desk_works_over_ssh(far: Far) -> None:
    """It is drawn, follows the window's size, is told by keys, and ends with the connection."""
    terminal = far.terminal
    terminal.shows("of 16")
    terminal.press("Enter")
    assert any(row.startswith("─") for row in terminal.shows("customer │"))
    terminal.write("first")
    terminal.press("M-Enter")
    terminal.write("second")
    rows = [row.strip() for row in terminal.shows("second")]
    assert rows.index("second") == rows.index("first") + 1
    terminal.resize(140, 40)
    assert any("▏" in row for row in terminal.shows("of 16"))
    pid = far.pid
    far.cut()
    assert gone(pid)
