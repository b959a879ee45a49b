"""Whatever else answers in place of the service is an outage, and no more than that."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path as FilePath

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from imbari_chat.engine.access import Access, hearing
from imbari_chat.engine.refusals import Call, Remedy, is_from_service, refusal, remedy
from imbari_chat.errors import ImbariError, Unavailable
from imbari_chat.identity import session
from imbari_chat.identity.accounts import AdminAccounts
from imbari_chat.identity.project import Project
from imbari_chat.identity.service import OwnerAccess, ServiceAccess
from imbari_chat.identity.sign_in import resume, sign_in_anonymously, sign_in_with_password
from imbari_chat.identity.user import UserAccess
from imbari_chat.wire.json import dumps
from imbari_chat.wire.paths import Path
from imbari_chat.wire.query import Query
from tests.identity.places import ADMIN, LIVE, make_tokens, project_at
from tests.strangers import STRANGERS, Relay, Stranger

_REPEATED_BY_GOOGLE = {429, 503}
"""google-auth asks its token service again by itself, after a second and more."""

WHERE = Path.parse("/rooms/r1")

FIVE = (
    b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: application/json\r\n"
    b"etag: five\r\ncontent-length: 1\r\n\r\n5"
)

OPENERS: dict[str, Callable[[Project], Access]] = {
    "service": ServiceAccess,
    "owner": OwnerAccess,
    "user": lambda project: UserAccess(project, make_tokens(), refresh=lambda _: make_tokens()),
}

READS: dict[str, Callable[[Access], object]] = {
    "get": lambda access: access.get(WHERE),
    "query": lambda access: access.get(WHERE, Query.by_key()),
    "look": lambda access: access.compare_and_set(WHERE, 5, 2),
}

SIGN_INS: dict[str, Callable[[Project], object]] = {
    "password": lambda project: sign_in_with_password(project, *ADMIN),
    "anonymous": sign_in_anonymously,
    "resume": lambda project: resume(project, "r-e-f-r-e-s-h"),
}


def named(one: Stranger) -> str:
    return f"{one.status}-{one.name}"


@pytest.fixture
def relay() -> Iterator[Relay]:
    with Relay("127.0.0.1:1") as running:
        yield running


def outage(act: Callable[[], object]) -> Unavailable:
    with pytest.raises(ImbariError) as caught:
        act()
    assert isinstance(caught.value, Unavailable), repr(caught.value)
    assert remedy(caught.value) is Remedy.WAIT
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    return caught.value


@pytest.mark.drawn
@pytest.mark.parametrize("act", READS)
@pytest.mark.parametrize("opener", OPENERS)
@pytest.mark.parametrize("who", [one for one in STRANGERS if one.reads], ids=named)
def test_no_read_believes_a_stranger(relay: Relay, who: Stranger, opener: str, act: str) -> None:
    """It fails as it does without a network, asks once, and knows that nothing was written."""
    relay.answer = who.raw
    with closing(OPENERS[opener](project_at(relay.address))) as access:
        error = outage(lambda: READS[act](access))
    assert error.outcome_unknown is False
    assert relay.answered == 1


@pytest.mark.drawn
@pytest.mark.parametrize("opener", OPENERS)
@pytest.mark.parametrize("who", [one for one in STRANGERS if not one.silent], ids=named)
def test_no_write_believes_a_stranger(relay: Relay, who: Stranger, opener: str) -> None:
    """Neither that it was made nor that it was not: something may stand behind the stranger."""
    relay.answer = who.raw
    with closing(OPENERS[opener](project_at(relay.address))) as access:
        error = outage(lambda: access.update({WHERE: 1, WHERE / "x": 2}))
    assert error.outcome_unknown is True
    assert relay.answered == 1


@pytest.mark.drawn
@pytest.mark.parametrize("opener", OPENERS)
@pytest.mark.parametrize("who", STRANGERS, ids=named)
def test_no_conditional_write_believes_a_stranger(relay: Relay, who: Stranger, opener: str) -> None:
    """Nor is its 412 somebody who wrote in between."""
    relay.to_get, relay.answer = FIVE, who.raw
    with closing(OPENERS[opener](project_at(relay.address))) as access:
        error = outage(lambda: access.compare_and_set(WHERE, 5, 2))
    assert error.outcome_unknown is True
    assert relay.answered == 2


@pytest.mark.drawn
@pytest.mark.parametrize("way", SIGN_INS)
@pytest.mark.parametrize("who", STRANGERS, ids=named)
def test_no_sign_in_believes_a_stranger(relay: Relay, who: Stranger, way: str) -> None:
    """No customer is forgotten for a log-in page, nor is a password called wrong."""
    relay.answer = who.raw
    outage(lambda: SIGN_INS[way](project_at("127.0.0.1:1", relay.address)))


@pytest.mark.drawn
@pytest.mark.parametrize(
    "who",
    [one for one in STRANGERS if one.reads and one.status not in _REPEATED_BY_GOOGLE],
    ids=named,
)
def test_no_account_service_believes_a_stranger(relay: Relay, who: Stranger) -> None:
    """Nobody is told that an account does not exist, or may not be changed, by a firewall."""
    relay.answer = who.raw
    with closing(AdminAccounts(project_at("127.0.0.1:1", relay.address))) as accounts:
        outage(lambda: accounts.grant("desk@example.com"))


@pytest.mark.parametrize("opener", OPENERS)
def test_a_stranger_is_heard_as_well(relay: Relay, opener: str) -> None:
    """The line is not silent, whoever answers: no deadline on silence is to run on."""
    heard: list[None] = []
    relay.answer = Stranger("page", 403, {"content-type": "text/html"}, "<html>").raw
    with (
        closing(OPENERS[opener](project_at(relay.address))) as access,
        hearing(lambda: heard.append(None)),
    ):
        outage(lambda: access.get(WHERE))
    assert heard


@pytest.mark.parametrize("status", [307, 308])
@pytest.mark.parametrize("where", ["http://{}/x", "//{}/x", "http://user@{}/", "http://[::1"])
def test_no_redirect_takes_a_secret_elsewhere(relay: Relay, status: int, where: str) -> None:
    """Such a redirect repeats the body: a password, a refresh token, a message."""
    with Relay("127.0.0.1:1", answer=FIVE) as other:
        location = where.format(other.address)
        relay.answer = Stranger("moved", status, {"location": location}, "").raw
        project = project_at(relay.address, relay.address)
        for way in SIGN_INS.values():
            outage(lambda way=way: way(project))  # type: ignore[misc]  # bound at once
        for opener in OPENERS.values():
            with closing(opener(project)) as access:
                outage(lambda access=access: access.get(WHERE))  # type: ignore[misc]  # the same
                outage(lambda access=access: access.update({WHERE: 1}))  # type: ignore[misc]
        assert other.answered == 0


@pytest.mark.parametrize(
    ("target", "leads_home"),
    [
        ("https://other.firebaseio.com/x", True),
        ("https://s-usc1c-nss-1.firebaseio.com:443/x", True),
        ("https://x.europe-west1.firebasedatabase.app/x", True),
        ("/x", True),
        ("http://other.firebaseio.com/x", False),
        ("https://firebaseio.com.evil.example/x", False),
        ("https://evilfirebaseio.com/x", False),
        ("https://:443/x", False),
        ("https://[::1", False),
        ("", False),
    ],
)
def test_a_redirect_leads_home_within_the_service_and_encrypted(
    target: str, leads_home: bool
) -> None:
    """A live database answers from the machine that holds it."""
    response = requests.Response()
    response.url = "https://demo.firebaseio.com/a.json"
    response.headers["location"] = target
    assert session._leads_home(response) is leads_home


@pytest.mark.drawn
@pytest.mark.parametrize(
    "who", [one for one in STRANGERS if one.status not in _REPEATED_BY_GOOGLE], ids=named
)
def test_no_service_account_believes_a_stranger(
    relay: Relay, who: Stranger, key_file: FilePath
) -> None:
    """In place of Google's token service, too."""
    account = json.loads(key_file.read_text())
    key_file.write_text(json.dumps({**account, "token_uri": f"http://{relay.address}/token"}))
    relay.answer = who.raw
    with closing(ServiceAccess(LIVE, key_file=key_file)) as access:
        outage(lambda: access.get(WHERE))
        assert outage(lambda: access.update({WHERE: 1})).outcome_unknown is False


