"""The same requests to any Auth emulator, and its answers with all that is random taken out.

``specs/differential.json`` holds sequences of requests; ``specs/google.json`` what Google's
emulator answers to them.
To write the second anew: ``python -m tests.emulator.auth.differential HOST:PORT``.
"""

import json
import re
import secrets
import sys
import time
from base64 import b64decode, urlsafe_b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import httpx

from tests import plain_http

__all__ = ["RECORDED", "SEQUENCES", "Player", "load"]

PROJECT: Final = "demo-x"
SPECS: Final = Path(__file__).parent / "specs"
SEQUENCES: Final = SPECS / "differential.json"
RECORDED: Final = SPECS / "google.json"

_PREFIXES: Final = {
    "/v1/": "/identitytoolkit.googleapis.com/v1/",
    "/v2/": "/identitytoolkit.googleapis.com/v2/",
    "/legacy/": "/www.googleapis.com/identitytoolkit/v3/relyingparty/",
    "/token": "/securetoken.googleapis.com/v1/token",
}
_RANDOM: Final = re.compile(
    r"fakeSalt[A-Za-z0-9]{20}|(?<![\w-])(?:[\w-]{226}|[\w-]{119}|[\w-]{54}|[A-Za-z0-9]{27,28})(?![\w-])"
)
_JWT: Final = re.compile(r"eyJ[\w-]+\.eyJ[\w-]*\.[\w-]*")
_ISO: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_REFRESH_MARK: Final = "_AuthEmulatorRefreshToken"
_PARSE_ERROR: Final = "Invalid JSON payload received. <words>"
_DAY: Final = 86_400

_MOMENT: Final = re.compile(r"(?<![\d.+])\d{10}(?:\d{3})?(?![\d.])")

Answer = list[Any]
"""Status, the headers that count, the body."""


def load(path: Path) -> Any:
    """A table."""
    return json.loads(path.read_text())


class Player:
    """Plays sequences against one emulator.

    Args:
        http: Talks to that emulator, and follows no redirection.
        now: Seconds since the epoch, as far as that emulator knows.
        wait: Lets that many seconds pass, as far as that emulator can tell.
        project: What that emulator calls the project that is demo-x in the tables.
    """

    def __init__(
        self,
        http: httpx.Client,
        now: Callable[[], float],
        wait: Callable[[float], object],
        *,
        project: str = PROJECT,
    ) -> None:
        self._project = project
        self._http = http
        self._host = http.base_url.netloc.decode()
        self._now = now
        self._wait = wait

    def play(self, steps: list[Any]) -> list[Answer]:
        """The answers, after all users are gone and protection is off."""
        for project in (self._project, "demo-other"):
            self._http.delete(f"/emulator/v1/projects/{project}/accounts")
            config = {
                "signIn": {"allowDuplicateEmails": False},
                "emailPrivacyConfig": {"enableImprovedEmailPrivacy": False},
            }
            self._http.patch(f"/emulator/v1/projects/{project}/config", json=config)
        text = json.dumps(steps)
        for dash in ("-", "%2D"):
            text = text.replace(PROJECT.replace("-", dash), self._project.replace("-", dash))
        steps = json.loads(text)
        names = {"run": f"run{secrets.token_hex(6)}", "host": self._host}
        seen: dict[str, str] = {}
        # A moment that a request names is an answer's own on any day, also on that one.
        named = frozenset(map(int, _MOMENT.findall(text)))

        def moment(number: int) -> str | None:
            return None if number in named else _moment(number, self._now())

        return [self._step(number, step, names, moment, seen) for number, step in enumerate(steps)]

    def _step(
        self,
        number: int,
        step: Any,
        names: dict[str, str],
        moment: Callable[[int], str | None],
        seen: dict[str, str],
    ) -> Answer:
        if "wait" in step:
            self._wait(step["wait"])
        method, path = _filled(step["do"], names).split(" ", 1)
        for short, long in _PREFIXES.items():
            if path.startswith(short):
                path = long + path.removeprefix(short)
                break
        headers = dict(step.get("headers", {}))
        who = step.get("as", "user")
        if who == "owner":
            headers["authorization"] = "Bearer owner"
        elif who == "user":
            path += ("&" if "?" in path else "?") + "key=fake-key"
        content: bytes | None = None
        if "body" in step:
            content = json.dumps(_filled(step["body"], names)).encode()
            headers.setdefault("content-type", "application/json")
        elif "text" in step:
            content = _filled(step["text"], names).encode()
            headers.setdefault("content-type", "application/json")
        elif "form" in step:
            content = str(httpx.QueryParams(_filled(step["form"], names))).encode()
            headers["content-type"] = "application/x-www-form-urlencoded"
        response = self._http.request(method, path, headers=headers, content=content)
        body = _body(response)
        for name, where in step.get("save", {}).items():
            names[name] = _at(body, where)
        if "only" in step:
            mark = _filled(step["only"], names)
            body = {
                key: [item for item in value if mark in json.dumps(item)]
                for key, value in body.items()
            }
        if response.is_redirect or method == "HEAD":
            body = None
        found = _Names(names["run"], self._host, number, moment, seen)
        kept = {
            name: found.shown(response.headers[name])
            for name in ["location", *step.get("headers shown", [])]
            if name in response.headers
        }
        shown = json.loads(json.dumps(found.shown(body)).replace(self._project, PROJECT))
        error = shown.get("error") if isinstance(shown, dict) else None
        errors = error.get("errors") if isinstance(error, dict) else None
        if errors and errors[0]["message"] == _PARSE_ERROR:
            shown["error"]["message"] = _PARSE_ERROR
        return [response.status_code, kept, shown]


