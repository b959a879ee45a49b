"""One user: the record, and its JSON in both directions.

Times are milliseconds since the epoch, but for ``valid_since``, which is whole seconds as
everywhere in the service.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from imbari_chat.emulator.auth.errors import invalid_payload
from imbari_chat.emulator.auth.fields import Fields
from imbari_chat.wire.json import Json

__all__ = ["Account", "Provider", "provider_entry"]

Provider = Mapping[str, Json]
"""An entry of ``providerUserInfo``: a way to sign in, by what the provider knows of the user."""

_PROVIDER_FIELDS = (
    "providerId", "rawId", "federatedId", "displayName", "photoUrl", "email", "phoneNumber",
    "screenName",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One user.

    Attributes:
        valid_since: ID tokens issued before this second are revoked.
        revocations: How often ``valid_since`` was set; finer than its whole seconds.
        linked: ``providerUserInfo`` as it stands; None while nothing was ever in it.
        email_link: The address has been proved by following a mailed link.
        initial_email: The first address, which may take the account back after a change.
    """

    local_id: str
    email: str | None = None
    email_verified: bool | None = None
    email_link: bool | None = None
    initial_email: str | None = None
    display_name: str | None = None
    photo_url: str | None = None
    screen_name: str | None = None
    phone_number: str | None = None
    disabled: bool | None = None
    password_hash: str | None = None
    salt: str | None = None
    password_updated_at: int | None = None
    valid_since: int | None = None
    revocations: int = 0
    created_at: int | None = None
    last_login_at: int | None = None
    last_refresh_at: int | None = None
    custom_attributes: str | None = None
    custom_auth: bool = False
    linked: tuple[Provider, ...] | None = None

    def with_password(self, password: str, salt: str, now: int) -> "Account":
        """The account with a new password; ``now`` in milliseconds."""
        return replace(
            self,
            password_hash=_stored_password(password, salt),
            salt=salt,
            password_updated_at=now,
        )

    def revoked(self, seconds: int) -> "Account":
        """The account whose tokens from before ``seconds`` are no longer good."""
        return replace(self, valid_since=seconds, revocations=self.revocations + 1)

    def has_password(self, password: str) -> bool:
        """True for the right password. A real hash that was imported matches none."""
        return (
            self.password_hash is not None
            and self.salt is not None
            and self.password_hash == _stored_password(password, self.salt)
        )

    def with_providers(
        self, *, added: Iterable[Provider] = (), removed: Iterable[str] = ()
    ) -> "Account":
        """The account with other ways to sign in, one of each provider at most.

        Those that follow from the account itself, ``password`` and ``phone``, are set right as
        well: there while there is an address with a password or a link, or a number.
        """
        upserts = [*added]
        deletes = set(removed)
        if self.email is not None and (self.password_hash is not None or self.email_link):
            upserts.append(
                _present(
                    providerId="password",
                    email=self.email,
                    federatedId=self.email,
                    rawId=self.email,
                    displayName=self.display_name,
                    photoUrl=self.photo_url,
                )
            )
        else:
            deletes.add("password")
        if self.phone_number is not None:
            number = self.phone_number
            upserts.append(_present(providerId="phone", phoneNumber=number, rawId=number))
        else:
            deletes.add("phone")
        entries = {
            entry["providerId"]: entry
            for entry in self.linked or ()
            if entry["providerId"] not in deletes
        }
        entries |= {entry["providerId"]: entry for entry in upserts}
        never = self.linked is None and not entries
        return replace(self, linked=None if never else tuple(entries.values()))

    def to_json(self) -> dict[str, Json]:
        """An element of ``users[]``: absent fields are left out, most times are strings."""
        return _present(
            localId=self.local_id,
            email=self.email,
            emailVerified=self.email_verified,
            emailLinkSignin=self.email_link,
            initialEmail=self.initial_email,
            displayName=self.display_name,
            photoUrl=self.photo_url,
            screenName=self.screen_name,
            phoneNumber=self.phone_number,
            disabled=self.disabled,
            passwordHash=self.password_hash,
            salt=self.salt,
            passwordUpdatedAt=self.password_updated_at,
            validSince=_digits(self.valid_since),
            createdAt=_digits(self.created_at),
            lastLoginAt=_digits(self.last_login_at),
            lastRefreshAt=_iso(self.last_refresh_at),
            customAttributes=self.custom_attributes,
            customAuth=self.custom_auth or None,
            providerUserInfo=self.providers(),
        )

    def providers(self) -> list[Json] | None:
        """``providerUserInfo``: what the user can sign in with."""
        return None if self.linked is None else [dict(entry) for entry in self.linked]

    @classmethod
    def from_json(cls, user: Fields) -> "Account":
        """Reads an element of ``users[]`` as :meth:`to_json` writes it.

        Raises:
            Refused: A field is missing or of the wrong type.
        """
        uid = user.text("localId")
        if not uid:
            raise invalid_payload("localId is missing")
        email = user.text("email")
        return cls(
            local_id=uid,
            email=None if email is None else email.lower(),
            email_verified=user.flag("emailVerified"),
            email_link=user.flag("emailLinkSignin"),
            initial_email=user.text("initialEmail"),
            display_name=user.text("displayName"),
            photo_url=user.text("photoUrl"),
            screen_name=user.text("screenName"),
            phone_number=user.text("phoneNumber"),
            disabled=user.flag("disabled"),
            password_hash=user.text("passwordHash"),
            salt=user.text("salt"),
            password_updated_at=user.integer("passwordUpdatedAt"),
            valid_since=user.integer("validSince"),
            created_at=user.integer("createdAt"),
            last_login_at=user.integer("lastLoginAt"),
            last_refresh_at=_millis(user.text("lastRefreshAt")),
            custom_attributes=user.text("customAttributes"),
            custom_auth=user.flag("customAuth") or False,
            linked=tuple(provider_entry(info) for info in user.objects("providerUserInfo"))
            if "providerUserInfo" in user
            else None,
        )


def provider_entry(info: Fields) -> dict[str, Json]:
    """An entry of ``providerUserInfo`` as it came; both ids must be there.

    Raises:
        Refused: A field is missing or of the wrong type.
    """
    entry = {name: text for name in _PROVIDER_FIELDS if (text := info.text(name)) is not None}
    for name in ("providerId", "rawId"):
        if not entry.get(name):
            raise invalid_payload(f"{name} of a provider is missing")
    return {**entry}


def _stored_password(password: str, salt: str) -> str:
    """What stands where a hash would: readable, so that nobody trusts it with a real one."""
    return f"fakeHash:salt={salt}:password={password}"


def _present(**fields: Json) -> dict[str, Json]:
    return {name: value for name, value in fields.items() if value is not None}


def _digits(number: int | None) -> str | None:
    return None if number is None else str(number)


def _iso(millis: int | None) -> str | None:
    if millis is None:
        return None
    moment = datetime.fromtimestamp(millis / 1000, tz=UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _millis(iso: str | None) -> int | None:
    if iso is None:
        return None
    try:
        return round(datetime.fromisoformat(iso).timestamp() * 1000)
    except (ValueError, OverflowError) as error:
        raise invalid_payload(f"{iso!r} is not a time") from error
