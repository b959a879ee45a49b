"""What concerns a place is found by going there."""

from hypothesis import given
from hypothesis import strategies as st

from imbari_chat.emulator.database.by_place import ByPlace
from imbari_chat.wire.paths import Path
from tests.budget import examples

paths = st.lists(st.sampled_from(["a", "b"]), max_size=3).map(Path)
steps = st.lists(st.tuples(st.booleans(), paths, st.integers(0, 3)), max_size=12)


@examples(300)
@given(steps, st.lists(paths, max_size=3, unique=True))
def test_whatever_meets_a_place_is_found(
    steps: list[tuple[bool, Path, int]], places: list[Path]
) -> None:
    """At it, above it and below it, in the order it was given; what was taken away is not."""
    index: ByPlace[int] = ByPlace()
    kept: list[tuple[Path, int]] = []
    for adding, path, item in steps:
        if adding:
            index.add(path, item)
            kept += [(path, item)] if (path, item) not in kept else []
        else:
            index.discard(path, item)
            kept = [each for each in kept if each != (path, item)]
    expected: dict[int, list[Path]] = {}
    for path, item in kept:
        met = {place for place in places if place.contains(path) or path.contains(place)}
        if met:
            known = {*expected.get(item, ()), *met}
            expected[item] = [place for place in places if place in known]
    found = index.meeting(places)
    assert found == expected
    assert list(found) == list(expected)


@given(steps)
def test_what_is_taken_away_leaves_nothing(steps: list[tuple[bool, Path, int]]) -> None:
    """However deep it hung: databases live as long as the emulator, listeners come and go."""
    index: ByPlace[int] = ByPlace()
    for _, path, item in steps:
        index.add(path, item)
    assert index._top.is_bare is not bool(steps)
    for _, path, item in steps:
        index.discard(path, item)
    assert index._top.is_bare
