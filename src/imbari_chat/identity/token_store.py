"""What a sign-in leaves on this machine: one refresh token for each target and profile.

A sign-in belongs to the place it was made at and goes to no other. Those of live projects are kept
by project. Those of other places (an emulator, a database under a name of its own) are kept beside
them with the place written into them, the latest for each project and profile: at another place
they are as good as not there.
"""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path as FilePath
from typing import Any, Final, Literal, TypeAlias

from imbari_chat import private_files
from imbari_chat.errors import AuthError, ConfigError, InvalidData, raise_alone
from imbari_chat.wire.json import Json, dumps, parse

__all__ = ["Backend", "TokenStore"]

Backend: TypeAlias = Literal["auto", "keyring", "file"]

_SERVICE: Final = "imbari-chat"
_FIELD: Final = "refreshToken"
_PLACE: Final = "place"
_ELSEWHERE: Final = "+elsewhere"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII)
_RECOMMENDED: Final = 1  # keyring's word for a backend that keeps secrets well
_HOLDS: Final = b"holds it"
_EMPTY: Final = b"has none"
_AGAIN: Final = "Sign in again: imbari-chat auth login"


class TokenStore:
    """Keeps refresh tokens in the system's keyring, or in files that only their owner reads.

    Safe to use from several threads and processes: each token is one entry or one file, replaced
    as a whole.

    Args:
        directory: Where the files go; made when first needed.
        backend: ``"auto"`` keeps in the keyring if this machine has one, and in files otherwise. It
            looks in both: the machine may have had none, or have none now.
    """

    def __init__(self, directory: FilePath, *, backend: Backend = "auto") -> None:
        self._directory = directory
        self._backend = backend

    @property
    def place(self) -> str:
        """Where tokens are kept, for a person to read."""
        keyring = self._keyring()
        return str(self._directory) if keyring is None else f"the keyring ({keyring.name})"

    def load(
        self, project: str, profile: str, place: str | None = None, *, briefly: bool = False
    ) -> str | None:
        """The refresh token kept for ``profile`` of ``project``, or None.

        Args:
            project: The project's id.
            profile: Whose sign-in.
            place: Where it was made, if not at the live service; see
                :attr:`~imbari_chat.identity.project.Project.place`.
            briefly: Take it from an earlier look that the keyring holds none. That is wrong if
                somebody has signed in with another directory since; for callers who can go on
                without.

        Raises:
            AuthError: What is kept is damaged.
            ConfigError: The keyring or the file cannot be read, or belongs to somebody else.
        """
        entry = _entry(project, profile, place)
        known = self._known(entry)
        if known == _EMPTY:
            token = self._in_file(entry, place)
            if token is not None or briefly:
                return token
        keyring = self._keyring()
        if keyring is not None:
            with _keyring_errors():
                text: str | None = keyring.get_password(_SERVICE, entry)
            # Of a live project it is the bare token.
            token = text if place is None or text is None else _unpack(text, place, entry)
            if token or self._backend == "keyring":
                return token or None
        token = self._in_file(entry, place)
        if known not in (_HOLDS, _EMPTY):
            self._note(entry, _EMPTY)
        return token

    def save(
        self, project: str, profile: str, refresh_token: str, place: str | None = None
    ) -> None:
        """Keep ``refresh_token``, in place of what was kept before.

        Raises:
            ConfigError: The keyring or the file cannot be written.
        """
        entry = _entry(project, profile, place)
        keyring = self._keyring()
        if keyring is None:
            private_files.replace(self._file(entry), _pack(refresh_token, place))
            return
        text = refresh_token if place is None else _pack(refresh_token, place)
        with _keyring_errors():
            keyring.set_password(_SERVICE, entry, text)
        self._note(entry, _HOLDS)
        if self._backend == "auto":
            private_files.remove(self._file(entry))

    def delete(self, project: str, profile: str, place: str | None = None) -> bool:
        """Forget the token. False if there was none.

        Raises:
            ConfigError: The keyring or the file cannot be changed.
        """
        entry = _entry(project, profile, place)
        keyring = self._keyring()
        was_there = self._backend != "keyring" and private_files.remove(self._file(entry))
        if keyring is not None:
            with _keyring_errors():
                if keyring.get_password(_SERVICE, entry) is not None:
                    keyring.delete_password(_SERVICE, entry)
                    was_there = True
            self._note(entry, _EMPTY)
        return was_there

    def _in_file(self, entry: str, place: str | None) -> str | None:
        file = self._file(entry)
        data = private_files.read(file)
        return None if data is None else _unpack(data, place, str(file))

    def _known(self, entry: str) -> bytes | None:
        """What was found out about the keyring: whether it holds this entry; None if nothing was.

        Asking it costs more than all else that a short command does on its own.
        """
        if self._backend == "auto":
            with contextlib.suppress(ConfigError):
                return private_files.read(self._note_of(entry))
        return None

    def _note(self, entry: str, known: bytes) -> None:
        if self._backend != "auto":
            return
        # Only time is lost where nothing can be written.
        with contextlib.suppress(ConfigError):
            private_files.replace(self._note_of(entry), known.decode())

    def _note_of(self, entry: str) -> FilePath:
        return self._directory / f"{entry}.keyring"

    def _file(self, entry: str) -> FilePath:
        return self._directory / f"{entry}.json"

    def _keyring(self) -> Any:
        """The keyring to use, or None for files."""
        if self._backend == "file":
            return None
        with _keyring_errors():
            import keyring

            backend = keyring.get_keyring()
            is_good = backend.priority >= _RECOMMENDED
        if is_good:
            return backend
        if self._backend == "keyring":
            raise ConfigError(
                "this machine has no keyring that can be used",
                where="token storage",
                hint="Choose file storage, or install a keyring backend",
            )
        return None


def _entry(project: str, profile: str, place: str | None) -> str:
    for name in (project, profile):
        if not _NAME.fullmatch(name):
            raise ConfigError(
                f"{name[:80]!r} cannot name a stored sign-in",
                where="token storage",
                hint="Use letters, digits, dots, dashes and underscores",
            )
    return f"{profile}@{project}{'' if place is None else _ELSEWHERE}"


def _pack(token: str, place: str | None) -> str:
    return dumps({_FIELD: token} if place is None else {_FIELD: token, _PLACE: place})


def _unpack(text: bytes | str, place: str | None, where: str) -> str | None:
    """The token, or None if it was made elsewhere."""
    value: Json = None
    with contextlib.suppress(InvalidData):
        value = parse(text)
    fields = value if isinstance(value, dict) else {}
    token = fields.get(_FIELD)
    if not isinstance(token, str) or not token:
        # Without a cause: it could quote what is in the file.
        raise AuthError("the stored sign-in is damaged", where=where, hint=_AGAIN)
    return token if fields.get(_PLACE) == place else None


@contextlib.contextmanager
def _keyring_errors() -> Iterator[None]:
    try:
        yield
    except Exception:  # noqa: BLE001  # backends let through what their own libraries raise
        # What a backend quotes is not ours to vouch for.
        raise_alone(
            ConfigError(
                "the keyring refused the stored sign-in",
                where="token storage",
                hint="Unlock it, or choose file storage",
            )
        )
