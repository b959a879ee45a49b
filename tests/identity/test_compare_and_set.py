"""Compare and set, whoever asks: what lands in between is never overwritten."""

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any, TypeAlias

import pytest
import requests

from imbari_chat.emulator import Emulator
from imbari_chat.errors import AccessDenied, ImbariError, InvalidData, Unavailable
from imbari_chat.identity.project import Project
from imbari_chat.identity.service import OwnerAccess, ServiceAccess
from imbari_chat.identity.sign_in import sign_in_anonymously
from imbari_chat.identity.user import UserAccess
from imbari_chat.wire.json import Json, same
from imbari_chat.wire.paths import Path
from tests.identity.answering import AnsweringServer
from tests.identity.places import make_tokens, project_at

OPEN = Path.parse("/open")
WHERE = OPEN / "what?x=1&y"

Swapper: TypeAlias = ServiceAccess | OwnerAccess | UserAccess
OWNERS: dict[str, type[ServiceAccess | OwnerAccess]] = {
    "service": ServiceAccess,
    "owner": OwnerAccess,
}
KINDS = [*OWNERS, "user"]


@pytest.fixture(params=KINDS)
def access(request: pytest.FixtureRequest, project: Project) -> Iterator[Swapper]:
    """Each, on an emulator."""
    opened: Swapper = (
        OWNERS[request.param](project) if request.param in OWNERS else sign_in_anonymously(project)
    )
    with closing(opened):
        yield opened


@pytest.fixture(params=KINDS)
def scripted(request: pytest.FixtureRequest, server: AnsweringServer) -> Iterator[Swapper]:
    """Each, on a server that holds 5 and says what it is told to."""
    server.body = "5"
    server.headers["ETag"] = "five"
    project = project_at(server.host, timeout=2.0)
    opened: Swapper = (
        OWNERS[request.param](project)
        if request.param in OWNERS
        else UserAccess(project, make_tokens(), refresh=lambda _: make_tokens(refresh="r2"))
    )
    with closing(opened):
        yield opened


def after_the_look(access: Swapper, happens: Callable[[], object]) -> None:
    """Have something happen between the read and the write."""

    def hook(answer: requests.Response, *_: Any, **__: Any) -> None:
        if answer.request.method == "GET":
            happens()

    access._session.hooks["response"].append(hook)


@pytest.mark.parametrize(
    ("before", "after"),
    [(None, 1), (5, 2), ("a", "größe"), ({"x": [1, True]}, {"ETag": "t", "value": 1}), (True, 0)],
)
def test_what_is_as_expected_is_replaced(access: Swapper, before: Json, after: Json) -> None:
    """Whatever its type, and also where nothing was."""
    if before is not None:
        access.update({WHERE: before})
    assert access.compare_and_set(WHERE, before, after) is True
    assert same(access.get(WHERE), after)


@pytest.mark.parametrize(("there", "expected"), [(5, 4), (1, True), (None, 0), ("5", 5), (0, None)])
def test_anything_else_stays(access: Swapper, there: Json, expected: Json) -> None:
    """One and true are not the same, nor are zero and nothing."""
    if there is not None:
        access.update({WHERE: there})
    assert access.compare_and_set(WHERE, expected, 9) is False
    assert same(access.get(WHERE), there)


@pytest.mark.parametrize("value", [6, {"ETag": "t", "value": 1}])
def test_what_lands_in_between_stays(
    access: Swapper, project: Project, emulator: Emulator, value: Json
) -> None:
    """The write is made under the version that was looked at."""
    access.update({WHERE: 5})
    with closing(sign_in_anonymously(project)) as somebody:
        after_the_look(access, lambda: somebody.update({WHERE: value}))
        assert access.compare_and_set(WHERE, 5, 2) is False
        assert same(somebody.get(WHERE), value)


