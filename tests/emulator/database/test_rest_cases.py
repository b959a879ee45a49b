"""The conformance cases of Realtime Database over HTTP: tests/specs/emulator/.

``rest.json`` has those that the reference numbers, ``more.json`` those that its sections imply.
``tests/specs/production/rest.json`` has those that were recorded on the live service.

A case is a list of steps against a database of its own:

    do, body | raw      a request; JSON, or text as it is
    owner, auth         with a bearer, or with an unsigned ID token of these claims
    ns                  another database; null sends none
    keep, keep_json     remember a header, or a member of the answer; ``{name}`` puts it in later
    open, by            a stream, and the method that opens it if it is not GET
    frames, bytes       the next events on it; closed, leave: its end

and every other key of a step says what the answer is. Expected values may be ``<now>`` or
``<push id>``. Cases that need more than steps name the test that is theirs.
"""

import base64
import json
import re
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from imbari_chat.emulator import Emulator
from tests.emulator.event_stream import EventStream
from tests.plain_http import client_of
from tests.specs import table

TESTS = Path(__file__).parents[2]
SPECS = TESTS / "specs" / "emulator"
CASES: list[dict[str, Any]] = json.loads((SPECS / "rest.json").read_text())
MORE: list[dict[str, Any]] = json.loads((SPECS / "more.json").read_text())
RECORDED: list[dict[str, Any]] = table("production/rest")["cases"]
FLAG = re.compile(r"rec|\[(doc|src|seen|seen\+|unsure)\]")
PUSH_ID = re.compile(r"[-0-9A-Z_a-z]{20}")
OWNER = {"Authorization": "Bearer owner"}


class Script:
    """Plays the steps of one case and checks what comes back."""

    def __init__(self, emulator: Emulator, client: httpx.Client, ns: str) -> None:
        self._emulator = emulator
        self._client = client
        self._kept: dict[str, Any] = {"ns": ns}
        self._stream: EventStream | None = None

    def play(self, step: dict[str, Any]) -> None:
        match step:
            case {"do": _}:
                self._do(step)
            case {"open": _}:
                self._open(step)
            case {"frames": frames}:
                for event, data in frames:
                    assert self._stream is not None
                    heard, said = self._stream.next()
                    assert heard == event
                    assert self._same(said, data), said
            case {"bytes": wanted}:
                assert self._stream is not None
                assert self._stream.said() == wanted.encode()
            case {"closed": True}:
                assert self._stream is not None
                assert self._stream.ended()
            case {"leave": True}:
                self.leave()
            case {"ascending": [first, second]}:
                assert self._kept[first] < self._kept[second]
            case {"equal": [first, second]}:
                assert self._kept[first] == self._kept[second]
            case {"differ": [first, second]}:
                assert self._kept[first] != self._kept[second]
            case _:
                raise AssertionError(f"no such step: {step}")

    def leave(self) -> None:
        if self._stream is not None:
            self._stream.close()

    def _do(self, step: dict[str, Any]) -> None:
        method, _, url = step["do"].partition(" ")
        content = step.get("raw")
        if "body" in step:
            content = json.dumps(step["body"])
        if "body_from" in step:
            content = json.dumps(self._kept[step["body_from"]])
        answer = self._client.request(
            method, self._url(url, step), content=content, headers=self._headers(step)
        )
        self._check(step, answer)

    def _open(self, step: dict[str, Any]) -> None:
        self.leave()
        self._stream = EventStream(
            self._client,
            self._url(step["open"], step),
            self._headers(step),
            method=step.get("by", "GET"),
        )
        assert self._stream.response.status_code == 200
        self._check_headers(step, self._stream.response)

    def _url(self, url: str, step: dict[str, Any]) -> str:
        ns = step.get("ns", "{ns}")
        parts = [] if ns is None else [f"ns={ns}"]
        if "auth" in step:
            parts.append(f"auth={_unsigned(step['auth'])}")
        path, _, query = url.partition("?")
        joined = "&".join(part for part in (query, *parts) if part)
        return self._filled(f"{path}?{joined}" if joined else path)

    def _headers(self, step: dict[str, Any]) -> dict[str, str]:
        headers = {name: self._filled(text) for name, text in step.get("headers", {}).items()}
        return headers | (OWNER if step.get("owner") else {})

    def _check(self, step: dict[str, Any], answer: httpx.Response) -> None:
        assert answer.status_code == step.get("status", 200), answer.text
        self._check_headers(step, answer)
        for key, wanted in step.items():
            match key:
                case "json":
                    assert self._same(answer.json(), wanted), answer.text
                case "text":
                    assert answer.text == wanted
                case "stripped":
                    assert answer.text.rstrip("\n") == wanted
                case "error":
                    assert answer.json() == {"error": wanted}
                case "contains":
                    assert wanted in answer.json()["error"]
                case "matches":
                    assert re.fullmatch(wanted, answer.text)
                case "matches_error":
                    assert re.fullmatch(wanted, answer.json()["error"])
                case "keys":
                    assert sorted(answer.json()) == wanted
                case "has_items":
                    assert all(
                        json.loads(self._filled(json.dumps(item))) in answer.json()
                        for item in wanted
                    )
                case "keep":
                    self._kept |= {name: answer.headers[header] for name, header in wanted.items()}
                case "keep_json":
                    value = answer.json()
                    for name, member in wanted.items():
                        self._kept[name] = value[member] if member else value

    def _check_headers(self, step: dict[str, Any], answer: httpx.Response) -> None:
        for name, wanted in step.get("has", {}).items():
            assert answer.headers.get(name) == self._filled(wanted)
        for name in step.get("lacks", []):
            assert name not in answer.headers

    def _filled(self, text: str) -> str:
        return re.sub(r"\{(\w+)\}", lambda match: str(self._kept[match[1]]), text)

    def _same(self, value: Any, wanted: Any) -> bool:
        if wanted == "<now>":
            return type(value) is int and abs(value - time.time() * 1000) < 5000
        if wanted == "<push id>":
            return isinstance(value, str) and PUSH_ID.fullmatch(value) is not None
        if isinstance(wanted, dict):
            return (
                isinstance(value, dict)
                and value.keys() == wanted.keys()
                and all(self._same(value[key], item) for key, item in wanted.items())
            )
        if isinstance(wanted, str):
            return bool(value == self._filled(wanted))
        return json.dumps(value) == json.dumps(wanted)


