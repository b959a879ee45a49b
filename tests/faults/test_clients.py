"""What the rounds' own clients say of what they wrote."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from imbari_chat import Unavailable
from imbari_chat.emulator import Emulator
from imbari_chat.schema import strict_rules
from tests.faults.clients import admin, settings
from tests.faults.proxy import Proxy
from tests.faults.schedule import TRANSPORTS, TransportName


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    """Under the strict rules."""
    with Emulator(rules=strict_rules()) as running:
        yield running


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_what_was_sent_and_given_up_may_be_there(
    emulator: Emulator, transport: TransportName, tmp_path: Path
) -> None:
    """Whoever is in a hurry is told so, as anybody is."""
    session_id = "-P000000000000000001"
    async with Proxy(emulator.database_host) as proxy:
        where = settings(proxy.address, emulator.auth_host, tmp_path, transport)
        async with admin(where) as desk:
            await desk.sessions()
            proxy.mute()
            with pytest.raises(Unavailable) as told:
                await desk.reply(session_id, "Hello", timeout=2.0, queue=False)
    assert told.value.outcome_unknown
