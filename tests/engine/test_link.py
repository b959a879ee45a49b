"""A client's link, told the time and what the server says."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from imbari_chat.engine.access import SocketRequest
from imbari_chat.engine.effects import Changed, Disconnect, Ended, StateChanged
from imbari_chat.engine.link import Link
from imbari_chat.engine.link_effects import Attempt, Dial, Hash, Identify, LinkPolicy, Post, Told
from imbari_chat.engine.listens import hash_of
from imbari_chat.engine.places import SocketPlace
from imbari_chat.engine.refusals import Call, CredentialRefused
from imbari_chat.engine.requests import Answered
from imbari_chat.errors import (
    AccessDenied,
    AuthError,
    ClientClosed,
    ConfigError,
    ImbariError,
    InvalidData,
    Unavailable,
)
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import Path

LIVE = SocketPlace("n.firebaseio.com", "n", secure=True)
USER = SocketRequest(LIVE, "auth", {"cred": "token"})
ROOM = Path.parse("/room")
READ, WRITE = Call("/a"), Call("/b", write=True)


class Played:
    """A link, and a server that says what a test wants it to."""

    def __init__(self, **policy: Any) -> None:
        self.link = Link(lambda: 0.0, LinkPolicy(**policy))
        self.now = 100.0
        self.attempts: list[Attempt] = []

    def drain(self) -> list[Any]:
        """What the link wants done; how its attempts went is kept apart."""
        effects = self.link.drain()
        self.attempts += [one for one in effects if isinstance(one, Attempt)]
        return [one for one in effects if not isinstance(one, Attempt)]

    def said(self) -> list[Any]:
        """The requests that were sent since; whatever else is due is dropped."""
        posted = [effect.text for effect in self.drain() if isinstance(effect, Post)]
        return [json.loads(text)["d"] for text in posted]

    def hear(self, inner: Any) -> None:
        self.link.received(json.dumps({"t": "d", "d": inner}), self.now)

    def control(self, kind: str, payload: Any) -> None:
        text = json.dumps({"t": "c", "d": {"t": kind, "d": payload}})
        self.link.received(text, self.now)

    def answer(self, number: int, status: str = "ok", data: Any = "") -> None:
        self.hear({"r": number, "b": {"s": status, "d": data}})

    def push(self, action: str, **body: Any) -> None:
        self.hear({"a": action, "b": body})

    def hello(self, host: str = "n.firebaseio.com", session: str = "s1") -> None:
        self.control("h", {"ts": 1_700_000_000_000, "v": "5", "h": host, "s": session})

    def greet(self, request: SocketRequest = USER, expires_in: float | None = None) -> None:
        """Up to the server's greeting."""
        self.link.identified(request, self.now, expires_in)
        self.hello()

    def live(self, value: Any = None) -> None:
        """Somebody listens to the room and is told what is there."""
        self.link.listen(1, ROOM, None, self.now)
        self.greet()
        self.answer(1)
        self.push("d", p="room", d=value)
        self.answer(2, data={})
        assert self.link.state == "live"
        self.drain()

    def wait(self, seconds: float) -> list[tuple[float, Any]]:
        """Let time pass; the effects with their times."""
        until, effects = self.now + seconds, []
        while (due := self.link.deadline()) is not None and due <= until:
            self.now = max(due, self.now)
            self.link.tick(self.now)
            effects += [(self.now, effect) for effect in self.drain()]
        self.now = until
        return effects


def _states(effects: list[Any], hearer: int = 1) -> list[str]:
    told = [one.item for one in effects if isinstance(one, Told) and one.hearer == hearer]
    return [item.state for item in told if isinstance(item, StateChanged)]


def _errors(effects: list[Any]) -> list[Any]:
    return [one.error for one in effects if isinstance(one, Answered)]


def test_nothing_happens_before_somebody_wants_something() -> None:
    """And then: who is asking, the dial, who it is and what for, and the value before live."""
    played = Played()
    assert (played.drain(), played.link.deadline()) == ([], None)
    played.link.listen(1, ROOM, None, played.now)
    assert played.drain() == [Told(1, StateChanged("connecting")), Identify()]
    played.link.identified(USER, played.now)
    assert played.drain() == [Dial("wss://n.firebaseio.com/.ws?v=5")]
    played.hello()
    assert played.said() == [
        {"r": 1, "a": "auth", "b": {"cred": "token"}},
        {"r": 2, "a": "q", "b": {"p": "/room", "h": ""}},
    ]
    played.answer(1)
    played.push("d", p="room", d={"a": 1})
    assert played.drain() == []
    played.answer(2, data={})
    assert played.drain() == [
        Told(1, Changed({"a": 1}, None)),
        Told(1, StateChanged("live")),
    ]
    assert played.link.state == "live"


def test_one_may_connect_before_anybody_wants_something() -> None:
    """So that it is there when somebody does."""
    played = Played()
    states = [played.link.state]
    played.link.connect(played.now)
    assert played.drain() == [Identify()]
    played.greet()
    played.answer(1)
    assert [*states, played.link.state] == ["connecting", "live"]


