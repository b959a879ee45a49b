"""How the service says no: one exception, and its JSON body field by field.

Clients read ``error.message`` up to the first colon as the code; everything a caller can get
wrong is HTTP 400 but for the handful of cases below.
"""

from imbari_chat.wire.json import Json

__all__ = [
    "BadRequest",
    "Refused",
    "WrongMethod",
    "invalid_credentials",
    "invalid_payload",
    "missing_key",
    "not_built",
    "not_found",
    "too_large",
    "wrong_content_type",
]


class Refused(Exception):
    """A request the service answers with an error.

    Attributes:
        code: HTTP status.
        message: The code, or the code and a detail after `` : ``.
        status: Google's canonical name of the status; plain client mistakes have none.
        item: What stands in ``errors``, beside the message.
    """

    def __init__(
        self,
        code: int,
        message: str,
        *,
        status: str | None = None,
        item: dict[str, Json] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.item: dict[str, Json] = item or {"reason": "invalid", "domain": "global"}

    def body(self) -> dict[str, Json]:
        """The whole JSON answer."""
        error: dict[str, Json] = {
            "code": self.code,
            "message": self.message,
            "errors": [{"message": self.message, **self.item}],
        }
        if self.status is not None:
            error["status"] = self.status
        return {"error": error}


class BadRequest(Refused):
    """A mistake of the caller: HTTP 400 and a code such as ``EMAIL_EXISTS``."""

    def __init__(self, message: str) -> None:
        super().__init__(400, message)


def invalid_payload(detail: str, *, reason: str = "invalid") -> Refused:
    """The body is not JSON (reason ``parseError``), or a field has the wrong type."""
    return Refused(
        400,
        f"Invalid JSON payload received. {detail}",
        status="INVALID_ARGUMENT",
        item={"reason": reason, "domain": "global"},
    )


def invalid_credentials() -> Refused:
    """A bearer token that is neither ``owner`` nor a service account's."""
    return Refused(
        401,
        "Request had invalid authentication credentials. Expected OAuth 2 access token, login "
        "cookie or other valid authentication credential. See "
        "https://developers.google.com/identity/sign-in/web/devconsole-project.",
        status="UNAUTHENTICATED",
        item={
            "message": "Invalid Credentials",
            "domain": "global",
            "reason": "authError",
            "location": "Authorization",
            "locationType": "header",
        },
    )


def missing_key() -> Refused:
    """No API key, or not the owner where only the owner may call."""
    return Refused(
        403,
        "The request is missing a valid API key.",
        status="PERMISSION_DENIED",
        item={"reason": "forbidden", "domain": "global"},
    )


def not_found() -> Refused:
    """No such path."""
    return Refused(404, "Not Found", status="NOT_FOUND", item={"reason": "notFound"})


class WrongMethod(Refused):
    """The path is known, with another method; the one refusal without an ``error`` object.

    Args:
        method: The HTTP method.
        path: The path as it was understood.
    """

    def __init__(self, method: str, path: str) -> None:
        super().__init__(405, f"Method {method} not allowed for {path}")

    def add_query(self, query: str) -> None:
        """Names the query as well."""
        self.message += f"?{query}"

    def body(self) -> dict[str, Json]:
        """The whole JSON answer."""
        return {"message": self.message}


def wrong_content_type(given: str) -> Refused:
    """The body is in a format that the path does not take."""
    return Refused(400, f"Invalid content-type: {given}", item={"reason": "unknown"})


def too_large(limit: int) -> Refused:
    """The body has more bytes than this emulator reads."""
    return Refused(
        413,
        f"Request body exceeds {limit} bytes.",
        status="INVALID_ARGUMENT",
        item={"reason": "requestTooLarge", "domain": "global"},
    )


def not_built(message: str) -> Refused:
    """The service has it, this emulator does not."""
    return Refused(
        501,
        message,
        status="NOT_IMPLEMENTED",
        item={"reason": "unimplemented"},
    )
