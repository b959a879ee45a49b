"""Every scenario: both faces of the client, both ways to the embedded emulator, strict rules."""

import pytest

pytest.register_assert_rewrite(
    *(
        f"tests.client.scenarios.{name}"
        for name in ("conversing", "following", "delivering", "presence", "teamwork")
    )
)

from imbari_chat import (  # noqa: E402
    AsyncAdminChat,
    AsyncConversation,
    AsyncCustomerChat,
    AsyncTeam,
)
from tests.client.scenarios import (  # noqa: E402
    conversing,
    delivering,
    following,
    presence,
    teamwork,
)
from tests.client.scenarios.faces import Face, Scenario, public_names  # noqa: E402

# One worker knows which names all of them used.
pytestmark = pytest.mark.xdist_group("scenarios")

SCENARIOS: dict[str, Scenario] = {
    one.__name__: one
    for one in (
        *conversing.SCENARIOS,
        *following.SCENARIOS,
        *delivering.SCENARIOS,
        *presence.SCENARIOS,
        *teamwork.SCENARIOS,
    )
}

_called: dict[str, set[tuple[type, str]]] = {}


@pytest.mark.parametrize(
    "transport_name", [pytest.param("rest", marks=pytest.mark.drawn), "websocket"], indirect=True
)
@pytest.mark.parametrize("name", SCENARIOS)
async def test_both_faces_do_the_same(face: Face, name: str) -> None:
    """The scenario's own text says what."""
    await SCENARIOS[name](face)
    _called[name] = face.called


@pytest.mark.parametrize("face", ["async"], indirect=True)
async def test_every_public_name_is_used_in_a_scenario(face: Face) -> None:
    """A method added without one fails here."""
    for name, scenario in SCENARIOS.items():
        if name not in _called:
            face.emulator.reset()
            face.called.clear()
            await scenario(face)
            _called[name] = set(face.called)
    used = set().union(*_called.values())
    for kind in (AsyncAdminChat, AsyncConversation, AsyncCustomerChat, AsyncTeam):
        assert public_names(kind) - {name for where, name in used if where is kind} == set()