def test_whoever_comes_later_shares_what_is_there() -> None:
    """Without asking the server."""
    played = Played()
    played.live({"a": 1})
    played.link.listen(2, ROOM, None, played.now)
    assert played.drain() == [
        Told(2, StateChanged("connecting")),
        Told(2, Changed({"a": 1}, None)),
        Told(2, StateChanged("live")),
    ]
    played.push("d", p="room/b", d=2)
    changed = Changed({"a": 1, "b": 2}, frozenset({"b"}))
    assert played.drain() == [Told(1, changed), Told(2, changed)]
    played.link.unlisten(1)
    assert played.said() == []
    played.link.unlisten(2)
    assert played.said() == [{"r": 3, "a": "n", "b": {"p": "/room"}}]


@pytest.mark.parametrize("again", [False, True], ids=["first", "again"])
def test_whoever_shares_what_is_served_is_live_before_others_are(again: bool) -> None:
    """Another listen waits for the server yet: this one does not wait with it."""
    played = Played()
    if again:
        played.live({"a": 1})
        played.link.lost("cut", played.now)
        played.wait(1)
    else:
        played.link.listen(1, ROOM, None, played.now)
    played.link.listen(2, Path.parse("/other"), None, played.now)
    played.greet()
    asked = {one["b"].get("p"): one["r"] for one in played.said()}
    played.answer(asked[None])
    played.answer(asked["/room"], data={"w": ["no_index"]})
    first = _states(played.drain())[-1]
    played.link.listen(3, ROOM, None, played.now)
    *_, changed, state = [one.item for one in played.drain() if isinstance(one, Told)]
    assert isinstance(changed, Changed)
    assert isinstance(state, StateChanged)
    assert (first, state.state) == ("live", "live")
    assert state.reason is not None, "that there is no index is said to everybody"


def test_a_live_connection_is_asked_at_once() -> None:
    """But for what was left a moment ago: the server is to have heard of that."""
    played = Played()
    played.live()
    other = Path.parse("/b")
    played.link.listen(2, other, None, played.now)
    (asked,) = played.said()
    assert (asked["a"], asked["b"]) == ("q", {"p": "/b", "h": ""})
    played.answer(asked["r"], data={})
    played.link.unlisten(2)
    played.link.listen(3, other, None, played.now)
    (left,) = played.said()
    assert left["a"] == "n"
    played.answer(left["r"])
    assert [one["a"] for one in played.said()] == ["q"]


def test_whoever_comes_while_it_is_away_is_told_so() -> None:
    """And gets the value although those before them have it."""
    played = Played()
    played.live({"a": 1})
    played.link.lost("cut", played.now)
    played.drain()
    played.link.listen(2, ROOM, None, played.now)
    assert _states(played.drain(), 2) == ["connecting", "reconnecting"]
    played.wait(1)
    played.greet()
    played.drain()
    played.answer(3)
    played.answer(4, data={})
    assert Told(2, Changed({"a": 1}, None)) in played.drain()


def test_callers_wait_until_the_server_knows_who_they_are() -> None:
    """Behind the listens; should it not know them, nothing of theirs has been sent."""
    played = Played()
    key = played.link.ask("m", {"p": "/"}, WRITE, played.now)
    played.link.listen(1, ROOM, None, played.now)
    played.greet()
    assert [one["a"] for one in played.said()] == ["auth", "q"]
    played.answer(1)
    assert [one["a"] for one in played.said()] == ["m"]
    played.answer(3)
    assert Answered(key, "") in played.drain()


@pytest.mark.parametrize("value", [{"a": 1}, None], ids=["something", "nothing"])
def test_a_reconnect_names_what_is_here_and_the_session_before(value: Json) -> None:
    """Auth, listens with hashes, then callers; and nothing is told that is known."""
    played = Played()
    played.live(value)
    played.link.lost("cut", played.now)
    effects = played.drain()
    assert _states(effects) == ["reconnecting"]
    played.link.ask("g", {"p": "/a"}, READ, played.now)
    effects = [effect for _, effect in played.wait(1)]
    assert Identify() in effects
    played.link.identified(USER, played.now)
    (dial,) = played.drain()
    assert dial == Dial("wss://n.firebaseio.com/.ws?v=5&ls=s1")
    played.hello()
    assert [one["b"] for one in played.said()] == [
        {"cred": "token"},
        {"p": "/room", "h": hash_of(value)},
    ]
    played.answer(3)
    assert [one["a"] for one in played.said()] == ["g"]
    assert played.link.state == "reconnecting"
    played.answer(4, data={})
    assert played.drain() == [Told(1, StateChanged("live"))]
    assert str(played.link.state) == "live"


def test_many_values_are_hashed_elsewhere_while_the_socket_is_opened() -> None:
    """What needs them waits for them, and who is asking does not."""
    played = Played(hash_here=2)
    value: Json = {"a": 1, "b": 2}
    played.live(value)
    played.link.lost("cut", played.now)
    effects = [effect for _, effect in played.wait(1)]
    assert Hash((value,)) in effects
    played.greet()
    assert [one["a"] for one in played.said()] == ["auth"]
    played.answer(3)
    assert played.said() == []
    played.link.hashed(["the hash"])
    assert played.said() == [{"r": 4, "a": "q", "b": {"p": "/room", "h": "the hash"}}]


def test_what_nobody_wants_any_more_is_not_waited_for() -> None:
    """A listener goes while its value is hashed, and everything is restored."""
    played = Played(hash_here=0)
    played.live({"a": 1})
    played.link.lost("cut", played.now)
    played.wait(1)
    played.greet()
    played.answer(3)
    played.link.unlisten(1)
    assert played.link.state == "live"
    played.drain()
    played.link.hashed(["the hash"])
    assert played.said() == []


