"""How firebase-admin finds the embedded emulator without being told anything in code."""

import firebase_admin
import pytest
from firebase_admin import auth, db

from imbari_chat.emulator import Emulator
from tests import plain_http


def test_the_environment_is_all_that_firebase_admin_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Project, database and users come from the variables that the emulator names."""
    with Emulator("demo-environment") as emulator:
        for name, value in emulator.environment().items():
            monkeypatch.setenv(name, value)
        app = firebase_admin.initialize_app(name="by-environment")
        try:
            db.reference("/env", app=app).set(1)
            assert plain_http.get(f"http://{emulator.database_host}/env.json").json() == 1
            assert auth.create_user(uid="u1", app=app).uid == "u1"
            assert app.project_id == "demo-environment"
        finally:
            firebase_admin.delete_app(app)
