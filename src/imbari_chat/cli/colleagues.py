"""Admins by their accounts, for whoever may look at them: a service account, or anybody beside an
Auth emulator.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeVar

from imbari_chat.errors import NotFound
from imbari_chat.view.people import Person, called

if TYPE_CHECKING:
    from imbari_chat.config import Settings
    from imbari_chat.identity.accounts import Account, AdminAccounts

__all__ = ["Colleagues", "open_accounts"]

T = TypeVar("T")

_MOST: Final = 10_000
"""Accounts that are looked through for admins; customers have accounts, too."""


def open_accounts(settings: "Settings") -> "AdminAccounts":
    """The accounts of the project, to be closed. Blocks.

    Raises:
        ConfigError: The credentials cannot be used, or no project is named.
    """
    from imbari_chat.identity import factory
    from imbari_chat.identity.accounts import AdminAccounts

    # With an emulated database, accounts of a live project are never what is meant.
    project = (factory.sign_in_project if settings.on_emulator else factory.project)(settings)
    return AdminAccounts(project, key_file=settings.credentials)


class Colleagues:
    """Looks at accounts on a thread.

    Args:
        settings: Whose project.
    """

    def __init__(self, settings: "Settings") -> None:
        from imbari_chat.net.workers import Workers

        self._settings = settings
        self._workers = Workers(1, "imbari-chat-accounts")

    @property
    def can_be_asked(self) -> bool:
        """Whether whoever asks may look at accounts, as far as the settings tell."""
        settings = self._settings
        is_service = settings.credentials is not None or settings.identity == "application-default"
        return settings.auth_emulator is not None or (is_service and not settings.on_emulator)

    async def admins(self) -> list[Person]:
        """Those among the first ten thousand accounts.

        Raises:
            ImbariError: Accounts cannot be looked at.
        """
        return [_person(one) for one in await self._with(lambda all_: all_.admins(among=_MOST))]

    async def find(self, reference: str) -> Person | None:
        """The admin with this e-mail, name or uid; None if there is none, or several.

        Raises:
            ImbariError: Accounts cannot be looked at.
        """

        def look_up(accounts: "AdminAccounts") -> "Account | None":
            try:
                found = accounts.find(reference)
            except NotFound:
                return None
            return found if found.is_admin else None

        found = await self._with(look_up)
        if found is not None or "@" in reference:
            return None if found is None else _person(found)
        of_that_name = called(await self.admins(), reference)
        return of_that_name[0] if len(of_that_name) == 1 else None

    async def _with(self, work: "Callable[[AdminAccounts], T]") -> T:
        def call() -> T:
            from contextlib import closing

            with closing(open_accounts(self._settings)) as accounts:
                return work(accounts)

        return await self._workers.run(call)

    def close(self) -> None:
        """Let the thread go."""
        self._workers.close()


def _person(account: "Account") -> Person:
    return Person(account.uid, account.name, account.email)
