"""Tables of cases as JSON, taken from the behaviour references and not from our own output.

Every case has a ``name`` and the ``flag`` of its evidence: ``[doc]`` official documentation,
``[src]`` source of an official client, ``[captured]`` recorded from one, ``[seen]`` and ``[seen+]``
observed on the service, ``[unsure]`` a choice of ours that nothing decides.
"""

import json
from pathlib import Path
from typing import Any

import pytest

__all__ = ["cases", "table"]

_HERE = Path(__file__).parent


def table(name: str) -> dict[str, Any]:
    """The whole table ``name``, such as ``"wire/arrays"``."""
    loaded: dict[str, Any] = json.loads((_HERE / f"{name}.json").read_text("utf-8"))
    return loaded


def cases(name: str) -> pytest.MarkDecorator:
    """The cases of a table as parameters of a test with one argument, ``case``."""
    rows = [pytest.param(case, id=case["name"]) for case in table(name)["cases"]]
    return pytest.mark.parametrize("case", rows)
