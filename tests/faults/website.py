"""The website as it is: nobody signs in, and whatever it does to a message and its session is two
writes, with whatever may come in between. It never tries anything again.
"""

import random
import time
from typing import Any, Literal, NoReturn, TypeAlias, TypeVar

import httpx

from imbari_chat.wire.pushid import PushIds, is_push_id
from tests import plain_http
from tests.faults.ledger import Entry

__all__ = ["Dashboard", "Widget", "json_of"]

T = TypeVar("T")

Counting: TypeAlias = Literal["increment", "set"]

_PATIENCE = 1.0


def json_of(answer: httpx.Response) -> Any:
    """An answer's body.

    Raises:
        httpx.HTTPError: It is not a success as the service says it, or no JSON: somebody else
            answered.
    """
    answer.raise_for_status()
    if answer.status_code != httpx.codes.OK:
        raise httpx.HTTPStatusError("not the service's", request=answer.request, response=answer)
    try:
        return answer.json(parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise httpx.DecodingError("no JSON", request=answer.request) from None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


class _Browser:
    """A page of the website: what its two halves have in common.

    Args:
        name: For the ledger.
        address: HOST:PORT of the database, or of a proxy before it.
        namespace: Which database.
        ledger: Gets every message it writes.
        dice: Decides what differs between browsers: whose clock, how it counts.
        clock: A clock that is more wrong than most are, seconds ahead; None for any.
    """

    def __init__(
        self,
        name: str,
        address: str,
        namespace: str,
        ledger: list[Entry],
        dice: random.Random,
        clock: float | None = None,
    ) -> None:
        self.name = name
        self.touched: set[str] = set()
        self._dice = dice
        self._ledger = ledger
        self._http = plain_http.AsyncClient(
            base_url=f"http://{address}", params={"ns": namespace}, timeout=_PATIENCE
        )
        # A browser's clock is a little wrong, and some pages let the server say what time it is.
        self._skew = dice.randrange(-2_000, 2_000) if dice.random() < 0.5 else None
        if clock is not None:
            self.move_clock(clock)

    async def close(self) -> None:
        """The tab is closed."""
        await self._http.aclose()

    def move_clock(self, ahead: float) -> None:
        """Its clock is now so many seconds ahead."""
        self._skew = round(ahead * 1000)

    async def _call(self, method: str, path: str, body: Any = None) -> Any:
        """The answer's body.

        Raises:
            httpx.HTTPError: No answer, or not a success in JSON.
        """
        answer = await self._http.request(
            method, f"/{path}.json", **({} if body is None else {"json": body})
        )
        return json_of(answer)

    async def _read(self, path: str, nothing: T) -> T:
        """What is stored there; ``nothing`` if that is nothing.

        Raises:
            httpx.HTTPError: No answer, or one of somebody else: it is of another kind.
        """
        found = await self._call("GET", path)
        if found is None:
            return nothing
        if type(found) is not type(nothing):
            raise httpx.DecodingError("not what is kept there")
        return found

    async def _push(self, session_id: str, message: dict[str, Any]) -> bool:
        """The first of the two writes; whether it was accepted."""
        self.touched.add(session_id)
        entry = Entry(self.name, session_id, message["text"], "unknown", website=True)
        self._ledger.append(entry)
        try:
            made = await self._call("POST", f"messages/{session_id}", message)
        except (httpx.HTTPStatusError, httpx.ConnectError):
            entry.fate = "absent"
        except httpx.HTTPError:
            pass  # it may have been made
        else:
            if isinstance(made, dict) and is_push_id(str(made.get("name"))):
                entry.fate = "stored"  # and nobody else's answer
        return entry.fate == "stored"

    async def _bump(self, session_id: str, changes: dict[str, Any]) -> bool:
        """The second; whether it was accepted."""
        self.touched.add(session_id)
        try:
            await self._call("PATCH", f"chatSessions/{session_id}", changes)
        except httpx.HTTPError:
            return False
        return True

    def _time(self) -> Any:
        if self._skew is None:
            return {".sv": "timestamp"}
        return time.time_ns() // 1_000_000 + self._skew


class Widget(_Browser):
    """The customer's half: one conversation."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        ids = PushIds(lambda: [self._dice.randrange(64) for _ in range(12)])
        self.session_id = ids.make(time.time_ns() // 1_000_000)
        self._counting: Counting = self._dice.choice(["increment", "set"])

    async def start(self) -> bool:
        """Send the lead form; whether it was accepted."""
        self.touched.add(self.session_id)
        session = {
            **self._lead(),
            "lastMessage": "",
            "lastMessageTime": self._time(),
            "unreadCount": 0,
            "status": "active",
        }
        try:
            await self._call("PUT", f"chatSessions/{self.session_id}", session)
        except httpx.HTTPError:
            return False
        return True

    async def send(self, text: str) -> None:
        """Push the message, then move its session."""
        message = {
            "text": text,
            "from": "customer",
            "timestamp": self._time(),
            "read": False,
            **self._lead(),
        }
        if not await self._push(self.session_id, message):
            return
        try:
            count = await self._next_count()
        except httpx.HTTPError:
            return
        bump = {"lastMessage": text, "lastMessageTime": self._time(), "unreadCount": count}
        await self._bump(self.session_id, bump | {"status": "active"})

    async def _next_count(self) -> Any:
        if self._counting == "increment":
            return {".sv": {"increment": 1}}
        return await self._read(f"chatSessions/{self.session_id}/unreadCount", 0) + 1

    def _lead(self) -> dict[str, str]:
        return {
            "customerName": self.name,
            "customerEmail": f"{self.name}@example.com",
            "customerPhone": "",
        }


class Dashboard(_Browser):
    """The admin's half: every conversation."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._one_by_one = self._dice.random() < 0.5

    async def sessions(self) -> list[str]:
        """The conversations there are; none if nobody answers."""
        try:
            return sorted(await self._read("chatSessions", dict[str, Any]()))
        except httpx.HTTPError:
            return []

    async def answer(self, session_id: str, text: str) -> None:
        """Push the answer, then move its session."""
        message = {"text": text, "from": "admin", "timestamp": self._time()}
        if await self._push(session_id, message):
            bump = {"lastMessage": text, "lastMessageTime": self._time()}
            await self._bump(session_id, bump)

    async def read(self, session_id: str) -> None:
        """Mark what is unread, then set the count to nothing, whatever has come in between."""
        try:
            messages = await self._read(f"messages/{session_id}", dict[str, Any]())
            unread = [
                key
                for key, one in messages.items()
                if isinstance(one, dict) and one.get("from") == "customer" and not one.get("read")
            ]
            self.touched.add(session_id)
            if self._one_by_one:
                for key in unread:
                    await self._call("PATCH", f"messages/{session_id}/{key}", {"read": True})
            elif unread:
                marks = {f"{key}/read": True for key in unread}
                await self._call("PATCH", f"messages/{session_id}", marks)
        except httpx.HTTPError:
            return
        await self._bump(session_id, {"unreadCount": 0})

    async def set_status(self, session_id: str, status: str) -> None:
        """Resolve, or take up again."""
        await self._bump(session_id, {"status": status})
