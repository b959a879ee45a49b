"""Whose name is not what it seems."""

import pytest

from imbari_chat.view.likeness import reads_as_us


@pytest.mark.parametrize(
    "name",
    [
        "Imbari Team",
        "IMBARI  TEAM",
        "lmbari Team",
        "Іmbаrі Tеаm",
        "Ｉｍｂａｒｉ",
        "I.m.b.a.r.i",
        "İmbári",
    ],
)
def test_a_name_that_reads_as_ours_is_known(name: str) -> None:
    """By letters of another script, other case, or other spacing."""
    assert reads_as_us(name)


@pytest.mark.parametrize("name", ["Amina", "Team Nairobi", "", "Ιωάννα", "Мария"])
def test_other_names_are_left_alone(name: str) -> None:
    """Nobody is suspect for their script."""
    assert not reads_as_us(name)
