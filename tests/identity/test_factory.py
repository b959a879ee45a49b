"""Who an admin and a customer are, by what is configured and what is there."""

import logging
from pathlib import Path
from typing import Any

import pytest

from imbari_chat.config import Settings
from imbari_chat.errors import AuthError, ConfigError
from imbari_chat.identity import factory, service, sign_in

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


class Ways:
    """What is asked of the libraries, instead of asking."""

    ended = False

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.taken: list[str] = []
        monkeypatch.setattr(service, "ServiceAccess", self._service)
        monkeypatch.setattr(sign_in, "resume", self._resume)
        monkeypatch.setattr(sign_in, "sign_in_anonymously", self._anonymously)

    def _service(self, project: object, *, key_file: Path | None, unrestricted: bool) -> str:
        rights = " without rules" if unrestricted else ""
        self.taken.append(f"service by {key_file or 'what is there'}{rights}")
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
        (EMULATOR, None, False, ["service by what is there"]),
        (EMULATOR, "r", False, ["resume r"]),
        (EMULATOR, "r", True, ["resume r", "service by what is there"]),
        ({**EMULATOR, "credentials": KEY}, "r", False, ["resume r"]),
        ({**EMULATOR, "identity": "emulator", "credentials": KEY}, "r", False,
         ["service by what is there"]),
    ],
)  # fmt: skip
def test_an_admin_is_who_was_chosen_or_the_first_that_is_there(
    ways: Ways, tmp_path: Path, flags: dict[str, Any], stored: str | None, ended: bool,
    taken: list[str],
) -> None:  # fmt: skip
    """An emulator forgets its users, and has an owner who can always act."""
    ways.ended = ended
    access: Any = factory.admin_access(_settings(tmp_path, stored, **flags))
    assert ways.taken == taken
    assert access == taken[-1]


@pytest.mark.parametrize(
    ("flags", "stored", "kind", "problem"),
    [
        ({**LIVE, "identity": "service-account"}, "r", ConfigError, "no key file is named"),
        ({**LIVE, "identity": "emulator"}, "r", ConfigError, "the database is a live one"),
        ({**LIVE, "identity": "login"}, None, AuthError, "nobody is signed in"),
        ({**EMULATOR, "identity": "login"}, None, AuthError, "nobody is signed in"),
        (LIVE, None, AuthError, "nobody is signed in"),
        (LIVE, "r", AuthError, "has ended"),
        ({**EMULATOR, "identity": "login"}, "r", AuthError, "has ended"),
    ],
)
def test_nobody_is_taken_for_an_admin_instead(
    ways: Ways, tmp_path: Path, flags: dict[str, Any], stored: str | None,
    kind: type[Exception], problem: str,
) -> None:  # fmt: skip
    """It is said what is missing."""
    ways.ended = True
    with pytest.raises(kind, match=problem):
        factory.admin_access(_settings(tmp_path, stored, **flags))
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
