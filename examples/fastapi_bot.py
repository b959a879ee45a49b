"""A bot that answers first, and a small API for the people who answer next.

    imbari-chat emulator exec -- uvicorn --app-dir examples fastapi_bot:app

Known questions, and any question outside opening hours, get an automatic answer. It leaves the
message unread, so that the conversation stays in the inbox until a person takes it; from their
first reply on the bot is silent.

The bot remembers nothing: what it has said stands in the conversation's history, and it never says
the same thing twice there. So it can be stopped and started at any time, and several may run: of
two that answer the same message one is refused, because it says which message it answers.

On a live project the API reads and writes as an admin: set DESK_TOKEN, and send it as
``Authorization: Bearer ...``.
"""

import asyncio
import logging
import os
import re
import secrets
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime, time, timedelta, timezone
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Query, Request
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel

from imbari_chat import (
    AccessDenied,
    AsyncAdminChat,
    ConfigError,
    Conflict,
    ConnectionChanged,
    ImbariError,
    InvalidData,
    Message,
    MessageAdded,
    NotFound,
    RecordRejected,
    SessionAdded,
    Settings,
)

log = logging.getLogger("fastapi_bot")

NAIROBI = timezone(timedelta(hours=3))
OPENS, CLOSES = time(8), time(18)
SUNDAY = 6

ANSWERS = {
    ("ship", "shipping", "deliver", "delivery"): "We ship on Tuesdays. Which city is it for?",
    ("price", "prices", "cost"): "Our prices are on every coffee's page. How many kilos is it?",
    ("wholesale",): "We make wholesale offers the same day. How many kilos a month?",
}
CLOSED = "We are closed just now. We read this from 8 o'clock in Nairobi, Monday to Saturday."
OWN_WORDS = {*ANSWERS.values(), CLOSED}

TOO_LATE = timedelta(hours=1)
"""Messages that waited longer, because the bot was away, are left to people."""


def is_open(at: datetime) -> bool:
    """Whether somebody is in the shop."""
    there = at.astimezone(NAIROBI)
    return there.weekday() != SUNDAY and OPENS <= there.time() < CLOSES


def automatic_answer(text: str, at: datetime) -> str | None:
    """What the bot says to a message of that time; None if it is one for people."""
    words = set(re.findall(r"\w+", text.casefold()))
    for keywords, answer in ANSWERS.items():
        if words.intersection(keywords):
            return answer
    return None if is_open(at) else CLOSED


def owed(history: list[Message], now: datetime) -> list[str]:
    """The automatic answers a conversation still lacks, oldest question first."""
    said = {message.text for message in history if message.sender == "admin"}
    if said - OWN_WORDS:
        return []  # a person has taken over
    answers = (
        automatic_answer(message.text, message.sent_at)
        for message in history
        if message.is_unread and message.sent_at and now - message.sent_at < TOO_LATE
    )
    return [answer for answer in dict.fromkeys(answers) if answer and answer not in said]


