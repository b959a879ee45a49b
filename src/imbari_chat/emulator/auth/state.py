"""Everything the Auth emulator remembers: the accounts of each project, in memory."""

from dataclasses import dataclass, field
from typing import Final

from imbari_chat.emulator.auth.accounts import Accounts

__all__ = ["AuthState"]

_NAMED_ONLY: Final = 64
"""Projects without anything in them that are remembered at most."""


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
    _sweep_at: int = _NAMED_ONLY

    def accounts(self, project: str | None = None) -> Accounts:
        """The accounts of a project (the emulator's own, unless named), made on first use."""
        name = self.project if project is None else project
        if name not in self._projects:
            if len(self._projects) >= self._sweep_at:
                self._sweep()
            self._projects[name] = Accounts(name)
        return self._projects[name]

    def _sweep(self) -> None:
        """Forget the projects that were only ever named: anybody may name any number."""
        for name, accounts in list(self._projects.items()):
            if accounts.version == 0:
                del self._projects[name]
        self._sweep_at = len(self._projects) + _NAMED_ONLY

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
