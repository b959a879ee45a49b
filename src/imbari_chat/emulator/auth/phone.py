"""Signing in with a phone number, and the codes for it.

No message is sent: unused codes stand at ``/emulator/v1/projects/P/verificationCodes``.
"""

from dataclasses import replace
from typing import Final

from imbari_chat.emulator.auth.account import Account
from imbari_chat.emulator.auth.accounts import VerificationCode
from imbari_chat.emulator.auth.call import Call
from imbari_chat.emulator.auth.credentials import checked_phone
from imbari_chat.emulator.auth.errors import BadRequest
from imbari_chat.emulator.auth.sessions import issue_tokens, session_of
from imbari_chat.wire.json import Json

__all__ = ["send_verification_code", "sign_in_with_phone_number"]

_SESSION_LENGTH: Final = 226
_PROOF_LENGTH: Final = 119
_CODE_LENGTH: Final = 6


def send_verification_code(call: Call) -> dict[str, Json]:
    """``accounts:sendVerificationCode``."""
    code = VerificationCode(
        phone_number=checked_phone(call.fields.text("phoneNumber") or ""),
        code=call.digits(_CODE_LENGTH),
        session_info=call.url_safe(_SESSION_LENGTH),
    )
    call.accounts.keep_verification(code)
    return {"sessionInfo": code.session_info}


def sign_in_with_phone_number(call: Call) -> dict[str, Json]:
    """``accounts:signInWithPhoneNumber``: signs in, signs up, or gives an ID token's user a number.

    A number that is somebody else's is answered with a proof for signing in as them instead.
    """
    proof = call.fields.text("temporaryProof")
    number = _proved(call, proof) if proof else _verified(call)
    holder = call.accounts.by_phone(number)
    id_token = call.fields.text("idToken")
    caller = session_of(call, id_token).account if id_token else None
    if holder is not None and caller is not None and holder.local_id != caller.local_id:
        if proof:
            raise BadRequest("PHONE_NUMBER_EXISTS")
        return _offered(call, number)
    account = caller or holder
    if account is not None and account.disabled:
        raise BadRequest("USER_DISABLED")
    kept = call.accounts.put(
        replace(
            account or Account(local_id=call.new_uid(), created_at=call.millis),
            phone_number=number,
            last_login_at=call.millis,
        )
    )
    return {
        "isNewUser": account is None,
        "phoneNumber": number,
        "localId": kept.local_id,
        **issue_tokens(call, kept, "phone"),
    }


def _proved(call: Call, proof: str) -> str:
    number = call.fields.text("phoneNumber")
    if not number:
        raise BadRequest("MISSING_PHONE_NUMBER")
    if not call.accounts.proves(proof, number):
        raise BadRequest("INVALID_TEMPORARY_PROOF")
    return number


def _verified(call: Call) -> str:
    session, text = call.fields.text("sessionInfo"), call.fields.text("code")
    if not session:
        raise BadRequest("MISSING_SESSION_INFO")
    if not text:
        raise BadRequest("MISSING_CODE")
    code = call.accounts.verification(session)
    if code is None:
        raise BadRequest("INVALID_SESSION_INFO")
    if code.code != text:
        raise BadRequest("INVALID_CODE")
    call.accounts.spend_verification(code)
    return code.phone_number


def _offered(call: Call, number: str) -> dict[str, Json]:
    proof = call.url_safe(_PROOF_LENGTH)
    call.accounts.keep_proof(proof, number)
    return {
        "phoneNumber": number,
        "temporaryProof": proof,
        "temporaryProofExpiresIn": "3600",
    }
