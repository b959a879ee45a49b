"""Where a project lives, read from its settings."""

import pytest

from imbari_chat.engine.places import SocketPlace
from imbari_chat.engine.writes import check_json, update_body
from imbari_chat.errors import ConfigError, InvalidData
from imbari_chat.http_environment import HttpEnvironment
from imbari_chat.identity.project import Project, encode_params
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import ROOT, Path


def at(url: str, emulator: str | None = None) -> Project:
    return Project("demo-x", url, "k", database_emulator=emulator)


@pytest.mark.parametrize(
    ("project", "namespace", "base", "admin_url", "emulated"),
    [
        (
            at("https://ns.firebaseio.com/"),
            "ns",
            "https://ns.firebaseio.com",
            "https://ns.firebaseio.com",
            False,
        ),
        (
            at("https://ns.europe-west1.firebasedatabase.app"),
            "ns",
            "https://ns.europe-west1.firebasedatabase.app",
            "https://ns.europe-west1.firebasedatabase.app",
            False,
        ),
        (
            at("https://ns.firebaseio.com", "127.0.0.1:9000"),
            "ns",
            "http://127.0.0.1:9000",
            "http://127.0.0.1:9000/?ns=ns",
            True,
        ),
        (
            at("http://localhost:9000?ns=other"),
            "other",
            "http://localhost:9000",
            "http://localhost:9000/?ns=other",
            True,
        ),
        (
            at("http://localhost:9000/?ns=other", "[::1]:9001"),
            "other",
            "http://[::1]:9001",
            "http://[::1]:9001/?ns=other",
            True,
        ),
    ],
)
def test_addresses_follow_from_url_and_emulator(
    project: Project, namespace: str, base: str, admin_url: str, emulated: bool
) -> None:
    """An emulator changes the host and nothing else."""
    assert project.namespace == namespace
    assert project.rest_base == base
    assert project.admin_url == admin_url
    assert project.is_emulator is emulated
    host = base.partition("://")[2]
    assert project.socket_place == SocketPlace(host, namespace, secure=not emulated)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ns.firebaseio.com",
        "ftp://ns.firebaseio.com",
        "https://",
        "https://ns.firebaseio.com/some/path",
        "https://ns.firebaseio.com?ns=x",
        "https://user:secret@ns.firebaseio.com",
        "https://ns.firebaseio.com#x",
        "https://ns.firebaseio.com:notaport",
        "https://ns.firebaseio.com:0",
        "https://[broken",
        "http://127.0.0.1:9000",
        "http://127.0.0.1:9000?ns=",
        "http://127.0.0.1:9000?ns=a&ns=b",
    ],
)
def test_unusable_database_url_is_refused_with_a_hint(url: str) -> None:
    """The message says what a database URL looks like, and does not repeat what was given."""
    with pytest.raises(ConfigError, match="database URL") as caught:
        at(url)
    assert caught.value.where == "database URL"
    assert "https://NAME-default-rtdb.firebaseio.com" in str(caught.value.hint)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("host", ["", "127.0.0.1", "http://127.0.0.1:9000", "h:9000/x", "h:"])
def test_emulator_host_must_be_host_and_port(host: str) -> None:
    """A URL in place of host:port is a common mistake and is named."""
    with pytest.raises(ConfigError, match="emulator must be written as host:port") as caught:
        at("https://ns.firebaseio.com", host)
    told = (caught.value.where, caught.value.hint)
    assert told == ("database emulator", "Leave out http:// and any path")
    with pytest.raises(ConfigError, match="emulator must be written as host:port") as caught:
        Project("demo-x", "https://ns.firebaseio.com", "k", auth_emulator=host)
    assert caught.value.where == "auth emulator"


def test_missing_project_id_and_bad_timeout_are_refused() -> None:
    """Neither has a meaning that could be guessed."""
    with pytest.raises(ConfigError, match="project id") as caught:
        Project("", "https://ns.firebaseio.com", "k")
    assert (caught.value.where, caught.value.hint) == ("project", "The Firebase console shows it")
    for timeout in (0.0, -1.0, float("nan")):
        with pytest.raises(ConfigError, match=f"must be positive, not {timeout}") as caught:
            Project("demo-x", "https://ns.firebaseio.com", "k", timeout=timeout)
        assert (caught.value.where, caught.value.hint) == ("timeout", "Give seconds, such as 10")
    assert Project("demo-x", "https://ns.firebaseio.com", "k", timeout=0.01).timeout == 0.01


