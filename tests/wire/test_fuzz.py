"""Whatever comes from outside is read or refused: no other error, whatever the bytes."""

from contextlib import suppress
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from imbari_chat.errors import InvalidData
from imbari_chat.wire.body import parse_body, parse_update
from imbari_chat.wire.json import dumps, parse
from imbari_chat.wire.paths import MAX_DEPTH, Path, keys_of_url
from imbari_chat.wire.query_forms import from_params, to_params
from imbari_chat.wire.sse import SseParser
from imbari_chat.wire.tree import EMPTY, from_json
from imbari_chat.wire.updates import apply, changes
from imbari_chat.wire.values import resolve
from tests.budget import examples

NOW = 1_790_000_000_000

PIECES = ["{", "}", "[", "]", '"', ":", ",", "null", "1e999", "-0", "1" * 400, "\\", "\\ud800", "é"]
PIECES += ['".sv"', '".value"', '".priority"', '"a/b"', '"timestamp"', '"increment"', " ", "\n"]
jumble = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)
texts = jumble | st.text(max_size=40)
bodies = texts.map(lambda text: text.encode(errors="surrogatepass")) | st.binary(max_size=40)

names = st.sampled_from([".sv", ".value", ".priority", "", "a", "a/b", "a.b", "/", "//", "\x00"])
anything: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=10,
)


@examples(300)
@given(bodies)
def test_a_body_is_read_or_refused(body: bytes) -> None:
    """And what was read can be written again."""
    for read in (parse, parse_body, parse_update):
        with suppress(InvalidData):
            dumps(read(body))


@examples(300)
@given(anything)
def test_a_value_is_stored_or_refused(value: Any) -> None:
    """Alone, with its server values, and as an update."""
    with suppress(InvalidData):
        from_json(value)
    with suppress(InvalidData):
        from_json(resolve(value, EMPTY, NOW))
    with suppress(InvalidData):
        apply(EMPTY, changes(value, Path(("a",))), NOW)


parameters = st.dictionaries(
    st.sampled_from(
        [
            "orderBy",
            "startAt",
            "startAfter",
            "endAt",
            "endBefore",
            "equalTo",
            "limitToFirst",
            "limitToLast",
        ]
    ),
    texts | st.sampled_from(['"$key"', '"a/b"', "1", '1,"a"', "9" * 30, "[" * 5000]),
    max_size=4,
)


@examples(300)
@given(parameters, anything)
def test_parameters_make_a_query_or_are_refused(given: dict[str, str], value: Any) -> None:
    """A query can be run and written down again."""
    with suppress(InvalidData):
        query = from_params(given)
        if query is not None:
            assert from_params(to_params(query)) == query
            query.window(from_json(value))


@examples(300)
@given(st.text(max_size=60) | st.text("%/.aF0", max_size=60))
def test_a_path_is_read_or_refused(text: str) -> None:
    """What was read is at most as deep as a path may be, and reads the same again."""
    with suppress(InvalidData):
        path = Path.of(keys_of_url(text))
        assert len(path) <= MAX_DEPTH
        assert Path.of(keys_of_url(path.to_url())) == path


@examples(300)
@given(st.lists(st.binary(max_size=20) | st.sampled_from([b"data:", b"\r", b"\n", b"\xff"])))
def test_a_stream_of_anything_gives_frames(chunks: list[bytes]) -> None:
    """However it is cut: as if it had come in one piece."""
    parser = SseParser()
    cut = [frame for chunk in chunks for frame in parser.feed(chunk)]
    assert cut == SseParser().feed(b"".join(chunks))
