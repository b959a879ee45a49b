"""Errors: what each says of what happened, where, and what to do."""

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from imbari_chat import errors
from imbari_chat.errors import (
    ClientClosed,
    Conflict,
    ImbariError,
    RulesError,
    SessionNotFound,
    StartUnfinished,
    Unavailable,
    WaitTimeout,
)

KINDS = [
    one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, ImbariError)
]
_MORE: dict[type[ImbariError], dict[str, Any]] = {
    RulesError: {"line": 1, "column": 2},
    StartUnfinished: {"session_id": "s"},
}


@pytest.mark.parametrize("kind", [one for one in KINDS if one is not ClientClosed])
def test_an_error_keeps_what_it_was_told(kind: type[ImbariError]) -> None:
    """What nobody said is not made up."""
    more = _MORE.get(kind, {})
    full = kind("it broke", where="/a", hint="Mend it", **more)
    assert (full.what, full.where, full.hint) == ("it broke", "/a", "Mend it")
    assert full.args == ("it broke", "/a", "Mend it")
    short = kind("it broke", **more)
    assert (short.what, short.where, short.hint) == ("it broke", None, None)
    for name, value in more.items():
        assert getattr(full, name) == value
    if isinstance(full, Unavailable):
        assert full.outcome_unknown is (kind is StartUnfinished)


@pytest.mark.parametrize(
    "passed",
    [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))],
    ids=["copied", "deeply copied", "pickled"],
)
@pytest.mark.parametrize("kind", KINDS)
def test_an_error_passes_from_one_process_to_another(
    kind: type[ImbariError], passed: Callable[[ImbariError], ImbariError]
) -> None:
    """A pool of processes breaks when what a worker raised cannot be made anew."""
    error = (
        kind() if kind is ClientClosed else kind("it broke", hint="Mend it", **_MORE.get(kind, {}))
    )
    error.where = "/a"
    if isinstance(error, Unavailable):
        error.outcome_unknown = True
    there = passed(error)
    assert type(there) is kind
    assert (str(there), there.args, vars(there)) == (str(error), error.args, vars(error))


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (Conflict("it broke"), "it broke"),
        (Conflict("it broke", where="/a"), "it broke (at /a)"),
        (Conflict("it broke", hint="Mend it"), "it broke. Mend it"),
        (Conflict("it broke", where="/a", hint="Mend it"), "it broke (at /a). Mend it"),
        (ClientClosed(), "this client has been closed. Make a new one"),
        (ClientClosed("this stream has been"), "this stream has been. Make a new one"),
        (
            SessionNotFound.named("s"),
            "there is no conversation 's'. sessions() lists those there are",
        ),
        (RulesError("no", line=3, column=4), "3:4: no"),
        (RulesError("no", line=3, column=4, where="a.json"), "a.json:3:4: no"),
        (RulesError("no", line=3, column=4, hint="  x\n  ^"), "3:4: no\n  x\n  ^"),
    ],
)
def test_an_error_reads_as_a_sentence(error: ImbariError, text: str) -> None:
    """With the place in it, and what to do behind it."""
    assert str(error) == text


def test_errors_are_also_those_of_python_that_they_are_like() -> None:
    """Whoever catches these has caught ours."""
    assert isinstance(ClientClosed(), RuntimeError)
    assert isinstance(WaitTimeout("late"), TimeoutError)
    assert issubclass(errors.InvalidType, TypeError)
    assert issubclass(errors.WrongEventLoop, RuntimeError)


def test_an_error_that_is_raised_alone_brings_nobody_along() -> None:
    """Neither what led to it nor what it was made of."""

    def fail() -> None:
        try:
            raise ValueError("a secret")
        except ValueError as error:
            made = Conflict("it broke")
            made.__cause__ = error
            errors.raise_alone(made)

    with pytest.raises(Conflict) as caught:
        fail()
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)
