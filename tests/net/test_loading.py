"""Libraries take long to import; whatever a client needs is loaded where no event loop waits."""

import json
import os
import subprocess
import sys
import textwrap

import pytest

from imbari_chat.emulator import Emulator

_CODE = """
    import asyncio, json, sys
    from imbari_chat import AsyncAdminChat

    class Loading:
        def find_spec(self, name, path, target=None):
            ours = name.partition(".")[0] in {"imbari_chat", *sys.stdlib_module_names}
            if not ours and asyncio._get_running_loop() is not None:
                loaded.append(name)

    async def talk():
        async with chat:
            async with asyncio.timeout(60):
                async for event in chat.events():
                    if getattr(event, "state", None) == "live":
                        break

    loaded, chat = [], AsyncAdminChat.from_env(transport=sys.argv[1])
    sys.meta_path.insert(0, Loading())
    asyncio.run(talk())
    print(json.dumps([name for name in loaded if name in sys.modules]))
"""


@pytest.mark.parametrize("transport", ["rest", "websocket"])
def test_a_client_that_listens_loads_no_library_on_its_event_loop(transport: str) -> None:
    with Emulator() as emulator:
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(_CODE), transport],
            capture_output=True, text=True, env=os.environ | emulator.environment(), timeout=120,
        )  # fmt: skip
    assert (done.stderr, json.loads(done.stdout)) == ("", [])