@pytest.mark.parametrize(
    ("emulator", "auth_emulator", "url"),
    [
        (None, None, "https://identitytoolkit.googleapis.com"),
        ("127.0.0.1:1", None, "http://127.0.0.1:1"),
        ("127.0.0.1:1", "127.0.0.1:2", "http://127.0.0.1:2"),
    ],
)
def test_the_way_to_all_of_it_is_checked_before_anything_is_asked(
    emulator: str | None, auth_emulator: str | None, url: str
) -> None:
    """A proxy that cannot be used is found out at once, not by the first message."""
    live = "https://ns.firebaseio.com"
    project = Project("demo-x", live, "k", emulator, auth_emulator)
    assert project.sign_in_url == url
    http = HttpEnvironment({"https_proxy": "ftp://proxy.example"})
    if emulator is None:
        with pytest.raises(ConfigError, match="proxy"):
            Project("demo-x", live, "k", emulator, auth_emulator, http=http)
    else:
        Project("demo-x", live, "k", emulator, auth_emulator, http=http)


def test_api_key_is_not_shown() -> None:
    """A project may be printed."""
    assert "k-e-y" not in repr(Project("demo-x", "https://ns.firebaseio.com", "k-e-y"))


def test_urls_are_encoded_and_name_the_emulated_database() -> None:
    """Everything that is not unreserved is percent-encoded, spaces and plus signs included."""
    live, emulated = at("https://n.firebaseio.com"), at("https://n.firebaseio.com", "h:1")
    path = Path(["a b", "c+d%41?é"])
    assert live.url(path, {}) == "https://n.firebaseio.com/a%20b/c%2Bd%2541%3F%C3%A9.json"
    assert live.url(ROOT, {}) == "https://n.firebaseio.com/.json"
    assert emulated.url(ROOT, {"x": "y&z"}) == "http://h:1/.json?x=y%26z&ns=n"
    assert encode_params({"startAt": '"a + b"'}) == "startAt=%22a%20%2B%20b%22"


def test_update_body_joins_paths() -> None:
    """Keys of a multi-path update are paths without a leading slash."""
    body = update_body({Path.parse("/a/b"): 1, Path.parse("c"): None})
    assert body == {"a/b": 1, "c": None}


def test_an_update_does_not_replace_the_root() -> None:
    """Everything would be gone."""
    with pytest.raises(InvalidData):
        update_body({ROOT: 1})


@pytest.mark.parametrize("value", [float("nan"), [float("inf")], {"a": {"b": float("-inf")}}])
def test_what_no_database_takes_is_refused_before_a_library_sends_it(value: Json) -> None:
    """However deep it is."""
    with pytest.raises(InvalidData):
        check_json(value)


LIVE_URL = "https://shop-default-rtdb.firebaseio.com"


@pytest.mark.parametrize(
    ("database_url", "database_emulator", "auth_emulator", "place"),
    [
        (LIVE_URL, None, None, None),
        ("https://shop.europe-west1.firebasedatabase.app", None, None, None),
        ("https://second-instance.firebaseio.com", None, None, None),
        ("https://firebaseio.com.example.com", None, None, "https://firebaseio.com.example.com"),
        ("https://xfirebaseio.com", None, None, "https://xfirebaseio.com"),
        ("https://db.example.com", None, None, "https://db.example.com"),
        ("https://db.example.com:1", None, None, "https://db.example.com:1"),
        (LIVE_URL, "127.0.0.1:9000", "127.0.0.1:9099", "http://127.0.0.1:9099"),
        (LIVE_URL, None, "127.0.0.1:9099", "http://127.0.0.1:9099"),
        (LIVE_URL, "127.0.0.1:9000", None, "http://127.0.0.1:9000"),
        ("http://127.0.0.1:9000?ns=x", None, "db.example.com:1", "http://db.example.com:1"),
    ],
)
def test_a_sign_in_has_a_place(
    database_url: str, database_emulator: str | None, auth_emulator: str | None, place: str | None
) -> None:
    """The live service, or the one address that it was made at and is shown to."""
    project = Project(
        "shop",
        database_url,
        "k",
        database_emulator=database_emulator,
        auth_emulator=auth_emulator,
    )
    assert project.place == place


def test_two_ways_to_one_project_make_no_two_projects() -> None:
    """How the network is reached neither tells projects apart nor is shown with them."""
    http = HttpEnvironment({"https_proxy": "http://user:secret@proxy.example:1"})
    project = Project("demo-x", "https://ns.firebaseio.com", "the-key", http=http)
    assert project == Project("demo-x", "https://ns.firebaseio.com", "the-key")
    assert project != Project("demo-x", "https://ns.firebaseio.com", "another-key")
    shown = repr(project)
    assert "demo-x" in shown
    assert not [word for word in ("the-key", "http=", "proxy.example") if word in shown]
