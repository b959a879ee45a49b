"""The website's two pages on a port of this machine: the widget's, and the team's dashboard.

The pages are served as they are. Only where they find Firebase is written here, and where the SDK
is: beside them if it is installed, on Google's CDN otherwise.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from pathlib import Path
from threading import Thread
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from imbari_chat.cli.demo.stage import Stage
from imbari_chat.errors import ConfigError
from imbari_chat.wire.json import Json, dumps

__all__ = ["Site", "installed_sdk", "pages", "serving", "site_of"]

_CDN: Final = "https://www.gstatic.com"
_PINNED: Final = re.compile(r"https://www\.gstatic\.com/firebasejs/[0-9.]+")
_SDK: Final = "/sdk"
_TYPES: Final = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
}
"""The only files that are served."""


class Site:
    """What is served, without a socket.

    Args:
        roots: Folders of pages; the first that has a file serves it. A page's ``.html`` is not part
            of its address.
        firebase: What the console calls the config of a web app.
        emulator: ``HOST:PORT`` of ``auth`` and ``database``; None for a live project.
        sdk: A folder with the SDK's files; None to take them from the CDN.
    """

    def __init__(
        self,
        roots: Sequence[Path],
        firebase: Mapping[str, Json],
        emulator: Mapping[str, str] | None,
        sdk: Path | None,
    ) -> None:
        self._roots = [root.resolve() for root in roots]
        self._sdk = sdk
        self._config: dict[str, Json] = {
            "firebase": dict(firebase),
            "emulator": None if emulator is None else dict(emulator),
        }
        services = ["https://*.googleapis.com", "https://*.firebasedatabase.app",
                    "wss://*.firebasedatabase.app", "https://*.firebaseio.com",
                    "wss://*.firebaseio.com"]  # fmt: skip
        if emulator is not None:
            services = [
                f"{scheme}://{host}" for host in emulator.values() for scheme in ("http", "ws")
            ]
        self.policy = "; ".join(
            [
                "default-src 'none'",
                f"script-src 'self' {_CDN}",
                "style-src 'self'",
                "img-src 'self' data:",
                f"connect-src {' '.join(services)}",
                "base-uri 'none'",
                "form-action 'none'",
                "frame-ancestors 'none'",
            ]
        )

    def found(self, path: str) -> tuple[str, bytes] | None:
        """The type and the bytes at a path, or None."""
        if path == "/config.js":
            return "text/javascript", self._written_config().encode()
        if path.startswith(f"{_SDK}/"):
            return self._sdk_file(path.removeprefix(f"{_SDK}/"))
        name = "index.html" if path == "/" else path[1:]
        for root in self._roots:
            for candidate in (root / name, root / f"{name}.html"):
                if _is_served(candidate, root):
                    return _TYPES[candidate.suffix], candidate.read_bytes()
        return None

    def _written_config(self) -> str:
        sdk: Json = _SDK
        if self._sdk is None:
            (sdk,) = set(_PINNED.findall(self._own_config()))
        return f"export const config = {dumps({**self._config, 'sdk': sdk}, pretty=True)};\n"

    def _own_config(self) -> str:
        return (pages() / "config.js").read_text("utf-8")

    def _sdk_file(self, name: str) -> tuple[str, bytes] | None:
        """A file of the SDK, which names its own others by where the CDN has them."""
        if self._sdk is None or not re.fullmatch(r"firebase-[a-z-]+\.js", name):
            return None
        file = self._sdk / name
        if not file.is_file():
            return None
        return "text/javascript", _PINNED.sub(_SDK, file.read_text("utf-8")).encode()


def site_of(here: Stage) -> Site:
    """Both pages, pointed at the stage's emulator."""
    emulator = here.emulator
    return Site(
        [pages()],
        {"apiKey": "any", "projectId": emulator.project},
        {"auth": emulator.auth_host, "database": emulator.database_host},
        installed_sdk(),
    )


def pages() -> Path:
    """The folder of the widget and the dashboard."""
    folder = Path(str(resources.files(__package__).joinpath("web")))
    if not (folder / "index.html").is_file():
        raise ConfigError(
            "the website's pages are not installed",
            where=str(folder),
            hint="Install the package anew, with its data",
        )
    return folder


def installed_sdk() -> Path | None:
    """The SDK in the ``node_modules`` of the working directory, if it is there."""
    folder = Path("node_modules/firebase").resolve()
    return folder if (folder / "firebase-database.js").is_file() else None


@contextmanager
def serving(site: Site, port: int) -> Iterator[str]:
    """Serve until the block ends; gives the address without a slash at its end.

    Args:
        port: 0 takes a free one.

    Raises:
        ConfigError: The port cannot be had.
    """
    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), partial(_Handler, site))
    except OSError as error:
        raise ConfigError(
            f"port {port} cannot be had: {error}", hint="Choose another, or 0 for any"
        ) from None
    with server:
        thread = Thread(target=server.serve_forever, args=(0.05,), name="imbari-site", daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    """GET and HEAD of one site's files."""

    protocol_version = "HTTP/1.1"
    timeout = 30.0

    def __init__(self, site: Site, *args: Any) -> None:
        self._site = site
        super().__init__(*args)

    def do_GET(self) -> None:
        found = self._site.found(unquote(urlsplit(self.path).path))
        kind, body = found or ("text/plain", b"There is no such page.\n")
        self.send_response(HTTPStatus.OK if found else HTTPStatus.NOT_FOUND)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", self._site.policy)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815  # the base names it

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base names it
        """Say nothing: the terminal is the inbox's."""


def _is_served(file: Path, root: Path) -> bool:
    """Whether ``file`` is one of the pages' and nothing outside of ``root``."""
    try:
        return file.suffix in _TYPES and file.resolve().is_relative_to(root) and file.is_file()
    except (OSError, ValueError):  # a name no file can have
        return False
