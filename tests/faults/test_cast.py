"""What people of a round do when nothing works for a while."""

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from imbari_chat import AsyncCustomerChat, Unavailable
from imbari_chat.client.gateway import Gateway
from tests.client.in_memory import CUSTOMER, UNREACHABLE, InMemory, database
from tests.faults import cast
from tests.faults.cast import Cast
from tests.faults.schedule import Schedule
from tests.faults.server import Server


@pytest.mark.parametrize(("failures", "starts"), [(19, True), (20, False)])
async def test_a_customer_tries_often_also_where_each_try_takes_long(
    failures: int, starts: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first one has taken all the time there is."""
    monkeypatch.setattr(cast, "_PATIENCE", 0.0)
    monkeypatch.setattr(cast, "_PAUSE", 0.0)
    namespace = database()
    transport = InMemory(namespace, CUSTOMER, *[UNREACHABLE] * failures)
    schedule = Schedule(1, "strict", {"customer0": ()}, ())
    async with (
        AsyncExitStack() as stack,
        AsyncCustomerChat._over(Gateway(transport)) as chat,
    ):
        everybody = Cast(schedule, Server(tmp_path, tmp_path), "{}", tmp_path, stack)
        try:
            await everybody._start("customer0", chat, "Hello")
        except Unavailable:
            assert not starts
        else:
            assert starts
        assert [one.fate for one in everybody.ledger] == ["stored" if starts else "absent"]
