"""Who an admin and a customer are, by what is configured and what is there."""

import logging
from pathlib import Path
from typing import Any

import pytest

from imbari_chat.config import Settings
from imbari_chat.errors import AuthError, ConfigError, ImbariError
from imbari_chat.identity import factory, service, sign_in
from imbari_chat.identity.project import Project

LIVE: dict[str, Any] = {
    "project": "imbari",
    "database_url": "https://imbari.firebaseio.com",
    "api_key": "key",
}
EMULATOR: dict[str, Any] = {
    "project": "demo-imbari",
    "database_emulator": "127.0.0.1:9",
    "auth_emulator": "127.0.0.1:9",
}
KEY = Path("key.json")
SIGN_IN = "Sign in: imbari-chat auth login"


class Ways:
    """What is asked of the libraries, instead of asking."""

    ended = False

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.taken: list[str] = []
        monkeypatch.setattr(service, "ServiceAccess", self._service)
        monkeypatch.setattr(service, "OwnerAccess", self._owner)
        monkeypatch.setattr(sign_in, "resume", self._resume)
        monkeypatch.setattr(sign_in, "sign_in_anonymously", self._anonymously)

    def _service(self, project: object, *, key_file: Path | None, unrestricted: bool) -> str:
        rights = " without rules" if unrestricted else ""
        self.taken.append(f"service by {key_file or 'what is there'}{rights}")
        return self.taken[-1]

    def _owner(self, project: object, *, unrestricted: bool) -> str:
        self.taken.append("owner without rules" if unrestricted else "owner")
        return self.taken[-1]

    def _resume(self, project: object, token: str, *, on_tokens: object) -> str:
        assert callable(on_tokens)
        self.taken.append(f"resume {token}")
        if self.ended:
            raise AuthError("your sign-in has ended")
        return self.taken[-1]

    def _anonymously(self, project: object, *, on_tokens: object = None) -> str:
        self.taken.append("somebody new" + (", kept" if on_tokens else ""))
        return self.taken[-1]


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch) -> Ways:
    return Ways(monkeypatch)


def _settings(place: Path, stored: str | None, **flags: Any) -> Settings:
    """Settings of a machine where somebody may be signed in."""
    settings = Settings.load(data_dir=place, token_store="file", **flags)
    if stored is not None:
        roles: tuple[factory.Role, ...] = ("admin", "customer")
        for role in roles:
            factory.stored_sign_in(settings, factory.sign_in_project(settings), role).keep(stored)
    return settings


@pytest.mark.parametrize(
    ("flags", "key"),
    [
        (LIVE, "key"),
        ({**LIVE, "api_key": None}, ""),
        ({**EMULATOR, "api_key": "mine"}, "mine"),
        (EMULATOR, Settings.load(**EMULATOR).web_api_key()),
        ({**EMULATOR, "auth_emulator": None}, Settings.load(**EMULATOR).web_api_key()),
        ({**LIVE, "timeout": 3.5}, "key"),
    ],
)
def test_a_project_is_what_the_settings_say(flags: dict[str, Any], key: str) -> None:
    """Whoever signs in nowhere needs no key."""
    settings = Settings.load(**flags)
    assert factory.project(settings) == Project(
        id=flags["project"],
        database_url=settings.address(),
        api_key=key,
        database_emulator=flags.get("database_emulator"),
        auth_emulator=flags.get("auth_emulator"),
        timeout=flags.get("timeout", settings.timeout),
    )


@pytest.mark.parametrize(
    ("flags", "problem", "hint"),
    [
        ({**LIVE, "auth_emulator": "127.0.0.1:9"},
         ("the database is a live one (https://imbari.firebaseio.com), but the sign-in service is"
         " an emulator at 127.0.0.1:9"),
         "Unset FIREBASE_AUTH_EMULATOR_HOST, or set FIREBASE_DATABASE_EMULATOR_HOST too"),
        ({**EMULATOR, "auth_emulator": None},
         "the database is an emulator, but no Auth emulator is configured to sign in at",
         "Set FIREBASE_AUTH_EMULATOR_HOST=HOST:PORT, or use `imbari-chat emulator exec`"),
        ({**LIVE, "api_key": None},
         "signing in needs the project's Web API key",
         "Set IMBARI_CHAT_API_KEY (Firebase console, Project settings, General)"),
    ],
)  # fmt: skip
def test_nobody_signs_in_where_half_is_missing(
    flags: dict[str, Any], problem: str, hint: str
) -> None:
    """Nor at the live service for an emulator's database."""
    with pytest.raises(ConfigError) as caught:
        factory.sign_in_project(Settings.load(**flags))
    assert (caught.value.what, caught.value.hint) == (problem, hint)


