"""What a sign-in leaves on this machine: one refresh token for each project and profile."""

import contextlib
import re
from pathlib import Path as FilePath
from typing import Any, Final, Literal, TypeAlias

from imbari_chat.errors import AuthError, ConfigError, InvalidData
from imbari_chat.files import replacing, write_all
from imbari_chat.wire.json import dumps, parse

__all__ = ["Backend", "TokenStore"]

Backend: TypeAlias = Literal["auto", "keyring", "file"]

_SERVICE: Final = "imbari-chat"
_FIELD: Final = "refreshToken"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII)
_RECOMMENDED: Final = 1  # keyring's word for a backend that keeps secrets well
_AGAIN: Final = "Sign in again: imbari-chat auth login"


class TokenStore:
    """Keeps refresh tokens in the system's keyring, or in files that only their owner reads.

    Safe to use from several threads and processes: each token is one entry or one file, replaced
    as a whole.

    Args:
        directory: Where the files go; made when first needed. Unused with a keyring.
        backend: ``"auto"`` takes the keyring if this machine has one, and files otherwise.
    """

    def __init__(self, directory: FilePath, *, backend: Backend = "auto") -> None:
        self._directory = directory
        self._backend = backend

    @property
    def place(self) -> str:
        """Where tokens are kept, for a person to read."""
        keyring = self._keyring()
        return str(self._directory) if keyring is None else f"the keyring ({keyring.name})"

    def load(self, project: str, profile: str) -> str | None:
        """The refresh token kept for ``profile`` of ``project``, or None.

        Raises:
            AuthError: What is kept is damaged.
            ConfigError: The keyring or the file cannot be read.
        """
        entry = _entry(project, profile)
        keyring = self._keyring()
        if keyring is not None:
            with _keyring_errors():
                token: str | None = keyring.get_password(_SERVICE, entry)
            return token
        return _read(self._file(entry))

    def save(self, project: str, profile: str, refresh_token: str) -> None:
        """Keep ``refresh_token``, in place of what was kept before.

        Raises:
            ConfigError: The keyring or the file cannot be written.
        """
        entry = _entry(project, profile)
        keyring = self._keyring()
        if keyring is not None:
            with _keyring_errors():
                keyring.set_password(_SERVICE, entry, refresh_token)
            return
        _write(self._file(entry), dumps({_FIELD: refresh_token}))

    def delete(self, project: str, profile: str) -> bool:
        """Forget the token. False if there was none.

        Raises:
            ConfigError: The keyring or the file cannot be changed.
        """
        entry = _entry(project, profile)
        keyring = self._keyring()
        if keyring is not None:
            with _keyring_errors():
                if keyring.get_password(_SERVICE, entry) is None:
                    return False
                keyring.delete_password(_SERVICE, entry)
            return True
        file = self._file(entry)
        try:
            file.unlink()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise _unusable(file, error) from error
        return True

    def _file(self, entry: str) -> FilePath:
        return self._directory / f"{entry}.json"

    def _keyring(self) -> Any:
        """The keyring to use, or None for files."""
        if self._backend == "file":
            return None
        import keyring

        backend = keyring.get_keyring()
        if backend.priority >= _RECOMMENDED:
            return backend
        if self._backend == "keyring":
            raise ConfigError(
                "this machine has no keyring that can be used",
                where="token storage",
                hint="Choose file storage, or install a keyring backend",
            )
        return None


def _entry(project: str, profile: str) -> str:
    for name in (project, profile):
        if not _NAME.fullmatch(name):
            raise ConfigError(
                f"{name[:80]!r} cannot name a stored sign-in",
                where="token storage",
                hint="Use letters, digits, dots, dashes and underscores",
            )
    return f"{profile}@{project}"


def _read(file: FilePath) -> str | None:
    try:
        text = file.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unusable(file, error) from error
    try:
        value = parse(text)
    except InvalidData:
        value = None
    token = value.get(_FIELD) if isinstance(value, dict) else None
    if not isinstance(token, str) or not token:
        # Without a cause: it could quote what is in the file.
        raise AuthError("the stored sign-in is damaged", where=str(file), hint=_AGAIN)
    return token


def _write(file: FilePath, text: str) -> None:
    """Replace the file as a whole; nobody else can read it at any moment."""
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with replacing(file) as new:
            write_all(new, text.encode())
    except OSError as error:
        raise _unusable(file, error) from error


def _unusable(file: FilePath, error: OSError) -> ConfigError:
    return ConfigError(
        f"the stored sign-in cannot be used: {error.strerror or 'input or output failed'}",
        where=str(file),
    )


@contextlib.contextmanager
def _keyring_errors() -> Any:
    from keyring.errors import KeyringError

    try:
        yield
    except KeyringError:
        # Without a cause: what a backend quotes is not ours to vouch for.
        raise ConfigError(
            "the keyring refused the stored sign-in",
            where="token storage",
            hint="Unlock it, or choose file storage",
        ) from None
