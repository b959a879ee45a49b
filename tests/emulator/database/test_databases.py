"""Which database a request means."""

import pytest

from imbari_chat.emulator.database.databases import Databases
from imbari_chat.emulator.database.refusal import Refusal
from imbari_chat.rules import Ruleset


@pytest.mark.parametrize(
    ("ns", "host", "name"),
    [
        (None, "", "the-default"),
        ("", "localhost", "the-default"),
        ("shop", "localhost", "shop"),
        ("shop", "other.firebaseio.com", "shop"),
        (None, "Shop.firebaseio.com:443", "shop"),
        ("", "shop.europe-west1.firebasedatabase.app", "shop"),
        (None, "database.test:9000", "the-default"),
        (None, "127.0.0.1:9000", "the-default"),
        (None, "127.0.0.1", "the-default"),
        (None, "[::1]:9000", "the-default"),
        (None, "[::ffff:127.0.0.1]:9000", "the-default"),
        (None, "::ffff:127.0.0.1", "the-default"),
        ("127", "127.0.0.1:9000", "the-default"),  # as the JavaScript SDK has it
        ("10", "127.0.0.1:9000", "10"),
        ("127", "127.localhost.test", "127"),
        ("a" * 100, "", "a" * 100),
        ("A_b-9", "", "A_b-9"),
    ],
)
def test_a_parameter_names_it_or_a_host_or_nobody(ns: str | None, host: str, name: str) -> None:
    """In this order; an address is no name, nor is a part of one."""
    databases = Databases("the-default", Ruleset.open())
    assert databases.addressed(ns, host).name == name
    assert {each.name for each in databases} == {"the-default", name}


@pytest.mark.parametrize("ns", ["a" * 101, "a.b", "a/b", "ü", "a\n", " "])
def test_what_cannot_be_a_name_is_refused(ns: str) -> None:
    """And no database comes of it."""
    databases = Databases("the-default", Ruleset.open())
    with pytest.raises(Refusal, match="Invalid Firebase database name") as refused:
        databases.addressed(ns, "")
    assert refused.value.status == 403
    assert [each.name for each in databases] == ["the-default"]
