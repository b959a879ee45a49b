"""Whom credentials speak for, and until when: of a request, and of a socket."""

from typing import Any

import pytest

from imbari_chat.emulator.database.credentials import ADMIN, NOBODY, Caller, Expired, caller
from imbari_chat.emulator.database.refusal import Refusal
from imbari_chat.emulator.database.socket_credentials import BadToken, expires, signed_in
from imbari_chat.emulator.tokens import encode_unsigned
from imbari_chat.errors import InvalidData
from imbari_chat.wire.json import Json
from imbari_chat.wire.messages import Request

NOW = 1000.0
UNREADABLE = "Could not parse auth token."


def _user(claims: dict[str, Json], provider: Json = None, until: float | None = None) -> Caller:
    uid = claims.get("sub") or claims.get("user_id")
    return Caller(
        admin=False,
        auth={"uid": uid, "provider": provider, "token": claims},
        expires_at=until,
    )


@pytest.mark.parametrize(
    ("parameters", "authorization", "who"),
    [
        ({}, None, NOBODY),
        ({"auth": ""}, "", NOBODY),
        ({}, "Bearer x", ADMIN),
        ({}, "bEARER x", ADMIN),
        ({}, "Bearer ", NOBODY),
        ({}, "Bearer", NOBODY),
        ({}, "Basic x", NOBODY),
        ({"access_token": "x"}, None, ADMIN),
        ({"access_token": ""}, None, NOBODY),
        ({"auth": "nonsense", "access_token": "x"}, None, ADMIN),
        ({"auth_variable_override": "{"}, None, NOBODY),
        ({"auth_variable_override": "null"}, "Bearer x", NOBODY),
        (
            {"auth_variable_override": '{"uid":"u"}'},
            "Bearer x",
            Caller(admin=False, auth={"uid": "u"}),
        ),
        ({"auth_variable_override": "{}"}, "Bearer x", Caller(admin=False, auth={})),
    ],
)
def test_a_request_is_an_admins_or_nobodys_or_in_the_name_of_somebody(
    parameters: dict[str, str], authorization: str | None, who: Caller
) -> None:
    """Any bearer is an admin, who may say whom the rules are to take it for."""
    assert caller(parameters, authorization, NOW, enforce_expiry=True) == who


@pytest.mark.parametrize("override", ["{", "[]", "true", "1", '"u"', ""])
def test_whom_an_admin_stands_for_is_an_object_or_nobody(override: str) -> None:
    """Anything else is a mistake, and no admin either."""
    with pytest.raises(Refusal, match="must be a JSON object or null") as refused:
        caller({"auth_variable_override": override}, "Bearer x", NOW, enforce_expiry=False)
    assert refused.value.status == 400


CLAIMED: list[tuple[dict[str, Json], Caller]] = [
    ({"sub": "u"}, _user({"sub": "u"})),
    ({"user_id": "u"}, _user({"user_id": "u"})),
    ({"sub": "u", "user_id": "v"}, _user({"sub": "u", "user_id": "v"})),
    (
        {"sub": "u", "firebase": {"sign_in_provider": "custom"}},
        _user({"sub": "u", "firebase": {"sign_in_provider": "custom"}}, "custom"),
    ),
    ({"sub": "u", "firebase": "x"}, _user({"sub": "u", "firebase": "x"})),
    ({"d": {"uid": "u"}}, Caller(admin=False, auth={"uid": "u"})),
    ({"d": None, "admin": False}, NOBODY),
    ({"d": {"uid": "u"}, "admin": True}, ADMIN),
    ({"d": {"uid": "u"}, "admin": 1}, Caller(admin=False, auth={"uid": "u"})),
]


@pytest.mark.parametrize(("claims", "who"), CLAIMED)
def test_a_token_is_believed(claims: dict[str, Json], who: Caller) -> None:
    """In a request, and over a socket."""
    token = encode_unsigned(claims)
    assert caller({"auth": token}, None, NOW, enforce_expiry=True) == who
    assert signed_in(Request(1, "auth", {"cred": token}), NOW, enforce_expiry=True) == who


