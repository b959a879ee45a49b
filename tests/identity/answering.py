"""A service of one answer: records what it is asked, and answers, hangs or hangs up as told."""

import json
import sys
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import parse_qsl, urlsplit

__all__ = ["AnsweringServer", "Asked"]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it arrived."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def params(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query, strict_parsing=True))

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class _Listener(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is what many tests are about; anything else is printed."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@dataclass
class AnsweringServer:
    """EventSource on a free port of loopback while the ``with`` block runs."""

    status: int = 200
    body: str = "null"
    headers: dict[str, str] = field(
        default_factory=lambda: {"content-type": "application/json; charset=utf-8"}
    )
    mode: Literal["answer", "hang", "drop"] = "answer"
    asked: list[Asked] = field(default_factory=list)
    by_path: dict[str, str] = field(default_factory=dict)
    is_database: bool = True
    """Success is told as the database tells it: silence for a silent write, else an echo."""
    callers: set[int] = field(default_factory=set)
    """The ports that requests came from: one for each connection."""

    def __enter__(self) -> Self:
        outer = self
        self._done = threading.Event()
        self._news = threading.Condition()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args: Any) -> None:
                return

            def _serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                asked = Asked(self.command, self.path, headers, body)
                with outer._news:
                    outer.asked.append(asked)
                    outer.callers.add(self.client_address[1])
                    outer._news.notify_all()
                if outer.mode != "answer":
                    if outer.mode == "hang":
                        outer._done.wait(30)
                    self.close_connection = True
                    return
                known = outer.by_path.get(asked.path)
                answer = (outer.body if known is None else known).encode()
                status = outer.status if known is None else 200
                if outer.is_database and status == 200 and asked.method in ("PUT", "PATCH"):
                    silent = "print=silent" in asked.target
                    status, answer = (204, b"") if silent else (200, body)
                self.send_response(status)
                for name, value in outer.headers.items():
                    self.send_header(name, value)
                if status != 204:
                    self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_POST = do_PUT = do_PATCH = _serve  # noqa: N815  # the base class looks for these names

        self._server = _Listener(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}
        )
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    def heard(self, count: int) -> list[Asked]:
        """What was asked, once it is so much: whoever asked may have given up before it is read."""
        with self._news:
            assert self._news.wait_for(lambda: len(self.asked) >= count, 60), self.asked
        return self.asked
