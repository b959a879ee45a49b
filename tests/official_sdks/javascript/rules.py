"""What rules allow to ``firebase/database``, and to whom, in Node and in Chromium."""

from typing import Final

from firebase_admin import auth

from tests.official_sdks.javascript.clients import both
from tests.official_sdks.place import Place

__all__: list[str] = []

GUARDED: Final = {
    ".read": "root.child('open').exists() || !root.child('never').exists()",
    "open": {".write": True},
    "settled": {".read": True},
}
PERSONAL: Final = {
    "settled": {".read": True},
    "users": {"$uid": {".read": "auth.uid === $uid", ".write": "auth.uid === $uid"}},
    "inbox": {".read": "auth.token.admin === true"},
}


@both("update", why="rules do not allow a part of it")
def a_refused_update_is_seen_by_its_writer_to_come_and_go(place: Place) -> None:
    """By nobody else, and with its reason in the console."""
    place.rules(GUARDED)
    seen = place.play("refused")
    assert seen["what"] == "PERMISSION_DENIED"
    assert [row[:2] for row in seen["mine"] if row[0] != "value"] == [
        ["child_added", "locked"],
        ["child_added", "open"],
        ["child_removed", "locked"],
        ["child_removed", "open"],
    ]
    assert seen["theirs"] == []
    assert seen["told"] is True


@both("get", "onDisconnect", "onValue", "set", why="rules do not allow it")
def what_is_not_allowed_is_refused_by_its_name(place: Place) -> None:
    """Each call in the SDK's own way."""
    place.rules({})
    seen = place.play("denied")
    assert seen["seen"] == [["cancelled", "PERMISSION_DENIED"]]
    assert seen["get"] == "Permission denied"
    assert (seen["set"], seen["later"]) == ("PERMISSION_DENIED", "PERMISSION_DENIED")


@both("onValue", why="rules do not allow it any more")
def other_rules_cancel_what_they_do_not_allow(place: Place) -> None:
    """A default listen and a query alike, each once, and nothing else."""
    rules = {"free": {".read": True}, "settled": {".read": True}}
    place.rules({**rules, "k": {".read": True}})
    place.play("watching")
    place.rules({**rules, "k": {}})
    assert place.play("revoked") == {
        "all": [["cancelled", "PERMISSION_DENIED"]],
        "window": [["cancelled", "PERMISSION_DENIED"]],
        "free": [],
    }


@both("connectDatabaseEmulator", "set")
def mock_users_are_who_they_say(place: Place) -> None:
    """Unsigned tokens that ended in 1970."""
    place.rules(PERSONAL)
    assert place.play("mocked") == ["done", "PERMISSION_DENIED"]


@both("get", "onValue")
def a_renewed_token_allows_more_or_less_and_none_allows_nothing(place: Place) -> None:
    """On the same socket; what is taken away is cancelled, and nothing else."""
    place.needs_auth()
    place.rules(PERSONAL)
    app = place.app()
    user = auth.create_user(email="ada@example.com", password="correct horse", app=app)
    place.http().put("/inbox.json", json="hello").raise_for_status()
    seen = place.play("renewal", email="ada@example.com", password="correct horse")
    assert (seen["uid"], seen["inbox"]) == (user.uid, "Permission denied")
    auth.set_custom_user_claims(user.uid, {"admin": True}, app=app)
    assert place.play("renew") == [["value", "hello"]]
    auth.set_custom_user_claims(user.uid, None, app=app)
    cancelled = [["cancelled", "PERMISSION_DENIED"]]
    assert place.play("lessen") == {"inbox": cancelled, "kept": True, "own": cancelled}
