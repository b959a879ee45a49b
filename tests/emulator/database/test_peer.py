"""One socket's end of the protocol, by transcripts of the reference and beyond them."""

import json
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imbari_chat.emulator.offload import LARGE
from imbari_chat.wire.digest import digest
from imbari_chat.wire.json import Json, dumps, same
from imbari_chat.wire.paths import ROOT, Path
from imbari_chat.wire.query import Query
from imbari_chat.wire.query_forms import to_object
from imbari_chat.wire.tree import Branch
from tests.budget import examples
from tests.emulator.database.oddities import requests, scraps
from tests.emulator.database.sockets_in_memory import NOW, Client, Room
from tests.emulator.database.strategies import keys, queries, values, writes
from tests.specs import cases, table

FAILURES = table("emulator/sockets")["failures"]
SIGNED_IN: dict[str, Json] = {"cred": "owner", "authvar": {"uid": "u"}}


@cases("emulator/sockets")
def test_transcripts_come_out_to_the_letter(case: dict[str, Any]) -> None:
    """Every message, on its socket and in its order."""
    room = Room(case.get("rules"), case.get("data"))
    clients: dict[str, Client] = defaultdict(room.connect)
    for who, said in case["script"]:
        client = clients[who[0]]
        if who[1] == ">":
            is_control = "control" in said
            inner = {"t": said["control"], "d": {}} if is_control else said
            client.send(dumps({"t": "c" if is_control else "d", "d": inner}))
            if case.get("quiet"):
                client.said = [each for each in client.said if each.get("a") != "sd"]
        else:
            assert client.said, f"nothing more for {who[0]}, but {said} is due"
            assert same(client.said.pop(0), said)
    assert [client.said for client in clients.values() if client.said] == []


@pytest.mark.parametrize("case", FAILURES, ids=[case["name"] for case in FAILURES])
def test_what_makes_no_sense_fails_and_changes_nothing(case: dict[str, Any]) -> None:
    """With a text, and the connection goes on."""
    room = Room(data={"a": {"b": 1}})
    client = room.connect()
    (answer,) = client.ask(case["action"], case["body"])
    assert answer["b"]["s"] == "failure"
    assert isinstance(answer["b"]["d"], str)
    client.leave()
    assert room.read() == {"a": {"b": 1}}
    assert client.closed is None


@pytest.mark.parametrize("text", ["hello", "[1]", '{"t":"d","d":{"a":"q"}}', '{"t":"x","d":{}}'])
def test_what_cannot_be_answered_ends_the_connection(text: str) -> None:
    """With a code and a reason; others are not disturbed."""
    room = Room()
    client, other = room.connect(), room.connect()
    client.send(text)
    assert client.closed is not None
    assert client.closed.code == 1008
    assert client.closed.reason
    assert other.status("p", {"p": "/x", "d": 1}) == "ok"


def test_a_refusal_comes_with_its_reason() -> None:
    """As security-debug text, before the answer."""
    room = Room('{"rules": {"k": {".read": "auth.uid === \'u\'"}}}')
    why, answer = room.connect().ask("q", {"p": "/k", "h": ""})
    assert why["a"] == "sd"
    assert "auth.uid" in why["b"]["msg"]
    assert answer["b"]["s"] == "permission_denied"


@pytest.mark.parametrize("size", [1, 2 * LARGE])
@pytest.mark.parametrize(("action", "noted"), [("q", 1), ("p", 0)])
def test_a_refusal_is_noted_once(action: str, noted: int, size: int) -> None:
    """However large it is whose hash the client sends; and not where a write is allowed."""
    room = Room('{"rules": {"k": {".write": true}}}', {"k": {"text": "x" * size}})
    hashed = digest(room.database.root.at(Path.parse("/k")))
    status = room.connect().status(action, {"p": "/k", "d": 1, "h": hashed})
    assert status == ("permission_denied" if noted else "ok")
    assert len(room.database.refusals) == noted


@pytest.mark.parametrize(
    ("action", "place", "hashed", "is_made", "status"),
    [
        ("q", "/now", "x", True, "ok"),
        ("q", "/now", "", False, "ok"),
        ("q", "/later", "x", False, "permission_denied"),
        ("p", "/now", "x", True, "datastale"),
        ("p", "/now", "", False, "datastale"),
        ("p", "/later", "x", False, "permission_denied"),
    ],
)
def test_a_hash_is_made_beside_the_loop(
    action: str, place: str, hashed: str, is_made: bool, status: str
) -> None:
    """If the client sends one to compare it with, and may read what it is of."""
    reads = {"now": f"now === {NOW}", "later": f"now > {NOW}"}
    rules: Json = {"rules": {key: {".read": reads[key], ".write": True} for key in reads}}
    room = Room(dumps(rules), {key: {"text": "x" * 99} for key in reads}, answer=999)
    node = room.database.root.at(Path.parse(place))
    made: list[bool] = []

    async def runner(weight: int, work: Callable[[], Any]) -> Any:
        assert isinstance(node, Branch)
        before, done = node.digest, work()
        if node.digest != before:
            made.append(weight == node.weight)
        return done

    room.runner = runner
    assert room.connect().status(action, {"p": place, "d": 1, "h": hashed}) == status
    assert made == [True] * is_made


