"""The figures that were decided: seconds and numbers that nobody gave.

Each is explained where it stands; a change of one is meant, and is made here as well.
"""

from dataclasses import asdict
from typing import Any

import pytest

from imbari_chat.client import admin, customer
from imbari_chat.engine.backoff import BackoffPolicy
from imbari_chat.engine.link_effects import LinkPolicy
from imbari_chat.engine.outbox import OutboxPolicy
from imbari_chat.engine.pulse import PulsePolicy
from imbari_chat.engine.stream import StreamPolicy

BACKOFF = {"first": 0.25, "factor": 1.15, "cap": 15.0}
PULSE = {
    "probe_after": 10.0, "stale_after": 2.0, "dead_after": 5.0, "keep_alive": 45.0,
    "answer_within": 30.0,
}  # fmt: skip
OUTBOX = {
    "interval": 0.0, "second_chances": 0, "batch": 1, "most_under_way": 2, "sign_in_tries": 10,
    "most": 100_000, "stale_after": 86_400, "backoff": BACKOFF,
}  # fmt: skip


@pytest.mark.parametrize(
    ("policy", "decided"),
    [
        (BackoffPolicy(), BACKOFF),
        (PulsePolicy(), PULSE),
        (
            LinkPolicy(),
            {
                "connect_timeout": 10.0, "greeting_timeout": None, "stable_after": 10.0,
                "renew_before": 120.0, "hurry": 1.0, "hash_here": 5_000, "longest": 268_435_456,
                "heeds_shutdown": True, "pulse": PULSE, "backoff": BACKOFF,
            },
        ),
        (
            StreamPolicy(),
            {
                "connect_timeout": 10.0, "stale_after": 33.0, "dead_after": 42.0,
                "stable_after": 10.0, "renew_before": 120.0, "backoff": BACKOFF,
            },
        ),
        (OutboxPolicy(), OUTBOX),
        (admin.SEND_POLICY, {**OUTBOX, "batch": 50}),
        (customer.SEND_POLICY, {**OUTBOX, "interval": 0.5, "second_chances": 2}),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_what_nobody_gives_is_what_was_decided(policy: Any, decided: dict[str, Any]) -> None:
    """A service that keeps alive every 30 s is not stale before that, for one."""
    assert asdict(policy) == decided
