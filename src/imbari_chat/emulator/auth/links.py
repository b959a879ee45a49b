"""``/emulator/action``: where the mailed links lead, and what they do instead of a web page."""

from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlsplit

from imbari_chat.emulator.auth.accounts import OobCode
from imbari_chat.emulator.auth.call import Call
from imbari_chat.emulator.auth.errors import BadRequest
from imbari_chat.emulator.auth.fields import Fields
from imbari_chat.emulator.auth.oob import apply_code, reset_password
from imbari_chat.emulator.auth.uris import form_pairs, is_absolute, with_query
from imbari_chat.wire.json import Json

__all__ = ["Followed", "follow"]

_PLACEHOLDER: Final = "NEW_PASSWORD_HERE"


@dataclass(frozen=True, slots=True)
class Followed:
    """Where following a link has led.

    Attributes:
        code: HTTP status: 200, 303 or 400.
        body: The JSON answer; empty for 303.
        location: Where to go next, for 303.
    """

    code: int
    body: dict[str, Json]
    location: str | None = None


@dataclass(frozen=True, slots=True)
class _Action:
    request_type: str
    done: str
    purpose: str
    continues: bool = True


_ACTIONS: Final = {
    "resetPassword": _Action(
        "PASSWORD_RESET", "The password has been successfully updated.", "reset your password"
    ),
    "verifyEmail": _Action(
        "VERIFY_EMAIL", "The email has been successfully verified.", "verify your email"
    ),
    "verifyAndChangeEmail": _Action(
        "VERIFY_AND_CHANGE_EMAIL", "The email has been successfully changed.", "change your email"
    ),
    "recoverEmail": _Action(
        "RECOVER_EMAIL",
        "The email has been successfully reset.",
        "revert your email",
        continues=False,
    ),
}


def follow(call: Call) -> Followed:
    """Does what the link in the call's query says.

    Raises:
        Refused: The action itself was refused, such as a password that is too short.
    """
    query = call.query
    for name in ("apiKey", "oobCode"):
        if not query.get(name):
            return _failed(f"missing {name} query parameter", f"Add &{name}=VALUE to the link.")
    mode = query.get("mode", "")
    if mode == "signIn":
        return _sign_in(call)
    action = _ACTIONS.get(mode)
    if action is None:
        return Followed(400, {"authEmulator": {"error": "Invalid mode"}})
    code = call.accounts.code(query["oobCode"])
    if code is None or code.request_type != action.request_type:
        return _dead(action)
    if mode == "resetPassword" and query.get("newPassword", "") in {"", _PLACEHOLDER}:
        return _without_password(code, query.get("newPassword", ""))
    try:
        found = _perform(call, code)
    except BadRequest as error:
        if error.message == "INVALID_OOB_CODE":
            return _dead(action)
        raise
    target = query.get("continueUrl")
    if target and action.continues:
        return Followed(303, {}, target)
    return Followed(200, {"authEmulator": {"success": action.done, **found}})


def _perform(call: Call, code: OobCode) -> dict[str, Json]:
    if code.request_type == "PASSWORD_RESET":
        fields = Fields({"oobCode": code.code, "newPassword": call.query["newPassword"]})
        reset_password(replace(call, fields=fields))
        return {"email": code.email}
    account, new_email = apply_code(call, code.code)
    return {"email": account.email} if new_email is None else {"newEmail": new_email}


def _sign_in(call: Call) -> Followed:
    """The application finishes an e-mail link sign-in itself, given the link's parameters."""
    target = call.query.get("continueUrl", "")
    if not is_absolute(target):
        return _failed(
            "Missing continueUrl query parameter",
            "Add &continueUrl= and the address of the application to the link.",
        )
    parts = urlsplit(target)
    query = dict(form_pairs(parts.query))
    query |= {name: value for name, value in call.query.items() if name != "continueUrl"}
    fragment = f"#{parts.fragment}" if parts.fragment else ""
    return Followed(303, {}, f"{with_query(target, query)}{fragment}")


def _without_password(code: OobCode, given: str) -> Followed:
    error = (
        f"newPassword must be something other than '{_PLACEHOLDER}'"
        if given
        else "missing newPassword query parameter"
    )
    body: dict[str, Json] = {
        "error": error,
        "instructions": f"A GET request to the URL below sets the password for {code.email}.",
        "instructions2": f"Put a password of your own in the place of {_PLACEHOLDER}.",
        "urlTemplate": f"{code.link}&newPassword={_PLACEHOLDER}",
    }
    return Followed(400, {"authEmulator": body})


def _dead(action: _Action) -> Followed:
    if not action.continues:
        error = "Requested mode does not match the OOB code provided."
    else:
        error = f"Your request to {action.purpose} has expired or the link has already been used."
    return _failed(error, "Ask for a new link.")


def _failed(error: str, instructions: str) -> Followed:
    return Followed(400, {"authEmulator": {"error": error, "instructions": instructions}})