@pytest.mark.parametrize(
    ("flags", "stored", "ended", "taken"),
    [
        ({**LIVE, "credentials": KEY}, "r", False, ["service by key.json"]),
        ({**LIVE, "credentials": KEY, "unrestricted": True}, None, False,
         ["service by key.json without rules"]),
        (LIVE, "r", False, ["resume r"]),
        ({**LIVE, "identity": "login", "credentials": KEY}, "r", False, ["resume r"]),
        ({**LIVE, "identity": "service-account", "credentials": KEY}, "r", False,
         ["service by key.json"]),
        ({**LIVE, "identity": "application-default", "credentials": KEY}, "r", False,
         ["service by what is there"]),
        (EMULATOR, None, False, ["owner"]),
        ({**EMULATOR, "unrestricted": True}, None, False, ["owner without rules"]),
        ({**EMULATOR, "identity": "service-account", "credentials": KEY}, None, False, ["owner"]),
        (EMULATOR, "r", False, ["resume r"]),
        (EMULATOR, "r", True, ["resume r", "owner"]),
        ({**EMULATOR, "credentials": KEY}, "r", False, ["resume r"]),
        ({**EMULATOR, "identity": "emulator", "credentials": KEY}, "r", False, ["owner"]),
    ],
)  # fmt: skip
def test_an_admin_is_who_was_chosen_or_the_first_that_is_there(
    ways: Ways, tmp_path: Path, caplog: pytest.LogCaptureFixture,
    flags: dict[str, Any], stored: str | None, ended: bool, taken: list[str],
) -> None:  # fmt: skip
    """An emulator forgets its users, and has an owner who can always act."""
    ways.ended = ended
    access: Any = factory.admin_access(_settings(tmp_path, stored, **flags))
    assert ("is not known to this emulator" in caplog.text) is ended
    assert ways.taken == taken
    assert access == taken[-1]


@pytest.mark.parametrize(
    ("flags", "stored", "kind", "problem", "hint"),
    [
        ({**LIVE, "identity": "service-account"}, "r", ConfigError, "no key file is named",
         "Set IMBARI_CHAT_CREDENTIALS to the key file (JSON)"),
        ({**LIVE, "identity": "emulator"}, "r", ConfigError, "the database is a live one",
         "Choose another identity, or set FIREBASE_DATABASE_EMULATOR_HOST"),
        ({**LIVE, "identity": "login"}, None, AuthError, "nobody is signed in", SIGN_IN),
        ({**EMULATOR, "identity": "login"}, None, AuthError, "nobody is signed in", SIGN_IN),
        (LIVE, None, AuthError, "nobody is signed in", SIGN_IN),
        ({**LIVE, "api_key": None}, None, AuthError, "nobody is signed in", SIGN_IN),
        (LIVE, "r", AuthError, "has ended", None),
        ({**EMULATOR, "identity": "login"}, "r", AuthError, "has ended", None),
    ],
)  # fmt: skip
def test_nobody_is_taken_for_an_admin_instead(
    ways: Ways, tmp_path: Path, flags: dict[str, Any], stored: str | None,
    kind: type[ImbariError], problem: str, hint: str | None,
) -> None:  # fmt: skip
    """It is said what is missing."""
    ways.ended = True
    with pytest.raises(kind, match=problem) as caught:
        factory.admin_access(_settings(tmp_path, stored, **flags))
    assert caught.value.hint == hint
    assert not [one for one in ways.taken if one.startswith("service")]


@pytest.mark.parametrize(
    ("remember", "stored", "ended", "taken"),
    [
        (False, "r", False, ["somebody new"]),
        (True, None, False, ["somebody new, kept"]),
        (True, "r", False, ["resume r"]),
        (True, "r", True, ["resume r", "somebody new, kept"]),
    ],
)
def test_a_customer_is_who_they_were_or_somebody_new(
    ways: Ways, tmp_path: Path, caplog: pytest.LogCaptureFixture,
    remember: bool, stored: str | None, ended: bool, taken: list[str],
) -> None:  # fmt: skip
    """Whose earlier sign-in is lost hears of it."""
    ways.ended = ended
    settings = _settings(tmp_path, stored, **LIVE)
    where = factory.sign_in_project(settings)
    with caplog.at_level(logging.WARNING):
        access: Any = factory.customer_access(settings, where, remember=remember)
    assert (ways.taken, access) == (taken, taken[-1])
    assert ("is lost (your sign-in has ended)" in caplog.text) is ended
