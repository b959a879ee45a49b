"""The users of a project, and what else the project keeps: pending codes and settings.

An :class:`Account` is a value; :class:`Accounts` holds one of each uid and finds them by e-mail,
phone number and provider. Times are milliseconds since the epoch, but for ``valid_since``, which
is whole seconds as everywhere in the service.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from imbari_chat.wire.json import Json

__all__ = ["Account", "Accounts", "OobCode", "Settings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One user.

    Attributes:
        valid_since: ID tokens issued before this second are revoked.
        revocations: How often ``valid_since`` was set; finer than its whole seconds.
        linked: Entries of ``providerUserInfo`` beside the derived ``password`` and ``phone``.
        initial_email: The first address, which may take the account back after a change.
    """

    local_id: str
    email: str | None = None
    email_verified: bool | None = None
    display_name: str | None = None
    photo_url: str | None = None
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
    linked: tuple[Mapping[str, Json], ...] = ()
    initial_email: str | None = None

    def with_password(self, password: str, salt: str, now: int) -> "Account":
        """The account with a new password; ``now`` in milliseconds."""
        return replace(
            self,
            password_hash=stored_password(password, salt),
            salt=salt,
            password_updated_at=now,
        )

    def revoked(self, seconds: int) -> "Account":
        """The account whose tokens from before ``seconds`` are no longer good."""
        return replace(self, valid_since=seconds, revocations=self.revocations + 1)

    def without_providers(self, providers: set[str]) -> "Account":
        """The account without its linked entries of these providers."""
        kept = tuple(entry for entry in self.linked if entry["providerId"] not in providers)
        return replace(self, linked=kept)

    def has_password(self, password: str) -> bool:
        """True for the right password. A real hash that was imported matches none."""
        return (
            self.password_hash is not None
            and self.salt is not None
            and self.password_hash == stored_password(password, self.salt)
        )

    def providers(self) -> list[dict[str, Json]]:
        """``providerUserInfo``: what the user can sign in with."""
        entries = [dict(entry) for entry in self.linked]
        if self.email is not None and self.password_hash is not None:
            entries.append(
                _present(
                    providerId="password",
                    email=self.email,
                    federatedId=self.email,
                    rawId=self.email,
                    displayName=self.display_name,
                    photoUrl=self.photo_url,
                )
            )
        if self.phone_number is not None:
            entries.append(
                _present(providerId="phone", phoneNumber=self.phone_number, rawId=self.phone_number)
            )
        return entries

    def to_json(self) -> dict[str, Json]:
        """An element of ``users[]``: absent fields are left out, most times are strings."""
        return _present(
            localId=self.local_id,
            email=self.email,
            emailVerified=self.email_verified,
            displayName=self.display_name,
            photoUrl=self.photo_url,
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
            providerUserInfo=[*self.providers()] or None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OobCode:
    """A code that would have been mailed ("out of band")."""

    email: str
    request_type: str
    code: str
    link: str
    new_email: str | None = None

    def to_json(self) -> dict[str, Json]:
        """An element of ``oobCodes[]``."""
        return _present(
            email=self.email,
            requestType=self.request_type,
            oobCode=self.code,
            oobLink=self.link,
            newEmail=self.new_email,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What can be switched for a project."""

    allow_duplicate_emails: bool = False
    email_privacy: bool = False


@dataclass(slots=True)
class Accounts:
    """All the state of one project."""

    project: str
    settings: Settings = field(default_factory=Settings)
    oob_codes: dict[str, OobCode] = field(default_factory=dict)
    _by_id: dict[str, Account] = field(default_factory=dict)
    _by_email: dict[str, str] = field(default_factory=dict)
    _by_phone: dict[str, str] = field(default_factory=dict)
    _by_provider: dict[tuple[str, str], str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Account]:
        """The users by uid, so that a page ends where the next one starts."""
        return iter([self._by_id[uid] for uid in sorted(self._by_id)])

    def get(self, local_id: str) -> Account | None:
        """The user of that uid."""
        return self._by_id.get(local_id)

    def by_email(self, email: str) -> Account | None:
        """The user of that address, in whatever case it is written."""
        return self._found(self._by_email.get(email.lower()))

    def by_initial_email(self, email: str) -> Account | None:
        """The user who signed up with that address and changed it later."""
        return next((user for user in self._by_id.values() if user.initial_email == email), None)

    def by_phone(self, number: str) -> Account | None:
        """The user of that phone number."""
        return self._found(self._by_phone.get(number))

    def by_provider(self, provider: str, raw_id: str) -> Account | None:
        """The user whom that provider knows as ``raw_id``."""
        return self._found(self._by_provider.get((provider, raw_id)))

    def put(self, account: Account) -> Account:
        """Creates or replaces the user of that uid, and returns it."""
        self.remove(account.local_id)
        self._by_id[account.local_id] = account
        if account.email is not None:
            self._by_email[account.email] = account.local_id
        if account.phone_number is not None:
            self._by_phone[account.phone_number] = account.local_id
        for key in _provider_keys(account):
            self._by_provider[key] = account.local_id
        return account

    def remove(self, local_id: str) -> None:
        """Deletes the user, if there is one."""
        account = self._by_id.pop(local_id, None)
        if account is None:
            return
        if account.email is not None:
            self._by_email.pop(account.email, None)
        if account.phone_number is not None:
            self._by_phone.pop(account.phone_number, None)
        for key in _provider_keys(account):
            self._by_provider.pop(key, None)

    def clear(self) -> None:
        """Deletes every user; pending codes stay."""
        for index in (self._by_id, self._by_email, self._by_phone, self._by_provider):
            index.clear()

    def _found(self, local_id: str | None) -> Account | None:
        return None if local_id is None else self._by_id[local_id]


def stored_password(password: str, salt: str) -> str:
    """What stands where a hash would: readable, so that nobody trusts it with a real one."""
    return f"fakeHash:salt={salt}:password={password}"


def _provider_keys(account: Account) -> list[tuple[str, str]]:
    return [(str(info["providerId"]), str(info["rawId"])) for info in account.providers()]


def _present(**fields: Json) -> dict[str, Json]:
    return {name: value for name, value in fields.items() if value is not None}


def _digits(number: int | None) -> str | None:
    return None if number is None else str(number)


def _iso(millis: int | None) -> str | None:
    if millis is None:
        return None
    moment = datetime.fromtimestamp(millis / 1000, tz=UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
