"""The numbered cases of the behaviour reference, 96 to 144: each is in a table."""

from typing import Any

from tests.rules.specs import load


def _numbers() -> list[int]:
    files = load("files")
    cases: list[dict[str, Any]] = [*load("decisions"), *files["accepted"], *files["refused"]]
    found = [case["number"] for case in cases if "number" in case]
    for group in load("expressions")["groups"]:
        found += [case[2]["number"] for case in group["cases"] if "number" in (case[2:] or [{}])[0]]
    for group in load("refused_expressions")["groups"]:
        found += [case[4] for case in group["cases"] if len(case) > 4]
    return found


def test_every_numbered_case_is_in_a_table() -> None:
    """Found by its number, which is that of the reference."""
    assert set(_numbers()) == set(range(96, 145))
