"""The hub: where the emulators are, exports on demand, and who may ask."""

import json
import os
import sys
from pathlib import Path

import pytest
from starlette.types import Message
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from imbari_chat.emulator import Emulator
from imbari_chat.emulator.exports import LAYOUT_VERSION
from imbari_chat.emulator.hub import Hub, Locator
from imbari_chat.errors import Unavailable
from imbari_chat.wire.json import Json
from tests import plain_http, programs


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The system's temporary directory, for this test alone."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def _hub(emulator: Emulator) -> str:
    return f"http://{emulator.environment()['FIREBASE_EMULATOR_HUB']}"


def test_there_is_no_hub_unless_asked_for(temporary: Path) -> None:
    """No port, no variable, no file."""
    with Emulator() as emulator:
        assert "FIREBASE_EMULATOR_HUB" not in emulator.environment()
        assert set(emulator.addresses) == {"database", "auth"}
    assert list(temporary.iterdir()) == []


def test_the_hub_says_who_it_is() -> None:
    """Version, host, port, origins, process."""
    with Emulator(hub_port=0) as emulator:
        answer = plain_http.get(f"{_hub(emulator)}/").json()
        host, port = emulator.addresses["hub"]
        assert answer.keys() == {"version", "origins", "pid", "host", "port"}
        assert answer["origins"] == [_hub(emulator)]
        assert (answer["host"], answer["port"], answer["pid"]) == (host, port, os.getpid())


@pytest.mark.parametrize("path", ["/", "/emulators"])
def test_the_hub_may_be_asked_for_the_head_alone(path: str) -> None:
    """Whoever looks whether it is there wants no more."""
    with Emulator(hub_port=0) as emulator, plain_http.Client() as client:
        whole, head = (client.request(ask, f"{_hub(emulator)}{path}") for ask in ("GET", "HEAD"))
        assert (whole.status_code, head.status_code, head.text) == (200, 200, "")


def test_the_hub_lists_every_emulator() -> None:
    """By name, with where it listens."""
    with Emulator(hub_port=0) as emulator:
        answer = plain_http.get(f"{_hub(emulator)}/emulators").json()
        assert answer.keys() == {"database", "auth", "hub"}
        port = emulator.addresses["database"][1]
        assert answer["database"] == {
            "name": "database",
            "host": "127.0.0.1",
            "port": port,
            "listen": [{"address": "127.0.0.1", "family": "IPv4", "port": port}],
            "pid": os.getpid(),
        }


ADDRESSES = {"hub": ("::1", 4400), "auth": ("127.0.0.1", 9099)}
LOCAL, FOREIGN = "http://localhost:3000", "https://evil.example"


async def _asked(
    hub: Hub, method: str, path: str, origin: str | None = None, body: tuple[bytes, ...] = ()
) -> tuple[int, dict[str, str], Json]:
    """Status, headers but for the length, and body of what the hub answers."""
    sent: list[Message] = []
    coming = [{"type": "http.request", "body": piece, "more_body": True} for piece in body]
    if coming:
        del coming[-1]["more_body"]

    async def receive() -> Message:
        return coming.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [] if origin is None else [(b"origin", origin.encode())]
    await hub({"type": "http", "method": method, "path": path, "headers": headers}, receive, send)
    start, end = sent
    told = {name.decode(): value.decode() for name, value in start["headers"]}
    assert told.pop("content-length") == str(len(end["body"]))
    assert coming == []
    return start["status"], told, json.loads(end["body"])