def test_it_is_said_whether_what_is_withdrawn_was_sent() -> None:
    """It may be done then."""
    played = Played()
    waiting = played.link.ask("m", {"p": "/"}, WRITE, played.now)
    sent = played.link.ask("m", {"p": "/"}, WRITE, played.now)
    assert played.link.withdraw(waiting) is False
    played.greet()
    played.answer(1)
    assert played.link.withdraw(sent) is True


def test_a_write_whose_answer_is_lost_is_unknown_and_not_sent_again() -> None:
    """A read is."""
    played = Played()
    played.live()
    played.link.ask("m", {"p": "/"}, WRITE, played.now)
    played.link.ask("g", {"p": "/a"}, READ, played.now)
    assert [one["a"] for one in played.said()] == ["m", "g"]
    played.link.lost("cut", played.now)
    (error,) = _errors(played.drain())
    assert isinstance(error, Unavailable)
    assert error.outcome_unknown
    played.wait(1)
    played.greet()
    played.answer(5)
    assert [one["a"] for one in played.said()] == ["auth", "q", "g"]


def test_an_attempt_that_fails_does_not_keep_callers_waiting() -> None:
    """They are told that nothing was sent, and so is whoever asks a moment later."""
    played = Played()
    played.live()
    played.link.lost("cut", played.now)
    played.link.ask("m", {"p": "/"}, WRITE, played.now)
    assert _errors(played.drain()) == []  # it may be back in the blink of an eye
    played.wait(0.5)
    played.link.lost("cannot connect", played.now)
    played.link.ask("g", {"p": "/"}, READ, played.now)
    first, second = _errors(played.drain())
    for error in (first, second):
        assert isinstance(error, Unavailable)
        assert error.what == "cannot connect"
        assert not error.outcome_unknown


def test_a_caller_does_not_wait_for_the_backoff() -> None:
    """One attempt is made on their behalf, at most one a second."""
    played = Played()
    played.live()
    played.link.lost("cut", played.now)
    for _ in range(40):
        played.wait(8)
        played.link.lost("cannot connect", played.now)
    played.drain()
    assert played.link.retry_at is not None
    assert played.link.retry_at > played.now + 5
    played.wait(1)
    played.link.ask("m", {"p": "/"}, WRITE, played.now)
    assert played.drain() == [Identify()]
    played.greet()
    (request,) = [one for one in played.said() if one["a"] == "auth"]
    played.answer(request["r"])
    assert [one["a"] for one in played.said()] == ["m"]


def test_whoever_waits_for_an_answer_is_connected_again() -> None:
    """Though nobody listens, and soon, whatever the backoff has come to."""
    played = Played()
    for _ in range(30):
        played.link.listen(1, ROOM, None, played.now)
        played.link.lost("no", played.now)
        played.wait(20)
    played.link.unlisten(1)
    played.link.ask("g", {"p": "/a"}, READ, played.now)
    played.link.identified(USER, played.now)
    played.hello()
    played.answer(played.said()[0]["r"])
    assert [one["a"] for one in played.said()] == ["g"]
    played.link.lost("cut", played.now)
    assert played.link.retry_at is not None
    assert played.link.retry_at <= played.now + 1
    assert Identify() in [effect for _, effect in played.wait(1)]


def test_who_asks_first_and_listens_to_nothing_is_connected_again() -> None:
    """Nobody else wants the connection."""
    played = Played()
    played.link.ask("g", {"p": "/a"}, READ, played.now)
    played.greet()
    played.answer(1)
    played.link.lost("cut", played.now)
    assert played.link.state == "reconnecting"
    assert Identify() in [effect for _, effect in played.wait(1)]


def test_nobody_is_connected_for_who_has_gone() -> None:
    """A connection that nobody needs is not made anew."""
    played = Played()
    played.live()
    played.link.unlisten(1)
    played.link.lost("cut", played.now)
    assert played.wait(3600) == []
    assert played.link.state == "connecting"


def test_waits_grow_while_it_is_away_and_begin_anew_after_a_good_connection() -> None:
    """As those of a stream do."""
    played = Played()
    waits = []
    played.link.listen(1, ROOM, None, played.now)
    for _ in range(3):
        played.link.lost("no", played.now)
        assert played.link.retry_at is not None
        waits.append(played.link.retry_at - played.now)
        played.wait(1)
    assert waits == sorted(waits)
    assert waits[0] == pytest.approx(0.125)
    played.greet()
    played.answer(1)
    played.answer(2, data={})
    played.wait(9)
    played.link.received("0", played.now)
    played.wait(9)
    played.link.lost("cut", played.now)
    assert played.link.retry_at == pytest.approx(played.now + 0.125)


def test_a_connection_that_is_soon_lost_again_has_not_proved_itself() -> None:
    """Its pause is the next one, and it is not over before it is."""
    played = Played()
    played.live()
    waits = []
    for number in (3, 5, 7):
        played.link.lost("cut", played.now)
        assert played.link.retry_at is not None
        waits.append(played.link.retry_at - played.now)
        played.drain()
        played.wait(waits[-1])
        played.link.tick(played.now)
        assert [type(one) for one in played.drain()] == []
        played.greet()
        played.answer(number)
        played.answer(number + 1, data={})
        assert played.link.state == "live"
    assert waits[0] < waits[1] < waits[2]


