"""Requests by number, and what becomes of them when a connection is lost."""

import pytest

from imbari_chat.engine.refusals import Call, CredentialRefused, TokenExpired
from imbari_chat.engine.requests import Answered, Requests, refused
from imbari_chat.errors import (
    AccessDenied,
    AuthError,
    Conflict,
    ImbariError,
    InvalidData,
    Unavailable,
)
from imbari_chat.wire.json import Json
from imbari_chat.wire.messages import Answer

READ, WRITE = Call("/a"), Call("/b", write=True)


class Told(list[Answered]):
    """What callers were told."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: Requests[str] = Requests(self.append)

    def one(self) -> ImbariError | None:
        assert len(self) == 1, self
        return self.pop().error


def test_answers_find_who_asked() -> None:
    """By a number that begins at one; the connection's own are handed back."""
    told = Told()
    key = told.requests.ask("g", {"p": "/a"}, READ)
    assert told.requests.own("auth", {}, "sign in").number == 1
    (request,) = told.requests.take()
    assert (request.number, request.action) == (2, "g")
    assert told.requests.answered(Answer(1, "ok")) == "sign in"
    assert told.requests.answered(Answer(2, "ok", {"x": 1})) is None
    assert told == [Answered(key, {"x": 1})]
    assert told.requests.answered(Answer(2, "ok")) is None
    assert told.requests.answered(Answer(77, "ok")) is None
    assert len(told) == 1
    assert not told.requests.outstanding


def test_what_is_owed_was_asked_for_since_the_last_answer() -> None:
    """Be it withdrawn; an answer to what came later shows that it was heard, too."""
    told = Told()
    owed = [told.requests.owed]
    key = told.requests.ask("m", {}, WRITE)
    owed.append(told.requests.owed)
    told.requests.take()
    told.requests.withdraw(key)
    owed.append(told.requests.owed)
    for number in (2, 3):
        assert told.requests.own("n", {}, "leave").number == number
    for number in (77, 2, 1, 3):
        told.requests.answered(Answer(number, "ok"))
        owed.append(told.requests.owed)
    told.requests.own("n", {}, "leave")
    told.requests.lost("cut")
    assert [*owed, told.requests.owed] == [None, None, 1, 1, 3, 3, None, None]


def test_a_request_is_written_as_the_protocol_has_it() -> None:
    """And one that carries a token is not shown by accident."""
    told = Told()
    told.requests.ask("g", {"p": "/a"}, READ)
    (request,) = told.requests.take()
    assert str(request) == '{"t":"d","d":{"r":1,"a":"g","b":{"p":"/a"}}}'
    assert "/a" not in repr(request)


def test_a_refusal_is_told_to_who_asked() -> None:
    """In place of what came with it."""
    told = Told()
    key = told.requests.ask("g", {}, READ)
    told.requests.take()
    told.requests.answered(Answer(1, "permission_denied", "Permission denied"))
    ((told_key, data, error),) = [(one.key, one.data, one.error) for one in told]
    assert (told_key, data, type(error)) == (key, None, AccessDenied)


def test_what_waits_goes_out_in_the_order_in_which_it_was_asked() -> None:
    """Once."""
    told = Told()
    for action in "gmp":
        told.requests.ask(action, {}, WRITE)
    assert [one.action for one in told.requests.take()] == ["g", "m", "p"]
    assert told.requests.take() == []


def test_a_lost_connection_repeats_reads_and_no_write() -> None:
    """Reads before those that came later, under numbers of their own."""
    told = Told()
    told.requests.own("q", {}, "listen")
    first, write = told.requests.ask("g", {}, READ), told.requests.ask("m", {}, WRITE)
    assert len(told.requests.take()) == 2
    late = told.requests.ask("g", {"late": True}, READ)
    told.requests.lost("the line was cut")
    assert [one.key for one in told] == [write]
    error = told.one()
    assert isinstance(error, Unavailable)
    assert error.outcome_unknown
    assert (error.what, error.where, error.hint) == ("the line was cut", "/b", WRITE.hint)
    again = told.requests.take()
    assert [(one.number, one.body) for one in again] == [(4, "{}"), (5, '{"late":true}')]
    assert told.requests.answered(Answer(1, "ok")) is None
    assert told == []
    for one in again:
        told.requests.answered(Answer(one.number, "ok"))
    assert [one.key for one in told] == [first, late]


def test_a_read_is_repeated_once() -> None:
    """An answer too long for a line that breaks would be begun for ever; one may ask for less."""
    told = Told()
    told.requests.ask("g", {}, READ)
    told.requests.take()
    told.requests.lost("cut")
    assert len(told.requests.take()) == 1
    told.requests.lost("cut again")
    assert told.requests.take() == []
    error = told.one()
    assert isinstance(error, Unavailable)
    assert (error.what, error.outcome_unknown) == ("cut again", False)


