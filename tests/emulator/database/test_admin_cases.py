"""The conformance cases that firebase-admin itself has to play."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import firebase_admin
import httpx
import pytest
from firebase_admin import db, exceptions
from google.auth.credentials import AnonymousCredentials

from imbari_chat.emulator import Emulator

OWNER = {"Authorization": "Bearer owner"}


class _Anonymous(firebase_admin.credentials.Base):  # type: ignore[misc]  # the library is untyped
    """The emulator wants no key."""

    def get_credential(self) -> AnonymousCredentials:
        return AnonymousCredentials()  # type: ignore[no-untyped-call]  # the library is untyped


@contextmanager
def _admin(emulator: Emulator, namespace: str, **options: Any) -> Iterator[Any]:
    """firebase-admin's reference to the root."""
    url = f"http://{emulator.database_host}/?ns={namespace}"
    app = firebase_admin.initialize_app(
        _Anonymous(), {"databaseURL": url, "httpTimeout": 20, **options}, name=namespace
    )
    try:
        yield db.reference(app=app)
    finally:
        firebase_admin.delete_app(app)


def test_ten_threads_of_transactions_count_to_ten(emulator: Emulator, namespace: str) -> None:
    """No increment is lost: case 47."""
    with _admin(emulator, namespace) as root, ThreadPoolExecutor(10) as pool:
        node = root.child("counter")
        for done in [pool.submit(node.transaction, lambda v: (v or 0) + 1) for _ in range(10)]:
            done.result()
        assert node.get() == 10


def test_a_denied_admin_read_raises_what_the_library_promises(
    emulator: Emulator, namespace: str, http: httpx.Client
) -> None:
    """Under an override the rules apply, and 401 is UnauthenticatedError: case 88."""
    rules = {"rules": {"mine": {".read": "auth.uid === 'u1'"}}}
    assert http.put("/.settings/rules.json", json=rules, headers=OWNER).status_code == 200
    with _admin(emulator, namespace, databaseAuthVariableOverride={"uid": "u1"}) as root:
        assert root.child("mine").get() is None
        with pytest.raises(exceptions.UnauthenticatedError, match="Permission denied"):
            root.child("other").get()