def test_silence_is_noticed_in_fifteen_seconds() -> None:
    """Asked about, said, and given up; then connected anew."""
    played = Played()
    played.live()
    began = played.now
    effects = [(now - began, effect) for now, effect in played.wait(15.1)]
    probe = json.dumps({"t": "d", "d": {"r": 3, "a": "s", "b": {"c": {}}}}, separators=(",", ":"))
    assert effects[0] == (10.0, Post(probe))
    assert [(now, _states([one])[0]) for now, one in effects if isinstance(one, Told)] == [
        (12.0, "stale"),
        (15.0, "reconnecting"),
    ]
    assert (15.0, Disconnect()) in effects


def test_an_answer_ends_the_worry() -> None:
    """Any byte does; who was told of it is told, and not who waits for a first answer."""
    played = Played()
    played.live()
    played.link.listen(2, Path.parse("/other"), None, played.now)
    played.wait(13)
    assert played.link.state == "stale"
    played.link.heard(played.now)
    assert played.drain() == [Told(1, StateChanged("live"))]


def test_whoever_goes_ends_no_worry() -> None:
    """That one less listens is no sign of the other end."""
    played = Played()
    played.live()
    played.link.listen(2, ROOM, None, played.now)
    played.wait(13)
    played.link.unlisten(2)
    assert played.link.state == "stale"


def test_bytes_that_leave_end_the_worry_once() -> None:
    """Answers come after them. That they left may be said again, or late."""
    played = Played()
    played.link.moved(played.now)
    played.live()
    played.wait(13)
    assert played.link.state == "stale"
    left = played.now
    played.link.moved(left)
    assert played.drain() == [Told(1, StateChanged("live"))]
    assert played.link.deadline() == left + 10
    played.now += 5
    played.link.moved(played.now)
    assert (played.drain(), played.link.deadline()) == ([], left + 15)
    played.link.ask("m", {"p": "/"}, WRITE, played.now)
    ended: list[float] = []
    for second in range(60):
        played.link.moved(left + second % 6)
        ended += _pushed(played, 1)
    assert ended[0] == left + 35


def _pushed(played: Played, seconds: int) -> list[float]:
    """A second after the other something is pushed; when the connection was given up."""
    for _ in range(seconds):
        played.push("d", p="room", d=played.now)
        if ended := [now for now, one in played.wait(1) if one == Disconnect()]:
            return ended
    return []


def test_a_way_that_is_dead_in_one_direction_is_given_up_whatever_is_pushed() -> None:
    """What is written into it is not answered; on a way that is well it is."""
    played = Played()
    played.live()
    played.link.ask("m", {"p": "/"}, WRITE, played.now)
    assert _pushed(played, 29) == []
    played.answer(3)
    assert _pushed(played, 15) == []
    played.link.ask("m", {"p": "/"}, WRITE, played.now)
    assert _pushed(played, 40) == [174.0]


def test_what_is_not_waited_for_any_more_is_still_owed() -> None:
    """Whoever wrote gives up sooner, and would send into the same void again."""
    played = Played()
    played.live()
    key = played.link.ask("m", {"p": "/"}, WRITE, played.now)
    assert played.link.withdraw(key) is True
    assert _pushed(played, 40) == [130.0]


def test_a_way_that_nobody_speaks_into_is_tried_now_and_then() -> None:
    """Pushes keep coming, and nothing is asked for: so something is."""
    played = Played()
    played.live()
    assert _pushed(played, 100) == [175.0]


def test_answers_behind_a_long_message_are_waited_for() -> None:
    """It comes in segments and pieces of them, for minutes, before what was asked for."""
    played = Played()
    played.live()
    played.link.ask("m", {"p": "/"}, WRITE, played.now)
    played.link.received("60", played.now)
    for _ in range(59):
        for _ in range(3):
            assert Disconnect() not in [one for _, one in played.wait(3)]
            played.link.heard(played.now)
        played.link.received(" ", played.now)
    assert played.link.state == "live"


def test_a_sign_of_life_is_sent() -> None:
    """The text that means nothing, every 45 seconds."""
    played = Played()
    played.live()
    kept = []
    for _ in range(12):
        kept += [now - 100 for now, effect in played.wait(8) if effect == Post("0")]
        played.link.heard(played.now)
    assert kept == [45, 90]


@pytest.mark.parametrize("came", [Link.heard, Link.moved])
def test_bytes_of_the_first_answer_put_its_deadline_off(came: Callable[..., None]) -> None:
    """On a slow line it takes as long as it takes, as does what it answers; silence does not."""
    played = Played()
    played.link.listen(1, ROOM, None, played.now)
    played.greet()
    for _ in range(5):
        assert Disconnect() not in [effect for _, effect in played.wait(8)]
        came(played.link, played.now)
        played.link.moved(played.now - 3)
    assert Disconnect() not in [effect for _, effect in played.wait(9)]
    assert Disconnect() in [effect for _, effect in played.wait(1)]


def test_a_slow_sign_in_leaves_the_dial_its_time() -> None:
    """It takes as long as it takes, and it is said that it does: one that is cut begins anew."""
    played = Played()
    played.link.listen(1, ROOM, None, played.now)
    played.drain()
    told = Told(1, StateChanged("connecting", "signing in takes its time"))
    assert (played.wait(600), played.link.deadline()) == ([(110.0, told)], None)
    played.link.identified(USER, played.now)
    played.drain()
    assert played.wait(9) == []
    assert Disconnect() in [effect for _, effect in played.wait(1)]


