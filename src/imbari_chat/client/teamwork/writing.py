"""What all that the team writes has in common: it is signed, and read back as it was written."""

from typing import TypeVar

from imbari_chat.client.gateway import Gateway
from imbari_chat.errors import NotFound, SessionNotFound
from imbari_chat.schema import paths, team_plans
from imbari_chat.schema.models import Session
from imbari_chat.schema.plans import Plan
from imbari_chat.schema.teamwork import TeamRecord
from imbari_chat.wire.json import Json
from imbari_chat.wire.paths import Path

__all__ = ["TeamWriter"]

T = TypeVar("T", bound=TeamRecord)


class TeamWriter:
    """Writes for an admin.

    Args:
        gateway: The admin's.
    """

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def _me(self) -> str:
        """One's uid; above the rules, where there is none, a word for it."""
        await self._gateway.transport.open()
        return self._gateway.uid or "service"

    async def _written(self, model: type[T], plan: Plan) -> T:
        await self._gateway.commit(plan)
        return team_plans.as_written(model, plan, self._gateway.ids.now())

    async def _session(self, session_id: str) -> Session:
        found = await self._gateway.session(paths.session_id(session_id))
        if found is None:
            raise SessionNotFound.named(session_id)
        return found

    async def _require(self, place: Path, complaint: str) -> Json:
        raw = await self._gateway.transport.get(place)
        if raw is None:
            raise NotFound(f"there is {complaint}")
        return raw
