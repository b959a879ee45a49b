"""The website's pages, as ``demo --web`` serves them."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from importlib import resources
from pathlib import Path

import httpx
import pytest

from imbari_chat.cli.demo.run import run_demo
from imbari_chat.cli.demo.site import Site, installed_sdk, pages, serving
from imbari_chat.errors import ConfigError
from tests import plain_http

REPOSITORY = Path(__file__).parents[2]
EMULATOR = {"auth": "127.0.0.1:9099", "database": "127.0.0.1:9000"}
FIREBASE = {"apiKey": "any", "projectId": "demo-imbari"}


@pytest.fixture
def site() -> Iterator[httpx.Client]:
    """A client of the running site, with the SDK from the CDN."""
    with (
        serving(Site([pages()], FIREBASE, EMULATOR, None), 0) as url,
        plain_http.Client(base_url=url, trust_env=False) as client,
    ):
        yield client


@pytest.mark.parametrize(
    ("path", "kind", "words"),
    [
        ("/", "text/html", "widget.js"),
        ("/index.html", "text/html", "widget.js"),
        ("/admin/chat", "text/html", "dashboard.js"),
        ("/admin/dashboard.js", "text/javascript", "signInWithEmailAndPassword"),
        ("/widget.css?v=2", "text/css", ".launcher"),
    ],
)
def test_both_pages_are_served(site: httpx.Client, path: str, kind: str, words: str) -> None:
    """On one port, at the addresses that the website has."""
    answer = site.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, f"{kind}; charset=utf-8")
    assert words in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"
    head = site.head(path)
    assert (head.status_code, head.content) == (200, b"")


def test_of_a_page_whose_head_is_asked_for_nothing_else_comes(site: httpx.Client) -> None:
    """It would be taken for the next answer."""
    with closing(HTTPConnection(site.base_url.host, site.base_url.port, timeout=60)) as wire:
        for method, is_empty in (("HEAD", True), ("GET", False)):
            wire.request(method, "/widget.css")
            answer = wire.getresponse()
            assert (answer.status, answer.read() == b"") == (200, is_empty)


def test_a_site_without_its_pages_is_not_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says where they should be."""
    monkeypatch.setattr(resources, "files", lambda _: tmp_path)
    with pytest.raises(ConfigError, match="not installed") as refused:
        pages()
    assert refused.value.where == str(tmp_path / "web")


@pytest.mark.parametrize(
    "path",
    [
        "/nothing", "/admin", "/admin/", "/../run.py", "/%2e%2e/run.py", "/..%2frun.py", "/%00",
        "//etc/passwd", "/admin/../../run", "/sdk/firebase-app.js", "/" + "x" * 5000, "/a.py",
    ],
)  # fmt: skip
def test_nothing_else_is_served(site: httpx.Client, path: str) -> None:
    """Neither what is not there nor what is beside the pages."""
    answer = site.get(path)
    assert (answer.status_code, answer.text) == (404, "There is no such page.\n")


def test_a_page_is_a_file_of_the_folder_and_of_a_kind_that_pages_are(tmp_path: Path) -> None:
    """No link leads out of it."""
    root = tmp_path / "pages"
    root.mkdir()
    (tmp_path / "secret.html").write_text("secret")
    (root / "way.html").symlink_to(tmp_path / "secret.html")
    (root / "page.html").write_text("a page")
    (root / "notes.txt").write_text("no page")
    (root / "folder.html").mkdir()
    site = Site([root], FIREBASE, EMULATOR, None)
    assert site.found("/page") == ("text/html", b"a page")
    assert [site.found(path) for path in ("/way", "/notes.txt", "/folder")] == [None] * 3


def test_the_policy_lets_nothing_run_that_is_not_a_file_of_the_site(site: httpx.Client) -> None:
    """Nor lets the page speak to anybody but the services."""
    policy = site.get("/").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    (allowed,) = re.findall("connect-src ([^;]+)", policy)
    assert allowed.split() == [
        f"{scheme}://{host}" for host in EMULATOR.values() for scheme in ("http", "ws")
    ]


def _config(text: str) -> dict[str, object]:
    (body,) = re.findall(r"export const config = (.*);", text, re.DOTALL)
    config: dict[str, object] = json.loads(body)
    return config


def test_one_object_says_where_everything_is(site: httpx.Client) -> None:
    """The project, the emulator, and the SDK in the version that the tests are run with."""
    version = json.loads((REPOSITORY / "package.json").read_text())["devDependencies"]["firebase"]
    assert _config(site.get("/config.js").text) == {
        "firebase": FIREBASE,
        "emulator": EMULATOR,
        "sdk": f"https://www.gstatic.com/firebasejs/{version}",
    }


def test_a_live_project_has_no_emulator() -> None:
    """And the page may speak to Google's hosts instead."""
    live = Site([pages()], FIREBASE, None, None)
    found = live.found("/config.js")
    assert found is not None
    assert _config(found[1].decode())["emulator"] is None
    assert "wss://*.firebasedatabase.app" in live.policy


def test_an_installed_sdk_is_served_and_finds_its_own_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it names at the CDN is taken from here; nothing else of the folder is served."""
    monkeypatch.chdir(tmp_path)
    assert installed_sdk() is None
    folder = tmp_path / "node_modules" / "firebase"
    folder.mkdir(parents=True)
    (folder / "package.json").write_text("{}")
    cdn = "https://www.gstatic.com/firebasejs/12.19.0/firebase-app.js"
    (folder / "firebase-database.js").write_text(f'import{{x}}from"{cdn}";')
    sdk = installed_sdk()
    assert sdk is not None
    site = Site([pages()], FIREBASE, EMULATOR, sdk)
    assert site.found("/sdk/firebase-database.js") == (
        "text/javascript", b'import{x}from"/sdk/firebase-app.js";',
    )  # fmt: skip
    assert site.found("/sdk/firebase-auth.js") is None  # is not there
    assert site.found("/sdk/package.json") is None
    assert site.found("/sdk/../package.json") is None
    config = site.found("/config.js")
    assert config is not None
    assert _config(config[1].decode())["sdk"] == "/sdk"


def test_a_port_that_is_taken_is_an_error(site: httpx.Client) -> None:
    """Which says what to do."""
    with (
        pytest.raises(ConfigError, match="Choose another"),
        serving(Site([pages()], FIREBASE, EMULATOR, None), site.base_url.port or 0),
    ):
        pass


def test_the_demo_prints_where_its_website_is(
    nowhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As data, for a program that opens it."""
    assert run_demo(headless=True, web=True, seconds=0.2, json=True, customers=1) == 0
    (told,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (told.pop("version"), told.pop("event")) == (1, "serving")
    assert told["dashboard"] == f"{told['widget']}admin/chat"
    assert told.keys() == {"widget", "dashboard", "email", "password", "database", "auth"}


def test_what_was_served_is_gone_with_its_block() -> None:
    """Nobody answers at its port, and no thread is left."""
    with serving(Site([pages()], FIREBASE, EMULATOR, None), 0) as url:
        threads = [one for one in threading.enumerate() if one.name == "imbari-site"]
        assert plain_http.get(f"{url}/", trust_env=False).status_code == 200
    assert not any(one.is_alive() for one in threads)
    with pytest.raises(httpx.ConnectError):
        plain_http.get(f"{url}/", trust_env=False)
