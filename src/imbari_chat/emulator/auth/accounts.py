"""The users of a project, and what else the project keeps: pending codes and settings.

:class:`Accounts` holds one account of each uid and finds them by e-mail, phone number and
provider. It can be written down and read back in the format in which Google's emulator exports.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from imbari_chat.emulator.auth.account import Account, Provider
from imbari_chat.emulator.auth.errors import Refused
from imbari_chat.emulator.auth.fields import Fields
from imbari_chat.emulator.kept import Latest
from imbari_chat.errors import InvalidData
from imbari_chat.wire.json import Json

__all__ = ["Accounts", "OobCode", "Settings", "VerificationCode"]

K = TypeVar("K")

# Ours alone, in an export: Google's emulator ignores it, and without it a strict emulator would
# call every refresh token revoked after a restart.
_REVOCATIONS: Final = "revocations"

_CODES_BYTES: Final = 1024 * 1024


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
        answer: dict[str, Json] = {
            "email": self.email,
            "requestType": self.request_type,
            "oobCode": self.code,
            "oobLink": self.link,
        }
        return answer if self.new_email is None else answer | {"newEmail": self.new_email}


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationCode:
    """A code that would have been sent to a phone."""

    phone_number: str
    code: str
    session_info: str

    def to_json(self) -> dict[str, Json]:
        """An element of ``verificationCodes[]``."""
        return {
            "phoneNumber": self.phone_number,
            "code": self.code,
            "sessionInfo": self.session_info,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What can be switched for a project."""

    allow_duplicate_emails: bool = False
    email_privacy: bool = False


