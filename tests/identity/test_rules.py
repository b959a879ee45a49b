"""The rules in force, read, tried and replaced: against a service of one answer."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from imbari_chat.errors import AccessDenied, Conflict, ImbariError, RulesError, Unavailable
from imbari_chat.identity.rules import DeployedRules, same_rules
from imbari_chat.identity.service import OwnerAccess
from imbari_chat.identity.session import QuietSession
from tests.identity.answering import AnsweringServer
from tests.identity.places import project_at

OURS = '{"rules": {".read": false}}'
JSON = {"content-type": "application/json"}


def _deployed(server: AnsweringServer) -> DeployedRules:
    server.is_database = False
    return DeployedRules(project_at(server.host))


@pytest.mark.parametrize("charset", ["", "; charset=utf-8", "; charset=iso-8859-1"])
def test_rules_are_read_as_they_were_written(server: AnsweringServer, charset: str) -> None:
    """Comments and all, in UTF-8 whatever the service calls it."""
    server.body = '{"rules": {}} // für uns'
    server.headers = {"content-type": f"application/json{charset}"}
    with _deployed(server) as deployed:
        assert deployed.text() == server.body
    (asked,) = server.asked
    assert (asked.method, asked.path) == ("GET", "/.settings/rules.json")
    assert asked.params == {"ns": project_at(server.host).namespace}
    assert asked.headers["authorization"] == "Bearer owner"
    assert asked.body == b""


def test_rules_that_are_tried_are_not_deployed(server: AnsweringServer) -> None:
    """The service is asked whether it would take them."""
    with _deployed(server) as deployed:
        deployed.check(OURS)
    (asked,) = server.asked
    assert (asked.method, "dryRun=true" in asked.target) == ("PUT", True)
    assert asked.body.decode() == OURS


@pytest.mark.parametrize("over", [None, OURS, OURS + "  \n"])
def test_rules_are_deployed_over_what_they_were_compared_with(
    server: AnsweringServer, over: str | None
) -> None:
    """And seen to be in force afterwards."""
    server.body = OURS
    with _deployed(server) as deployed:
        deployed.deploy(OURS, over=over)
    looks = [] if over is None else ["GET"]
    assert [asked.method for asked in server.asked] == [*looks, "PUT", "GET"]
    assert all("dryRun" not in asked.target for asked in server.asked)


@pytest.mark.parametrize(
    ("over", "asked", "what", "hint"),
    [
        ('{"rules": {}}', ["GET"], "somebody else has changed the rules meanwhile", "Look at"),
        (None, ["PUT", "GET"], "the database has other rules in force", "Somebody else may"),
    ],
)
def test_rules_of_somebody_else_are_noticed(
    server: AnsweringServer, over: str | None, asked: list[str], what: str, hint: str
) -> None:
    """Before anything is replaced, or right after."""
    server.body = '{"rules": {"theirs": {}}}'
    with _deployed(server) as deployed, pytest.raises(Conflict) as caught:
        deployed.deploy(OURS, over=over)
    assert caught.value.what.startswith(what)
    assert (caught.value.hint or "").startswith(hint)
    assert caught.value.where == "/.settings/rules"
    assert [one.method for one in server.asked] == asked


def test_connections_are_given_back(
    server: AnsweringServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those for the rules, and those for who asks."""
    closed: list[type] = []

    def watch(kind: type[QuietSession | OwnerAccess]) -> None:
        close = kind.close

        def closing(one: Any) -> None:
            closed.append(kind)
            close(one)

        monkeypatch.setattr(kind, "close", closing)

    watch(QuietSession)
    watch(OwnerAccess)
    with _deployed(server):
        assert closed == []
    assert closed == [QuietSession, OwnerAccess, QuietSession]


ACTS: dict[str, Callable[[DeployedRules], object]] = {
    "text": DeployedRules.text,
    "check": lambda deployed: deployed.check(OURS),
    "deploy": lambda deployed: deployed.deploy(OURS),
}


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize(
    ("status", "said", "kind", "what"),
    [
        (400, "3:7: Unknown variable 'x'", RulesError, "Unknown variable 'x'"),
        (400, "no rules at all", ImbariError, "the database refuses the request: no rules at all"),
        (401, "Permission denied", AccessDenied, "this account may neither read nor change the"),
        (500, "oops", Unavailable, "the database failed with status 500"),
        (500, "3:7: oops", Unavailable, "the database failed with status 500"),
    ],
)
def test_a_refusal_says_why(
    server: AnsweringServer, act: str, status: int, said: str, kind: type[ImbariError], what: str
) -> None:
    """Broken rules with the place."""
    server.status, server.body, server.headers = status, json.dumps({"error": said}), JSON
    with _deployed(server) as deployed, pytest.raises(kind) as caught:
        ACTS[act](deployed)
    assert caught.value.what.startswith(what)
    if isinstance(caught.value, RulesError):
        assert (caught.value.line, caught.value.column) == (3, 7)
    if isinstance(caught.value, AccessDenied):
        assert "Firebase Admin" in (caught.value.hint or "")
    if isinstance(caught.value, Unavailable):
        assert caught.value.outcome_unknown is (act == "deploy")


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ("a\nb", True),
        ("a\r\nb\r\n", True),
        ("\n a  \nb\n\n".replace(" a", "a"), True),
        ("a\n b", False),
        ("a\n\nb", False),
        ("a", False),
    ],
)
def test_how_lines_end_makes_no_other_rules(other: str, *, same: bool) -> None:
    """How they begin does."""
    assert same_rules("a\nb", other) is same_rules(other, "a\nb") is same