@pytest.mark.parametrize("claims", [{}, {"sub": ""}, {"sub": 7}, {"sub": None, "user_id": []}])
def test_a_token_of_nobody_cannot_be_read(claims: dict[str, Json]) -> None:
    """Nor can what is no token."""
    for token in (encode_unsigned(claims), "x", "owner"):
        with pytest.raises(Refusal, match=UNREADABLE) as refused:
            caller({"auth": token}, None, NOW, enforce_expiry=False)
        assert refused.value.status == 401
        with pytest.raises(BadToken, match=UNREADABLE):
            signed_in(Request(1, "auth", {"cred": token}), NOW, enforce_expiry=False)


@pytest.mark.parametrize(
    ("times", "until"),
    [
        ({"iat": 1, "exp": 1001}, 1001),
        ({"iat": 1, "exp": 1000.5}, 1000.5),
        ({"iat": 1, "exp": 1000}, None),
        ({"iat": 1, "exp": 1}, None),
        ({"iat": 0, "exp": 1}, ...),
        ({"iat": "x", "exp": 1}, ...),
        ({"exp": 1}, ...),
        ({"iat": 1, "exp": "1"}, ...),
        ({"iat": 1, "exp": True}, ...),
        ({"iat": 1}, ...),
    ],
)
def test_a_token_lasts_until_its_end_if_anybody_insists(times: dict[str, Json], until: Any) -> None:
    """None is too late already; those that were never issued, or do not say it, have no end."""
    claims: dict[str, Json] = {"sub": "u", **times}
    token = encode_unsigned(claims)
    request = Request(1, "auth", {"cred": token})
    for insisted in (False, True):
        if insisted and until is None:
            with pytest.raises(Expired, match="Auth token is expired") as refused:
                caller({"auth": token}, None, NOW, enforce_expiry=True)
            assert refused.value.status == 401
            with pytest.raises(Expired, match="Auth token is expired"):
                signed_in(request, NOW, enforce_expiry=True)
            continue
        who = _user(claims, until=until if insisted and until is not ... else None)
        assert caller({"auth": token}, None, NOW, enforce_expiry=insisted) == who
        assert signed_in(request, NOW, enforce_expiry=insisted) == who


@pytest.mark.parametrize(
    ("body", "who"),
    [
        ({"cred": "owner"}, ADMIN),
        ({"cred": "any", "authvar": None}, ADMIN),
        ({"cred": "any", "noauth": True}, NOBODY),
        ({"cred": "any", "noauth": True, "authvar": {"uid": "u"}}, NOBODY),
        ({"cred": "any", "noauth": 1}, ADMIN),
        ({"cred": "any", "authvar": {"uid": "u"}}, Caller(admin=False, auth={"uid": "u"})),
    ],
)
def test_any_other_credential_of_a_socket_is_the_owners(body: dict[str, Json], who: Caller) -> None:
    """Who may say whom the rules are to take it for."""
    assert signed_in(Request(1, "gauth", body), NOW, enforce_expiry=True) == who


def test_a_socket_that_says_who_it_is_says_it_rightly() -> None:
    """By a text, and for an object or nobody."""
    for action in ("auth", "gauth"):
        with pytest.raises(BadToken, match=UNREADABLE) as refused:
            signed_in(Request(1, action, {"cred": 7}), NOW, enforce_expiry=True)
        assert refused.value.status == 401
    with pytest.raises(InvalidData, match="authvar must be a JSON object or null"):
        signed_in(Request(1, "gauth", {"cred": "x", "authvar": []}), NOW, enforce_expiry=True)


@pytest.mark.parametrize(
    ("who", "until"),
    [
        (ADMIN, 4600),
        (Caller(admin=False, auth={"uid": "u"}), 4600),
        (_user({"sub": "u", "exp": 7.9}), 7),
        (_user({"sub": "u", "exp": "7"}), 4600),
        (_user({"sub": "u", "exp": True}), 4600),
        (Caller(admin=False, auth={"token": "x"}), 4600),
    ],
)
def test_a_socket_is_told_when_its_credential_ends(who: Caller, until: int) -> None:
    """In an hour if it does not say so; also where nobody insists."""
    assert expires(who, NOW + 0.9) == until
