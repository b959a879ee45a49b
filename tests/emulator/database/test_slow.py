"""Random requests, answered by the emulator's core and by a second, obvious database alike."""

import json
from typing import Any
from urllib.parse import quote, urlencode

from hypothesis import given
from hypothesis import strategies as st

from imbari_chat.emulator.database import service
from imbari_chat.emulator.database.databases import Databases
from imbari_chat.emulator.database.requests import Request
from imbari_chat.emulator.database.service import Service
from imbari_chat.rules import Ruleset
from imbari_chat.wire.pushid import PushIds, is_push_id
from tests.budget import examples
from tests.emulator.database.slow import NOTHING, Answer, Asked, Slow, tag_of

NOW = 1_790_000_000_000

keys = st.sampled_from(["a", "b", "0", "1", "2", "10", "02", "-1", "é", "4294967296"])
scalars = st.sampled_from(
    [None, True, False, 0, 1, 1.5, -2.0, 1e20, 2**62, "", "a", "b", "é", "ｚ", "10"]
)
increments = st.sampled_from([1, -2.5, 0.5, 2**62, "1", None])
server_values = st.one_of(
    st.just({".sv": "timestamp"}),
    st.just({".sv": "bogus"}),
    increments.map(lambda by: {".sv": {"increment": by}}),
)
good_priorities = st.sampled_from([None, 0, 1, 2.5, "", "p"])
priorities = good_priorities | good_priorities | server_values | st.sampled_from([True, [1]])


def _with_priority(value: Any, priority: Any) -> Any:
    if isinstance(value, dict) and ".value" not in value:
        return {**value, ".priority": priority}
    return {".value": value, ".priority": priority}


leaves = scalars | scalars | server_values | st.builds(_with_priority, scalars, priorities)
values = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(keys, inner, max_size=4),
        st.builds(_with_priority, st.dictionaries(keys, inner, max_size=3), priorities),
    ),
    max_leaves=8,
)
paths = st.lists(keys, max_size=3)
places = paths | paths | paths.map(lambda path: [*path, ".priority"])
patch_keys = st.lists(keys, min_size=1, max_size=3).map("/".join)
patch_bodies = st.none() | st.dictionaries(
    patch_keys | patch_keys.map(lambda key: f"{key}/.priority") | st.just(".priority"),
    st.none(),
    max_size=4,
).flatmap(
    lambda body: st.fixed_dictionaries(
        {key: priorities if key.endswith(".priority") else values for key in body}
    )
)

orders = st.sampled_from(["$key", "$value", "$priority", "a", "a/b", "0"])


@st.composite
def questions(draw: st.DrawFn) -> dict[str, str]:
    """The parameters of a query: any order, bounds with and without a key, any limit."""
    order = draw(orders)
    parameters = {"orderBy": json.dumps(order)}

    def bound() -> str:
        if order == "$key":
            return json.dumps(draw(keys))
        value = draw(good_priorities if order == "$priority" else scalars)
        beside = f",{json.dumps(draw(keys))}" if draw(st.booleans()) else ""
        return json.dumps(value) + beside

    for name in draw(
        st.sampled_from([[], ["startAt"], ["startAfter", "endAt"], ["endBefore"], ["equalTo"]])
    ):
        parameters[name] = bound()
    limit = draw(st.sampled_from([None, "limitToFirst", "limitToLast"]))
    if limit:
        parameters[limit] = str(draw(st.integers(1, 3)))
    return parameters


looks = st.sampled_from([{}, {"format": "export"}, {"shallow": "true"}]) | st.builds(
    lambda question, export: {**question, **export},
    questions(),
    st.sampled_from([{}, {"format": "export"}]),
)
manners = st.sampled_from([{}, {}, {"print": "silent"}, {"print": "pretty"}])
tags = st.sampled_from([{}, {}, {"x-firebase-etag": "true"}])
conditions = st.sampled_from([{}, {}, {}, {"if-match": "<current>"}, {"if-match": "null_etag"}])
reading = st.sampled_from([{}, {"if-none-match": "<current>"}, {"if-match": "null_etag"}])

