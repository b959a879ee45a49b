"""The pages' half of the contract says what ours says: `contract.js` beside `schema/plans.py`."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from imbari_chat.schema import plans, presence
from imbari_chat.schema.forms import (
    MAX_EMAIL,
    MAX_NAME,
    MAX_PHONE,
    MAX_TEXT,
    QUICK_TOPICS,
    LeadForm,
)
from imbari_chat.schema.models import ADMIN_LABEL
from imbari_chat.schema.paths import MessageId, SessionId
from imbari_chat.wire.json import Json, dumps
from imbari_chat.wire.paths import Path as DatabasePath
from tests.node import node_or_skip

pytestmark = pytest.mark.peer

MODULE = Path(__file__).parents[2] / "examples" / "web" / "contract.js"
SESSION, MESSAGE = SessionId("-Oabcdefghijklmnopqr"), MessageId("-Oabcdefghijklmnopqs")
LEADS = [
    LeadForm("Amina", "amina@example.com", "+254712345678", "Wholesale"),
    LeadForm("Brian", "brian@example.org"),
]
CASES: list[tuple[str, list[Any], plans.Plan]] = [
    *(
        ("startChat", [SESSION, lead, "u1"], plans.start_chat(SESSION, lead, uid="u1"))
        for lead in LEADS
    ),
    *(
        (
            "customerSends",
            [SESSION, MESSAGE, "Hello", lead, "u1"],
            plans.customer_sends(SESSION, MESSAGE, "Hello", lead, uid="u1"),
        )
        for lead in LEADS
    ),
    (
        "reply",
        [SESSION, MESSAGE, "Hi", "a1"],
        plans.reply(SESSION, MESSAGE, "Hi", uid="a1"),
    ),
    ("markRead", [SESSION, [MESSAGE]], plans.mark_read(SESSION, [MESSAGE])),
    ("markRead", [SESSION, [MESSAGE], 0], plans.mark_read(SESSION, [MESSAGE], counted=0)),
    ("markSeen", [SESSION], plans.mark_seen(SESSION)),
    ("resolve", [SESSION], plans.resolve(SESSION)),
    ("reopen", [SESSION], plans.reopen(SESSION)),
]

SIGNS: list[tuple[str, list[Any], Mapping[DatabasePath, Json]]] = [
    *(
        (
            "customerIsThere",
            [SESSION, "0a", state],
            presence.CustomerSign(SESSION, state).changes("0a"),
        )
        for state in ("online", "away")
    ),
    *(
        (
            "adminIsThere",
            ["a1", "ff", name, session],
            presence.AdminSign("a1", name, session).changes("ff"),
        )
        for name, session in (("Grace", SESSION), (None, None))
    ),
    ("types", [SESSION, "customer"], presence.types(SESSION, "customer")),
    ("types", [SESSION, "team"], presence.types(SESSION, "admin")),
]

EVERYTHING = [*((name, given, plan.changes) for name, given, plan in CASES), *SIGNS]


def evaluated(expression: str) -> Any:
    """A JSON value of the module ``contract``."""
    program = (
        f"import * as contract from {json.dumps(MODULE.as_uri())};"
        f"process.stdout.write(JSON.stringify({expression}));"
    )
    command = [node_or_skip(), "--input-type=module", "--eval", program]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return json.loads(answer.stdout)


def written(changes_of: Mapping[DatabasePath, Json]) -> dict[str, Json]:
    """What is sent, less the nulls inside of records, which are as good as not there."""
    changes = {}
    for path, value in changes_of.items():
        if isinstance(value, Mapping):
            value = {name: one for name, one in value.items() if one is not None}
        changes["/".join(path)] = value
    sent: dict[str, Json] = json.loads(dumps(changes))
    return sent


def test_every_action_writes_the_same() -> None:
    """Path for path, with and without what is optional."""
    calls = [
        f"contract.{name}({', '.join(json.dumps(_plain(one)) for one in given)})"
        for name, given, _ in EVERYTHING
    ]
    assert evaluated(f"[{', '.join(calls)}]") == [written(changes) for *_, changes in EVERYTHING]


def test_limits_and_names_are_the_same() -> None:
    """What one side takes the other does."""
    names = "contract.LIMITS, contract.QUICK_TOPICS, contract.TEAM, contract.CUSTOMER_INTERVAL"
    names += ", contract.PRESENCE"
    assert evaluated(f"[{names}]") == [
        {"name": MAX_NAME, "email": MAX_EMAIL, "phone": MAX_PHONE, "text": MAX_TEXT},
        list(QUICK_TOPICS),
        ADMIN_LABEL,
        plans.MIN_CUSTOMER_INTERVAL * 1000,
        {
            "renewal": presence.RENEWAL * 1000,
            "expiry": presence.EXPIRY,
            "typing": presence.TYPING_EXPIRY,
            "interval": presence.MIN_INTERVAL * 1000,
        },
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, LeadForm):
        return {
            "name": value.name,
            "email": value.email,
            "phone": value.phone,
            "topic": value.topic,
        }
    return value