def test_what_was_never_sent_is_not_unknown() -> None:
    """Everybody who waits is told that nobody can be reached, each of his own place."""
    told = Told()
    told.requests.ask("m", {}, WRITE)
    told.requests.ask("g", {}, READ)
    away = Unavailable("cannot connect", hint="Plug it in")
    away.retry_after = 7.0
    told.requests.unreachable(away)
    errors = [one.error for one in told]
    assert [e and (type(e), e.where, e.hint, e.retry_after) for e in errors] == [
        (Unavailable, "/b", "Plug it in", 7.0),
        (Unavailable, "/a", "Plug it in", 7.0),
    ]
    assert not any(isinstance(one, Unavailable) and one.outcome_unknown for one in errors)
    told.clear()
    told.requests.ask("g", {}, READ)
    told.requests.unreachable(CredentialRefused("no"))
    assert isinstance(told.one(), CredentialRefused)


def test_what_is_withdrawn_may_have_been_sent() -> None:
    """Nobody is told of it, and it is not sent afterwards."""
    told = Told()
    waiting = told.requests.ask("m", {}, WRITE)
    assert told.requests.withdraw(waiting) is False
    assert told.requests.take() == []
    told.requests.own("auth", {}, "sign in")
    first, sent = (told.requests.ask("m", {}, WRITE) for _ in range(2))
    told.requests.take()
    assert told.requests.withdraw(sent) is True
    assert told.requests.withdraw(sent) is False
    assert told.requests.answered(Answer(1, "ok")) == "sign in"
    told.requests.lost("cut")
    told.requests.unreachable(Unavailable("no"))
    assert [one.key for one in told] == [first]


def test_it_is_known_whether_anybody_waits() -> None:
    """For a request that waits, or for the answer to one that was sent."""
    told = Told()
    told.requests.own("auth", {}, "sign in")
    outstanding = [told.requests.outstanding]
    told.requests.ask("g", {}, READ)
    outstanding.append(told.requests.outstanding)
    told.requests.take()
    outstanding.append(told.requests.outstanding)
    told.requests.answered(Answer(2, "ok"))
    outstanding.append(told.requests.outstanding)
    assert outstanding == [False, True, True, False]


@pytest.mark.parametrize(
    ("status", "data", "kind"),
    [
        ("permission_denied", "Permission denied", AccessDenied),
        ("permission_denied", None, AccessDenied),
        ("expired_token", "Auth token is expired.", TokenExpired),
        ("expired_token", None, TokenExpired),
        ("invalid_token", "Could not parse auth token.", CredentialRefused),
        ("datastale", "Data is stale", Conflict),
        ("too_big", "Data requested exceeds the maximum size", InvalidData),
        ("failure", "Index not defined", InvalidData),
        ("error", "Unknown action", InvalidData),
        ("unavailable", "The service is unavailable", Unavailable),
        ("something new", {"odd": 1}, Unavailable),
        ("", None, Unavailable),
    ],
)
def test_statuses_mean_what_they_mean_over_rest(
    status: str, data: str | None, kind: type[ImbariError]
) -> None:
    """One table of refusals for both ways."""
    error = refused(Answer(1, status, data), WRITE)
    assert type(error) is kind
    assert error.where == "/b"
    if kind in {InvalidData, CredentialRefused}:
        assert str(data).rstrip(".") in error.what


@pytest.mark.parametrize("data", [None, {"odd": 1}, ""])
def test_a_refusal_without_words_is_one_all_the_same(data: Json) -> None:
    """It says that none was given."""
    error = refused(Answer(1, "failure", data), READ)
    assert isinstance(error, InvalidData)
    assert error.what.endswith("no reason given")


@pytest.mark.parametrize(("status", "unknown"), [("unavailable", False), ("who knows", True)])
def test_of_an_unknown_status_the_outcome_is_unknown(status: str, unknown: bool) -> None:
    """For a write; a service that says that it is unavailable has not tried."""
    error = refused(Answer(1, status, "x"), WRITE)
    assert isinstance(error, Unavailable)
    assert error.outcome_unknown is unknown
    assert not unknown or error.what == "the database failed with status 500: x"
    read = refused(Answer(1, status, "x"), READ)
    assert isinstance(read, Unavailable)
    assert not read.outcome_unknown


def test_ok_is_no_error() -> None:
    """Nor is a sign-in that is over for good confused with one that a new token mends."""
    assert refused(Answer(1, "ok", ""), READ) is None
    assert type(refused(Answer(1, "invalid_token", "x"), READ)) is not AuthError
