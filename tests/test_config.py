"""Settings: flags over environment over file."""

from pathlib import Path
from typing import Any

import pytest

from imbari_chat import AsyncAdminChat, AsyncCustomerChat
from imbari_chat.config import Settings, settings_file
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
        ({"auth_emulator": "127.0.0.1:99999"}, "HOST:PORT"),
        ({"database_url": "imbari"}, "database address"),
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
