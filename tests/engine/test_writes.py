"""What may be written, whichever way it goes."""

import pickle
from typing import Any

import pytest

from imbari_chat.engine.access import StreamRequest, heard, hearing
from imbari_chat.engine.writes import check_json, check_swap, update_body
from imbari_chat.errors import InvalidData
from imbari_chat.wire.paths import ROOT, Path


def test_an_update_names_places_below_the_root() -> None:
    """Each by its path; the root itself is none of them."""
    assert update_body({Path(["a", "b"]): 1, Path(["c"]): None}) == {"a/b": 1, "c": None}
    with pytest.raises(InvalidData, match="not the root itself") as refused:
        update_body({ROOT: {}})
    assert refused.value.where == "/"


@pytest.mark.parametrize("check", [check_json, check_swap])
def test_what_is_no_json_is_refused_in_our_words(check: Any) -> None:
    """Before a library sends it as something else."""
    check({"a": [1, "x", True]})
    for wrong in (float("nan"), {"a": float("inf")}):
        with pytest.raises(InvalidData):
            check(wrong)


def test_a_swap_cannot_delete() -> None:
    """An update can."""
    check_json(None)
    with pytest.raises(InvalidData, match="cannot delete"):
        check_swap(None)


def test_whoever_listens_hears_what_arrives_inside() -> None:
    """The innermost, and nobody outside."""
    outer, inner = list[int](), list[int]()
    heard()
    with hearing(lambda: outer.append(1)):
        heard()
        with hearing(lambda: inner.append(1)):
            heard()
        heard()
    heard()
    assert (outer, inner) == ([1, 1], [1])


def test_what_holds_a_secret_stays_where_it_is() -> None:
    """Neither written down nor shown."""
    request = StreamRequest("https://a.example?auth=secret", {"authorization": "secret"})
    assert "secret" not in repr(request)
    with pytest.raises(TypeError, match="StreamRequest holds a secret"):
        pickle.dumps(request)
