"""What others recorded on the live service: ``tests/specs/production/``."""

from pathlib import Path

from tests.specs import table

PAGE = (Path(__file__).parents[2] / "docs" / "fidelity.md").read_text("utf-8")


def test_every_fact_tells_its_source() -> None:
    """Whoever doubts one can look it up."""
    told = [table("production/compiler"), *table("production/rules")["groups"]]
    told += table("production/rest")["cases"] + table("production/texts")["cases"]
    assert all(len(each["source"]) > 10 for each in told)


def test_the_page_counts_the_facts() -> None:
    """A number in a document is a promise."""
    expressions = len(table("production/compiler")["cases"])
    texts = len(table("production/texts")["cases"])
    decisions = sum(len(group["facts"]) for group in table("production/rules")["groups"])
    answers = len(table("production/rest")["cases"])
    assert f"{expressions} expressions with verdict and text, {texts} rules texts, " in PAGE
    assert f" {decisions} decisions, {answers} cases over HTTP | " in PAGE
    assert f": {expressions + texts + decisions + answers} facts, each with its source" in PAGE
