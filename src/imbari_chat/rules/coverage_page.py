"""A coverage report as one HTML page: the rules as written, coloured by what they came to."""

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from imbari_chat.rules.coverage import Coverage, Outcome, Tally, counted_children, place_in
from imbari_chat.rules.structure import Rule
from imbari_chat.rules.syntax import Conditional, Expression, Literal, Logical, Unary
from imbari_chat.wire.json import dumps

__all__ = ["coverage_page"]

_MEANINGS = {
    "both": "true and false",
    "true": "only true",
    "false": "only false",
    "error": "failed at least once",
    "never": "never run",
}

_STYLE = """
:root {
  color-scheme: light dark;
  --text: #1f2328; --back: #ffffff; --quiet: #6a737d; --line: #e3e6ea;
  --both: #b7e4c0; --true: #dcf3e1; --false: #fdebb3; --error: #e5d0fb; --never: #f9c9c6;
}
@media (prefers-color-scheme: dark) {
  :root {
    --text: #e3e8ee; --back: #14181d; --quiet: #8b949e; --line: #2b3139;
    --both: #1d6b34; --true: #1a432a; --false: #614a0b; --error: #56328a; --never: #7c2523;
  }
}
body { margin: 0; padding: 1.5rem 2rem 4rem; background: var(--back); color: var(--text);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.3rem; margin: 0 0 .25rem; }
p { margin: .25rem 0; color: var(--quiet); }
p b { color: var(--text); }
.legend { margin: .75rem 0 1.25rem; }
.legend span { margin-right: .5rem; padding: .1rem .5rem; border-radius: 3px; color: var(--text); }
table { border-collapse: collapse; width: 100%; font: 13px/1.6 ui-monospace, monospace; }
td { padding: 0 .75rem 0 0; vertical-align: top; }
tr.rule td { border-top: 1px solid var(--line); }
.number, .count { text-align: right; white-space: nowrap; color: var(--quiet); user-select: none; }
.number { width: 1%; } .count { width: 1%; min-width: 8rem; padding-right: 1.25rem; }
.source { white-space: pre-wrap; overflow-wrap: anywhere; }
.both { background: var(--both); } .true { background: var(--true); }
.false { background: var(--false); } .error { background: var(--error); }
.never { background: var(--never); }
mark { color: inherit; border-radius: 2px; }
a { color: inherit; text-decoration: none; } :target { outline: 2px solid var(--quiet); }
"""


def coverage_page(coverage: Coverage, title: str) -> str:
    """The report as a page that needs nothing else and runs nothing.

    Args:
        title: Says which rules these are.
    """
    conditions = [
        _Condition.of(coverage, rule, node)
        for rule in coverage.rules
        for node in _conditions(rule.expression)
    ]
    totals: dict[int, list[Tally]] = {}
    for rule in coverage.rules:
        number = coverage.text.count("\n", 0, rule.fragment.offsets[0])
        totals.setdefault(number, []).append(coverage.tally(rule.expression))
    rows = "\n".join(
        _row(number, line, totals.get(number, []))
        for number, line in enumerate(_lines(coverage.text, conditions))
    )
    legend = " ".join(
        f'<span class="{state}">{meaning}</span>' for state, meaning in _MEANINGS.items()
    )
    asked = sum(coverage.tally(rule.expression).count > 0 for rule in coverage.rules)
    states = [condition.state for condition in conditions]
    name = escape(title)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Rules coverage of {name}</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>Rules coverage of {name}</h1>
<p><b>{asked}</b> of {len(coverage.rules)} rules were asked.
Of {len(states)} conditions, <b>{states.count("both")}</b> came out both true and false,
<b>{states.count("error")}</b> failed, <b>{states.count("never")}</b> were never run.</p>
<p>Numbers on the left are how often a rule was true, false, or failed;
rest the pointer on a condition for its values.</p>
<p class="legend">{legend}</p>
<table>
{rows}
</table>
</body>
</html>
"""


@dataclass(frozen=True, slots=True)
class _Condition:
    """A part of a rule that is not made of smaller conditions.

    Attributes:
        start: Its offset in the file.
        end: The offset just after it.
        state: One of the states explained in the legend.
        told: What it and its parts came to.
    """

    start: int
    end: int
    state: str
    told: str

    @classmethod
    def of(cls, coverage: Coverage, rule: Rule, node: Expression) -> "_Condition":
        start, end = place_in(rule, node)
        told = "\n".join(_told(coverage, rule, node))
        return cls(start, end, _state(coverage.tally(node)), told)


def _conditions(node: Expression) -> Iterator[Expression]:
    match node:
        case Logical(operands=operands):
            for operand in operands:
                yield from _conditions(operand)
        case Unary(operator="!", operand=operand):
            yield from _conditions(operand)
        case Conditional(test=test, then=then, otherwise=otherwise):
            for part in (test, then, otherwise):
                yield from _conditions(part)
        case _:
            yield node


def _state(tally: Tally) -> str:
    if not tally.count:
        return "never"
    if tally.errors:
        return "error"
    if tally.true and tally.false:
        return "both"
    return "true" if tally.true else "false"


def _told(coverage: Coverage, rule: Rule, node: Expression) -> Iterator[str]:
    """A line for an expression, and one for each part of it that has a value to show."""
    tally = coverage.tally(node)
    start, end = place_in(rule, node)
    text = " ".join(coverage.text[start:end].split())
    outcomes = [
        f"{_shown(outcome)} ({times}x)"
        for outcome, times in tally.outcomes()
        if outcome[0] != "snapshot"
    ]
    if outcomes:
        yield f"{text}  =>  {', '.join(outcomes)}"
    for child in counted_children(node):
        if not isinstance(child, Literal):
            yield from _told(coverage, rule, child)


def _shown(outcome: Outcome) -> str:
    kind, value = outcome
    match kind:
        case "error":
            return f"failed: {value}"
        case "object":
            return "{...}"
        case "more":
            return "others"
    return dumps(value)


def _lines(text: str, conditions: list[_Condition]) -> Iterator[str]:
    """The lines of the file as HTML, conditions marked; one that spans lines is marked on each."""
    waiting = iter(conditions)
    condition = next(waiting, None)
    start = 0
    for line in text.split("\n"):
        end = start + len(line)
        at = start
        parts: list[str] = []
        while condition is not None and condition.start < end:
            first, last = max(condition.start, at), min(condition.end, end)
            marked = text[first:last]
            blank = len(marked) - len(marked.lstrip())
            parts.append(escape(text[at : first + blank]))
            if marked.strip():
                parts.append(
                    f'<mark class="{condition.state}" title="{escape(condition.told)}">'
                    f"{escape(marked[blank:])}</mark>"
                )
            at = last
            if condition.end > end:
                break
            condition = next(waiting, None)
        parts.append(escape(text[at:end]))
        yield "".join(parts)
        start = end + 1


def _row(number: int, line: str, tallies: list[Tally]) -> str:
    place = f"L{number + 1}"
    kind = ' class="rule"' if tallies else ""
    return (
        f'<tr id="{place}"{kind}><td class="number"><a href="#{place}">{number + 1}</a></td>'
        f'<td class="count">{_count(tallies)}</td><td class="source">{line}</td></tr>'
    )


def _count(tallies: list[Tally]) -> str:
    """Of the rule on a line; several have no room to be told apart."""
    if len(tallies) != 1:
        return f"{len(tallies)} rules" if tallies else ""
    (tally,) = tallies
    told = {"true": tally.true, "false": tally.false, "failed": tally.errors}
    return " · ".join(f"{times} {name}" for name, times in told.items() if times) or "never"
