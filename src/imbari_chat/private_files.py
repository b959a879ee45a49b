"""Files that only their owner reads and changes: the one home of how such a file is kept.

What others could read or change is put right and said, or refused; it is never used in silence.
"""

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

from imbari_chat.errors import ConfigError, raise_alone
from imbari_chat.files import replacing, sync_directory, write_all
from imbari_chat.logs import get_logger

__all__ = ["prepare", "read", "remove", "replace"]

_CHANGED_BY_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH
_SEEN_BY_OTHERS: Final = stat.S_IRGRP | stat.S_IROTH | _CHANGED_BY_OTHERS

_ROOT: Final = 0
"""Can do anything anyway, and may act for others."""

_AS_IT_STANDS: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
"""To open what has the name, and wait for nobody at the other end of a pipe."""

_log = get_logger(__name__)


def read(file: Path) -> bytes | None:
    """What is in ``file``, or None if there is none.

    Raises:
        ConfigError: It cannot be read, or it or its directory belongs to somebody else.
    """
    try:
        _check_directory(file.parent)
        descriptor = os.open(file, os.O_RDONLY | _AS_IT_STANDS)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise_alone(_unusable(file, error))
    try:
        found = _found(descriptor)
        _keep(file, found, _SEEN_BY_OTHERS, lambda mode: os.fchmod(descriptor, mode))
        with os.fdopen(descriptor, "rb", closefd=False) as stream:
            return stream.read()
    except OSError as error:
        raise_alone(_unusable(file, error))
    finally:
        os.close(descriptor)


def replace(file: Path, text: str) -> None:
    """Put ``text`` in place of the file as a whole; nobody else can read it at any moment.

    Raises:
        ConfigError: It cannot be written, or its directory belongs to somebody else.
    """
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check_directory(file.parent)
        with replacing(file) as new:
            write_all(new, text.encode())
    except OSError as error:
        raise_alone(_unusable(file, error))


def prepare(file: Path) -> None:
    """See that ``file`` is there, for whoever opens it by name: empty, if there was none.

    Raises:
        ConfigError: It cannot be made, is a link, or it or its directory belongs to somebody else.
    """
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check_directory(file.parent)
        is_new = not file.exists()
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | _AS_IT_STANDS, 0o600)
        try:
            found = _found(descriptor)
            _keep(file, found, _SEEN_BY_OTHERS, lambda mode: os.fchmod(descriptor, mode))
        finally:
            os.close(descriptor)
        if is_new:
            sync_directory(file.parent)
    except OSError as error:
        raise_alone(_unusable(file, error))


def remove(file: Path) -> bool:
    """Delete it; False if there was none.

    Raises:
        ConfigError: It cannot be deleted.
    """
    try:
        file.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise_alone(_unusable(file, error))
    return True


def _found(descriptor: int) -> os.stat_result:
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "Not a regular file")
    return found


def _check_directory(directory: Path) -> None:
    """In a sticky directory others can add files, and touch none of ours."""
    found = directory.stat()
    if not found.st_mode & stat.S_ISVTX:
        _keep(directory, found, _CHANGED_BY_OTHERS, directory.chmod)


def _keep(
    place: Path, found: os.stat_result, harm: int, change_mode: Callable[[int], None]
) -> None:
    if os.name != "posix":
        return
    me = os.geteuid()
    if me != _ROOT and found.st_uid not in (me, _ROOT):
        raise ConfigError(
            "this belongs to somebody else, so what is in it is not used",
            where=str(place),
            hint="Make it yours, or choose another directory: IMBARI_CHAT_DATA_DIR",
        )
    if not found.st_mode & harm:
        return
    change_mode(stat.S_IMODE(found.st_mode) & stat.S_IRWXU)
    _log.warning(
        "others could %s %s; now only you can. If somebody may have, sign in again",
        "change" if found.st_mode & _CHANGED_BY_OTHERS else "read",
        place,
    )


def _unusable(file: Path, error: OSError) -> ConfigError:
    return ConfigError(
        f"this file cannot be used: {error.strerror or 'input or output failed'}",
        where=str(file),
        hint="See whose it is and what its directory allows, or choose another place for data",
    )