def test_a_server_that_greets_has_to_say_whom_it_knows() -> None:
    """Also where nobody listens: until then nothing is live."""
    played = Played()
    played.link.ask("g", {"p": "/a"}, READ, played.now)
    played.greet()
    assert played.link.state == "connecting"
    assert Disconnect() in [effect for _, effect in played.wait(10)]


@pytest.mark.parametrize(("greeting", "seconds"), [(None, 10), (3.0, 3)])
def test_the_greeting_may_have_less_time_than_the_rest(
    greeting: float | None, seconds: float
) -> None:
    """From the dial on, up to the greeting, and bytes put it off."""
    played = Played(greeting_timeout=greeting)
    played.link.listen(1, ROOM, None, played.now)
    played.link.identified(USER, played.now)
    assert Disconnect() not in [effect for _, effect in played.wait(seconds - 1)]
    played.link.heard(played.now)
    assert Disconnect() not in [effect for _, effect in played.wait(seconds - 1)]
    played.hello()
    assert Disconnect() not in [effect for _, effect in played.wait(9)]
    assert Disconnect() in [effect for _, effect in played.wait(1)]

    played = Played(greeting_timeout=greeting)
    played.link.listen(1, ROOM, None, played.now)
    played.link.identified(USER, played.now)
    assert Disconnect() not in [effect for _, effect in played.wait(seconds - 1)]
    assert Disconnect() in [effect for _, effect in played.wait(1)]
    assert played.attempts == [Attempt("failed", f"no answer within {seconds} s")]


GREETED, ANSWERED = Attempt("greeted"), Attempt("answered")
NOT_SERVED = "the database does not serve this client: maintenance"


@pytest.mark.parametrize(
    ("facts", "attempts"),
    [
        ([], []),
        (["no credential"], []),
        (["dialed"], []),
        (["dialed", "lost"], [Attempt("failed", "cut")]),
        (["dialed", "refused"], [Attempt("failed", "a page")]),
        (["dialed", "unreadable"], [Attempt("misunderstood", "?"), Attempt("failed", "?")]),
        (["dialed", "greeted"], [GREETED]),
        (["dialed", "greeted", "greeted"], [GREETED]),
        (["dialed", "greeted", "lost"], [GREETED, Attempt("failed", "cut")]),
        (["dialed", "greeted", "answered"], [GREETED, ANSWERED]),
        (["dialed", "greeted", "denied"], [GREETED]),
        (["dialed", "greeted", "answered", "lost"], [GREETED, ANSWERED]),
        (
            ["dialed", "greeted", "answered", "unreadable"],
            [GREETED, ANSWERED, Attempt("misunderstood", "?")],
        ),
        (["dialed", "greeted", "answered", "lost", "lost"], [GREETED, ANSWERED]),
        (
            ["dialed", "greeted", "shutdown"],
            [GREETED, Attempt("misunderstood", NOT_SERVED), Attempt("failed", NOT_SERVED)],
        ),
        (["dialed", "closed"], []),
        (["dialed", "moved"], []),
    ],
    ids=lambda value: "-".join(map(str, value)) if isinstance(value, list) else "",
)
def test_it_is_told_how_far_an_attempt_came(facts: list[str], attempts: list[Attempt]) -> None:
    """What failed before anything was dialed, or after callers were served, is no attempt's end.

    A server that sends this client away is believed only where nothing else can be asked.
    """
    played = Played(heeds_shutdown=False)
    played.link.listen(1, ROOM, None, played.now)
    for fact in facts:
        match fact:
            case "no credential":
                played.link.no_credential(Unavailable("no sign-in"), played.now)
            case "dialed":
                played.link.identified(USER, played.now)
            case "lost":
                played.link.lost("cut", played.now)
            case "refused":
                played.link.refused(Unavailable("a page"), played.now)
            case "unreadable":
                played.link.received("{", played.now)
            case "greeted":
                played.hello()
            case "answered":
                played.answer(1)
            case "denied":
                played.answer(1, "invalid_token")
            case "moved":
                played.control("r", "s-1.firebaseio.com")
            case "shutdown":
                played.control("s", "maintenance")
            case "closed":
                played.link.close(played.now)
        played.drain()
    assert [one.came for one in played.attempts] == [one.came for one in attempts]
    for told, expected in zip(played.attempts, attempts, strict=True):
        if expected.reason == "?":
            assert "unreadable" in (told.reason or "")
        else:
            assert told.reason == expected.reason


@pytest.mark.parametrize(
    "payload", [None, "6", 6, [], {}, {"v": "6", "ts": "soon", "h": 1, "s": 2}]
)
def test_a_greeting_of_another_version_is_one(payload: Json) -> None:
    """As for the SDKs; what it does not say in words that are known is not known."""
    played = Played()
    played.link.listen(1, ROOM, None, played.now)
    played.link.identified(USER, played.now)
    played.drain()
    played.control("h", payload)
    assert [one["a"] for one in played.said()] == ["auth", "q"]
    assert played.attempts == [GREETED]


