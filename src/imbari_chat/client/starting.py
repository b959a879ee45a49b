"""A conversation is started once, however often somebody has to ask for it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from imbari_chat.client.gateway import Gateway
from imbari_chat.errors import AccessDenied, Conflict, ImbariError, StartUnfinished, Unavailable
from imbari_chat.schema import paths, plans
from imbari_chat.schema.forms import LeadForm
from imbari_chat.schema.models import Session
from imbari_chat.schema.paths import MessageId, SessionId

__all__ = ["Starter", "lead_of"]


@dataclass(frozen=True, slots=True)
class _Attempt:
    """A conversation as somebody asked for it, under ids that stay the same however often.

    Attributes:
        elsewhere: Another client tried for the same place, in words that nobody here knows.
    """

    session_id: SessionId
    message_id: MessageId
    lead: LeadForm
    text: str | None
    elsewhere: bool

    def asks_for(self, lead: LeadForm, text: str | None) -> bool:
        """Whether it is in these words."""
        return (self.lead, self.text) == (lead, text)

    def plan(self, uid: str | None) -> plans.Plan:
        """What writes it."""
        first = None if self.text is None else (self.message_id, self.text)
        return plans.start_chat(self.session_id, self.lead, uid=uid, first=first)

    def unfinished(self, error: Unavailable) -> StartUnfinished:
        """The error for whoever asked: nobody knows whether it is there."""
        return StartUnfinished(
            error.what,
            session_id=self.session_id,
            where=error.where,
            hint="Call start() again: it settles this one first",
        )


class Starter:
    """Starts conversations, and remembers one of which nobody knows whether it was started.

    Args:
        gateway: What the customer's client does everything through.
    """

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._unfinished: dict[SessionId, _Attempt] = {}

    @asynccontextmanager
    async def starting(
        self, lead: LeadForm, text: str | None, session_id: str | None
    ) -> AsyncIterator[SessionId]:
        """Start a conversation; with the block it is settled.

        Args:
            lead: The form.
            text: The first message.
            session_id: That of a start which another client could not settle.

        Yields:
            Where it is. What the block raises counts as what became of the start.

        Raises:
            AccessDenied: The rules refuse.
            StartUnfinished: No answer, to this or to an earlier try; it may have been started.
            Unavailable: No answer; it was not started.
            Conflict: An earlier try with another form or text did go through, whoever made it.
            InvalidData: ``session_id`` is not one.
        """
        earlier = self._earlier(lead, text, session_id)
        attempt = self._attempt(earlier, lead, text)
        self._unfinished[attempt.session_id] = attempt
        committed, doubtful = False, earlier is not None
        try:
            await self._gateway.commit(attempt.plan(self._gateway.uid), doubtful=doubtful)
            committed = True
            if attempt.elsewhere or (doubtful and attempt is not earlier):
                await self._require_own(attempt)
            yield attempt.session_id
        except Unavailable as error:
            if committed or doubtful or error.outcome_unknown:
                raise attempt.unfinished(error) from error
            self._forget(attempt)
            raise
        except AccessDenied:
            # An earlier try may be there all the same, where nobody may look now; whoever gave its
            # id can give it again, and it may be somebody else's.
            if attempt.elsewhere:
                self._forget(attempt)
            raise
        except ImbariError:
            self._forget(attempt)
            raise
        self._forget(attempt)

    def _forget(self, attempt: _Attempt) -> None:
        """Nothing is left to settle there; another call may have found that out before."""
        self._unfinished.pop(attempt.session_id, None)

    def _earlier(self, lead: LeadForm, text: str | None, session_id: str | None) -> _Attempt | None:
        """The try to settle first."""
        if session_id is None:
            tries = list(self._unfinished.values())
            same = [one for one in tries if one.asks_for(lead, text)]
            return (same or tries)[-1] if tries else None
        place = paths.session_id(session_id)
        return self._unfinished.get(place) or self._anew(place, lead, text, elsewhere=True)

    def _attempt(self, earlier: _Attempt | None, lead: LeadForm, text: str | None) -> _Attempt:
        """What to write: the earlier try as it was, or in other words at the same place."""
        if earlier is None:
            return self._anew(self._gateway.ids.session(), lead, text)
        if earlier.asks_for(lead, text):
            return earlier
        return self._anew(earlier.session_id, lead, text, elsewhere=earlier.elsewhere)

    def _anew(
        self, place: SessionId, lead: LeadForm, text: str | None, *, elsewhere: bool = False
    ) -> _Attempt:
        return _Attempt(place, self._gateway.ids.message(place), lead, text, elsewhere)

    async def _require_own(self, attempt: _Attempt) -> None:
        """The same place was asked for in other words before: see whose words it holds."""
        session = await self._gateway.session(attempt.session_id)
        if session is None:
            return
        is_own = attempt.lead == lead_of(session)
        if not is_own or attempt.text != await self._gateway.text_of_start(session):
            raise Conflict(
                "an earlier start went through, with another form or text",
                where=attempt.session_id,
                hint="Come back to it with resume(), or call start() again for another",
            )


def lead_of(session: Session) -> LeadForm:
    """The form that a conversation was started with."""
    return LeadForm(
        session.customer_name, session.customer_email, session.customer_phone, session.topic
    )
