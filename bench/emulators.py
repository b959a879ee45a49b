"""Emulators in processes of their own: ours, and Google's for comparison. Both end with the block.

Each is timed from the moment it is started until it has answered a request.
"""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["Running", "google_auth", "google_program", "ours"]

_START_LIMIT: Final = 45.0
_END_LIMIT: Final = 15.0
_POLL_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class Running:
    """An emulator that answers.

    Attributes:
        start: Milliseconds it took until then.
        environment: The variables by which libraries find it; none for Google's.
    """

    start: float
    environment: dict[str, str]

    @property
    def database(self) -> str:
        """``host:port`` of the database."""
        return self.environment["FIREBASE_DATABASE_EMULATOR_HOST"]

    @property
    def database_url(self) -> str:
        """The URL of the default database."""
        return str(json.loads(self.environment["FIREBASE_CONFIG"])["databaseURL"])


@contextmanager
def ours(*, rules: bool = False) -> Iterator[Running]:
    """``imbari-chat emulator start`` at free ports, under the shipped rules or without any."""
    program = str(Path(sys.executable).with_name("imbari-chat"))
    ports = ["--database-port", "0", "--auth-port", "0"]
    begin = time.perf_counter()
    which = [] if rules else ["--no-rules"]
    with _process(
        [program, "emulator", "start", *ports, *which, "--json", "--quiet"], subprocess.PIPE
    ) as process:
        assert process.stdout
        running = Running(0.0, json.loads(process.stdout.readline())["environment"])
        assert _answer(running.database, "/.json") == (401 if rules else 200)
        yield Running((time.perf_counter() - begin) * 1000, running.environment)


def google_program() -> str | None:
    """Google's command line, if ``make peers`` or somebody else has installed it."""
    local = Path(__file__).parents[1] / "node_modules" / ".bin" / "firebase"
    return str(local) if local.exists() else shutil.which("firebase")


@contextmanager
def google_auth(program: str) -> Iterator[Running]:
    """The Auth half of Google's; the other half needs Java and a download.

    Raises:
        TimeoutError: It does not answer.
    """
    with tempfile.TemporaryDirectory() as folder:
        port = _free_port()
        emulators = {
            "auth": {"host": "127.0.0.1", "port": port},
            "hub": {"host": "127.0.0.1", "port": _free_port()},
            "logging": {"host": "127.0.0.1", "port": _free_port()},
            "ui": {"enabled": False},
        }
        Path(folder, "firebase.json").write_text(json.dumps({"emulators": emulators}))
        command = [program, "emulators:start", "--only", "auth", "--project", "demo-imbari"]
        begin = time.perf_counter()
        with _process(command, subprocess.DEVNULL, folder):
            _wait(f"127.0.0.1:{port}")
            yield Running((time.perf_counter() - begin) * 1000, {})


@contextmanager
def _process(
    command: Sequence[str], output: int, folder: str | None = None
) -> Iterator[subprocess.Popen[str]]:
    """A command for as long as the block runs; then its whole process group is over."""
    process = subprocess.Popen(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=output,
        text=True,
        start_new_session=True,
    )
    with process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(_END_LIMIT)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)


def _wait(host: str) -> None:
    deadline = time.monotonic() + _START_LIMIT
    while time.monotonic() < deadline:
        try:
            if _answer(host, "/") == 200:
                return
        except OSError:
            time.sleep(_POLL_SECONDS)
    raise TimeoutError(f"{host} did not answer in {_START_LIMIT:.0f} s")


def _answer(host: str, path: str) -> int:
    """The status of a GET."""
    with closing(http.client.HTTPConnection(host, timeout=5)) as connection:
        connection.request("GET", path)
        return connection.getresponse().status


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
