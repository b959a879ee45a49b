"""Many children in pieces: the same as a dict of them, and shared where nothing was written."""

from collections.abc import Iterator, Mapping
from typing import Any, Final
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbari_chat.wire import children
from imbari_chat.wire.children import flat, replaced, shareable, unshared
from imbari_chat.wire.digest import digest
from imbari_chat.wire.json import Json, dumps
from imbari_chat.wire.paths import Path
from imbari_chat.wire.tree import Branch, Leaf, from_json
from tests.budget import examples

MANY: Final = 5_000

names = st.sampled_from("abcdefghijklmnoé") | st.text(st.sampled_from("ab1"), min_size=2)
writes = st.lists(
    st.tuples(
        st.dictionaries(names, st.integers(0, 3), max_size=6),
        st.lists(names, max_size=8, unique=True),
    ),
    max_size=12,
)


@pytest.fixture(scope="module", autouse=True)
def few_are_many() -> Iterator[None]:
    """Pieces begin where an example gets to."""
    with patch.object(children, "_DICT", 4), patch.object(children, "_PIECE", 4):
        yield


@examples(400)
@given(st.dictionaries(names, st.integers(0, 3), min_size=4, max_size=12), writes)
def test_pieces_hold_what_a_dict_would(
    start: dict[str, int], steps: list[tuple[dict[str, int], list[str]]]
) -> None:
    """After every write, and so do those before it."""
    versions: list[tuple[Mapping[str, int], dict[str, int]]] = [(start, dict(start))]
    for new, gone in steps:
        rows, model = versions[-1]
        expected = {name: row for name, row in (model | new).items() if name not in gone}
        versions.append((replaced(shareable(rows), new, gone), expected))
    for rows, model in versions:
        assert dict(rows.items()) == {name: rows[name] for name in rows} == model
        assert dict(flat(rows)) == model
        assert sorted(rows.values()) == sorted(model.values())
        assert (len(rows), bool(rows)) == (len(model), bool(model))
        assert [rows.get(name) for name in ("a", "b1", "é")] == [
            model.get(name) for name in ("a", "b1", "é")
        ]
        for other, same in versions:
            assert (rows == other) is (other == rows) is (model == same)
            mine, others = unshared(rows, other)
            assert {name: row for name, row in model.items() if name not in mine} == {
                name: row for name, row in same.items() if name not in others
            }


@given(st.dictionaries(names, st.integers(0, 3), min_size=5), writes)
def test_pieces_keep_their_bounds(
    start: dict[str, int], steps: list[tuple[dict[str, int], list[str]]]
) -> None:
    """None is too large, none is empty, and every name is in the one where it is looked for."""
    rows: Mapping[str, int] = start
    for new, gone in steps:
        rows = replaced(shareable(rows), new, gone)
        if not isinstance(rows, children._Pieces):
            continue
        starts = ["", *rows._starts]
        assert starts == sorted(set(starts))
        for first, beyond, piece in zip(starts, [*starts[1:], None], rows._pieces, strict=True):
            assert 0 < len(piece) <= 4
            assert all(first <= name and (beyond is None or name < beyond) for name in piece)


@pytest.mark.parametrize("last_first", [False, True])
def test_pieces_go_from_either_end(last_first: bool) -> None:
    """Row by row, until a dict is enough again; and no row goes with another."""
    model = dict.fromkeys("abcdefghijklmnopqrst", 0)
    rows: Mapping[str, int] = shareable({**model})
    for name in sorted(model, reverse=last_first):
        del model[name]
        rows = replaced(rows, {}, [name])
        assert [rows.get(each) for each in "abcdefghijklmnopqrst"] == [
            model.get(each) for each in "abcdefghijklmnopqrst"
        ]
    assert rows == {}


def test_a_write_copies_the_piece_it_is_in() -> None:
    """All others are the same objects before and after, so they cost nothing and weigh nothing."""
    rows = shareable({f"k{number:05}": number for number in range(MANY)})
    after = replaced(rows, {"k02500": -2}, ["k04000"])
    mine, others = unshared(rows, after)
    assert {*mine} - {*others} == {"k04000"}
    assert len(mine) <= 8
    assert len(rows) == MANY == len(after) + 1


def test_a_node_of_many_children_is_like_any_other() -> None:
    """Read, written out, hashed and compared, whether it was made at once or write by write."""
    plain: dict[str, Json] = {f"k{number:05}": {"at": number} for number in range(MANY)}
    written = from_json(plain)
    for number in range(0, MANY, 7):
        written = written.put(Path((f"k{number:05}", "at")), Leaf(number + 1))
        plain[f"k{number:05}"] = {"at": number + 1}
    made = from_json(plain)
    assert isinstance(made, Branch)
    assert isinstance(written, Branch)
    assert isinstance(made.children, dict) is not isinstance(written.children, dict)
    assert dumps(written.to_json()) == dumps(plain)  # and so in one order
    assert written == made
    assert made == written
    assert digest(written) == digest(made)
    assert written.weight == made.weight
    assert written.child("k00007").to_json() == {"at": 8}
    assert not written.child("none").exists


def test_the_first_write_is_paid_for_once() -> None:
    """Also if nothing comes of it, as of one that the rules refuse."""
    stored = from_json({f"k{number:05}": number for number in range(MANY)})
    before = stored.to_json(export=True)
    first = stored.put(Path(("k00001",)), Leaf("first"))
    second = stored.put(Path(("k00001",)), Leaf("second"))
    assert isinstance(first, Branch)
    assert isinstance(second, Branch)
    mine, others = unshared(first.children, second.children)
    assert {*mine} == {*others}
    assert len(mine) <= 4
    assert dumps(stored.to_json(export=True)) == dumps(before)


def test_pieces_are_no_list_and_no_number() -> None:
    """Whatever they are compared with decides."""
    many = shareable({f"k{at}": at for at in range(12)})
    assert not isinstance(many, dict)
    others: list[Any] = [[("k0", 0)], 12]
    assert many not in others
    assert many == {f"k{at}": at for at in range(12)}
    assert many != {f"k{at}": at for at in range(11)}