class Accounts:
    """All the state of one project.

    Attributes:
        project: The project's id.
        version: Grows with every change, so that a caller can tell that something did.
    """

    def __init__(self, project: str) -> None:
        self.project = project
        self.version = 0
        self._settings = Settings()
        # Anybody may ask for codes, so only the latest of them are remembered.
        self._oob_codes: Latest[OobCode] = Latest(_CODES_BYTES, _size)
        self._verification_codes: Latest[VerificationCode] = Latest(_CODES_BYTES, _size)
        self._temporary_proofs: Latest[str] = Latest(_CODES_BYTES, len)
        self._by_id: dict[str, Account] = {}
        self._by_email: dict[str, str] = {}
        self._by_initial_email: dict[str, str] = {}
        self._by_phone: dict[str, str] = {}
        self._by_provider: dict[tuple[str, str], str] = {}

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

    def by_provider_email(self, email: str) -> Account | None:
        """The first user whom some provider knows by that address."""
        return next(
            (
                user
                for user in self._by_id.values()
                if any(entry.get("email") == email for entry in user.linked or ())
            ),
            None,
        )

    def by_initial_email(self, email: str) -> Account | None:
        """The user who signed up with that address and changed it later."""
        return self._found(self._by_initial_email.get(email))

    def by_phone(self, number: str) -> Account | None:
        """The user of that phone number."""
        return self._found(self._by_phone.get(number))

    def by_provider(self, provider: str, raw_id: str) -> Account | None:
        """The user whom that provider knows as ``raw_id``."""
        return self._found(self._by_provider.get((provider, raw_id)))

    def put(
        self, account: Account, *, added: Iterable[Provider] = (), removed: Iterable[str] = ()
    ) -> Account:
        """Creates or replaces the user of that uid, and returns it as it is kept.

        Args:
            account: The user.
            added: Providers to link.
            removed: Ids of providers to unlink.
        """
        account = account.with_providers(added=added, removed=removed)
        self._forget(account.local_id)
        self._by_id[account.local_id] = account
        if account.email is not None:
            self._by_email[account.email] = account.local_id
        if account.initial_email is not None:
            self._by_initial_email[account.initial_email] = account.local_id
        if account.phone_number is not None:
            self._by_phone[account.phone_number] = account.local_id
        for key in _provider_keys(account):
            self._by_provider[key] = account.local_id
        self.version += 1
        return account

    def remove(self, local_id: str) -> None:
        """Deletes the user, if there is one."""
        if self._forget(local_id):
            self.version += 1

    def clear(self) -> None:
        """Deletes every user; pending codes and settings stay."""
        for index in (
            self._by_id,
            self._by_email,
            self._by_initial_email,
            self._by_phone,
            self._by_provider,
        ):
            index.clear()
        self.version += 1

    @property
    def settings(self) -> Settings:
        """What is switched."""
        return self._settings

    def config(self) -> dict[str, Json]:
        """The settings, as the emulator's own endpoint and an export's config.json have them."""
        return {
            "signIn": {"allowDuplicateEmails": self._settings.allow_duplicate_emails},
            "emailPrivacyConfig": {"enableImprovedEmailPrivacy": self._settings.email_privacy},
        }

    def configure(self, config: Fields) -> None:
        """Changes the settings that are given.

        Raises:
            Refused: A field has the wrong type.
        """
        sign_in, privacy = config.object("signIn"), config.object("emailPrivacyConfig")
        duplicates = sign_in.flag("allowDuplicateEmails") if sign_in else None
        improved = privacy.flag("enableImprovedEmailPrivacy") if privacy else None
        before = self._settings
        self._settings = replace(
            before,
            allow_duplicate_emails=before.allow_duplicate_emails
            if duplicates is None
            else duplicates,
            email_privacy=before.email_privacy if improved is None else improved,
        )
        self.version += 1

    def exported(self) -> dict[str, Json]:
        """Every user, as the accounts.json of an export by Google's emulator has them."""
        return {
            "kind": "identitytoolkit#DownloadAccountResponse",
            "users": [_exported(user) for user in self],
        }

    def restore(self, exported: dict[str, Json], config: dict[str, Json] | None = None) -> None:
        """Replaces every user by what an export holds, and the settings by those given.

        Second factors and passkeys in it are dropped: nothing here knows them.

        Args:
            exported: As :meth:`exported` answers, or Google's accounts.json.
            config: As :meth:`config` answers, or Google's config.json.

        Raises:
            InvalidData: It is neither; nothing has changed then.
        """
        try:
            users = [_restored(user) for user in Fields(exported).objects("users")]
            if config is not None:
                self.configure(Fields(config))
        except Refused as refused:
            raise InvalidData(
                refused.message.removeprefix("Invalid JSON payload received. "),
                where="exported accounts",
            ) from refused
        self.clear()
        for user in users:
            self.put(user)

    def keep_code(self, code: OobCode) -> None:
        """Remembers a mailed code until it is used."""
        self._oob_codes.put(code.code, code)
        self.version += 1

    def code(self, text: str) -> OobCode | None:
        """The unused mailed code of that text."""
        return self._oob_codes.get(text)

    def spend_code(self, code: OobCode) -> None:
        """Forgets a mailed code."""
        self._oob_codes.pop(code.code)
        self.version += 1

    def codes(self) -> list[OobCode]:
        """The unused mailed codes that are remembered, oldest first."""
        return [*self._oob_codes]

    def keep_verification(self, code: VerificationCode) -> None:
        """Remembers a code sent to a phone until it is used."""
        self._verification_codes.put(code.session_info, code)
        self.version += 1

    def verification(self, session_info: str) -> VerificationCode | None:
        """The unused code of a session."""
        return self._verification_codes.get(session_info)

    def spend_verification(self, code: VerificationCode) -> None:
        """Forgets a code sent to a phone."""
        self._verification_codes.pop(code.session_info)
        self.version += 1

    def verifications(self) -> list[VerificationCode]:
        """The unused codes sent to phones that are remembered, oldest first."""
        return [*self._verification_codes]

    def keep_proof(self, proof: str, phone_number: str) -> None:
        """Remembers that whoever shows this proof has shown to hold the number."""
        self._temporary_proofs.put(proof, phone_number)
        self.version += 1

    def proves(self, proof: str, phone_number: str) -> bool:
        """True when the proof was given for that number."""
        return self._temporary_proofs.get(proof) == phone_number

    def _forget(self, local_id: str) -> bool:
        account = self._by_id.pop(local_id, None)
        if account is None:
            return False
        _release(self._by_email, account.email, local_id)
        _release(self._by_initial_email, account.initial_email, local_id)
        _release(self._by_phone, account.phone_number, local_id)
        for key in _provider_keys(account):
            _release(self._by_provider, key, local_id)
        return True

    def _found(self, local_id: str | None) -> Account | None:
        return None if local_id is None else self._by_id[local_id]


def _size(code: OobCode | VerificationCode) -> int:
    return sum(len(str(text)) for text in code.to_json().values())


def _release(index: dict[K, str], key: K | None, local_id: str) -> None:
    """Takes an entry out of an index, unless it has come to be somebody else's."""
    if key is not None and index.get(key) == local_id:
        del index[key]


def _provider_keys(account: Account) -> list[tuple[str, str]]:
    return [(str(entry["providerId"]), str(entry["rawId"])) for entry in account.linked or ()]


def _exported(user: Account) -> dict[str, Json]:
    answer = user.to_json()
    return answer | {_REVOCATIONS: user.revocations} if user.revocations else answer


def _restored(user: Fields) -> Account:
    return replace(Account.from_json(user), revocations=user.integer(_REVOCATIONS) or 0)