@pytest.mark.parametrize(("size", "steps"), [(LARGE, 3), (99, 0)])
def test_what_is_large_is_written_beside_the_loop(size: int, steps: int) -> None:
    """Its text is read, its value is made, and the rules are asked."""
    room = Room()
    large: list[int] = []

    async def runner(weight: int, work: Callable[[], Any]) -> Any:
        large.extend([weight] * (weight >= LARGE))
        return work()

    room.runner = runner
    assert room.connect().status("p", {"p": "/k", "d": "x" * size}) == "ok"
    assert len(large) == steps


def test_a_refused_update_is_seen_by_nobody() -> None:
    """Not the part of it that would have been allowed, either."""
    room = Room('{"rules": {".read": true, "a": {".write": true}}}')
    client, other = room.connect(), room.connect()
    other.ask("q", {"p": "/", "h": ""})
    other.said.clear()
    assert client.status("m", {"p": "/", "d": {"a": 1, "b": 1}}) == "permission_denied"
    assert other.said == []
    assert room.read() is None


def test_other_rules_end_what_they_do_not_allow() -> None:
    """Once for each listen, and the others go on."""
    room = Room(data={"a": 1, "b": 2})
    client = room.connect()
    client.ask("q", {"p": "/a", "h": ""})
    client.ask("q", {"p": "/b", "h": ""})
    client.said.clear()
    room.set_rules('{"rules": {"b": {".read": true}}}')
    assert client.said == [{"b": {"p": "a"}, "a": "c"}]
    client.said.clear()
    room.rest("/", {"a": 2, "b": 3})
    assert client.said == [{"b": {"p": "b", "d": 3}, "a": "d"}]


def test_a_renewed_token_keeps_what_it_allows() -> None:
    """And ends what it does not."""
    room = Room('{"rules": {"$u": {".read": "auth.uid === $u"}}}', {"u": 1, "v": 2})
    client = room.connect()
    client.ask("gauth", SIGNED_IN)
    assert client.status("q", {"p": "/u", "h": ""}) == "ok"
    renewed: dict[str, Json] = {"cred": "owner", "authvar": {"uid": "u", "token": {"level": 2}}}
    assert len(client.ask("gauth", renewed)) == 1
    _, revoked = client.ask("gauth", {"cred": "owner", "authvar": {"uid": "v"}})
    assert revoked == {"b": {"p": "u"}, "a": "c"}
    assert client.status("q", {"p": "/v", "h": ""}) == "ok"


def test_who_it_is_now_decides_later_revocations() -> None:
    """A listen follows its connection's credential, not the one it began with."""
    rules = '{"rules": {"k": {".read": "root.child(\'ok\').child(auth.uid).val() === true"}}}'
    room = Room(rules, {"k": 1, "ok": {"u": True, "v": True}})
    client = room.connect()
    client.ask("gauth", SIGNED_IN)
    client.ask("q", {"p": "/k", "h": ""})
    client.ask("gauth", {"cred": "owner", "authvar": {"uid": "v"}})
    client.said.clear()
    room.rest("/ok/u", False)
    assert client.said == []
    room.rest("/ok/v", False)
    assert client.said == [{"b": {"p": "k"}, "a": "c"}]


def test_listening_again_takes_the_place_of_the_first() -> None:
    """Each change is told once, under the newer tag."""
    room = Room(data={"l": {"a": 1}})
    client = room.connect()
    for tag in (1, 2):
        client.ask("q", {"p": "/l", "q": {"l": 1, "vf": "l"}, "t": tag, "h": ""})
    client.said.clear()
    room.rest("/l/a", 2)
    assert client.said == [{"b": {"p": "l/a", "d": 2, "t": 2}, "a": "d"}]


def test_a_denied_listen_leaves_the_one_there_is() -> None:
    """It is the new one that fails."""
    room = Room('{"rules": {"k": {".read": "query.limitToFirst === 1"}}}', {"k": {"a": 1}})
    client = room.connect()
    assert client.status("q", {"p": "/k", "q": {"l": 1, "vf": "l"}, "t": 1, "h": ""}) == "ok"
    assert client.status("q", {"p": "/k", "h": ""}) == "permission_denied"
    client.said.clear()
    room.rest("/k/a", 2)
    assert [each["a"] for each in client.said] == ["d"]


