"""Colleagues: who is known, and whom a name means."""

import pytest

from imbari_chat.schema.models import ID_FIELD, Colleague
from imbari_chat.schema.paths import SessionId
from imbari_chat.schema.presence import PresenceSnapshot
from imbari_chat.schema.teamwork import Assignment, Labels, TeamSnapshot
from imbari_chat.view.people import Person, by_uid, called, known, merged

NOOR = Person("u1", "Noor", "noor@example.com")
BRIAN = Person("u2", "Brian")
OTHER_BRIAN = Person("u3", "brian")
NAMELESS = Person("u4")


def test_who_was_seen_is_known() -> None:
    """Having a conversation or one open, or having written; with a name if that is known."""
    held = Assignment.model_validate({ID_FIELD: "a", "to": "u2", "name": "Brian", "by": "u5"})
    labels = Labels.model_validate({ID_FIELD: "a", "names": {"x": True}, "by": "u2"})
    unsigned = Labels.model_validate({ID_FIELD: "b", "names": {"x": True}})
    opened = {SessionId("b"): (Colleague("u1", "Noor"), Colleague("u4"))}
    found = known(
        TeamSnapshot(assignments={"a": held}, labels={"a": labels, "b": unsigned}),
        PresenceSnapshot(opened=opened),
    )
    assert found == [BRIAN, Person("u1", "Noor"), NAMELESS, Person("u5")]


def test_what_is_known_of_somebody_is_put_together() -> None:
    """A name, or an address, that was heard later is the one they have now."""
    moved = merged((NOOR, Person("u1", None, "noor@example.org")))
    assert moved == [Person("u1", "Noor", "noor@example.org")]
    found = merged((NOOR, Person("u1", "Noor A"), Person("u1")))
    assert found == [Person("u1", "Noor A", "noor@example.com")]


@pytest.mark.parametrize(
    ("reference", "meant"),
    [
        (" noor ", [NOOR]),
        ("NOOR@example.com", [NOOR]),
        ("u1", [NOOR]),
        ("Brian", [BRIAN, OTHER_BRIAN]),
        ("Noo", []),
        ("", []),
    ],
)
def test_a_name_an_e_mail_or_a_uid_means_somebody(reference: str, meant: list[Person]) -> None:
    """All of it, in any case of letters."""
    assert called((NOOR, BRIAN, OTHER_BRIAN, NAMELESS), reference) == meant


@pytest.mark.parametrize(
    ("reference", "meant"),
    [
        ("uid:u1", NOOR),
        (" uid: u1 ", NOOR),
        ("uid:U1", Person("U1")),
        ("uid:Noor", Person("Noor")),
        ("u1", None),
        ("Uid:u1", None),
        ("a uid:u1", None),
    ],
)
def test_a_uid_that_is_called_one_means_nobody_else(reference: str, meant: Person | None) -> None:
    """Known or not, and whoever is called so."""
    namesake = Person("u7", "uid:u1")
    assert by_uid((namesake, NOOR), reference) == meant


def test_what_somebody_is_called() -> None:
    """By name, else by e-mail, else by uid."""
    assert [one.label for one in (NOOR, Person("u5", None, "x@y.z"), NAMELESS)] == [
        "Noor", "x@y.z", "u4",
    ]  # fmt: skip
