"""What the conformance cases leave open: odd requests, envelopes, settings, many databases."""

import socket
from typing import Any

import httpx
import pytest

from imbari_chat.emulator import Emulator
from imbari_chat.emulator.database.namespace import Namespace

OWNER = {"Authorization": "Bearer owner"}


def _error(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]


def test_a_preflight_allows_what_was_asked_for(http: httpx.Client) -> None:
    """Browsers may send anything and see the ETag."""
    answer = http.options(
        "/a.json",
        headers={
            "Origin": "http://localhost:3000",
            "Access-Control-Request-Method": "PATCH",
            "Access-Control-Request-Headers": "x-firebase-etag, if-match",
        },
    )
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "PATCH" in answer.headers["access-control-allow-methods"]
    assert answer.headers["access-control-allow-headers"] == "x-firebase-etag, if-match"
    assert answer.headers["access-control-expose-headers"] == "ETag"
    assert "access-control-allow-headers" not in http.options("/a.json").headers


def test_head_is_get_without_the_body(http: httpx.Client) -> None:
    """Same status, same headers."""
    http.put("/a.json", json={"b": 1})
    answer = http.head("/a.json")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == str(len('{"b":1}'))


@pytest.mark.parametrize("method", ["TRACE", "PROPFIND"])
def test_other_methods_are_refused(http: httpx.Client, method: str) -> None:
    """405, with the usual body."""
    assert _error(http.request(method, "/a.json")) == (405, "Method Not Allowed")


def test_a_head_of_a_stream_is_not_a_stream(http: httpx.Client) -> None:
    """It would have no body to follow, and no end."""
    answer = http.head("/a.json", headers={"Accept": "text/event-stream"})
    assert (answer.status_code, answer.content) == (200, b"")


def test_a_priority_is_not_streamed(http: httpx.Client) -> None:
    """Refused, rather than answered with the node it belongs to."""
    answer = http.get("/p/.priority.json", headers={"Accept": "text/event-stream"})
    assert answer.status_code == 400


def test_a_whole_address_in_the_request_line_is_read(emulator: Emulator) -> None:
    """A proxy's way of asking: HTTP/1.1 servers must take it."""
    host, port = emulator.database_host.split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(
            b"GET http://127.0.0.1/a.json HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
        )
        said = b"".join(iter(lambda: connection.recv(4096), b""))
    assert said.startswith(b"HTTP/1.1 200")
    assert said.endswith(b"\r\n\r\nnull")


def test_a_read_without_json_at_the_end_is_not_found(http: httpx.Client) -> None:
    """There is no console to send a browser to."""
    assert _error(http.get("/a")) == (404, "404 Not Found")


@pytest.mark.parametrize(
    "path", ["/a%2Fb.json", "/a.b.json", "/%FF.json", "/$a.json", "/a/.value.json"]
)
def test_an_illegal_path_is_refused(http: httpx.Client, path: str) -> None:
    """A slash that was encoded is part of a key, and no key has one."""
    assert _error(http.get(path)) == (400, "Invalid path: Invalid token in path")


@pytest.mark.parametrize("path", ["/a/b.json", "//a//b.json", "/a/b/.json", "/%61/b.json"])
def test_spellings_of_one_path_are_one_place(http: httpx.Client, path: str) -> None:
    """Empty segments are ignored, escapes decoded."""
    http.put("/a/b.json", json=1)
    assert http.get(str(http.base_url).rstrip("/") + path).json() == 1


def test_keys_beyond_ascii_come_back_as_they_went(http: httpx.Client) -> None:
    """Percent-encoded UTF-8 in the path, UTF-8 in the body."""
    http.put("/caf%C3%A9.json", json={"☕": "ü"})
    assert http.get("/.json").text == '{"café":{"☕":"ü"}}'