_TEXTS = st.text(max_size=30) | st.sampled_from(["", "null", "[]", "{}", "7", '"x"'])
_OTHER_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(
    status=st.integers(300, 599),
    kind=st.sampled_from(["", "text/html", "text/plain; charset=utf-8", "application/json"]),
    body=_TEXTS | _OTHER_JSON.map(dumps),
    write=st.booleans(),
)
def test_only_the_services_own_words_end_anything(
    status: int, kind: str, body: str, write: bool
) -> None:
    """Whatever the status: without them it is an outage, and a write's outcome is unknown."""
    error = refusal(status, body, Call("/x", write=write), kind=kind)
    if not is_from_service(status, kind, body):
        assert isinstance(error, Unavailable)
        assert error.outcome_unknown is write
        assert str(error).isprintable()


@given(
    said=st.tuples(st.just(413), st.text(min_size=1, max_size=40))
    | st.tuples(st.just(400), st.text(max_size=40).map(lambda text: f"Invalid path {text}"))
    | st.tuples(
        st.sampled_from([403, 404, 405]),
        st.text(max_size=40).map(lambda text: f"{text} Firebase {text}"),
    )
)
def test_the_services_own_words_are_believed(said: tuple[int, str]) -> None:
    """A refusal that nobody else makes is final."""
    status, text = said
    error = refusal(status, dumps({"error": text}), Call("/x", write=True))
    assert remedy(error) is Remedy.NOTHING