class Bot:
    """Follows the inbox and answers, until cancelled or until the stream ends for good."""

    def __init__(self, desk: AsyncAdminChat) -> None:
        self.desk = desk
        self.connection = ConnectionChanged("connecting")
        self.since = datetime.now(UTC)

    async def run(self) -> None:
        try:
            async with aclosing(self.desk.events()) as events:
                async for event in events:
                    match event:
                        case ConnectionChanged():
                            self.note(event)
                        case SessionAdded(session) if session.unread_count:
                            await self.attend(session.id)
                        case MessageAdded(session_id, message) if message.sender == "customer":
                            await self.attend(session_id)
                        case RecordRejected(path, reasons):
                            log.warning("malformed record at %r: %s", path, "; ".join(reasons))
        except Exception as error:
            self.note(ConnectionChanged("closed", str(error)))
            log.exception("the bot has stopped")
            raise

    async def attend(self, session_id: str) -> None:
        """Say in one conversation what is still owed there. Failing that, people will."""
        try:
            async with self.desk.open(session_id, peek=True) as conversation:
                if conversation.session.is_resolved:
                    return
                history = await conversation.history()
                for answer in owed(history, datetime.now(UTC)):
                    history.append(await conversation.reply(answer, expect_last=history[-1]))
        except Conflict:
            log.info("somebody was faster in conversation %s", session_id)
        except ImbariError as error:
            log.warning("left to people: conversation %s: %s", session_id, error)

    def note(self, change: ConnectionChanged) -> None:
        if change.state != self.connection.state:
            self.since = datetime.now(UTC)
        self.connection = change


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Sign in, follow the inbox while the application runs, and hang up."""
    app.state.token = os.environ.get("DESK_TOKEN") or None
    if app.state.token is None and not Settings.load().on_emulator:
        raise ConfigError("anybody could read and reply", hint="Set DESK_TOKEN to a long secret")
    async with AsyncAdminChat.from_env() as desk:
        app.state.bot = Bot(desk)
        running = asyncio.create_task(app.state.bot.run())
        try:
            yield
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)  # a failure has been logged


def the_bot(request: Request) -> Bot:
    bot: Bot = request.app.state.bot
    return bot


def signed_in(
    request: Request,
    given: Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))],
) -> None:
    token: str | None = request.app.state.token
    if token is None:
        return  # on an emulator everybody is an admin
    if given is None or not secrets.compare_digest(given.credentials.encode(), token.encode()):
        raise HTTPException(401, "send the desk's token", {"WWW-Authenticate": "Bearer"})


TheBot = Annotated[Bot, Depends(the_bot)]

app = FastAPI(title="Imbari Coffee desk", lifespan=lifespan)
sessions = APIRouter(prefix="/sessions", dependencies=[Depends(signed_in)])


class Health(BaseModel):
    stream: str
    since: datetime
    reason: str | None


class SessionLine(BaseModel):
    id: str
    customer_name: str
    last_message: str
    last_message_at: datetime | None
    unread_count: int
    status: str


class Reply(BaseModel):
    text: str


class Sent(BaseModel):
    id: str


@app.get("/health", responses={503: {"model": Health}})
async def health(bot: TheBot) -> JSONResponse:
    """Whether the bot hears of new messages, and since when that has been so."""
    change = bot.connection
    body = Health(stream=change.state, since=bot.since, reason=change.reason)
    return JSONResponse(body.model_dump(mode="json"), 200 if change.state == "live" else 503)


@sessions.get("")
async def list_sessions(
    bot: TheBot, unread: bool = False, limit: Annotated[int, Query(ge=1, le=200)] = 50
) -> list[SessionLine]:
    """The conversations with the latest messages, newest first."""
    found = await bot.desk.sessions(unread=unread, limit=limit)
    return [SessionLine.model_validate(one, from_attributes=True) for one in found]


@sessions.post("/{session_id}/reply", status_code=201)
async def reply(bot: TheBot, session_id: str, body: Reply) -> Sent:
    """Take a conversation over from the bot: the customer's messages count as read."""
    async with bot.desk.open(session_id) as conversation:
        # The caller waits for an answer, and is better placed to try again than a queue here.
        return Sent(id=(await conversation.reply(body.text, queue=False)).id)


app.include_router(sessions)

STATUS: dict[type, int] = {NotFound: 404, AccessDenied: 403, InvalidData: 422, Conflict: 409}


@app.exception_handler(ImbariError)
async def refuse(_request: Request, error: ImbariError) -> JSONResponse:
    """What went wrong, as a status; whatever is not the caller's doing is a 503."""
    body: dict[str, Any] = {"detail": str(error)}
    if getattr(error, "outcome_unknown", False):
        body["outcome_unknown"] = True  # it may have been sent: look before trying again
    status = next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 503)
    return JSONResponse(body, status)
