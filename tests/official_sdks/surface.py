"""What each client can be asked to do, as the installed release of it says."""

import inspect
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import CodeType, FrameType, ModuleType
from typing import Final

import pyrebase.pyrebase
from firebase_admin import _user_mgt, auth, db, tenant_mgt

from tests.official_sdks import (
    admin_accounts,
    admin_database,
    admin_providers,
    pyrebase_auth,
    pyrebase_database,
)

__all__ = ["LEFT_OUT", "SURFACE", "calls_made", "methods"]

_HANDED_IN: Final = "what a caller fills in: no call goes out"
_NEVER_ANSWERED: Final = "what provider configurations are answered with, and those are not built"
_IMPLEMENTED_BY: Final[dict[type, type]] = {auth.UserInfo: _user_mgt.ProviderUserInfo}
"""Public classes that are only a promise, and who keeps it."""

_INTERNAL: Final = "the library's own; callers never hold one"

LEFT_OUT: Final[dict[type, str]] = {
    auth.ActionCodeSettings: _HANDED_IN,
    auth.EmailIdentifier: _HANDED_IN,
    auth.ImportUserRecord: _HANDED_IN,
    auth.PhoneIdentifier: _HANDED_IN,
    auth.ProviderIdentifier: _HANDED_IN,
    auth.UidIdentifier: _HANDED_IN,
    auth.UserIdentifier: _HANDED_IN,
    auth.UserProvider: _HANDED_IN,
    auth.ListProviderConfigsPage: _NEVER_ANSWERED,
    auth.OIDCProviderConfig: _NEVER_ANSWERED,
    auth.ProviderConfig: _NEVER_ANSWERED,
    auth.SAMLProviderConfig: _NEVER_ANSWERED,
    auth.Client: "the module's functions, as methods",
    tenant_mgt.ListTenantsPage: "tenants are not built",
    tenant_mgt.Tenant: "tenants are not built",
    pyrebase.pyrebase.ClosableSSEClient: _INTERNAL,
    pyrebase.pyrebase.KeepAuthSession: _INTERNAL,
    pyrebase.pyrebase.Storage: "there is no Storage here",
    pyrebase.pyrebase.Auth: "a client of its own in the table",
}
"""Public classes whose calls are nobody's business here, and why."""


def methods(kind: type) -> dict[str, CodeType]:
    """The public methods and properties of a class, inherited ones too, with their code."""
    found = {}
    for name, member in inspect.getmembers(kind):
        function = member.fget if isinstance(member, property) else member
        code = getattr(inspect.unwrap(function), "__code__", None) if callable(function) else None
        if not name.startswith("_") and code is not None:
            found[name] = code
    return found


def _calls(module: ModuleType) -> dict[str, CodeType]:
    found = {
        name: function.__code__
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if not name.startswith("_") and function.__module__ == module.__name__
    }
    for kind in _classes(module):
        implementation = _IMPLEMENTED_BY.get(kind, kind)
        found |= {f"{kind.__name__}.{name}": code for name, code in methods(implementation).items()}
    return found


def _classes(module: ModuleType) -> list[type]:
    """The public ones that a release defines, without its errors and what is left out."""
    package = module.__name__.partition(".")[0]
    return [
        kind
        for name, kind in inspect.getmembers(module, inspect.isclass)
        if not name.startswith("_")
        and kind.__module__.startswith(package)
        and kind.__module__ != "pyrebase.pyre_sseclient"
        and not issubclass(kind, Exception)
        and kind not in LEFT_OUT
    ]


def _without(calls: dict[str, CodeType], names: set[str]) -> dict[str, CodeType]:
    assert names <= set(calls)
    return {name: code for name, code in calls.items() if name not in names}


_EXPORTED: Final = {f"ExportedUserRecord.{name}" for name in methods(auth.UserRecord)}
"""What a listed user has in common with every other."""

_PYREBASE_FUNCTIONS: Final = {"convert_list_to_pyre", "convert_to_pyre", "raise_detailed_error"}
"""Parts of ``Database.get`` and of its errors that happen to have public names."""

SURFACE: Final[dict[str, dict[str, CodeType]]] = {
    admin_database.CLIENT: _calls(db),
    admin_accounts.CLIENT: _without(_calls(auth), _EXPORTED),
    admin_providers.TENANTS: _calls(tenant_mgt),
    pyrebase_database.CLIENT: _without(_calls(pyrebase.pyrebase), _PYREBASE_FUNCTIONS),
    pyrebase_auth.CLIENT: methods(pyrebase.pyrebase.Auth),
}
"""The public names of every client, as cases spell them, and the code that runs when called."""


@contextmanager
def calls_made(client: str) -> Iterator[set[str]]:
    """The names of a client's calls that are made in the block, in this thread or a new one.

    The interpreter tells which code it runs; the library is not touched.
    """
    names: dict[CodeType, set[str]] = {}
    for name, code in SURFACE[client].items():
        names.setdefault(code, set()).add(name)
    made: set[str] = set()

    def profile(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code in names:
            made.update(names[frame.f_code])

    before = sys.getprofile()
    threading.setprofile(profile)
    sys.setprofile(profile)
    try:
        yield made
    finally:
        sys.setprofile(before)
        threading.setprofile(before)
