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
            self._projects[name] = Accounts(project=name)
        return self._projects[name]