def test_a_priority_is_a_place_of_its_own(http: httpx.Client) -> None:
    """It can be written, guarded, read and deleted without its value."""
    http.put("/p.json", json="Tom")
    assert http.put("/p/.priority.json", json=3).json() == 3
    assert http.get("/p.json?format=export").json() == {".value": "Tom", ".priority": 3}
    http.patch("/.json", json={"p/.priority": "x"})
    assert http.get("/p/.priority.json").json() == "x"
    assert http.delete("/p/.priority.json").text == "null"
    assert http.get("/p.json?format=export").json() == "Tom"
    assert http.put("/none/.priority.json", json=1).status_code == 400
    assert http.patch("/p/.priority.json", json={"a": 1}).status_code == 400


def test_a_patch_of_null_deletes_and_of_nothing_does_nothing(http: httpx.Client) -> None:
    """firebase-tools deletes in this way; SDKs send an empty update as it is."""
    http.put("/a.json", json={"b": 1})
    assert http.patch("/a.json", json={}).text == "{}"
    assert http.get("/a.json").json() == {"b": 1}
    assert (
        http.patch("/a.json?print=silent&writeSizeLimit=tiny", content=b"null").status_code == 204
    )
    assert http.get("/a.json").json() is None


def test_an_unknown_write_size_limit_is_refused(http: httpx.Client) -> None:
    """The five names of the documentation are accepted."""
    for name in ("tiny", "small", "medium", "large", "unlimited"):
        assert http.put(f"/a.json?writeSizeLimit={name}", json=1).status_code == 200
    assert http.put("/a.json?writeSizeLimit=huge", json=2).status_code == 400
    assert http.get("/a.json").json() == 1


def test_a_download_is_named_and_cannot_end_its_header(http: httpx.Client) -> None:
    """Quotes and line ends do not survive."""
    answer = http.get('/a.json?download=da"ta%0d%0aX-Evil: 1.json')
    assert answer.headers["content-disposition"] == 'attachment; filename="dataX-Evil: 1.json"'
    assert "x-evil" not in answer.headers


def test_a_callback_is_a_name_and_nothing_else(http: httpx.Client) -> None:
    """What a stranger puts into a URL is not run."""
    assert http.get("/a.json?callback=a.b_$1").text == "a.b_$1(null);"
    assert http.get("/a.json?callback=alert(1)//").status_code == 400


def test_repeating_order_by_is_an_error(http: httpx.Client) -> None:
    """Nobody can tell which one was meant."""
    answer = http.get('/a.json?orderBy="$key"&orderBy="$value"')
    assert _error(answer) == (400, "orderBy must be a valid JSON encoded path")


def test_settings_are_kept_per_database(http: httpx.Client) -> None:
    """What is not a setting is not found; only admins may look."""
    size = "/.settings/defaultWriteSizeLimit.json"
    assert http.get(size, headers=OWNER).json() == "large"
    assert http.put(size, json="small", headers=OWNER).status_code == 200
    assert http.get(size, headers=OWNER).json() == "small"
    assert http.get(f"{size}?ns=another", headers=OWNER).json() == "large"
    assert http.put("/.settings/nonsense.json", json=1, headers=OWNER).status_code == 404
    assert http.put(size, json="medium").status_code == 401
    assert http.delete(size, headers=OWNER).status_code == 405


def test_refused_rules_leave_no_trace(http: httpx.Client) -> None:
    """Text that is not even UTF-8 is refused like any other mistake."""
    answer = http.put("/.settings/rules.json", content=b"\xff", headers=OWNER)
    assert answer.status_code == 400
    assert http.get("/a.json").status_code == 200


def test_an_illegal_database_name_is_refused(http: httpx.Client) -> None:
    """And no database comes of it."""
    assert _error(http.get("/a.json?ns=a/b")) == (403, "Invalid Firebase database name")


