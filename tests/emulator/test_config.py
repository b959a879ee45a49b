"""firebase.json: what is read from it, and how it is refused."""

from pathlib import Path

import pytest

from imbari_chat.emulator.config import FirebaseConfig
from imbari_chat.errors import ConfigError


def _read(tmp_path: Path, text: str) -> FirebaseConfig:
    file = tmp_path / "firebase.json"
    file.write_text(text)
    return FirebaseConfig.read(file)


def test_ports_hosts_and_rules_are_read(tmp_path: Path) -> None:
    """Paths are relative to the file."""
    config = _read(
        tmp_path,
        """{"database": {"rules": "database.rules.json"},
            "emulators": {"database": {"host": "localhost", "port": 9100}, "auth": {"port": 0},
                          "hub": {"port": 4401}}}""",
    )
    assert config.hub_port == 4401
    assert config.database_host == "localhost"
    assert config.database_port == 9100
    assert config.auth_port == 0
    assert config.rules == tmp_path / "database.rules.json"


@pytest.mark.parametrize("text", ["{}", '{"emulators": {}, "hosting": {"public": "build"}}'])
def test_everything_has_a_default(tmp_path: Path, text: str) -> None:
    """The ports are those of Google's emulators."""
    config = _read(tmp_path, text)
    assert (config.database_host, config.database_port, config.auth_port) == (
        "127.0.0.1",
        9000,
        9099,
    )
    assert config.rules is None
    assert config.hub_port is None


def test_of_several_databases_the_first_is_the_default(tmp_path: Path) -> None:
    """A list holds rules per database."""
    rows = '[{"instance": "a", "rules": "a.json"}, {"instance": "b", "rules": "b.json"}]'
    config = _read(tmp_path, f'{{"database": {rows}}}')
    assert config.rules == tmp_path / "a.json"
    assert config.instance_rules == {"b": tmp_path / "b.json"}
    assert _read(tmp_path, '{"database": []}').rules is None


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ('{"emulators": {"auth": {"port": "x"}}}', "emulators.auth.port", "port"),
        ('{"emulators": {"auth": {"port": true}}}', "emulators.auth.port", "port"),
        ('{"emulators": {"database": {"port": 70000}}}', "emulators.database.port", "65535"),
        ('{"emulators": {"database": {"host": 1}}}', "emulators.database.host", "string"),
        (
            '{"emulators": {"database": {"host": "localhost"}, "auth": {"host": "127.0.0.1"}}}',
            "emulators.auth.host",
            "the same",
        ),
        (
            '{"emulators": {"auth": {"host": "localhost"}, "hub": {"host": "127.0.0.1"}}}',
            "emulators.hub.host",
            "the same",
        ),
        ('{"emulators": {"hub": {"port": -1}}}', "emulators.hub.port", "65535"),
        ('{"emulators": []}', "emulators", "object"),
        ('{"database": {"rules": 1}}', "database.rules", "string"),
        ('{"database": [{"rules": 1}]}', "database[0].rules", "string"),
        ("[]", "firebase.json", "object"),
        ("{", "firebase.json", "not JSON"),
    ],
)
def test_a_wrong_value_is_named_with_its_file_and_key(
    tmp_path: Path, text: str, where: str, what: str
) -> None:
    """Nobody has to guess which of the files or keys is meant."""
    with pytest.raises(ConfigError) as refused:
        _read(tmp_path, text)
    assert (refused.value.where or "").endswith(where)
    assert "firebase.json" in (refused.value.where or "")
    assert what in refused.value.what


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """With what to do about it."""
    with pytest.raises(ConfigError, match="cannot be read") as refused:
        FirebaseConfig.read(tmp_path / "firebase.json")
    assert refused.value.hint
