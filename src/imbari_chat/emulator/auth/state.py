"""Everything the Auth emulator remembers: the accounts of each project, in memory."""

from dataclasses import dataclass, field

from imbari_chat.emulator.auth.accounts import Accounts

__all__ = ["AuthState"]


@dataclass(slots=True, kw_only=True)
class AuthState:
    """The projects of one emulator.

    Not for use from several threads: whoever serves it does so from one event loop.

    Attributes:
        project: The project that every API key belongs to.
        strict: Refuse expired ID tokens and revoked refresh tokens, as the live service does;
            off, tokens last, as in Google's emulator.
    """

    project: str
    strict: bool = False
    _projects: dict[str, Accounts] = field(default_factory=dict)

    def accounts(self, project: str | None = None) -> Accounts:
        """The accounts of a project (the emulator's own, unless named), made on first use."""
        name = self.project if project is None else project
        if name not in self._projects:
            self._projects[name] = Accounts(name)
        return self._projects[name]

    @property
    def version(self) -> int:
        """Grows with every change in any project."""
        return sum(accounts.version for accounts in self._projects.values())

    def projects(self) -> list[str]:
        """The ids of the projects somebody has asked for, in alphabetical order."""
        return sorted(self._projects)

    def clear(self) -> None:
        """Deletes every user of every project; pending codes and settings stay."""
        for accounts in self._projects.values():
            accounts.clear()