def test_counting_by_swaps_loses_nothing(project: Project) -> None:
    """Many threads, one number."""

    def count(access: Swapper) -> None:
        for _ in range(5):
            while not access.compare_and_set(WHERE, (found := access.get(WHERE)), _more(found)):
                pass

    with (
        closing(ServiceAccess(project)) as service,
        closing(sign_in_anonymously(project)) as user,
        ThreadPoolExecutor(4) as pool,
    ):
        list(pool.map(count, [service, user, service, user]))
        assert service.get(WHERE) == 20


def _more(found: Json) -> int:
    assert found is None or isinstance(found, int)
    return (found or 0) + 1


@pytest.mark.parametrize("value", [None, math.nan])
def test_what_cannot_be_written_asks_nobody(
    scripted: Swapper, server: AnsweringServer, value: Json
) -> None:
    """Deleting is something else."""
    with pytest.raises(InvalidData):
        scripted.compare_and_set(WHERE, 5, value)
    assert server.asked == []


def test_one_swap_is_a_look_and_a_write(scripted: Swapper, server: AnsweringServer) -> None:
    """The write carries the version, and nothing that the service refuses beside it."""
    assert scripted.compare_and_set(WHERE, 5, 2) is True
    look, write = server.asked
    assert (look.method, look.headers["x-firebase-etag"]) == ("GET", "true")
    assert (write.method, write.headers["if-match"], write.json) == ("PUT", "five", 2)
    assert "print" not in write.params
    assert look.path == write.path == f"{WHERE.to_url()}.json"


@pytest.mark.parametrize("mode", ["drop", "hang"])
def test_write_whose_answer_is_lost_is_not_made_again(
    scripted: Swapper, server: AnsweringServer, mode: Any
) -> None:
    """Nobody knows whether it was made, and that is said."""
    after_the_look(scripted, lambda: setattr(server, "mode", mode))
    with pytest.raises(Unavailable) as caught:
        scripted.compare_and_set(WHERE, 5, 2)
    assert caught.value.outcome_unknown is True
    assert [one.method for one in server.heard(2)] == ["GET", "PUT"]


def test_look_whose_answer_is_lost_has_written_nothing(
    scripted: Swapper, server: AnsweringServer
) -> None:
    """And that is known."""
    server.mode = "drop"
    with pytest.raises(Unavailable) as caught:
        scripted.compare_and_set(WHERE, 5, 2)
    assert caught.value.outcome_unknown is False
    assert [one.method for one in server.asked] == ["GET"]


def test_write_that_is_denied_is_denied(scripted: Swapper, server: AnsweringServer) -> None:
    """Reading may be allowed where writing is not."""

    def deny() -> None:
        server.status, server.body = 401, '{"error": "Permission denied"}'

    after_the_look(scripted, deny)
    with pytest.raises(AccessDenied, match="write") as caught:
        scripted.compare_and_set(WHERE, 5, 2)
    assert caught.value.where == str(WHERE)


def test_answer_without_a_version_is_not_written_upon(
    scripted: Swapper, server: AnsweringServer
) -> None:
    """Something on the way has taken it out, and a blind write is not what was asked for."""
    del server.headers["ETag"]
    with pytest.raises(ImbariError, match="which version"):
        scripted.compare_and_set(WHERE, 5, 2)
    assert [one.method for one in server.asked] == ["GET"]


def test_token_that_expires_in_between_is_replaced(server: AnsweringServer) -> None:
    """A write that was refused for its token was not made, so it may be made again."""
    server.body = "5"
    server.headers["ETag"] = "five"

    def expire() -> None:
        server.status, server.body = 401, '{"error": "Auth token is expired"}'

    def refresh(_: str) -> Any:
        server.status, server.body = 200, "2"
        return make_tokens(refresh="r2")

    access = UserAccess(project_at(server.host), make_tokens(), refresh=refresh)
    with closing(access):
        after_the_look(access, expire)
        assert access.compare_and_set(WHERE, 5, 2) is True
    assert [one.method for one in server.asked] == ["GET", "PUT", "PUT"]
