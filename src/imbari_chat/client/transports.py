"""Settings to a transport: the client's composition root."""

import logging
from collections.abc import Callable
from functools import partial

from imbari_chat.config import Settings
from imbari_chat.engine.access import SocketAccess
from imbari_chat.identity import factory
from imbari_chat.identity.project import Project
from imbari_chat.net.rest import RestTransport
from imbari_chat.net.transport import Transport

__all__ = ["admin_transport", "customer_transport"]

_log = logging.getLogger(__name__)


def admin_transport(settings: Settings) -> Transport:
    """A transport for an admin. Whoever it is signs in at the first call.

    Raises:
        ConfigError: No database is configured.
    """
    return _transport(settings, factory.project(settings), partial(factory.admin_access, settings))


def customer_transport(settings: Settings, *, remember: bool) -> Transport:
    """A transport for an anonymous customer, who signs in at the first call.

    Args:
        settings: Where.
        remember: Be the customer that this profile was before, and keep a new one's sign-in.

    Raises:
        ConfigError: No database is configured, or none to sign in at.
    """
    where = factory.sign_in_project(settings)
    return _transport(
        settings, where, partial(factory.customer_access, settings, where, remember=remember)
    )


def _transport(
    settings: Settings, where: Project, open_access: Callable[[], SocketAccess]
) -> Transport:
    if where.is_emulator:
        _log.debug("using the emulator at %s, namespace %s", where.rest_base, where.namespace)
    if settings.transport == "websocket":
        from imbari_chat.net.websocket import WebSocketTransport

        return WebSocketTransport(open_access, timeout=settings.timeout, environment=where.http)
    return RestTransport(open_access, timeout=settings.timeout, environment=where.http)