def _unsigned(claims: dict[str, Any]) -> str:
    parts = ({"alg": "none", "type": "JWT"}, claims)
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode() for part in parts]
    return ".".join([part.rstrip("=") for part in encoded] + [""])


def test_every_conformance_case_is_listed_once() -> None:
    """Cases 1 to 95 are all here, each with steps or with a test that exists."""
    assert [case["case"] for case in CASES] == list(range(1, 96))
    assert all(("steps" in case) is not ("by" in case) for case in CASES)
    tests = "".join(file.read_text() for file in (TESTS / "emulator").rglob("test_*.py"))
    assert all(f"def {case['by']}(" in tests for case in CASES if "by" in case)


def test_every_case_tells_its_evidence() -> None:
    """A case of ours names the section it comes from, and none is there twice."""
    assert all(FLAG.match(case["flag"]) for case in CASES + MORE)
    names = [case["case"] for case in MORE]
    assert all(re.match(r"([1-8](\.[0-9]+)?|[AB]) ", name) for name in names)
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    "case",
    [case for case in CASES + MORE + RECORDED if "steps" in case],
    ids=lambda case: f"case {case['case']} {case.get('flag', 'recorded')}",
)
def test_the_database_answers_as_the_service_does(
    case: dict[str, Any], emulator: Emulator, namespace: str
) -> None:
    """Each step of the case is answered as the reference says."""
    with client_of(emulator.database_host) as client:
        for place, value in (("/.settings/rules", case.get("rules")), ("/", case.get("data"))):
            if value is not None:
                stored = client.put(
                    f"{place}.json", params={"ns": namespace}, json=value, headers=OWNER
                )
                assert stored.status_code == 200, stored.text
        script = Script(emulator, client, namespace)
        try:
            for step in case["steps"]:
                script.play(step)
        finally:
            script.leave()
