"""The parts under the operations: fields, claims, accounts, routes."""

from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbari_chat.emulator.auth.account import Account
from imbari_chat.emulator.auth.accounts import Accounts
from imbari_chat.emulator.auth.call import Call
from imbari_chat.emulator.auth.claims import id_token_claims
from imbari_chat.emulator.auth.errors import Refused
from imbari_chat.emulator.auth.fields import Fields
from imbari_chat.emulator.auth.routing import Right, find
from imbari_chat.emulator.auth.signin import sign_up


@pytest.mark.parametrize("key", ["photoUrl", "photoURL", "photo_url", "photo-url", "PhotoUrl"])
def test_a_field_goes_by_any_spelling_of_its_name(key: str) -> None:
    """Clients disagree on the case of keys; the service does not mind."""
    assert Fields({key: "x"}).text("photoUrl") == "x"


def test_null_is_the_same_as_absent() -> None:
    """One client sends null for whatever it was not given."""
    fields = Fields({"a": None})
    assert "a" not in fields
    assert fields.text("a") is None
    assert fields.flag("a") is None
    assert fields.texts("a") == []


@pytest.mark.parametrize(
    ("number", "text"),
    [(1795386882, "1795386882"), (1.0, "1"), (1.5, "1.5"), (-3, "-3")],
)
def test_a_number_will_do_for_a_string(number: float, text: str) -> None:
    """The admin SDKs send 64-bit fields as numbers, the service as strings."""
    assert Fields({"a": number}).text("a") == text


@pytest.mark.parametrize(
    ("kind", "value", "complaint"),
    [
        ("text", True, "/a must be string"),
        ("text", {}, "/a must be string"),
        ("text", 10**400, "/a must be string"),
        ("flag", "true", "/a must be boolean"),
        ("flag", 1, "/a must be boolean"),
        ("integer", "x", '/a must match format "int64"'),
        ("integer", 1.5, '/a must match format "int64"'),
        ("texts", "x", "/a must be array"),
        ("texts", ["x", None], "/a/1 must be string"),
        ("objects", [{}, 1], "/a/1 must be object"),
        ("object", [], "/a must be object"),
    ],
)
def test_a_wrong_type_is_named_with_its_place(kind: str, value: Any, complaint: str) -> None:
    """The refusal says which field and what it should have been."""
    with pytest.raises(Refused) as refused:
        getattr(Fields({"a": value}), kind)("a")
    assert refused.value.message == f"Invalid JSON payload received. {complaint}"
    assert refused.value.status == "INVALID_ARGUMENT"


def claims_of(account: Account, provider: str = "password", **extra: Any) -> dict[str, Any]:
    """The claims of a token issued at second 5000."""
    return id_token_claims(account, project="p", provider=provider, extra=extra, now=5000)


def test_auth_time_is_the_last_sign_in_and_iat_is_now() -> None:
    """A refresh gives a younger token of an old sign-in."""
    claims = claims_of(Account(local_id="u", last_login_at=1_999_999))
    assert (claims["auth_time"], claims["iat"], claims["exp"]) == (1999, 5000, 8600)


def test_claims_of_each_source_give_way_in_a_fixed_order() -> None:
    """Profile, then custom attributes, then the custom token, then the service itself."""
    account = Account(
        local_id="u",
        email="a@b",
        display_name="profile",
        photo_url="profile",
        custom_attributes='{"picture":"attribute","role":"attribute","email":"x","user_id":"x"}',
    )
    claims = claims_of(account, "custom", role="token", email="y", email_verified=True)
    assert claims["name"] == "profile"
    assert claims["picture"] == "attribute"
    assert claims["role"] == "token"
    assert claims["email"] == "a@b"
    assert claims["user_id"] == "u"
    assert "email_verified" not in claims


@pytest.mark.parametrize(("provider", "named"), [("anonymous", True), ("password", False)])
def test_only_an_anonymous_token_names_its_provider_at_the_top(provider: str, named: bool) -> None:
    """Rules tell anonymous users by it."""
    claims = claims_of(Account(local_id="u"), provider)
    assert (claims.get("provider_id") == "anonymous") is named
    assert claims["firebase"] == {"identities": {}, "sign_in_provider": provider}


def test_identities_list_what_the_user_is_known_by() -> None:
    """E-mail, phone and foreign accounts, but not the password itself."""
    account = Account(
        local_id="u",
        email="a@b",
        password_hash="h",
        phone_number="+1",
        linked=({"providerId": "google.com", "rawId": "g1"},),
    )
    identities = {"email": ["a@b"], "google.com": ["g1"], "phone": ["+1"]}
    assert claims_of(account.with_providers())["firebase"]["identities"] == identities