def test_the_service_names_the_host_to_dial() -> None:
    """At once, and for later connections; never one that is not its own."""
    played = Played()
    played.link.listen(1, ROOM, None, played.now)
    played.link.identified(USER, played.now)
    played.control("r", "s-1.firebaseio.com")
    effects = played.drain()
    assert effects[-2:] == [
        Told(1, StateChanged("reconnecting", "the service is at another host", 0.0)),
        Identify(),
    ]
    played.link.identified(USER, played.now)
    assert Dial("wss://s-1.firebaseio.com/.ws?v=5&ns=n") in played.drain()
    played.hello(host="s-2.firebaseio.com")
    played.link.lost("cut", played.now)
    played.wait(1)
    played.link.identified(USER, played.now)
    assert Dial("wss://s-2.firebaseio.com/.ws?v=5&ns=n&ls=s1") in played.drain()
    played.link.lost("cannot connect", played.now)
    played.wait(1)
    played.link.identified(USER, played.now)
    assert Dial("wss://n.firebaseio.com/.ws?v=5&ls=s1") in played.drain()
    played.control("r", "evil.example")
    assert "not its own" in played.link._latest.reason  # type: ignore[operator]
    played.wait(1)
    played.link.identified(USER, played.now)
    assert Dial("wss://n.firebaseio.com/.ws?v=5&ls=s1") in played.drain()


def test_a_greeting_that_names_another_host_is_not_followed_elsewhere() -> None:
    """A credential goes to the service alone."""
    played = Played()
    played.link.listen(1, ROOM, None, played.now)
    played.link.identified(USER, played.now)
    played.hello(host="evil.example")
    played.link.lost("cut", played.now)
    played.wait(1)
    played.link.identified(USER, played.now)
    assert Dial("wss://n.firebaseio.com/.ws?v=5&ls=s1") in played.drain()


def test_being_sent_in_circles_is_an_outage() -> None:
    """With a pause."""
    played = Played()
    played.link.listen(1, ROOM, None, played.now)
    dials = 0
    while played.link.retry_at is None:
        played.link.identified(USER, played.now)
        played.control("r", f"s-{dials % 2}.firebaseio.com")
        dials += 1
        assert dials < 20
    assert dials == 6


def test_moves_that_lead_somewhere_are_no_circle() -> None:
    """However many there are."""
    played = Played()
    played.live()
    number = 3
    for move in range(10):
        played.control("r", f"s-{move}.firebaseio.com")
        played.greet()
        played.answer(number)
        played.answer(number + 1, data={})
        number += 2
        assert played.link.state == "live"


@pytest.mark.parametrize(
    ("error", "ends"), [(Unavailable("status 403"), False), (ConfigError("no such proxy"), True)]
)
def test_what_opens_no_socket_is_an_outage_or_the_end(error: ImbariError, ends: bool) -> None:
    """By whether trying again helps."""
    played = Played()
    played.link.listen(1, ROOM, None, played.now)
    played.link.identified(USER, played.now)
    played.link.refused(error, played.now)
    effects = played.drain()
    assert _states(effects)[-1] == ("closed" if ends else "reconnecting")
    assert (played.link.retry_at is None) is ends
    assert played.link.state == ("connecting" if ends else "reconnecting")


@pytest.mark.parametrize("connects", [False, True])
def test_what_comes_late_is_for_nobody(*, connects: bool) -> None:
    """Of a connection that is no more; and a clock that rings early changes nothing."""
    played = Played()
    played.live({"a": 1})
    played.link.lost("cut", played.now)
    if connects:
        played.link.reconnect_now(played.now)
    played.drain()
    played.push("d", p="", d=None)
    for kind in "rsh":
        played.control(kind, "too.late")
    played.link.tick(played.now)
    assert (played.drain(), played.attempts) == ([], [Attempt("greeted"), Attempt("answered")])


@pytest.mark.parametrize("error", [Unavailable("away"), AuthError("over")])
def test_a_credential_that_comes_late_is_for_nobody(error: ImbariError) -> None:
    """Nor is another asked for, when there is none."""
    played = Played()
    played.live()
    played.link.close(played.now)
    played.drain()
    played.link.identified(USER, played.now)
    played.link.no_credential(error, played.now)
    played.link.received('{"t":"c","d":{"t":"s","d":"gone"}}', played.now)
    assert (played.drain(), played.link.deadline()) == ([], None)


def test_what_is_heard_of_the_last_socket_puts_no_sign_in_off() -> None:
    """Nothing was dialled yet."""
    played = Played()
    played.link.connect(played.now)
    due = played.link.deadline()
    played.link.heard(played.now + 1)
    assert played.link.deadline() == due


def test_what_is_heard_of_a_good_connection_begins_no_deadline() -> None:
    """But that of its silence."""
    played = Played()
    played.live()
    played.link.heard(played.now)
    assert [type(effect) for _, effect in played.wait(11)] == [Post]


def test_a_shutdown_is_the_end_and_is_not_tried_again() -> None:
    """Whoever listens or waits is told why; whoever asks later begins anew."""
    played = Played()
    played.live()
    played.link.ask("g", {"p": "/a"}, READ, played.now)
    played.drain()
    played.control("s", "Namespace lives in a different region\nuse eyJhbGciOi.x.y")
    effects = played.drain()
    (ended,) = [one.item.error for one in effects if isinstance(getattr(one, "item", None), Ended)]
    assert isinstance(ended, ConfigError)
    assert "different region use [token]" in ended.what
    assert _states(effects) == ["closed"]
    assert [type(error) for error in _errors(effects)] == [ConfigError]
    assert played.link.deadline() is None
    played.link.ask("g", {"p": "/a"}, READ, played.now)
    assert played.drain() == [Identify()]


