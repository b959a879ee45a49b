"""What a listener's picture tells of a place that holds something itself."""

import pytest

from imbari_chat.engine.overlay import Known
from imbari_chat.engine.views import Seen, View
from imbari_chat.wire.json import Json
from imbari_chat.wire.query import Query


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (1, 2, [Seen("value", 2)]),
        (1, 1, []),
        (1, 1.0, []),
        (1, True, [Seen("value", True)]),
        (1, None, [Seen("value", None)]),
        (None, None, []),
        (
            {".priority": 1, "a": 5},
            {".priority": 2, "a": 5},
            [Seen("value", {".priority": 2, "a": 5})],
        ),
        ({".priority": 1, "a": 5}, {".priority": 1, "a": 5}, []),
    ],
)
def test_what_a_place_holds_itself_is_told_when_it_is_another(
    before: Json, after: Json, told: list[Seen]
) -> None:
    """Though no child of it is; whoever listens by an order sees children alone."""
    view = View()
    view.show(Known(before, None, is_whole=True))
    assert view.show(Known(after, None, is_whole=True)) == told
    ordered = View(Query.by_child("n"))
    ordered.show(Known(before, None, is_whole=True))
    assert ordered.show(Known(after, None, is_whole=True)) == []
