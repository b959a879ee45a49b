"""A profile's table, asked under changed rules."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from imbari_chat.rules.cascade import ReadRequest, WriteRequest, judge
from imbari_chat.rules.structure import Rule, RulesNode
from imbari_chat.rules.values import Scope
from imbari_chat.wire.paths import Path
from imbari_chat.wire.query_forms import from_params
from imbari_chat.wire.updates import apply
from tests.contract.playing import Case, Table, places, writes
from tests.mutants.mutation import Mutant, RuleId, identity, mutants, parsed
from tests.specs import table

__all__ = ["Score", "equal", "play"]


@dataclass(frozen=True, slots=True, eq=False)
class _Question:
    """One case with one caller.

    Attributes:
        asked: The rules that its answer rests on. A change to another cannot change it.
    """

    request: ReadRequest | WriteRequest
    allowed: bool
    asked: frozenset[RuleId]


@dataclass(slots=True)
class Score:
    """What came of all changes to one profile.

    Attributes:
        tried: How many there were.
        unnoticed: Those that no case noticed, as place and change.
    """

    tried: int = 0
    unnoticed: list[tuple[str, str]] = field(default_factory=list)


def equal(profile: str) -> Mapping[tuple[str, str], str]:
    """The changes that make no difference, and why, by place and change."""
    return {
        (one["place"], change): group["why"]
        for group in table("contract/equal_mutants")["groups"]
        for one in group["mutants"]
        if profile in one.get("profiles", ("strict", "compat"))
        for change in one["changes"]
    }


def play(played: Table, text: str) -> Score:
    """Try every change of these rules against a table that holds for them."""
    rules = parsed(text)
    questions = _questions(played, rules)
    by_rule: dict[RuleId, list[_Question]] = {}
    for question in questions:
        for rule in question.asked:
            by_rule.setdefault(rule, []).append(question)
    score = Score()
    about: dict[tuple[str, tuple[str, ...]], list[_Question]] = {}
    for mutant in mutants(rules):
        score.tried += 1
        kind, place = mutant.rule
        asked = by_rule.get(mutant.rule) or about.get((kind, place[:1]))
        if asked is None:
            asked = about[kind, place[:1]] = _about(kind, place[:1], questions)
        if not _noticed(mutant, asked):
            score.unnoticed.append((mutant.place, mutant.change))
    return score


def _about(kind: str, below: tuple[str, ...], questions: list[_Question]) -> list[_Question]:
    """What might depend on a rule that is new: all of its kind, those of ``below`` first."""
    reads = kind == ".read"

    def is_elsewhere(question: _Question) -> bool:
        request = question.request
        paths = [request.path] if isinstance(request, ReadRequest) else request.paths
        return all(path[:1] != below for path in paths)

    asking = [each for each in questions if isinstance(each.request, ReadRequest) is reads]
    return sorted(asking, key=is_elsewhere)


def _noticed(mutant: Mutant, questions: list[_Question]) -> bool:
    for place, question in enumerate(questions):
        if question.request.decide(mutant.tree, judge) is not question.allowed:
            # Changes beside each other are often noticed by the same case: ask it first.
            questions.insert(0, questions.pop(place))
            return True
    return False


def _questions(played: Table, rules: RulesNode) -> list[_Question]:
    questions = []
    for case in played.cases:
        for verdict, callers in ((True, case.allowed), (False, case.refused)):
            for caller in callers:
                request = _request(played, case, caller)
                asked: set[RuleId] = set()

                def noting(rule: Rule, variables: Scope, asked: set[RuleId] = asked) -> bool:
                    asked.add(identity(rule))
                    return judge(rule, variables)

                assert request.decide(rules, noting) is verdict, f"{case}, {caller}"
                questions.append(_Question(request, verdict, frozenset(asked)))
    return questions


def _request(played: Table, case: Case, caller: str) -> ReadRequest | WriteRequest:
    auth, now = played.callers[caller], played.now + case.later
    if case.read is not None:
        query: Final = from_params(case.query) if case.query else None
        return ReadRequest(Path.parse(case.read), played.tree, auth, now, query)
    written = writes(case)
    return WriteRequest(places(written), played.tree, apply(played.tree, written, now), auth, now)