def test_an_ended_credential_is_replaced_at_once_and_then_with_pauses() -> None:
    """The server says so on an open connection, or instead of signing in."""
    played = Played()
    played.live()
    played.push("ac", s="expired_token", d="Auth token is expired.")
    effects = played.drain()
    assert effects[0] == Disconnect()
    assert effects[-1] == Identify(renew=True)
    played.greet()
    played.drain()
    played.answer(3, "invalid_token", "no")
    effects = played.drain()
    assert Identify(renew=True) not in effects
    assert played.link.retry_at is not None
    assert Identify(renew=True) in [effect for _, effect in played.wait(1)]
    played.greet()
    played.answer(5)
    played.answer(6, data={})
    assert played.link.state == "live"
    played.wait(LinkPolicy().stable_after)
    played.push("ac", s="expired_token", d="Auth token is expired.")
    assert Identify(renew=True) in played.drain()


def test_a_credential_that_is_taken_for_a_moment_only_does_not_spin() -> None:
    """A service whose clock is ahead takes each and ends it; the one for that is asked in vain."""
    played = Played()
    played.live()
    number = 2
    asked = []
    for _ in range(4):
        played.push("ac", s="expired_token", d="Auth token is expired.")
        asked.append(Identify(renew=True) in played.drain())
        if not asked[-1]:
            assert played.link.retry_at is not None
            assert Identify(renew=True) in [effect for _, effect in played.wait(1)]
        played.greet()
        played.answer(number + 1)
        played.answer(number + 2, data={})
        number += 2
        assert played.link.state == "live"
    assert asked == [True, False, False, False]


def test_nothing_is_listened_to_that_was_said_to_a_stranger() -> None:
    """A server that does not know the caller denies what was asked in the same breath."""
    played = Played()
    played.live()
    played.link.lost("cut", played.now)
    played.wait(1)
    played.greet()
    played.drain()
    played.answer(3, "invalid_token", "no")
    played.answer(4, "permission_denied", "Permission denied")
    effects = played.drain()
    assert not [one for one in effects if isinstance(getattr(one, "item", None), Ended)]


def test_callers_are_told_that_a_sign_in_is_not_taken() -> None:
    """After the second time, as nothing more can be done now."""
    played = Played()
    played.link.ask("m", {"p": "/"}, WRITE, played.now)
    for number in (1, 2):
        played.greet()
        played.answer(number, "invalid_token", "no")
    assert [type(error) for error in _errors(played.drain())] == [CredentialRefused]


def test_a_credential_is_renewed_in_place() -> None:
    """Listens stay; it is tried again if nobody can be reached."""
    played = Played()
    played.link.listen(1, ROOM, None, played.now)
    played.greet(expires_in=3600)
    played.answer(1)
    played.answer(2, data={})
    played.drain()
    began = played.now
    identified: list[float] = []
    while not identified:
        identified = [now for now, effect in played.wait(9) if effect == Identify()]
        played.link.heard(played.now)
        assert played.now < began + 4000
    assert identified[0] - began == 3600 - 120
    played.link.no_credential(Unavailable("no"), played.now)
    began, identified = played.now, []
    while not identified:
        identified = [now for now, effect in played.wait(9) if effect == Identify()]
        played.link.heard(played.now)
    assert identified[0] - began == 30
    played.drain()
    played.link.identified(SocketRequest(LIVE, "auth", {"cred": "new"}), played.now, 3600)
    (request,) = played.said()
    assert (request["a"], request["b"]) == ("auth", {"cred": "new"})
    played.answer(request["r"])
    assert played.link.state == "live"
    began, identified = played.now, []
    while not identified:
        identified = [now for now, effect in played.wait(9) if effect == Identify()]
        played.link.heard(played.now)
        assert played.now < began + 4000
    assert identified[0] - began == 3600 - 120


@pytest.mark.parametrize("live", [False, True])
def test_a_sign_in_that_is_over_is_the_end(live: bool) -> None:
    """Whatever the connection is just now."""
    played = Played()
    if live:
        played.live()
    else:
        played.link.listen(1, ROOM, None, played.now)
    played.link.no_credential(AuthError("nobody is signed in"), played.now)
    (ended,) = [
        one.item.error for one in played.drain() if isinstance(getattr(one, "item", None), Ended)
    ]
    assert isinstance(ended, AuthError)
    assert played.link.deadline() is None
    assert played.link.state == "connecting"  # as whoever signs in next will be told


def test_a_credential_that_cannot_be_had_now_is_tried_again() -> None:
    """An outage of the sign-in service; a renewal stays one."""
    played = Played()
    played.live()
    played.push("ac", s="expired_token", d="")
    played.link.no_credential(Unavailable("no"), played.now)
    played.drain()
    assert Identify(renew=True) in [effect for _, effect in played.wait(1)]
    played.link.no_credential(Unavailable("no"), played.now)
    assert Identify(renew=True) in [effect for _, effect in played.wait(2)]
    played.link.identified(USER, played.now)
    played.link.lost("cut", played.now)
    assert Identify(renew=False) in [effect for _, effect in played.wait(2)]  # it is renewed


