"""Google's own Auth emulator, started from firebase-tools or named by the environment.

It needs Node, no Java and no internet. Google's database emulator needs Java and a download, so it
is never started from here, only named.
"""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import httpx

from tests import plain_http
from tests.ports import own_port

__all__ = ["AUTH", "DATABASE", "PROJECT", "Absent", "auth_emulator", "database_emulator"]

PROJECT: Final = "demo-imbari"
AUTH: Final = "IMBARI_CHAT_PEER_AUTH"
DATABASE: Final = "IMBARI_CHAT_PEER_DATABASE"
_START_LIMIT: Final = 90.0


class Absent(Exception):
    """There is none; the text says how to get one."""


def database_emulator() -> str:
    """``host:port`` of Google's database emulator.

    Raises:
        Absent: The environment names none.
    """
    named = os.environ.get(DATABASE)
    if not named:
        raise Absent(
            f"Google's database emulator is not here: it needs Java; start one for the project"
            f" {PROJECT} and set {DATABASE}=host:port"
        )
    return named


@contextmanager
def auth_emulator() -> Iterator[str]:
    """``host:port`` of Google's Auth emulator, running in the block.

    Raises:
        Absent: The environment names none, and firebase-tools is not installed.
        RuntimeError: It did not start.
    """
    named = os.environ.get(AUTH)
    if named:
        yield named
        return
    local = Path(__file__).parents[1] / "node_modules" / ".bin" / "firebase"
    program = str(local) if local.exists() else shutil.which("firebase")
    if program is None or shutil.which("node") is None:
        raise Absent(
            f"Google's Auth emulator is not here: install Node and run `make peers`, or start one"
            f" for the project {PROJECT} and set {AUTH}=host:port"
        )
    with (
        TemporaryDirectory() as folder,
        own_port() as port,
        own_port() as hub,
        own_port() as logs,
        _started(program, Path(folder), port, hub, logs) as host,
    ):
        yield host


@contextmanager
def _started(program: str, folder: Path, port: int, hub: int, logs: int) -> Iterator[str]:
    emulators = {
        "auth": {"host": "127.0.0.1", "port": port},
        "hub": {"host": "127.0.0.1", "port": hub},
        "logging": {"host": "127.0.0.1", "port": logs},
        "ui": {"enabled": False},
    }
    (folder / "firebase.json").write_text(json.dumps({"emulators": emulators}))
    with (folder / "output.txt").open("wb") as output:
        process = subprocess.Popen(
            [program, "emulators:start", "--only", "auth", "--project", PROJECT],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait_until_ready(process, port, folder / "output.txt")
        yield f"127.0.0.1:{port}"
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _wait_until_ready(process: "subprocess.Popen[bytes]", port: int, output: Path) -> None:
    deadline = time.monotonic() + _START_LIMIT
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"firebase ended at once:\n{output.read_text()}")
        try:
            if plain_http.get(f"http://127.0.0.1:{port}/", timeout=1).json()["authEmulator"][
                "ready"
            ]:
                return
        except httpx.HTTPError:
            time.sleep(0.1)  # another program is starting: there is nothing else to wait on
    raise RuntimeError(f"no emulator after {_START_LIMIT:.0f} s:\n{output.read_text()}")
