"""Somebody who means harm: chooses ids and times so that others are not heard.

Under the compat rules a stranger who has not signed in, in everybody's conversations; under the
strict rules a customer, in their own. What the rules let nobody write, or not so fast, may be there
all the same, from before they were in force: such records are put past the rules.
"""

import random
import time
from typing import Any

import httpx

from imbari_chat.schema import plans
from imbari_chat.schema.forms import LeadForm
from imbari_chat.schema.paths import MessageId, SessionId
from imbari_chat.wire.pushid import PushIds
from imbari_chat.wire.values import SERVER_TIMESTAMP
from tests import plain_http
from tests.faults.ledger import Entry
from tests.faults.schedule import Profile
from tests.faults.website import json_of

__all__ = ["Hostile"]

_PATIENCE = 2.0
_DAY = 86_400_000
_SLACK = 60_000
_MANY = 60
_OWNER = {"Authorization": "Bearer owner"}


class Hostile:
    """One who means harm.

    Args:
        name: For the ledger.
        address: HOST:PORT of the database.
        auth: HOST:PORT of the sign-in service.
        namespace: Which database.
        profile: The rules in force.
        ledger: Gets every message.
        dice: Decides what harm is done.
    """

    def __init__(
        self,
        name: str,
        address: str,
        auth: str,
        namespace: str,
        profile: Profile,
        ledger: list[Entry],
        dice: random.Random,
    ) -> None:
        self.name = name
        self.touched: set[str] = set()
        self._auth = auth
        self._profile = profile
        self._ledger = ledger
        self._dice = dice
        self._http = plain_http.AsyncClient(
            base_url=f"http://{address}", params={"ns": namespace}, timeout=_PATIENCE
        )
        self._ids = PushIds(lambda: [dice.randrange(64) for _ in range(12)])
        self._token: str | None = None
        self._uid: str | None = None
        self._own: str | None = None
        self._lead = LeadForm.checked(name=name, email=f"{name}@example.com")
        self._count = 0
        self._keys = ["2", "10", "-0"]  # each once: what is there is not overwritten
        dice.shuffle(self._keys)

    async def close(self) -> None:
        """They leave."""
        await self._http.aclose()

    async def act(self, what: str, which: int) -> None:
        """Do harm, if anybody answers.

        Args:
            what: ``start`` a conversation; write ids that sort ``last`` or ``ahead`` of their time,
                or are ``integers``; write strange ``times``; start many ``sessions``.
            which: Picks a conversation.
        """
        try:
            if self._profile == "strict":
                await self._as_customer(what)
            else:
                await self._as_stranger(what, which)
        except httpx.HTTPError:
            pass  # nobody answers, or the rules refuse; the ledger knows which

    async def _as_customer(self, what: str) -> None:
        if self._own is None:
            await self._start_as_customer()
        elif what == "last":
            # As it is after half a minute, at the pace that the rules put up with.
            await self._past_the_rules(self._own, self._last(self._dice.choice([5, _MANY])))
        elif what == "ahead":
            ahead = self._dice.choice([1, 3_600_000, 30 * _DAY])
            await self._send(self._own, self._ids.make(_now() + ahead))
        elif what == "integers":
            await self._send(self._own, "2")  # refused
        else:
            await self._past_the_rules(self._own, self._strange())

    async def _start_as_customer(self) -> None:
        """With a first message under the last id of all."""
        if self._token is None:
            await self._sign_in()
        session_id = self._ids.make(_now())
        first = MessageId("zzzzzzzzzzzzzzzzzzzz"), self._text()
        plan = plans.start_chat(SessionId(session_id), self._lead, uid=self._uid, first=first)
        await self._write(session_id, [first[1]], plan)
        self._own = session_id

    async def _send(self, session_id: str, key: str) -> None:
        """As our own client does, under an id of their choice."""
        text, message_id = self._text(), MessageId(key)
        place = SessionId(session_id)
        plan = plans.customer_sends(place, message_id, text, self._lead, uid=self._uid)
        await self._write(session_id, [text], plan)

    async def _as_stranger(self, what: str, which: int) -> None:
        if what in ("start", "sessions"):
            await self._start_many(1 if what == "start" else self._dice.randint(2, 12))
            return
        sessions = await self._call("GET", "chatSessions") or {}
        if not sessions:
            return
        victim = sorted(sessions)[which % len(sessions)]
        forged = "admin" if "customerUid" in sessions[victim] else "customer"
        if what == "last":
            messages = self._last(self._dice.choice([5, _MANY]))
        elif what == "ahead":
            messages = {
                self._ids.make(_now() + self._dice.choice([1, 3_600_000, 30 * _DAY])): _message()
            }
        elif what == "integers":
            messages = {self._dice.choice(["2", "10"]): _message()}
        else:
            latest = _now() + _DAY - _SLACK
            messages = {
                self._ids.make(_now()): _message(timestamp=self._dice.choice([0, 1, latest]))
                for _ in range(self._dice.choice([1, _MANY]))
            }
        for message in messages.values():
            message |= {"from": forged, "text": self._text()}
        texts = [message["text"] for message in messages.values()]
        self.touched.add(victim)
        changes = {f"messages/{victim}/{key}": one for key, one in messages.items()}
        await self._patch(victim, texts, changes)
        if self._dice.random() < 0.5:
            bump = {"lastMessageTime": _now() + self._dice.choice([-_DAY, _DAY - _SLACK])}
            await self._call("PATCH", f"chatSessions/{victim}", bump)

    async def _start_many(self, count: int) -> None:
        """Conversations that sort last, by id and by time."""
        for _ in range(count):
            self._count += 1
            session_id = f"zzzzzzzzzzzzzzzz{self._count:04d}"
            self.touched.add(session_id)
            record = {
                "customerName": self.name,
                "customerEmail": f"{self.name}@example.com",
                "lastMessage": "",
                "lastMessageTime": _now() + _DAY - _SLACK,
                "unreadCount": 0,
                "status": "active",
            }
            await self._call("PUT", f"chatSessions/{session_id}", record)

    def _last(self, count: int) -> dict[str, dict[str, Any]]:
        """Messages whose ids sort after all that anybody makes."""
        first = self._count
        self._count += count
        return {f"{'z' * 16}{first + number:04d}": _message() for number in range(count)}

    def _strange(self) -> dict[str, dict[str, Any]]:
        """Records as no rules let them in."""
        times: list[Any] = [0, 1, 5.5, -7, "yesterday", None, 10**15, 10**18]
        self._dice.shuffle(times)
        keys = [self._keys.pop() if self._keys else self._ids.make(_now()) for _ in range(2)]
        return {key: _message(timestamp=times.pop()) for key in keys}

    def _text(self) -> str:
        return f"{self.name} {len(self._ledger)} {self._dice.randrange(10**9)}"

    async def _past_the_rules(self, session_id: str, messages: dict[str, dict[str, Any]]) -> None:
        """The messages, read by an admin, so that the count is right, and their session's time."""
        for message in messages.values():
            message |= {"text": self._text(), "read": True}
        texts = [message["text"] for message in messages.values()]
        session = f"chatSessions/{session_id}"
        changes = {f"messages/{session_id}/{key}": one for key, one in messages.items()}
        bump = {f"{session}/lastMessage": texts[-1], f"{session}/lastMessageTime": SERVER_TIMESTAMP}
        await self._patch(session_id, texts, changes | bump, headers=_OWNER)

    async def _write(self, session_id: str, texts: list[str], plan: plans.Plan) -> None:
        changes = {"/".join(path): value for path, value in plan.changes.items()}
        await self._patch(session_id, texts, changes)

    async def _patch(
        self,
        session_id: str,
        texts: list[str],
        changes: dict[str, Any],
        *,
        headers: dict[str, str] | None = None,
    ) -> None:
        """All of it in one write."""
        entries = [Entry(self.name, session_id, text, "unknown", hostile=True) for text in texts]
        self._ledger += entries
        try:
            await self._call("PATCH", "", changes, headers=headers)
        except (httpx.HTTPStatusError, httpx.ConnectError):
            for entry in entries:
                entry.fate = "absent"
            raise

    async def _call(
        self, method: str, path: str, body: Any = None, *, headers: dict[str, str] | None = None
    ) -> Any:
        answer = await self._http.request(
            method,
            f"/{path}.json",
            headers=headers,
            params={} if headers or self._token is None else {"auth": self._token},
            **({} if body is None else {"json": body}),
        )
        return json_of(answer)

    async def _sign_in(self) -> None:
        async with plain_http.AsyncClient(timeout=_PATIENCE) as http:
            answer = await http.post(
                f"http://{self._auth}/identitytoolkit.googleapis.com/v1/accounts:signUp",
                params={"key": "any"},
                json={"returnSecureToken": True},
            )
        said = json_of(answer)
        self._token, self._uid = said["idToken"], said["localId"]


def _message(**more: Any) -> dict[str, Any]:
    return {"from": "customer", "timestamp": SERVER_TIMESTAMP, **more}


def _now() -> int:
    return time.time_ns() // 1_000_000