@pytest.mark.parametrize(
    ("host", "ns"),
    [
        ("Shop.firebaseio.com", "shop"),
        ("shop.europe-west1.firebasedatabase.app:443", "shop"),
        ("localhost:9000", "the-default"),
        ("10.0.2.2:9000", "the-default"),
        ("[::1]:9000", "the-default"),
        ("a.test", "the-default"),
    ],
)
def test_a_host_name_of_three_labels_names_the_database(
    emulator: Emulator, http: httpx.Client, host: str, ns: str
) -> None:
    """An address names none, and ``ns`` is stronger than both."""
    place = f"/hosts/{host.replace('.', '-').replace('[', '').replace(']', '')}.json"
    assert http.put(place, json=1, headers={"Host": host}).status_code == 200
    assert http.get(f"{place}?ns={ns}").json() == 1
    assert http.get(f"{place}?ns=other", headers={"Host": host}).json() is None


@pytest.mark.parametrize(
    ("override", "status"),
    [("{}", 200), ("[1]", 400), ("nonsense", 400), ("true", 400)],
)
def test_an_override_is_an_object_or_null(http: httpx.Client, override: str, status: int) -> None:
    """Anything else is a mistake worth telling."""
    answer = http.get(f"/a.json?auth_variable_override={override}", headers=OWNER)
    assert answer.status_code == status


def test_an_override_without_admin_credentials_means_nothing(http: httpx.Client) -> None:
    """Otherwise anybody could be anybody."""
    rules = {"rules": {".read": "auth.uid === 'u1'"}}
    http.put("/.settings/rules.json", json=rules, headers=OWNER)
    assert http.get('/a.json?auth_variable_override={"uid":"u1"}').status_code == 401


def test_an_access_token_is_an_admin(http: httpx.Client) -> None:
    """As is any bearer; other schemes are not."""
    http.put("/.settings/rules.json", json={"rules": {}}, headers=OWNER)
    assert http.get("/a.json?access_token=any").status_code == 200
    assert http.get("/a.json", headers={"Authorization": "Basic b3duZXI6"}).status_code == 401
    assert http.get("/a.json", headers={"Authorization": "Bearer"}).status_code == 401


@pytest.mark.parametrize(
    "value", [{"a": {"b": {"c": 1}}}, [1, [2, {"x": True}]], "text", 1.5, False, 2**53, -7]
)
def test_what_is_written_is_what_is_read(http: httpx.Client, value: Any) -> None:
    """Every kind of JSON value."""
    assert http.put("/v.json", json=value).json() == value
    assert http.get("/v.json").json() == value


def test_a_guarded_write_answers_with_the_next_tag(http: httpx.Client) -> None:
    """firebase-admin hands that tag on, and so can go on without another read."""
    first = http.put("/n.json", json=1, headers={"if-match": "null_etag"}).headers["etag"]
    assert http.put("/n.json", json=2, headers={"if-match": first}).status_code == 200
    gone = http.delete("/none.json", headers={"if-match": "null_etag"})
    assert gone.headers["etag"] == "null_etag"


def test_a_412_does_not_show_what_may_not_be_read(http: httpx.Client) -> None:
    """The answer to a lost race carries the current value, so it takes the right to read it."""
    http.put("/secret.json", json="s3cret", headers=OWNER)
    rules = {"rules": {"secret": {".write": True}}}
    http.put("/.settings/rules.json", json=rules, headers=OWNER)
    answer = http.put("/secret.json", json=1, headers={"if-match": "wrong"})
    assert _error(answer) == (401, "Permission denied")


def test_a_mistake_of_ours_is_answered_and_logged(
    http: httpx.Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """500 with the service's text, a traceback in the log, no token in either."""

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(Namespace, "read", fail)
    answer = http.get("/a.json?access_token=s3cret")
    assert _error(answer) == (500, "An internal error occurred")
    assert "broken" in caplog.text
    assert "s3cret" not in caplog.text
    monkeypatch.undo()
    assert http.get("/a.json").status_code == 200
