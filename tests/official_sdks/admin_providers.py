"""What firebase-admin does for Identity Platform: providers and tenants, and who says no."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import firebase_admin
import pytest
from firebase_admin import auth, credentials, exceptions, tenant_mgt
from google.auth.credentials import AnonymousCredentials

from tests.official_sdks.admin_accounts import CLIENT
from tests.official_sdks.place import PROJECT, Place
from tests.official_sdks.registry import unsupported

__all__ = ["TENANTS"]

TENANTS: Final = "firebase-admin tenant_mgt"
NOT_BUILT: Final = "Identity Platform: 501 from our emulator, and from Google's"
CERTIFICATE: Final = "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----"


class _Nobody(credentials.Base):  # type: ignore[misc]  # the library is untyped
    """A credential with nothing in it."""

    def get_credential(self) -> AnonymousCredentials:
        return AnonymousCredentials()  # type: ignore[no-untyped-call]  # the library is untyped


class _RealOneWantedError(Exception):
    """Somebody was about to talk to Google itself."""


class _Refusing(credentials.Base):  # type: ignore[misc]  # the library is untyped
    """A credential that shows it was asked for; emulators need none."""

    def get_credential(self) -> AnonymousCredentials:
        raise _RealOneWantedError


@unsupported(
    CLIENT, "create_oidc_provider_config", "get_oidc_provider_config",
    "update_oidc_provider_config", "delete_oidc_provider_config", "list_oidc_provider_configs",
    why=NOT_BUILT,
)  # fmt: skip
def oidc_providers_are_not_built(place: Place) -> None:
    """The library turns 501 into an error that says so."""
    app = place.app()
    _all_not_built(
        [
            lambda: auth.create_oidc_provider_config(
                "oidc.p", client_id="c", issuer="https://issuer.example.com", app=app
            ),
            lambda: auth.get_oidc_provider_config("oidc.p", app=app),
            lambda: auth.update_oidc_provider_config("oidc.p", client_id="c", app=app),
            lambda: auth.delete_oidc_provider_config("oidc.p", app=app),
            lambda: auth.list_oidc_provider_configs(app=app),
        ]
    )


@unsupported(
    CLIENT, "create_saml_provider_config", "get_saml_provider_config",
    "update_saml_provider_config", "delete_saml_provider_config", "list_saml_provider_configs",
    why=NOT_BUILT,
)  # fmt: skip
def saml_providers_are_not_built(place: Place) -> None:
    """The library turns 501 into an error that says so."""
    app = place.app()
    _all_not_built(
        [
            lambda: auth.create_saml_provider_config(
                "saml.p",
                idp_entity_id="i",
                sso_url="https://sso.example.com",
                x509_certificates=[CERTIFICATE],
                rp_entity_id="r",
                callback_url="https://callback.example.com",
                app=app,
            ),
            lambda: auth.get_saml_provider_config("saml.p", app=app),
            lambda: auth.update_saml_provider_config("saml.p", idp_entity_id="i", app=app),
            lambda: auth.delete_saml_provider_config("saml.p", app=app),
            lambda: auth.list_saml_provider_configs(app=app),
        ]
    )


@unsupported(
    TENANTS, "create_tenant", "get_tenant", "update_tenant", "delete_tenant", "list_tenants",
    why="the library itself has no emulator for tenants: it goes to Google, whatever is set",
)  # fmt: skip
def tenants_are_kept_by_google_alone(place: Place) -> None:
    """The library asks for a real credential although an emulator is named."""
    app = _app(place, _Refusing())
    auth.create_user(uid="u1", app=app)  # needs none
    attempts: tuple[Callable[[], object], ...] = (
        lambda: tenant_mgt.create_tenant("t", app=app),
        lambda: tenant_mgt.get_tenant("t1", app=app),
        lambda: tenant_mgt.update_tenant("t1", "t", app=app),
        lambda: tenant_mgt.delete_tenant("t1", app=app),
        lambda: tenant_mgt.list_tenants(app=app),
    )
    for attempt in attempts:
        with pytest.raises(_RealOneWantedError):
            attempt()


@unsupported(
    TENANTS, "auth_for_tenant", why="tenants are out of scope: 501 from our emulator"
)  # fmt: skip
def users_of_a_tenant_are_not_built(place: Place) -> None:
    """The client that the library makes does reach the emulator."""
    client = tenant_mgt.auth_for_tenant("t1", app=_app(place, _Nobody()))
    assert client.tenant_id == "t1"
    _all_not_built([lambda: client.create_user(uid="u1")])


def users_of_a_tenant(place: Place) -> None:
    """What Google's emulator makes of the same: a tenant, of the first use of its name."""
    client = tenant_mgt.auth_for_tenant("t1", app=_app(place, _Nobody()))
    assert client.create_user(uid="u1").tenant_id == "t1"
    client.delete_user("u1")


def _app(place: Place, credential: Any) -> Any:
    options = {"projectId": PROJECT, "httpTimeout": 10}
    return place.kept(firebase_admin.initialize_app(credential, options, name=place.namespace))


def _all_not_built(attempts: Sequence[Callable[[], object]]) -> None:
    for attempt in attempts:
        with pytest.raises(exceptions.UnknownError, match="not implemented") as error:
            attempt()
        assert error.value.http_response.status_code == 501