requests = st.one_of(
    st.builds(
        lambda path, manner, tag, condition, body: Asked(
            "PUT", path, manner, {**tag, **condition}, body
        ),
        places,
        manners,
        tags,
        conditions,
        values,
    ),
    st.builds(Asked, st.just("PATCH"), paths, manners, tags, patch_bodies),
    st.builds(Asked, st.just("POST"), paths, manners, tags, values),
    st.builds(
        lambda path, manner, tag, condition: Asked("DELETE", path, manner, {**tag, **condition}),
        places,
        manners,
        tags,
        conditions,
    ),
    st.builds(
        lambda path, look, tag, known: Asked("GET", path, look, {**tag, **known}),
        paths,
        looks,
        tags,
        reading,
    ),
)


class Fast:
    """The emulator's core, without a socket; no index is asked for."""

    def __init__(self) -> None:
        databases = Databases("t", Ruleset.open(), enforce_indexes=False)
        self._service = Service(databases, PushIds(lambda: [0] * 12))

    def answer(self, asked: Asked, now: int) -> Answer:
        """The answer, its body parsed if there is one."""
        request = Request.of(
            asked.method,
            "/" + "/".join(quote(key, safe="") for key in asked.path) + ".json",
            urlencode(asked.parameters),
            asked.headers,
            b"" if asked.method in {"GET", "DELETE"} else json.dumps(asked.body).encode(),
        )
        outcome = self._service.handle(request, now / 1000)
        assert isinstance(outcome, service.Answer)
        response = outcome.response
        tag = dict(response.headers).get(b"etag")
        value = json.loads(response.body) if response.body else NOTHING
        if response.status == 400:
            assert isinstance(value, dict)
            assert list(value) == ["error"]
            value = NOTHING
        return Answer(response.status, value, None if tag is None else tag.decode())


def _same(one: Answer, other: Answer) -> bool:
    """Types count, and so does the order of members."""
    if (one.status, one.tag) != (other.status, other.tag):
        return False
    if one.value is NOTHING or other.value is NOTHING:
        return one.value is other.value
    return json.dumps(one.value) == json.dumps(other.value)


@examples(400)
@given(values, st.lists(requests, min_size=1, max_size=8))
def test_every_answer_and_every_state_is_the_obvious_one(start: Any, steps: list[Asked]) -> None:
    """Writes of every kind, conditions, reads and queries: status, value and tag agree."""
    fast, slow = Fast(), Slow()
    for step, asked in enumerate([Asked("PUT", [], body=start), *steps]):
        now = NOW + 1000 * step
        current = tag_of(slow._standing(asked.path))
        headers = {name: text.replace("<current>", current) for name, text in asked.headers.items()}
        asked = Asked(asked.method, asked.path, asked.parameters, headers, asked.body)
        told = fast.answer(asked, now)
        name = _name(fast, asked, told)
        wanted = slow.answer(asked, now, name)
        assert _same(told, wanted), (asked, told, wanted)
        for parameters in ({}, {"format": "export"}):
            everything = Asked("GET", [], parameters, {"x-firebase-etag": "true"})
            assert _same(fast.answer(everything, now), slow.answer(everything, now, name))


def _name(fast: Fast, asked: Asked, told: Answer) -> str:
    """What a POST was called: by its answer or, if that is silent, the last of what there is."""
    if asked.method != "POST" or told.status not in {200, 204}:
        return "-refused"
    if told.status == 200:
        name = told.value["name"]
    else:
        there = fast.answer(Asked("GET", asked.path, {"shallow": "true"}), NOW).value
        pushed = [key for key in there if is_push_id(key)] if isinstance(there, dict) else []
        name = max(pushed, default="-" * 20)
    assert is_push_id(name)
    return str(name)


rows = st.dictionaries(keys, values, min_size=2, max_size=8)


@examples(400)
@given(rows, questions(), st.sampled_from([{}, {"format": "export"}]))
def test_a_query_sees_what_sorting_by_hand_sees(
    start: Any, question: dict[str, str], export: dict[str, str]
) -> None:
    """Mixed types, deep children, ties, bounds of null, limits at both ends."""
    fast, slow = Fast(), Slow()
    stored = Asked("PUT", [], body=start)
    fast.answer(stored, NOW)
    slow.answer(stored, NOW, "")
    asked = Asked("GET", [], {**question, **export}, {"x-firebase-etag": "true"})
    told, wanted = fast.answer(asked, NOW), slow.answer(asked, NOW, "")
    assert _same(told, wanted), (told, wanted)
