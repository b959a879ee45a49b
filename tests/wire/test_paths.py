"""Keys and paths: what is legal, and how paths relate."""

from typing import Any

import pytest
from hypothesis import given

from imbari_chat.errors import InvalidData
from imbari_chat.wire.paths import ROOT, Path, check_key, illegal_in_key, keys_of_url
from tests.specs import cases
from tests.wire.strategies import paths


@cases("wire/keys")
def test_keys_are_legal_or_not(case: dict[str, Any]) -> None:
    """Empty keys, six characters and the ASCII controls are refused, nothing else."""
    assert (illegal_in_key(case["key"]) is None) is case["legal"]


@pytest.mark.parametrize(
    ("key", "legal"), [("a" * 768, True), ("a" * 769, False), ("é" * 384, True), ("é" * 385, False)]
)
def test_a_key_is_measured_in_bytes(key: str, legal: bool) -> None:
    """768 bytes of UTF-8 fit."""
    assert (illegal_in_key(key) is None) is legal


def test_a_lone_surrogate_is_no_key() -> None:
    """It could not be sent."""
    with pytest.raises(InvalidData, match="surrogate"):
        check_key("a\ud800")


@given(paths)
def test_a_path_reads_back(path: Path) -> None:
    """From its text and from its URL form."""
    assert Path.parse(str(path)) == path
    assert Path.of(keys_of_url(path.to_url())) == path


@given(paths, paths)
def test_a_path_contains_what_is_below_it(path: Path, below: Path) -> None:
    """And the way from one to the other leads back."""
    whole = path / below
    assert path.contains(whole)
    assert whole.relative_to(path) == below
    assert whole.contains(path) is (not below)
    for text in (str(below), str(below).strip("/")):
        assert path / text == whole


def test_empty_segments_do_not_count() -> None:
    """Leading, trailing and doubled slashes are ignored."""
    assert Path.parse("//a///b/") == ("a", "b")
    assert Path.parse("/") == ROOT
    assert str(ROOT) == "/"


@pytest.mark.parametrize("text", ["/a%2Fb", "/a%23b", "/%ff", "/a.b", "/.priority"])
def test_a_url_is_decoded_after_it_is_split(text: str) -> None:
    """So an escaped slash is an illegal key, not a separator."""
    with pytest.raises(InvalidData):
        Path.of(keys_of_url(text))


def test_thirty_two_levels_fit() -> None:
    """One more does not."""
    assert len(Path.parse("/a" * 32)) == 32
    with pytest.raises(InvalidData, match="32"):
        Path.parse("/a" * 33)


def test_parents_and_siblings() -> None:
    """A name that merely starts alike is not below."""
    path = Path.parse("/a/b")
    assert (path.parent, path.key, ROOT.parent, ROOT.key) == (("a",), "b", ROOT, None)
    assert not path.contains(Path.parse("/a/bc"))
    with pytest.raises(ValueError, match="not below"):
        Path.parse("/a/bc").relative_to(path)