def test_more_than_one_read_may_give_is_too_big() -> None:
    """To get and to listen to, also for who has it; a window of it may still be asked for."""
    room = Room(data={"a": "x" * 60, "b": "y" * 60}, answer=100)
    client = room.connect()
    text = "Data requested exceeds the maximum size that can be accessed with a single request."
    asked: list[tuple[str, dict[str, Json]]] = [
        ("g", {"p": "/", "q": {}}),
        ("q", {"p": "/", "h": ""}),
        ("q", {"p": "/", "h": digest(room.database.root)}),
    ]
    for action, body in asked:
        (answer,) = client.ask(action, body)
        assert answer["b"] == {"s": "too_big", "d": text}
    window: dict[str, Json] = {"p": "/", "q": {"l": 1, "vf": "l"}, "t": 1}
    assert client.status("g", window) == "ok"
    assert client.status("q", window) == "ok"
    client.said.clear()
    room.rest("/a", None)
    assert [push["b"]["t"] for push in client.said] == [1]


@pytest.mark.parametrize("action", ["g", "q"])
def test_what_just_fits_is_given(action: str) -> None:
    """As much as one read may give, and no more."""
    most = Room(data="x" * 60).database.root.weight
    for limit, status in ((most, "ok"), (most - 1, "too_big")):
        client = Room(data="x" * 60, answer=limit).connect()
        assert client.status(action, {"p": "/", "h": ""}) == status


def test_nobody_is_owed_anything_who_has_left() -> None:
    """And the database holds nothing of them."""
    room = Room('{"rules": {".read": "auth != null"}}', {"a": 1})
    client = room.connect()
    client.ask("gauth", SIGNED_IN)
    client.ask("q", {"p": "/a", "h": ""})
    client.leave()
    client.said.clear()
    room.rest("/a", 2)
    assert client.said == []
    assert room.tags == {}
    client._follow(client.peer.expired(NOW))  # as it may while the last of it is being done
    assert [each["a"] for each in client.said] == ["ac"]


@pytest.mark.parametrize("action", ["q", "g", "p", "m", "o", "om"])
def test_rules_are_told_when_it_is(action: str) -> None:
    """In ms, and at the moment of the request."""
    then = NOW + 1
    now = f"now === {then}"
    room = Room(dumps({"rules": {".read": now, ".write": now, "a": {}}}), {"a": 1})
    client = room.connect()
    value: Json = {"b": 1} if action in {"m", "om"} else 1
    body: dict[str, Json] = {"p": "/a"} if action in {"q", "g"} else {"p": "/a", "d": value}
    for room.now, status in (
        (NOW, "permission_denied"),
        (then, "ok"),
        (then + 1, "permission_denied"),
    ):
        assert client.status(action, body) == status


@pytest.mark.parametrize("action", ["gauth", "unauth"])
def test_what_may_be_heard_is_judged_when_somebody_else_is_signed_in(action: str) -> None:
    """By the clock of that moment, and not by that of the listen."""
    room = Room(dumps({"rules": {".read": f"now <= {NOW}"}}), {"a": 1})
    client = room.connect()
    client.ask("q", {"p": "/a", "h": ""})
    assert [each.get("a") for each in client.ask(action, SIGNED_IN)] == [None]
    room.now += 1
    assert [each.get("a") for each in client.ask(action, SIGNED_IN)] == [None, "c"]


@pytest.mark.parametrize("action", ["m", "om"])
def test_whoever_changes_nothing_needs_no_permission(action: str) -> None:
    """Nor room: there is nothing that rules could be asked about, and nothing to keep."""
    client = Room('{"rules": {"full": {".write": true}}}').connect()
    full: dict[str, Json] = {"p": "/full", "d": "x" * 4000}
    assert [client.status("o", full) for _ in range(2)] == ["ok", "failure"]
    bodies: list[dict[str, Json]] = [{"p": "/a", "d": {}}, {"p": "/a", "d": None}, {"p": "/a"}]
    for body in bodies:
        assert client.status(action, body) == "ok"


def test_the_last_request_is_told_for_the_log() -> None:
    """With what it came to; what is no request is none."""
    client = Room('{"rules": {"a": {".read": true}}}').connect()
    asked: list[tuple[str, dict[str, Json], tuple[str, str]]] = [
        ("g", {"p": "/a"}, ("/a", "ok")),
        ("p", {"p": "/a", "d": 1}, ("/a", "permission_denied")),
        ("s", {"c": {}}, ("", "ok")),
        ("g", {"p": 7}, ("", "failure")),
    ]
    for action, body, told in asked:
        client.ask(action, body)
        assert client.peer.told == (action, *told)
    for text in (dumps({"t": "c", "d": {"t": "p", "d": {}}}), "[]"):
        client.send(text)
        assert client.peer.told is None
        client.ask("g", {"p": "/a"})