@pytest.mark.parametrize(
    ("method", "path", "origin", "status", "body"),
    [
        ("GET", "/", None, 200, "hub"),
        ("HEAD", "/", LOCAL, 200, "hub"),
        ("GET", "/emulators", FOREIGN, 200, "all"),
        ("OPTIONS", "/anything", LOCAL, 200, None),
        ("OPTIONS", "/", FOREIGN, 200, None),
        ("PUT", "/functions/enableBackgroundTriggers", None, 200, {"enabled": True}),
        ("PUT", "/functions/disableBackgroundTriggers", LOCAL, 200, {"enabled": False}),
        (
            "PUT",
            "/functions/enableBackgroundTriggers",
            FOREIGN,
            403,
            {"error": "Only pages of this machine may change the emulator"},
        ),
        (
            "POST",
            "/_admin/export",
            LOCAL,
            403,
            {"message": "Export cannot be triggered by external callers."},
        ),
        ("GET", "/_admin/export", None, 404, {"error": "404 Not Found"}),
        ("PUT", "/functions/other", None, 404, {"error": "404 Not Found"}),
    ],
)
async def test_every_question_has_one_answer(
    method: str, path: str, origin: str | None, status: int, body: Json
) -> None:
    """With the headers by which a page of this machine, and no other, may read it."""

    def export(_directory: Path) -> None:
        raise AssertionError

    hub = Hub(ADDRESSES, export)
    pid, urls = os.getpid(), ["http://[::1]:4400"]
    known: dict[str, Json] = {
        "hub": {**hub.locator(), "host": "::1", "port": 4400},
        "all": {
            name: {
                "listen": [{"address": host, "family": family, "port": port}],
                "name": name,
                "host": host,
                "port": port,
                "pid": pid,
            }
            for name, host, family, port in (
                ("hub", "::1", "IPv6", 4400),
                ("auth", "127.0.0.1", "IPv4", 9099),
            )
        },
    }
    assert hub.locator() == {"version": LAYOUT_VERSION, "origins": urls, "pid": pid}
    headers = {"content-type": "application/json; charset=utf-8"}
    if origin == LOCAL:
        headers |= {
            "access-control-allow-origin": LOCAL,
            "access-control-allow-methods": "GET,PUT",
            "vary": "Origin",
        }
    expected = known.get(body, body) if isinstance(body, str) else body
    assert await _asked(hub, method, path, origin) == (status, headers, expected)


@pytest.mark.parametrize("extra", [0, 1])
@pytest.mark.parametrize("cut", [1, 40_000])
async def test_what_asks_for_an_export_has_at_most_64_kib(extra: int, cut: int) -> None:
    """In however many pieces it comes."""
    told: list[Path] = []
    body = b'{"path":"/out"}'.rjust(64 * 1024 + extra)
    pieces = (body[:cut], body[cut:])
    status, _, answer = await _asked(
        Hub(ADDRESSES, told.append), "POST", "/_admin/export", body=pieces
    )
    if extra:
        assert (status, answer) == (400, {"message": "the request's body is too large"})
    else:
        assert (status, answer) == (200, {"message": "OK"})
    assert told == [Path("/out")] * (1 - extra)


def test_the_hub_exports_on_demand(tmp_path: Path) -> None:
    """What was committed by then is in it."""
    with Emulator(hub_port=0) as emulator:
        plain_http.put(f"http://{emulator.database_host}/a.json", json=1)
        body = {"path": str(tmp_path / "out"), "initiatedBy": "test"}
        answer = plain_http.post(f"{_hub(emulator)}/_admin/export", json=body)
        assert (answer.status_code, answer.json()) == (200, {"message": "OK"})
    file = tmp_path / "out" / "database_export" / "demo-imbari-default-rtdb.json"
    assert json.loads(file.read_text()) == {"a": 1}


@pytest.mark.parametrize("origin", ["http://evil.example", "http://localhost:3000", "null"])
def test_no_web_page_can_have_an_export_written(tmp_path: Path, origin: str) -> None:
    """Any Origin at all is refused, and nothing is written."""
    with Emulator(hub_port=0) as emulator:
        answer = plain_http.post(
            f"{_hub(emulator)}/_admin/export",
            json={"path": str(tmp_path / "out")},
            headers={"Origin": origin},
        )
        assert answer.status_code == 403
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"path": 1}', '{"path": ""}'])
def test_an_export_to_nowhere_is_a_bad_request(body: str) -> None:
    """With a message that says so."""
    with Emulator(hub_port=0) as emulator:
        answer = plain_http.post(f"{_hub(emulator)}/_admin/export", content=body)
        assert answer.status_code == 400
        assert ("path must name a directory" in answer.json()["message"]) is (body != "")