def test_a_denied_listen_ends_alone() -> None:
    """Others go on, and the connection is live without it."""
    played = Played()
    played.link.listen(1, ROOM, None, played.now)
    played.link.listen(2, Path.parse("/b"), None, played.now)
    played.greet()
    played.drain()
    played.answer(1)
    played.answer(2, "permission_denied", "Permission denied")
    closed, ended = played.drain()
    assert closed.item.state == "closed"
    assert isinstance(ended.item.error, AccessDenied)
    assert ended.hearer == 1
    played.answer(3, data={})
    assert played.link.state == "live"
    played.drain()
    played.push("c", p="b")
    closed, ended = played.drain()
    assert ended.hearer == 2
    assert isinstance(ended.item.error, AccessDenied)


def test_a_listen_that_is_not_served_now_is_an_outage() -> None:
    """It is asked for again on another connection."""
    played = Played()
    played.link.listen(1, ROOM, None, played.now)
    played.greet()
    played.answer(1)
    played.answer(2, "unavailable", "The service is unavailable")
    assert _states(played.drain())[-1] == "reconnecting"
    assert played.link.retry_at is not None


def test_another_warning_is_not_that_of_a_missing_index() -> None:
    """Nothing is said of it."""
    played = Played()
    played.link.listen(1, ROOM, None, played.now)
    played.greet()
    played.answer(1)
    played.answer(2, data={"w": ["another"]})
    assert played.drain()[-1] == Told(1, StateChanged("live"))


def test_a_missing_index_is_told() -> None:
    """As the reason of what is live."""
    played = Played()
    played.link.listen(1, ROOM, None, played.now)
    played.greet()
    played.answer(1)
    played.drain()
    played.answer(2, data={"w": ["no_index"]})
    assert "index" in (played.drain()[-1].item.reason or "")


@pytest.mark.parametrize("text", ["[]", "{", '{"t":"d","d":{"a":"d","b":{"p":"a.b","d":1}}}', "-5"])
def test_what_cannot_be_read_is_an_outage(text: str) -> None:
    """Whatever follows would be applied to the wrong value."""
    played = Played()
    played.live({"a": 1})
    played.link.received(text, played.now)
    effects = played.drain()
    assert effects[0] == Disconnect()
    assert _states(effects) == ["reconnecting"]


def test_what_nobody_knows_is_read_over() -> None:
    """Pushes, control messages and answers of a later version, keepalives, and late ones."""
    played = Played()
    played.live()
    played.push("sd", msg="why")
    played.push("new")
    played.control("e", "text")
    played.control("o", None)
    played.control("new", None)
    played.hello()
    played.answer(99, "new")
    played.link.received("0", played.now)
    played.link.received("", played.now)
    assert played.drain() == []
    assert played.link.state == "live"


def test_a_long_message_comes_in_segments() -> None:
    """And what a lost connection left of one is forgotten."""
    played = Played()
    played.live()
    played.link.received("2", played.now)
    played.link.received('{"t":"d","d":{"a":"d",', played.now)
    played.link.lost("cut", played.now)
    played.wait(1)
    played.greet()
    played.answer(3)
    for text in ("2", '{"t":"d","d":{"a":"d",', '"b":{"p":"room","d":5}}}'):
        played.link.received(text, played.now)
    played.drain()
    played.answer(4, data={})
    assert Told(1, Changed(5, None)) in played.drain()


def test_a_message_that_is_too_long_is_not_taken() -> None:
    """Bounded, however it is cut."""
    played = Played(longest=1000)
    played.live()
    played.link.received("999", played.now)
    for _ in range(12):
        played.link.received("x" * 100, played.now)
    assert played.link.state == "reconnecting"


def test_reconnecting_now_does_not_wait() -> None:
    """For the backoff, nor for a silent connection; one that seems well is asked."""
    played = Played()
    played.live()
    played.link.reconnect_now(played.now)
    assert [one["a"] for one in played.said()] == ["s"]
    effects = [effect for _, effect in played.wait(5)]
    assert Disconnect() in effects
    played.link.reconnect_now(played.now)
    played.drain()
    played.greet()
    played.answer(4)
    played.answer(5, data={})
    played.wait(12)
    assert played.link.state == "stale"
    played.link.reconnect_now(played.now)
    effects = played.drain()
    assert (effects[0], effects[-1]) == (Disconnect(), Identify())
    played.link.reconnect_now(played.now)
    assert played.drain() == []


def test_closing_tells_everybody() -> None:
    """What was sent may have been done; nothing is done afterwards."""
    played = Played()
    played.live()
    played.link.ask("m", {"p": "/"}, WRITE, played.now)
    played.link.ask("g", {"p": "/a"}, READ, played.now)
    played.drain()
    played.link.close(played.now)
    effects = played.drain()
    write, read = _errors(effects)
    assert write.outcome_unknown
    assert isinstance(read, ClientClosed)
    assert _states(effects) == ["closed"]
    played.link.close(played.now)
    played.link.lost("cut", played.now)
    played.link.reconnect_now(played.now)
    played.hello()
    assert (played.drain(), played.link.deadline()) == ([], None)


def test_secrets_are_not_shown() -> None:
    """A text to be sent may hold a token."""
    played = Played()
    played.link.listen(1, ROOM, None, played.now)
    played.greet()
    assert "token" not in repr(played.drain())


def test_invalid_data_of_a_caller_is_the_callers() -> None:
    """A request that fails does not disturb the connection."""
    played = Played()
    played.live()
    played.link.ask("g", {"p": "/a"}, READ, played.now)
    played.answer(3, "failure", "Index not defined")
    assert [type(error) for error in _errors(played.drain())] == [InvalidData]
    assert played.link.state == "live"