def test_an_ended_token_is_told_and_ends_what_it_allowed() -> None:
    """The client fetches another and comes back."""
    room = Room('{"rules": {"k": {".read": "auth != null"}}}', {"k": 1}, enforce_expiry=True)
    client = room.connect()
    client.ask("gauth", SIGNED_IN)
    client.ask("q", {"p": "/k", "h": ""})
    client.said.clear()
    client._follow(client.peer.expired(NOW))
    first, second = client.said
    assert first == {"b": {"s": "expired_token", "d": "Auth token is expired."}, "a": "ac"}
    assert second == {"b": {"p": "k"}, "a": "c"}


class Mirror:
    """What a client of one listen knows, by what it has been told and nothing else."""

    def __init__(self) -> None:
        self.value: Any = None

    def told(self, said: dict[str, Any], depth: int) -> None:
        """One push."""
        where = [key for key in said["b"]["p"].split("/") if key][depth:]
        if said["a"] == "d":
            self.value = _put(self.value, where, said["b"]["d"])
            return
        assert said["a"] == "m"
        for key, value in said["b"]["d"].items():
            self.value = _put(self.value, [*where, *key.split("/")], value)


def _put(value: Any, where: list[str], new: Any) -> Any:
    if not where:
        return new
    if not isinstance(value, dict):
        value = {}
    elif ".value" in value:
        value = {".priority": value[".priority"]}
    changed = {**value, where[0]: _put(value.get(where[0]), where[1:], new)}
    kept = {key: item for key, item in changed.items() if item is not None}
    return kept if kept.keys() - {".priority"} else None


@examples(200)
@example(
    None,
    [],
    None,
    [("put", ROOT, {"c": 0, ".priority": 1}), ("patch", ROOT, {"c": None, "a": 0})],
)
@given(
    values,
    st.lists(keys, max_size=2),
    st.none() | queries(),
    st.lists(writes, max_size=5),
)
def test_a_listen_always_knows_what_a_get_would_say(
    start: Any, place: list[str], query: Query | None, steps: list[tuple[str, Any, Any]]
) -> None:
    """First data and pushes add up, with and without a query, priorities included."""
    room = Room()
    room.database._enforce_indexes = False
    writer, client = room.connect(), room.connect()
    writer.ask("p", {"p": "/", "d": start})
    path, asked = "/".join(place), to_object(query)
    mirror = Mirror()
    listen: dict[str, Json] = {"p": path, "h": ""}
    if asked:
        listen |= {"q": asked, "t": 1}
    for said in client.ask("q", listen)[:-1]:
        mirror.told(said, len(place))
    for kind, at, value in steps:
        client.said.clear()
        writer.ask("p" if kind == "put" else "m", {"p": str(at), "d": value})
        for said in client.said:
            assert said["b"].get("t") == listen.get("t")
            mirror.told(said, len(place))
        (got,) = writer.ask("g", {"p": path, "q": asked})
        assert same(mirror.value, got["b"]["d"])


@examples(400)
@given(st.lists(st.tuples(st.integers(0, 1), requests), max_size=12))
def test_whatever_is_asked_is_answered_once(
    said: list[tuple[int, tuple[str, dict[str, Any]]]],
) -> None:
    """No request fails otherwise, and none disturbs another connection."""
    room = Room('{"rules": {".read": true, ".write": true, "b": {".read": false}}}')
    clients = [room.connect(), room.connect()]
    for who, (action, body) in said:
        told = clients[who].ask(action, body)
        answers = [each for each in told if "r" in each]
        assert [each["r"] for each in answers] == [clients[who].number]
        assert answers[0]["b"]["s"] == "ok" or isinstance(answers[0]["b"]["d"], str)
    for client in clients:
        client.leave()
        assert client.closed is None
    assert room.tags == {}


@examples(200)
@given(st.text() | scraps.map(json.dumps))
def test_any_text_is_answered_or_ends_its_connection(text: str) -> None:
    """There is nothing else that a text can do."""
    client = Room().connect()
    client.send(text)
    assert client.closed or client.said == []


def test_a_connection_keeps_a_bounded_number_of_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one beyond fails, and the others go on."""
    monkeypatch.setattr("imbari_chat.emulator.database.peer._LISTENS", 2)
    client = Room().connect()
    assert [client.status("q", {"p": f"/{n}"}) for n in range(3)] == ["ok", "ok", "failure"]
    client.ask("n", {"p": "/0"})
    assert client.status("q", {"p": "/2"}) == "ok"