def test_an_export_that_comes_to_nothing_is_no_fault_of_who_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A 500: another path would not do either."""

    def export(_emulator: Emulator, _directory: Path) -> None:
        raise Unavailable("the emulator has stopped")

    monkeypatch.setattr(Emulator, "export", export)
    with Emulator(hub_port=0) as emulator:
        body = {"path": str(tmp_path / "out")}
        answer = plain_http.post(f"{_hub(emulator)}/_admin/export", json=body)
        assert answer.status_code == 500
        assert answer.json() == {"message": "the emulator has stopped"}


def test_an_export_is_asked_for_in_few_words(tmp_path: Path) -> None:
    """More than 64 KiB are not taken, whatever they say."""
    with Emulator(hub_port=0) as emulator:
        body = {"path": str(tmp_path / "out"), "initiatedBy": "x" * 70_000}
        answer = plain_http.post(f"{_hub(emulator)}/_admin/export", json=body)
        assert answer.status_code == 400
        assert "too large" in answer.json()["message"]
    assert not (tmp_path / "out").exists()


def test_an_export_that_fails_says_why(tmp_path: Path) -> None:
    """As the message of a 400: another path would do."""
    (tmp_path / "mine").write_text("")
    with Emulator(hub_port=0) as emulator:
        answer = plain_http.post(
            f"{_hub(emulator)}/_admin/export", json={"path": str(tmp_path / "mine")}
        )
        assert answer.status_code == 400
        assert "not a directory" in answer.json()["message"]


# Below a directory of the test's own, which also holds a file, a link to itself, a link to nowhere
# and a directory nobody may write to.
NO_PLACES = {
    "a NUL": "a\0b",
    "a lone surrogate": "\ud800",
    "a long name": "x" * 5000,
    "a long way": "/".join("x" * 200 for _ in range(40)),
    "below a file": "file/out",
    "a file": "file",
    "below a link to itself": "circle/out",
    "a link to itself": "circle",
    "in a locked directory": "locked/out",
    "the root": "/",
    "a device": "/dev/null",
    "in the kernel's": "/proc/out",
}


@pytest.mark.parametrize("name", NO_PLACES)
def test_a_place_that_no_export_can_have_is_a_bad_request(tmp_path: Path, name: str) -> None:
    """With the place and the reason, in words that can be read."""
    (tmp_path / "file").write_text("")
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    (tmp_path / "locked").mkdir(mode=0o500)
    path = os.path.join(tmp_path, NO_PLACES[name])  # noqa: PTH118  # a Path would refuse some
    if name == "in a locked directory" and os.access(tmp_path / "locked", os.W_OK):
        pytest.skip("nothing is locked for this user")
    with Emulator(hub_port=0) as emulator:
        body = json.dumps({"path": path}).encode()
        answer = plain_http.post(f"{_hub(emulator)}/_admin/export", content=body)
        assert answer.status_code == 400
        message = answer.json()["message"]
        assert "(at " in message
        assert len(message) < 500


@pytest.mark.parametrize("name", ["x" * 255, "ü" * 127, "with space", "~", "-rf"])
def test_an_export_may_have_any_name_that_a_directory_may_have(tmp_path: Path, name: str) -> None:
    """The longest too, though it is written beside itself first."""
    with Emulator(hub_port=0) as emulator:
        url = f"{_hub(emulator)}/_admin/export"
        for _ in range(2):
            assert plain_http.post(url, json={"path": str(tmp_path / name)}).status_code == 200
    assert [each.name for each in tmp_path.iterdir() if each.is_dir()] == [name]


@pytest.mark.parametrize(("what", "enabled"), [("disable", False), ("enable", True)])
def test_background_triggers_can_be_switched(what: str, enabled: bool) -> None:
    """There are none, so it is enough to say so; not to a page from elsewhere."""
    with Emulator(hub_port=0) as emulator:
        url = f"{_hub(emulator)}/functions/{what}BackgroundTriggers"
        assert plain_http.put(url).json() == {"enabled": enabled}
        own = {"Origin": "http://localhost:3000"}
        assert plain_http.put(url, headers=own).json() == {"enabled": enabled}
        assert plain_http.put(url, headers={"Origin": "https://evil.example"}).status_code == 403


def test_a_page_of_this_machine_is_told_that_it_may_ask() -> None:
    """Before it does; one from elsewhere hears nothing of it."""
    with Emulator(hub_port=0) as emulator, plain_http.Client() as client:
        for origin, told in (("http://localhost:3000", True), ("https://evil.example", False)):
            url = f"{_hub(emulator)}/emulators"
            answer = client.request("OPTIONS", url, headers={"Origin": origin})
            assert answer.status_code == 200
            assert answer.headers.get("access-control-allow-origin") == (origin if told else None)


def test_what_the_hub_does_not_have_is_not_found() -> None:
    """Other paths, and other methods of those it has; and no WebSocket is spoken."""
    with Emulator(hub_port=0) as emulator:
        with (
            pytest.raises(InvalidStatus) as refused,
            connect(_hub(emulator).replace("http", "ws"), proxy=None),
        ):
            pass
        assert refused.value.response.status_code == 403
        assert plain_http.get(f"{_hub(emulator)}/nope").status_code == 404
        assert plain_http.post(f"{_hub(emulator)}/emulators").status_code == 404


def test_other_processes_find_the_hub_by_its_file(temporary: Path) -> None:
    """Named for the project, gone with the emulator."""
    file = temporary / "hub-demo-x.json"
    with Emulator("demo-x", hub_port=0) as emulator:
        found = json.loads(file.read_text())
        assert found == {
            "version": plain_http.get(_hub(emulator)).json()["version"],
            "origins": [_hub(emulator)],
            "pid": os.getpid(),
        }
        assert list(temporary.iterdir()) == [file]
    assert not file.exists()


def test_the_file_of_a_running_hub_is_left_alone(
    temporary: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The second emulator of a project runs, and says that others will not find it."""
    file = temporary / "hub-demo-x.json"
    caplog.set_level("INFO")
    with Emulator("demo-x", hub_port=0) as first:
        with Emulator("demo-x", hub_port=0):
            assert json.loads(file.read_text())["origins"] == [_hub(first)]
        assert [(one.levelname, "another emulator" in one.message) for one in caplog.records] == [
            ("INFO", True)
        ]
        assert file.exists()
        with Emulator() as gone:
            free = int(gone.database_host.rpartition(":")[2])
        with Emulator("demo-x", hub_port=free):
            assert caplog.records[-1].levelname == "WARNING"


