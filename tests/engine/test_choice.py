"""Which transport is chosen: what happens to attempts and to REST, and what becomes of it."""

from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbari_chat.engine.choice import Choice, Step
from imbari_chat.engine.link_effects import Attempt

ASK, REST, SOCKET, GIVE_UP = Step.ASK_REST, Step.USE_REST, Step.USE_SOCKET, Step.GIVE_UP


def _step(choice: Choice, fact: str) -> Step | bool | None:
    match fact:
        case "greeted" | "answered":
            return choice.attempted(Attempt(fact))
        case "rest":
            return choice.rest_answered(True)
        case "no rest":
            return choice.rest_answered(False)
        case "again":
            return choice.try_again()
        case "what?":
            return choice.attempted(Attempt("misunderstood", fact))
        case reason:
            return choice.attempted(Attempt("failed", reason))


Facts: TypeAlias = list[tuple[str, Step | bool | None]]

DOUBT: Facts = [("a", ASK), ("rest", None)]
BACK: Facts = [("rest", REST), ("again", True), ("greeted", SOCKET)]
SERVED: Facts = [("greeted", None), ("answered", None)]

TABLE: dict[str, tuple[Facts, str | None, str | None]] = {
    "greeted": ([("greeted", None), ("answered", None)], "websocket", None),
    "a page instead": ([("status 403", ASK), ("rest", REST)], "rest", "no WebSocket: status 403"),
    "an outage": ([("cannot connect", ASK), ("no rest", None)], None, None),
    "an outage, then a page": (
        [
            *(("cannot connect", ASK), ("no rest", None)),
            *(("status 426", ASK), ("rest", None), ("status 426", ASK), ("rest", REST)),
        ],
        "rest",
        "no WebSocket: status 426",
    ),
    "an outage that ends while REST is asked": (
        [*(("cannot connect", ASK), ("no rest", None)), *DOUBT, ("greeted", None)],
        "websocket",
        None,
    ),
    "an outage, then all is well": (
        [("cannot connect", ASK), ("no rest", None), ("greeted", None)],
        "websocket",
        None,
    ),
    "greeted while REST is asked": (
        [("no answer", ASK), ("greeted", None), ("rest", None)],
        "websocket",
        None,
    ),
    "one question at a time": (
        [("no answer", ASK), ("status 403", None), ("rest", REST)],
        "rest",
        "no WebSocket: status 403",
    ),
    "two doubts are not enough": (
        [("greeted", None), ("answered", None), *DOUBT, *DOUBT],
        "websocket",
        None,
    ),
    "three are": (
        [("greeted", None), ("answered", None), *DOUBT, *DOUBT, ("b", ASK), ("rest", REST)],
        "rest",
        "no WebSocket: b",
    ),
    "an outage in between": (
        [("greeted", None), *DOUBT, *DOUBT, ("a", ASK), ("no rest", None), *DOUBT, *DOUBT],
        "websocket",
        None,
    ),
    "a good connection in between": (
        [("greeted", None), *DOUBT, *DOUBT, ("greeted", None), ("answered", None), *DOUBT, *DOUBT],
        "websocket",
        None,
    ),
    "a greeting proves nothing": (
        [*[("greeted", None), *DOUBT] * 2, ("greeted", None), ("b", ASK), ("rest", REST)],
        "rest",
        "no WebSocket: b",
    ),
    "nor does one that comes before REST's answer": (
        [
            *[("greeted", None), ("a", ASK), ("greeted", None), ("rest", None)] * 2,
            *(("b", ASK), ("greeted", None), ("rest", REST)),
        ],
        "rest",
        "no WebSocket: b",
    ),
    "but an answer that does": (
        [*SERVED, *DOUBT, *DOUBT, ("a", ASK), *SERVED, ("rest", None), *DOUBT, *DOUBT],
        "websocket",
        None,
    ),
    "misunderstood once": (
        [*SERVED, ("what?", ASK), ("a", None), *SERVED, ("rest", REST)],
        "rest",
        "no WebSocket: what?",
    ),
    "misunderstood, and an outage": (
        [("greeted", None), ("what?", ASK), ("no rest", None), *DOUBT, *DOUBT],
        "websocket",
        None,
    ),
    "misunderstood when asked again": (
        [("status 403", ASK), ("rest", REST), ("again", True), ("what?", GIVE_UP), ("a", None)],
        "rest",
        "no WebSocket: what?",
    ),
    "misunderstood in vain": (
        [
            ("a", ASK),
            ("rest", REST),
            ("again", True),
            ("what?", GIVE_UP),
            ("again", True),
            ("greeted", SOCKET),
            *DOUBT,
            *DOUBT,
        ],
        "websocket",
        None,
    ),
    "misunderstood before": (
        [("a", ASK), *BACK, ("what?", ASK), *BACK, *DOUBT, *DOUBT],
        "websocket",
        None,
    ),
    "not back by itself": (
        [("status 403", ASK), ("rest", REST), ("status 403", None)],
        "rest",
        "no WebSocket: status 403",
    ),
    "back when asked": (
        [("status 403", ASK), ("rest", REST), ("again", True), ("greeted", SOCKET)],
        "websocket",
        None,
    ),
    "asked in vain": (
        [
            *(("status 403", ASK), ("rest", REST), ("again", True), ("again", False)),
            *(("status 502", GIVE_UP), ("status 502", None), ("again", True)),
        ],
        "rest",
        "no WebSocket: status 502",
    ),
    "nothing to ask for": (
        [("again", False), ("greeted", None), ("again", False)],
        "websocket",
        None,
    ),
}


@pytest.mark.parametrize(("facts", "chosen", "reason"), TABLE.values(), ids=TABLE)
def test_what_happens_decides(facts: Facts, chosen: str | None, reason: str | None) -> None:
    """Step by step, and what it comes to."""
    choice = Choice()
    assert [_step(choice, fact) for fact, _ in facts] == [step for _, step in facts]
    assert (choice.chosen, choice.reason) == (chosen, reason)


def test_it_is_close_while_rest_is_asked_for_the_first_time() -> None:
    """Callers wait then, and no longer."""
    choice, close = Choice(), []
    for fact in ("failed", "no rest", "failed", "greeted", "rest", "failed"):
        _step(choice, fact)
        close.append(choice.is_close)
    assert close == [True, False, True, False, False, False]


FACTS = st.lists(
    st.sampled_from(["greeted", "answered", "failed", "what?", "rest", "no rest", "again"])
)


@given(FACTS)
def test_rest_is_used_only_where_it_answers_and_never_left_unasked(facts: list[str]) -> None:
    """Whatever happens, in whatever order."""
    choice, asked, doubts, misunderstood = Choice(), False, 0, False
    for fact in facts:
        is_answer = fact in ("rest", "no rest")
        if is_answer and not asked:
            continue
        before: str | None = choice.chosen
        misunderstood = misunderstood or (fact == "what?" and before != "rest")
        step = _step(choice, fact)
        assert not (asked and step is ASK)
        asked = step is ASK or (asked and not is_answer)
        doubts = 0 if fact in ("answered", "no rest") else doubts + (fact == "rest")
        after: str | None = choice.chosen
        if after == "rest" and before != "rest":
            assert (fact, step) == ("rest", REST)
            assert doubts >= (1 if before is None or misunderstood else 3)
        elif after != before:
            assert (fact, after) == ("greeted", "websocket")
            assert (step is SOCKET) is (before == "rest")
        doubts = 0 if after == "rest" else doubts
        misunderstood = misunderstood and not is_answer
        assert (choice.reason is not None) is (after == "rest")
