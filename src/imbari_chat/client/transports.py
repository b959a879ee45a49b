"""Settings to a transport: the client's composition root."""

import hashlib
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from imbari_chat import private_files
from imbari_chat.config import Settings
from imbari_chat.engine.access import SocketAccess
from imbari_chat.errors import ConfigError, InvalidType
from imbari_chat.identity import factory
from imbari_chat.identity.project import Project
from imbari_chat.logs import get_logger
from imbari_chat.net.rest import RestTransport
from imbari_chat.net.transport import Transport
from imbari_chat.wire.json import dumps

if TYPE_CHECKING:
    from imbari_chat.net.store import OutboxStore
    from imbari_chat.net.store_file import StoreFile

__all__ = ["admin_transport", "customer_transport", "outbox_file", "outbox_store"]

_log = get_logger(__name__)


def admin_transport(settings: Settings) -> Transport:
    """A transport for an admin. Whoever it is signs in at the first call.

    Raises:
        InvalidType: Those are no settings.
        ConfigError: No database is configured.
    """
    _check(settings)
    return _transport(settings, factory.project(settings), partial(factory.admin_access, settings))


def customer_transport(settings: Settings, *, remember: bool) -> Transport:
    """A transport for an anonymous customer, who signs in at the first call.

    Args:
        settings: Where.
        remember: Be the customer that this profile was before, and keep a new one's sign-in.

    Raises:
        InvalidType: Those are no settings.
        ConfigError: No database is configured, or none to sign in at.
    """
    _check(settings)
    where = factory.sign_in_project(settings)
    return _transport(
        settings, where, partial(factory.customer_access, settings, where, remember=remember)
    )


def outbox_store(
    settings: Settings, role: factory.Role, *, comes_back: bool = True
) -> "OutboxStore | None":
    """Where messages on their way are kept; None for memory alone.

    Args:
        settings: Where.
        role: Whose.
        comes_back: Whether a later program can be the same person, and send what this one leaves.

    Raises:
        ConfigError: No database is configured.
    """
    is_durable = settings.outbox == "durable"
    if settings.outbox == "auto":
        is_durable = comes_back and not factory.project(settings).is_emulator
    if not is_durable:
        return None
    from imbari_chat.net.store import OutboxStore

    file = outbox_file(settings, role)
    if settings.outbox == "auto":
        try:
            private_files.prepare(file.file)
        except ConfigError as error:
            _log.warning("messages on their way are kept in memory alone: %s", error)
            return None
    return OutboxStore(file)


def outbox_file(settings: Settings, role: factory.Role) -> "StoreFile":
    """The file of one target, role and profile.

    Raises:
        ConfigError: No database is configured.
    """
    from imbari_chat.net.store_file import StoreFile  # SQLite is for who asks for it

    where = factory.project(settings)
    binding = dumps([where.id, where.rest_base, where.namespace, role, settings.profile])
    name = f"{role}-{settings.profile}-{hashlib.sha256(binding.encode()).hexdigest()[:16]}.sqlite"
    return StoreFile(settings.data_dir / "outbox" / name, binding)


def _check(settings: object) -> None:
    if not isinstance(settings, Settings):
        raise InvalidType(
            f"settings are Settings, not {type(settings).__name__}",
            where="settings",
            hint="from_env() finds them",
        )


def _transport(
    settings: Settings, where: Project, open_access: Callable[[], SocketAccess]
) -> Transport:
    if where.is_emulator:
        _log.debug("using the emulator at %s, namespace %s", where.rest_base, where.namespace)
    match settings.transport:
        case "auto":
            from imbari_chat.net.auto import AutoTransport

            return AutoTransport(open_access, timeout=settings.timeout, environment=where.http)
        case "websocket":
            from imbari_chat.net.websocket import WebSocketTransport

            return WebSocketTransport(open_access, timeout=settings.timeout, environment=where.http)
        case "rest":
            return RestTransport(open_access, timeout=settings.timeout, environment=where.http)