def _body(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return response.text


def _filled(value: Any, names: dict[str, str]) -> Any:
    """The value with every ``${name}`` in it replaced."""
    if isinstance(value, str):
        return re.sub(r"\$\{([\w.]+)\}", lambda found: names[found[1]], value)
    if isinstance(value, list):
        return [_filled(item, names) for item in value]
    if isinstance(value, dict):
        return {key: _filled(item, names) for key, item in value.items()}
    return value


def _at(body: Any, where: str) -> str:
    for part in where.split("/"):
        body = body[int(part)] if isinstance(body, list) else body[part]
    return str(body)


class _Names:
    """Names for what is random, the same in every run: where it was first met, and how long."""

    def __init__(
        self,
        run: str,
        host: str,
        step: int,
        moment: Callable[[int], str | None],
        seen: dict[str, str],
    ) -> None:
        self.run = run
        self.host = host
        self._step = step
        self._moment = moment
        self._seen = seen

    def shown(self, value: Any) -> Any:
        """The value with what differs from run to run replaced by what it is."""
        if isinstance(value, dict):
            shown = {key: self.shown(item) for key, item in value.items()}
            if shown.get("reason") == "parseError":
                shown["message"] = _PARSE_ERROR
            shown |= {key: "<words>" for key in ("instructions", "instructions2") if key in value}
            if isinstance(value.get("iat"), int) and isinstance(value.get("exp"), int):
                shown["exp"] = f"iat + {value['exp'] - value['iat']}"
            if "code" in value and "sessionInfo" in value:
                shown["code"] = "<code>"
            return shown
        if isinstance(value, list):
            return [self.shown(item) for item in value]
        if isinstance(value, int) and not isinstance(value, bool):
            return self._moment(value) or value
        if not isinstance(value, str):
            return value
        if value.isdecimal():
            moment = self._moment(int(value))
            return value if moment is None else f'"{moment}"'
        if _JWT.fullmatch(value):
            parts = [_decoded(part) for part in value.split(".")[:2]]
            signature = value.rpartition(".")[2]
            return {"jwt": [*(self.shown(part) for part in parts), signature]}
        refresh = _refresh_record(value)
        if refresh is not None:
            return {"refresh": self.shown(refresh)}
        text = value.replace(self.host, "<host>").replace(self.run, "<run>")
        text = _ISO.sub("<iso>", text)
        return _RANDOM.sub(lambda found: self._name(found[0]), text)

    def _name(self, text: str) -> str:
        if text not in self._seen:
            met = sum(name.startswith(f"<{self._step}.") for name in self._seen.values())
            self._seen[text] = f"<{self._step}.{met} of {len(text)}>"
        return self._seen[text]


def _moment(number: int, now: float) -> str | None:
    """What stands for a number that is about now, in s or in ms; None for any other."""
    if abs(number - now) < _DAY:
        return "<s>"
    return "<ms>" if abs(number / 1000 - now) < _DAY else None


def _decoded(part: str) -> Any:
    return json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def _refresh_record(text: str) -> Any:
    """What a refresh token holds; a field of ours that tells revocations apart does not count."""
    try:
        record = json.loads(b64decode(text, validate=True))
    except ValueError:
        return None
    if not isinstance(record, dict) or _REFRESH_MARK not in record:
        return None
    record.pop("revocations", None)
    return record


def record(host: str) -> None:
    """Writes what the emulator there answers to every sequence."""
    with plain_http.Client(base_url=f"http://{host}", timeout=30) as http:
        player = Player(http, time.time, time.sleep)
        answers = {each["name"]: player.play(each["steps"]) for each in load(SEQUENCES)}
    lines = []
    for name, steps in answers.items():
        rows = ",\n".join(f"    {json.dumps(step, ensure_ascii=False)}" for step in steps)
        lines.append(f"  {json.dumps(name)}: [\n{rows}\n  ]")
    RECORDED.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    record(sys.argv[1])