def test_a_file_that_cannot_be_written_keeps_no_hub_from_running(temporary: Path) -> None:
    """Nor does one that belongs to a hub of somebody else's."""
    assert not Locator("demo-x", temporary / "nowhere").place({"pid": os.getpid()})

    def kill(_pid: int, _signal: int) -> None:
        raise PermissionError

    file = temporary / "hub-demo-x.json"
    file.write_text('{"pid": 7}')
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "kill", kill)
        assert not Locator("demo-x").place({"pid": os.getpid()})
    assert file.read_text() == '{"pid": 7}'


def test_what_another_hub_has_written_since_is_left(temporary: Path) -> None:
    """It may have taken this one for dead."""
    locator = Locator("demo-x")
    assert locator.place({"pid": os.getpid()})
    (temporary / "hub-demo-x.json").write_text('{"pid": 7}')
    locator.remove()
    assert (temporary / "hub-demo-x.json").read_text() == '{"pid": 7}'


def test_the_file_of_a_dead_hub_is_replaced(temporary: Path) -> None:
    """As are files that are none."""
    gone = programs.Popen([sys.executable, "-c", ""])
    gone.wait()
    for content in (json.dumps({"pid": gone.pid}), "nonsense", "[]", '{"pid": "x"}'):
        file = temporary / "hub-demo-x.json"
        file.write_text(content)
        locator = Locator("demo-x")
        assert locator.place({"pid": os.getpid()})
        assert json.loads(file.read_text()) == {"pid": os.getpid()}
        locator.remove()


def test_a_link_in_the_files_place_is_not_followed(temporary: Path) -> None:
    """Anybody may put one into a directory that everybody writes to."""
    (temporary / "victim").write_text("precious")
    (temporary / "hub-demo-x.json").symlink_to(temporary / "victim")
    locator = Locator("demo-x")
    assert locator.place({"pid": os.getpid()})
    assert (temporary / "victim").read_text() == "precious"
    locator.remove()


def test_an_emulator_that_cannot_start_leaves_no_file(temporary: Path) -> None:
    """The last port may be the one that is taken."""
    with Emulator(hub_port=0) as first:
        taken = first.addresses["hub"][1]
        second = Emulator("demo-x", hub_port=taken)
        with pytest.raises(Exception, match="in use"):
            second.start()
    assert list(temporary.iterdir()) == []