@given(
    st.lists(
        st.tuples(
            st.sampled_from("uvw"),
            st.sampled_from([None, "a", "b", "c", "d"]),
            st.sampled_from([None, "1", "2", "3", "4"]),
        ),
        max_size=12,
    )
)
def test_the_indexes_agree_with_the_accounts(
    puts: list[tuple[str, str | None, str | None]],
) -> None:
    """Whatever is put over what, everybody is found by what they have now and by nothing else."""
    accounts = Accounts("p")
    for uid, email, phone in puts:
        holders = (accounts.by_email(email or ""), accounts.by_phone(phone or ""))
        if all(holder is None or holder.local_id == uid for holder in holders):
            accounts.put(Account(local_id=uid, email=email, phone_number=phone))
    for letter in "abcd":
        expected: list[Account | None] = [user for user in accounts if user.email == letter]
        assert [accounts.by_email(letter)] == (expected or [None])
    for digit in "1234":
        expected = [user for user in accounts if user.phone_number == digit]
        assert [accounts.by_phone(digit)] == (expected or [None])
        assert [accounts.by_provider("phone", digit)] == (expected or [None])


def test_an_operation_is_a_function_of_the_time_and_the_random_bytes_it_is_given() -> None:
    """The same call in the same state has the same answer."""

    def answer() -> Any:
        serial = count()
        return sign_up(
            Call(
                accounts=Accounts("p"),
                fields=Fields({"email": "a@b", "password": "secret1"}),
                now=12.3456,
                random=lambda length: bytes(next(serial) % 256 for _ in range(length)),
            )
        )

    assert answer() == answer()
    assert answer()["localId"] == "ABCDEFGHIJKLMNOPQRSTUVWXYZab"


@pytest.mark.parametrize(
    ("legacy", "operation"),
    [
        ("signupNewUser", "accounts:signUp"),
        ("verifyPassword", "accounts:signInWithPassword"),
        ("verifyCustomToken", "accounts:signInWithCustomToken"),
        ("getAccountInfo", "accounts:lookup"),
        ("setAccountInfo", "accounts:update"),
        ("deleteAccount", "accounts:delete"),
        ("getOobConfirmationCode", "accounts:sendOobCode"),
        ("resetPassword", "accounts:resetPassword"),
        ("createAuthUri", "accounts:createAuthUri"),
    ],
)
def test_a_legacy_name_is_another_word_for_an_operation(legacy: str, operation: str) -> None:
    """Old clients keep to the names of version 3."""
    old = find("POST", f"/www.googleapis.com/identitytoolkit/v3/relyingparty/{legacy}")
    assert old == find("POST", f"/identitytoolkit.googleapis.com/v1/{operation}")
    assert old.right is Right.KEY


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/nowhere", 404),
        ("POST", "/identitytoolkit.googleapis.com/v1/accounts:nothing", 404),
        ("GET", "/identitytoolkit.googleapis.com/v1/accounts:signUp", 405),
        ("POST", "/identitytoolkit.googleapis.com/v1/projects/p/:createSessionCookie", 404),
        ("POST", "/identitytoolkit.googleapis.com/v1/projects/p", 404),
        ("POST", "/accounts:signUp", 404),
        ("POST", "/www.googleapis.com/identitytoolkit/v3/relyingparty/nothing", 404),
        ("POST", "/www.googleapis.com/identitytoolkit/v3/relyingparty/signOutUser", 501),
        ("GET", "/www.googleapis.com/identitytoolkit/v3/relyingparty/signOutUser", 404),
        ("GET", "/www.googleapis.com/identitytoolkit/v3/relyingparty/downloadAccount", 404),
        ("POST", "/identitytoolkit.googleapis.com/v1/projects/p/tenants/t/accounts", 501),
        ("GET", "/identitytoolkit.googleapis.com/v2/projects/p/tenants", 501),
        ("GET", "/identitytoolkit.googleapis.com/v2/projects/p/inboundSamlConfigs", 501),
        ("GET", "/emulator/auth/handler", 501),
    ],
)
def test_a_path_nobody_has_is_404_and_one_only_google_has_is_501(
    method: str, path: str, code: int
) -> None:
    """A developer learns whether to look for a typing error or for another emulator."""
    with pytest.raises(Refused) as refused:
        find(method, path)
    assert refused.value.code == code
