"""Settings: flags over environment over file."""

import errno
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from imbari_chat import AsyncAdminChat, AsyncCustomerChat, config_origins
from imbari_chat.config import Settings
from imbari_chat.config_origins import consents, settings_file
from imbari_chat.consent import Consents
from imbari_chat.errors import ConfigError

NAMES = [
    "FIREBASE_AUTH_EMULATOR_HOST",
    "FIREBASE_CONFIG",
    "FIREBASE_DATABASE_EMULATOR_HOST",
    "GCLOUD_PROJECT",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "GOOGLE_CLOUD_PROJECT",
    *(f"IMBARI_CHAT_{name.upper()}" for name in Settings.model_fields),
]


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty directory, and nothing of this machine's own configuration."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr("platformdirs.user_data_path", lambda _: tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_flags_win_over_environment_and_environment_over_file(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each setting on its own."""
    (nowhere / "imbari-chat.toml").write_text('project = "f"\nprofile = "f"\ntimeout = 3\n')
    monkeypatch.setenv("IMBARI_CHAT_PROFILE", "e")
    monkeypatch.setenv("GCLOUD_PROJECT", "e")
    settings = Settings.load(project="flag")
    assert (settings.project, settings.profile, settings.timeout) == ("flag", "e", 3.0)


@pytest.mark.parametrize("name", Settings.model_fields)
def test_other_programs_variables_are_no_settings(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """``NAME`` is set by some shells, ``DATABASE_URL`` and ``API_KEY`` are anybody's."""
    usual = Settings.load()
    for variable in name, name.upper(), f"IMBARI_CHAT_{name}":
        monkeypatch.setenv(variable, "postgres://somebody@else/x")
    assert Settings.load() == usual


def test_of_several_variables_the_first_that_says_something_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An empty one is as good as none."""
    monkeypatch.setenv("IMBARI_CHAT_PROJECT", "")
    monkeypatch.setenv("GCLOUD_PROJECT", "first")
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "second")
    assert Settings.load().project == "first"


def test_a_flag_that_was_not_given_overrides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command passes all of its options on."""
    monkeypatch.setenv("IMBARI_CHAT_PROFILE", "e")
    assert Settings.load(profile=None).profile == "e"


def test_what_firebase_hands_to_its_child_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables of ``firebase emulators:exec``, and nothing of our own."""
    monkeypatch.setenv("GCLOUD_PROJECT", "demo-x")
    monkeypatch.setenv("FIREBASE_CONFIG", '{"projectId":"demo-x","storageBucket":"b"}')
    monkeypatch.setenv("FIREBASE_DATABASE_EMULATOR_HOST", "127.0.0.1:9000")
    monkeypatch.setenv("FIREBASE_AUTH_EMULATOR_HOST", "127.0.0.1:9099")
    settings = Settings.load()
    assert settings.where() == {
        "project": "demo-x",
        "database": "https://demo-x-default-rtdb.firebaseio.com",
        "emulator": "127.0.0.1:9000",
    }
    assert settings.on_emulator
    assert settings.web_api_key()


def test_a_live_database_names_its_project() -> None:
    """Unless the project is configured."""
    url = "https://imbari-default-rtdb.europe-west1.firebasedatabase.app"
    settings = Settings.load(database_url=url)
    assert settings.project_id() == "imbari"
    assert not settings.on_emulator


def test_without_a_database_there_is_no_project() -> None:
    """And none is made up."""
    with pytest.raises(ConfigError, match="no database"):
        Settings.load().project_id()


def test_a_file_in_the_configuration_directory_is_found(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When there is none in the working directory."""
    place = nowhere / "config" / "imbari-chat"
    place.mkdir(parents=True)
    (place / "config.toml").write_text('profile = "mine"\n')
    monkeypatch.setattr("platformdirs.user_config_path", lambda _: place)
    assert settings_file() == place / "config.toml"
    assert Settings.load().profile == "mine"


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        ({"database_emulator": "http://127.0.0.1:9000"}, "HOST:PORT"),
        ({"database_emulator": "127.0.0.1"}, "HOST:PORT"),
        ({"auth_emulator": "127.0.0.1:0"}, "HOST:PORT"),
        ({"auth_emulator": "127.0.0.1:65536"}, "HOST:PORT"),
        ({"database_url": "imbari"}, "database address"),
        ({"database_url": "ftp://imbari.firebaseio.com"}, "database address"),
        ({"database_url": "https://me@imbari.firebaseio.com"}, "no user name"),
        ({"database_url": "https://"}, "database address"),
        ({"database_url": "https://imbari.firebaseio.com:0"}, "database address"),
        ({"database_url": "https://imbari.firebaseio.com:99999"}, "database address"),
        ({"database_url": "http://127.0.0.1:9000"}, "namespace"),
        ({"timeout": 0}, "timeout"),
        ({"profile": "../up"}, "profile"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_an_unusable_setting_is_named(flags: dict[str, Any], says: str) -> None:
    """With what it should look like."""
    with pytest.raises(ConfigError, match=says):
        Settings.load(**flags)


def test_a_broken_file_is_named(nowhere: Path) -> None:
    """Not a traceback of the TOML parser."""
    (nowhere / "imbari-chat.toml").write_text("project = \n")
    with pytest.raises(ConfigError, match=r"imbari-chat\.toml"):
        Settings.load()


def test_an_unreadable_file_is_named(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the system's reason, and what it has to be."""
    (nowhere / "imbari-chat.toml").touch()
    reading = Mock(side_effect=PermissionError(errno.EACCES, "Permission denied"))
    monkeypatch.setattr(config_origins, "_read", reading)
    with pytest.raises(ConfigError) as caught:
        Settings.load()
    assert str(caught.value) == (
        "the settings file cannot be read: [Errno 13] Permission denied (at imbari-chat.toml)."
        " It has to be TOML in UTF-8 that you may read"
    )


def test_what_is_not_usable_may_stand_in_the_file(nowhere: Path) -> None:
    """If there is one."""
    for hint in (None, "Look at the environment and at imbari-chat.toml"):
        with pytest.raises(ConfigError) as caught:
            Settings.load(timeout=-1)
        assert (caught.value.what, caught.value.hint) == (
            "setting 'timeout' is not usable: must be more than 0.0", hint,
        )  # fmt: skip
        (nowhere / "imbari-chat.toml").touch()


def test_a_misspelt_setting_in_the_file_is_named(nowhere: Path) -> None:
    """It would otherwise be ignored in silence."""
    (nowhere / "imbari-chat.toml").write_text('projct = "x"\n')
    with pytest.raises(ConfigError, match="projct"):
        Settings.load()


def test_broken_firebase_config_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes from the environment, so that is where to look."""
    monkeypatch.setenv("FIREBASE_CONFIG", "{broken")
    with pytest.raises(ConfigError, match="FIREBASE_CONFIG"):
        Settings.load()


def test_without_any_database_the_error_says_what_to_do() -> None:
    """Both ways: the emulator, and a live project."""
    with pytest.raises(ConfigError, match=r"emulator exec.*IMBARI_CHAT_DATABASE_URL"):
        Settings.load().address()


@pytest.mark.parametrize("end", [AsyncAdminChat, AsyncCustomerChat])
def test_either_end_says_first_that_there_is_no_database(
    end: type[AsyncAdminChat] | type[AsyncCustomerChat],
) -> None:
    """Before it asks for anything that only a live project needs."""
    with pytest.raises(ConfigError, match="no database is configured"):
        end.from_env()


def test_an_emulated_database_without_an_auth_emulator_is_no_place_to_sign_in() -> None:
    """A test's password must not reach the live service."""
    with pytest.raises(ConfigError, match="FIREBASE_AUTH_EMULATOR_HOST"):
        AsyncCustomerChat.from_env(database_emulator="127.0.0.1:9000")


def test_signing_in_at_a_live_project_needs_its_key() -> None:
    """It is not secret, but there is no default for it."""
    with pytest.raises(ConfigError, match="IMBARI_CHAT_API_KEY"):
        Settings.load(database_url="https://imbari.firebaseio.com").web_api_key()


def test_the_key_is_not_shown() -> None:
    """In case somebody puts another kind of key there."""
    assert "hush" not in repr(Settings.load(api_key="hush"))


LIVE = "https://imbari-live-default-rtdb.firebaseio.com"
HERE = "127.0.0.1:9000"
THERE = "db.example.com:9000"


@pytest.mark.parametrize(
    "said",
    [
        f"database_emulator = '{THERE}'",
        f"database_emulator = '{HERE}'\nauth_emulator = '{THERE}'",
        "database_emulator = '127.0.0.1.example.com:9000'",
        "database_emulator = 'localhost.example.com:9000'",
        "database_emulator = '0.0.0.0:9000'",
        f"database_url = '{LIVE}'",
        "database_url = 'https://db.example.com'",
        "database_url = 'http://db.example.com:9000?ns=x'",
        "project = 'imbari-live'",
        "api_key = 'AIzaTheirs'",
        "credentials = 'key.json'",
        "identity = 'application-default'",
        "unrestricted = true",
        "data_dir = '.'",
        "token_store = 'file'",
        f"database_emulator = '{HERE}'\ndata_dir = '.'",
        f"database_emulator = '{HERE}'\nunrestricted = true",
    ],
)
def test_a_file_of_the_working_directory_needs_consent(nowhere: Path, said: str) -> None:
    """For a target beyond this machine, for credentials and where they are kept; and only as it
    was when somebody consented."""
    file = nowhere / "imbari-chat.toml"
    file.write_text(said)
    with pytest.raises(ConfigError, match="config trust") as caught:
        Settings.load()
    assert caught.value.where == str(file)
    consents().give(file)
    Settings.load()
    file.write_text(f"{said}\n# changed")
    with pytest.raises(ConfigError, match="config trust"):
        Settings.load()
    consents().give(file)
    assert consents().withdraw(file) is True
    assert consents().withdraw(file) is False
    with pytest.raises(ConfigError, match="config trust"):
        Settings.load()


@pytest.mark.parametrize(
    "said",
    [
        "",
        "timeout = 3\nprofile = 'night'",
        f"database_emulator = '{HERE}'\nauth_emulator = 'localhost:9099'\nproject = 'demo-x'",
        "database_emulator = '[::1]:9000'\napi_key = 'any'",
        "database_url = 'http://127.0.0.1:9000?ns=x'",
        f"database_url = '{LIVE}'\ndatabase_emulator = '{HERE}'",
    ],
)
def test_a_file_of_the_working_directory_may_name_this_machine(nowhere: Path, said: str) -> None:
    """An emulator on loopback, and what has to do with no target."""
    (nowhere / "imbari-chat.toml").write_text(said)
    Settings.load()


def test_what_a_stronger_source_says_needs_no_consent(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file's word on it does not count anyway."""
    (nowhere / "imbari-chat.toml").write_text("database_url = 'https://db.example.com'")
    monkeypatch.setenv("IMBARI_CHAT_DATABASE_URL", LIVE)
    assert Settings.load().address() == LIVE


def test_a_file_says_not_where_its_own_consent_is_kept(nowhere: Path) -> None:
    """A cloned repository could bring the consent along."""
    file = nowhere / "imbari-chat.toml"
    file.write_text(f"database_url = '{LIVE}'\ndata_dir = '{nowhere}/brought'")
    Consents(nowhere / "brought" / "consents").give(file)
    with pytest.raises(ConfigError, match="config trust"):
        Settings.load()


def test_the_users_own_file_needs_no_consent(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It lies in the user's configuration directory."""
    place = nowhere / "config" / "imbari-chat"
    place.mkdir(parents=True)
    (place / "config.toml").write_text(f"database_url = '{LIVE}'\n")
    monkeypatch.setattr("platformdirs.user_config_path", lambda _: place)
    assert Settings.load().address() == LIVE


def test_consents_are_kept_where_the_environment_says(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As everything else is; no settings file has a say in it."""
    file = nowhere / "imbari-chat.toml"
    file.write_text(f"database_url = '{LIVE}'\ndata_dir = '{nowhere / 'brought'}'\n")
    monkeypatch.setenv("IMBARI_CHAT_DATA_DIR", str(nowhere / "elsewhere"))
    consents().give(file)
    assert [*nowhere.rglob("consents")] == [nowhere / "elsewhere" / "consents"]
    Settings.load()


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"x": 1}', b"\xff"])
def test_a_damaged_consent_is_none(nowhere: Path, damage: bytes) -> None:
    """And consent can be given again."""
    file = nowhere / "imbari-chat.toml"
    file.write_text(f"database_url = '{LIVE}'\n")
    consents().give(file)
    (kept,) = (nowhere / "data" / "consents").iterdir()
    kept.write_bytes(damage)
    with pytest.raises(ConfigError, match="config trust"):
        Settings.load()
    consents().give(file)
    Settings.load()


@pytest.mark.parametrize("url", [LIVE, "http://127.0.0.1:9001?ns=x", f"https://{HERE}"])
@pytest.mark.parametrize("emulator", ["environment", "file"])
def test_a_named_database_and_an_emulator_of_a_weaker_source_contradict(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch, url: str, emulator: str
) -> None:
    """What was asked for by name is not answered by another, in silence."""
    if emulator == "environment":
        monkeypatch.setenv("FIREBASE_DATABASE_EMULATOR_HOST", HERE)
    else:
        (nowhere / "imbari-chat.toml").write_text(f"database_emulator = '{HERE}'")
    with pytest.raises(ConfigError, match="unset FIREBASE_DATABASE_EMULATOR_HOST") as caught:
        Settings.load(database_url=url)
    assert url in caught.value.what
    assert HERE in caught.value.what
    assert Settings.load(database_url=f"http://{HERE}?ns=x").on_emulator
    assert Settings.load(database_url=url, database_emulator=HERE).on_emulator


IMBARI = "https://imbari.firebaseio.com"
FAKE = "https://demo-imbari-default-rtdb.firebaseio.com"


@pytest.mark.parametrize(
    ("flags", "where", "key"),
    [
        ({"database_url": IMBARI, "api_key": "k"}, {"project": "imbari", "database": IMBARI}, "k"),
        (
            {"database_url": "http://127.0.0.1:9000?ns=x"},
            {"project": "demo-imbari", "database": "http://127.0.0.1:9000?ns=x"},
            "fake-api-key",
        ),
        (
            {"database_emulator": HERE, "api_key": "k"},
            {"project": "demo-imbari", "database": FAKE, "emulator": HERE},
            "k",
        ),
    ],
)
def test_a_target_is_told_in_words(flags: Any, where: dict[str, str], key: str) -> None:
    """An emulator's project is made up, and any key fits; one that is given is used."""
    settings = Settings.load(**flags)
    assert (settings.where(), settings.web_api_key()) == (where, key)


def test_a_project_alone_is_no_target() -> None:
    """Where its database is nobody can tell: in which region, or under which name."""
    with pytest.raises(ConfigError, match="no database is configured"):
        Settings.load(project="imbari").address()


SECRET = "S3CRET"  # none


@pytest.mark.parametrize(
    "flags",
    [
        {"database_url": f"https://user:{SECRET}@x.firebaseio.com"},
        {"database_url": f"https://{SECRET}@x.firebaseio.com"},
        {"database_url": f"https://x.firebaseio.com/?auth={SECRET}"},
        {"database_url": f"https://x.firebaseio.com/#{SECRET}"},
        {"database_url": f"https://x.firebaseio.com/{SECRET}"},
        {"database_url": f"https://x.firebaseio.com:{SECRET}"},
        {"database_url": f"https://user:{SECRET}@[::1"},
        {"database_url": f"ftp://user:{SECRET}@x.firebaseio.com"},
        {"database_url": f"http://user:{SECRET}@127.0.0.1:9000?ns=x"},
        {"database_url": f"http://127.0.0.1:9000?ns=x&auth={SECRET}"},
        {"database_url": f"http://127.0.0.1:9000?ns=x&{SECRET}"},
        {"database_url": f"http://127.0.0.1:9000?ns=x;auth={SECRET}"},
        {"database_url": f"http://127.0.0.1:9000?ns=x&ns={SECRET}"},
        {"database_url": f"https://x.firebaseio.com;auth={SECRET}"},
        {"database_url": f"https://x.firebaseio.com&auth={SECRET}"},
        {"project": f"https://user:{SECRET}@x.firebaseio.com"},
        {"project": f"x?auth={SECRET}"},
        {"database_emulator": f"user:{SECRET}@127.0.0.1:9000"},
        {"auth_emulator": f"http://user:{SECRET}@127.0.0.1:9099"},
    ],
)
def test_a_secret_in_an_address_is_refused_and_not_shown(flags: dict[str, Any]) -> None:
    """Addresses are printed, by doctor and in errors; what refuses one does not quote it."""
    with pytest.raises(ConfigError) as caught:
        Settings.load(**flags)
    error: BaseException | None = caught.value
    while error is not None:
        assert SECRET not in f"{error} {error!r} {error.args!r}"
        error = error.__context__


@pytest.mark.parametrize(
    ("flags", "target"),
    [
        (
            {"database_url": "https://imbari.firebaseio.com"},
            "the live project imbari (https://imbari.firebaseio.com)",
        ),
        (
            {"project": "demo-x", "database_emulator": "127.0.0.1:9000"},
            "the emulator at 127.0.0.1:9000 (project demo-x)",
        ),
        (
            {"project": "demo-x", "database_url": "http://127.0.0.1:9000?ns=demo-x"},
            "the emulator at 127.0.0.1:9000 (project demo-x)",
        ),
    ],
)
def test_the_target_is_said_before_anything_is_changed_there(
    flags: dict[str, Any], target: str
) -> None:
    """Nobody takes a live project for an emulator."""
    assert Settings.load(**flags).target() == target


_NAMED_OTHERWISE = {
    "project": ["GCLOUD_PROJECT", "GOOGLE_CLOUD_PROJECT"],
    "credentials": ["GOOGLE_APPLICATION_CREDENTIALS"],
    "database_emulator": ["FIREBASE_DATABASE_EMULATOR_HOST"],
    "auth_emulator": ["FIREBASE_AUTH_EMULATOR_HOST"],
}
_VALUES = {
    "database_url": "https://x.firebaseio.com",
    "api_key": "k",
    "identity": "login",
    "unrestricted": "true",
    "timeout": "7",
    "transport": "rest",
    "token_store": "file",
    "outbox": "memory",
    "presence": "false",
    "undo": "1",
    "bell": "false",
    "title": "false",
    "notify": "osc9",
    "notify_text": "true",
    "database_emulator": "127.0.0.1:1",
    "auth_emulator": "127.0.0.1:1",
}


@pytest.mark.parametrize("name", Settings.model_fields)
def test_each_setting_has_its_variable(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Our own, or the one that others gave it; and nothing else changes with it."""
    usual = Settings.load()
    emulators = {"database_emulator", "auth_emulator"}
    own = [] if name in emulators else [f"IMBARI_CHAT_{name.upper()}"]
    for variable in [*own, *_NAMED_OTHERWISE.get(name, [])]:
        with monkeypatch.context() as patched:
            patched.setenv(variable, _VALUES.get(name, "x"))
            settings = Settings.load()
        changed = {
            one for one in Settings.model_fields if getattr(settings, one) != getattr(usual, one)
        }
        assert changed == {name}, variable


@pytest.mark.parametrize(
    ("name", "fits", "does_not"),
    [
        ("timeout", [0.001, 900], [0, -1, 900.1]),
        ("undo", [0, 60], [-0.1, 60.1]),
        ("name", ["x", "x" * 50], ["", "x" * 51]),
        ("profile", ["x", "A-z_09", "x" * 40], ["", "x" * 41, "a b", "é", "x\n"]),
        ("notify", ["off", "osc9", "osc777", "notify-send"], ["on"]),
    ],
)
def test_each_setting_has_its_bounds(name: str, fits: list[object], does_not: list[object]) -> None:
    """What is beyond them is named."""
    for value in fits:
        given: Any = {name: value}
        assert getattr(Settings.load(**given), name) == value
    for value in does_not:
        wrong: Any = {name: value}
        with pytest.raises(ConfigError) as caught:
            Settings.load(**wrong)
        assert name in str(caught.value)


def test_what_nobody_sets_is_as_usual() -> None:
    """As the documents say."""
    usual = Settings.load().model_dump(exclude={"data_dir"})
    assert usual == {
        "project": None, "database_url": None, "api_key": None, "credentials": None,
        "database_emulator": None, "auth_emulator": None, "identity": "auto",
        "unrestricted": False, "profile": "default", "timeout": 10.0, "transport": "auto",
        "token_store": "auto", "outbox": "auto", "presence": True, "name": None, "undo": 3.0,
        "bell": True, "title": True, "notify": "off", "notify_text": False,
    }  # fmt: skip


def test_consents_are_found_again_by_a_later_program(nowhere: Path) -> None:
    """They are where they were."""
    file = nowhere / "imbari-chat.toml"
    file.write_text("timeout = 5")
    Consents(nowhere / "data").give(file)
    assert [one.name for one in (nowhere / "data").iterdir()] == ["settings-files.json"]
    assert Consents(nowhere / "data").cover(file)
