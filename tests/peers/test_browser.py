"""The JavaScript SDK's browser bundle in a real browser, where calls cross origins."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from imbari_chat.emulator import Emulator
from tests.peers.node import PACKAGES, node_or_skip

pytestmark = pytest.mark.peer

PAGE = Path(__file__).with_name("page.html")
SESSION = "-Oabcdefghijklmnopqr"
LIMIT = 60.0
"""Seconds until a page must have reported, the browser's start included."""

# Quiet and alone: a new profile, and no calls home.
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


@pytest.fixture
def chromium() -> str:
    """The browser's path."""
    node_or_skip()
    for name in ("chromium", "chromium-browser", "google-chrome"):
        found = shutil.which(name)
        if found is not None:
            return found
    pytest.skip("Chromium is not here: install it, for example `apt-get install chromium`")


class Site(SimpleHTTPRequestHandler):
    """The page, the SDK's bundles, and a place to report to."""

    def __init__(self, reports: "Queue[dict[str, Any]]", *args: Any) -> None:
        self._reports = reports
        super().__init__(*args)

    def translate_path(self, path: str) -> str:
        name = urlsplit(path).path
        return str(PAGE if name == "/" else PACKAGES / name[1:])

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()
        self._reports.put(json.loads(body))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base names it
        return


@contextmanager
def visiting(program: str, url: str, profile: Path) -> Iterator[None]:
    """A browser on one page, for as long as the block runs."""
    command = [program, *FLAGS, f"--user-data-dir={profile}", url]
    with (profile.parent / "output.txt").open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture
def reports() -> "Queue[dict[str, Any]]":
    """What pages told."""
    return Queue()


@pytest.fixture
def site(reports: "Queue[dict[str, Any]]") -> Iterator[str]:
    """The address of the page."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Site, reports)) as server:
        thread = Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def test_a_page_signs_in_and_reaches_its_own_data_across_origins(
    emulator: Emulator,
    chromium: str,
    site: str,
    reports: "Queue[dict[str, Any]]",
    tmp_path: Path,
) -> None:
    """A write that needs a preflight, a query and a refusal all reach the page's script."""
    where = {
        "project": emulator.project,
        "auth": emulator.auth_host,
        "database": emulator.database_host,
        "session": SESSION,
    }
    with visiting(chromium, f"{site}?{urlencode(where)}", tmp_path / "profile"):
        report = reports.get(timeout=LIMIT)
    assert report.pop("uid")
    assert report == {
        "wrote": 200,
        "sessions": [SESSION],
        "denied": [401, "Permission denied"],
    }
