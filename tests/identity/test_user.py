"""A signed-in user's access: reads, writes, streams, and tokens that end."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from urllib.parse import parse_qsl, urlsplit

import pytest

from imbari_chat.emulator import Emulator
from imbari_chat.engine.access import SocketRequest
from imbari_chat.engine.refusals import CredentialRefused
from imbari_chat.errors import AccessDenied, AuthError, ConfigError, InvalidData, Unavailable
from imbari_chat.identity.project import Project
from imbari_chat.identity.sign_in import sign_in_anonymously
from imbari_chat.identity.user import Tokens, UserAccess, read_claims
from imbari_chat.wire.json import Json, dumps, same
from imbari_chat.wire.paths import ROOT, Path
from imbari_chat.wire.query import Query
from tests.identity.answering import AnsweringServer
from tests.identity.places import CountedLock, make_tokens, project_at

OPEN = Path.parse("/open")


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: float = 1_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Bank:
    """Gives new tokens, as often as asked; counts."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.asked: list[str] = []

    def __call__(self, refresh_token: str) -> Tokens:
        self.asked.append(refresh_token)
        if self.error is not None:
            raise self.error
        number = len(self.asked) + 1
        return make_tokens(refresh=f"r{number}", claims={"number": number})


@pytest.fixture
def customer(project: Project) -> Iterator[UserAccess]:
    with closing(sign_in_anonymously(project)) as access:
        yield access


def lonely(
    clock: Clock,
    bank: Bank,
    *,
    tokens: Tokens | None = None,
    on_tokens: Callable[[str], None] | None = None,
) -> UserAccess:
    """An access whose database is never asked."""
    return UserAccess(
        project_at("127.0.0.1:1"),
        tokens or make_tokens(),
        refresh=bank,
        on_tokens=on_tokens,
        clock=clock,
    )


def token_of(access: UserAccess) -> str:
    return dict(parse_qsl(urlsplit(access.stream(ROOT).url).query))["auth"]


@pytest.mark.parametrize(
    "value",
    [1, 0, -1.5, "text", "", True, False, {"a": {"b": [1, 2]}}, [1, True, 1.0, {"x": 0}], None],
)
def test_what_is_written_is_read_back(customer: UserAccess, value: Json) -> None:
    """Every JSON type survives the way back, at the top of an answer too."""
    customer.update({OPEN / "v": value})
    assert same(customer.get(OPEN / "v"), value)


def test_update_is_one_request_for_many_places(
    customer: UserAccess, server: AnsweringServer
) -> None:
    """All or nothing needs one PATCH at the root, with paths as keys."""
    server.body = "{}"
    with closing(UserAccess(project_at(server.host), make_tokens(), refresh=Bank())) as access:
        access.update({OPEN / "a": 1, Path.parse("/mine/u1/b"): {"c": None}})
    (asked,) = server.asked
    assert (asked.method, asked.path) == ("PATCH", "/.json")
    assert asked.params["ns"] == "demo-imbari-default-rtdb"
    assert asked.params["print"] == "silent"
    assert asked.headers["content-type"] == "application/json; charset=UTF-8"
    assert asked.json == {"open/a": 1, "mine/u1/b": {"c": None}}


def test_a_shallow_read_asks_for_keys_alone(server: AnsweringServer) -> None:
    """As the user."""
    server.body = '{"a": true}'
    tokens = make_tokens()
    with closing(UserAccess(project_at(server.host), tokens, refresh=Bank())) as access:
        assert access.get_shallow(OPEN) == {"a": True}
    (asked,) = server.asked
    assert (asked.method, asked.path) == ("GET", "/open.json")
    assert (asked.params["shallow"], asked.params["auth"]) == ("true", tokens.id_token)


def test_a_socket_is_the_users() -> None:
    """By the token that is good now."""
    access = lonely(Clock(), Bank())
    place = project_at("127.0.0.1:1").socket_place
    assert access.socket() == SocketRequest(place, "auth", {"cred": token_of(access)})


def test_update_is_all_or_nothing(customer: UserAccess) -> None:
    """One place that the rules refuse keeps the others from being written."""
    with pytest.raises(AccessDenied, match="write"):
        customer.update({OPEN / "a": 1, Path.parse("/staff/b"): 1})
    assert customer.get(OPEN) is None


def test_empty_update_asks_nobody(server: AnsweringServer) -> None:
    """There is nothing to be refused."""
    with closing(UserAccess(project_at(server.host), make_tokens(), refresh=Bank())) as access:
        access.update({})
    assert server.asked == []


def test_rules_see_the_user(customer: UserAccess, project: Project) -> None:
    """Own data is open, another user's is not."""
    assert customer.uid is not None
    mine = Path.parse("/mine") / customer.uid
    customer.update({mine / "x": 1})
    assert customer.get(mine) == {"x": 1}
    with closing(sign_in_anonymously(project)) as other:
        assert other.uid != customer.uid
        with pytest.raises(AccessDenied, match=str(other.uid)):
            other.get(mine)


def test_keys_that_look_like_url_syntax_arrive_whole(customer: UserAccess) -> None:
    """Percent signs, plus signs, question marks, ampersands, spaces and accents are plain keys."""
    for key in ("100%25", "a+b", "what?x=1&y", "a b", "größe", "~-_"):
        customer.update({OPEN / key: key})
        assert customer.get(OPEN / key) == key
    assert customer.get(ROOT / "open" / "a+b") == "a+b"


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        (Query.by_child("at"), {"a", "b", "c", "junk", "mixed"}),
        (Query.by_child("at").limit_to_last(1), {"mixed"}),
        (Query.by_child("at").start_at(2), {"b", "c", "mixed"}),
        (Query.by_child("at").start_after(2), {"c", "mixed"}),
        (Query.by_child("at").start_at(2, "bb").end_at(3), {"c"}),
        (Query.by_child("at").equal_to(None), {"junk"}),
        (Query.by_child("at").equal_to('say "a+b" & c#d%41'), {"mixed"}),
        (Query.by_child("e mail").equal_to("x+y@example.com"), {"a"}),
        (Query.by_key().end_before("b"), {"a"}),
        (Query.by_key().limit_to_first(2), {"a", "b"}),
        (Query.by_value().start_at("j").end_at("k"), {"junk"}),
        (Query.by_priority().limit_to_first(1), {"a"}),
        (Query.by_child("at").start_at("zzz").end_at("zzz"), set()),
    ],
)
def test_every_query_can_be_said(customer: UserAccess, query: Query, keys: set[str]) -> None:
    """Mixed types, quotes, key bounds."""
    customer.update(
        {
            OPEN: {
                "a": {"at": 1, "e mail": "x+y@example.com"},
                "b": {"at": 2},
                "c": {"at": 3},
                "junk": "just text",
                "mixed": {"at": 'say "a+b" & c#d%41'},
            }
        }
    )
    answer = customer.get(OPEN, query)
    assert set(answer if isinstance(answer, dict) else ()) == keys


def test_missing_index_is_named(customer: UserAccess) -> None:
    """The service's own advice reaches the developer."""
    with pytest.raises(InvalidData, match="indexOn") as caught:
        customer.get(OPEN, Query.by_child("height"))
    assert caught.value.where == "/open"


def test_stream_carries_query_and_token(customer: UserAccess, project: Project) -> None:
    """The request can be sent as it is, by whoever reads streams."""
    request = customer.stream(OPEN / "a b", Query.by_key().limit_to_last(5))
    url = urlsplit(request.url)
    assert f"{url.scheme}://{url.netloc}" == project.rest_base
    assert url.path == "/open/a%20b.json"
    params = dict(parse_qsl(url.query))
    assert params["orderBy"] == '"$key"'
    assert params["limitToLast"] == "5"
    assert params["ns"] == project.namespace
    assert read_claims(params["auth"])["sub"] == customer.uid
    assert params["auth"] not in repr(request)


def test_token_is_replaced_five_minutes_before_its_end() -> None:
    """A stream that is opened now should not be cut off at once."""
    clock, bank = Clock(), Bank()
    access = lonely(clock, bank)
    assert access.expires_at == clock.now + 3600
    first = token_of(access)
    clock.now += 3299
    assert token_of(access) == first
    clock.now += 1
    assert token_of(access) != first
    assert bank.asked == ["r1"]
    assert access.expires_at == clock.now + 3600


def test_life_of_a_token_is_counted_on_our_own_clock() -> None:
    """A machine whose clock is hours off still refreshes once an hour, and not on every call."""
    for skew in (-7200, 7200):
        clock, bank = Clock(), Bank()
        access = lonely(clock, bank, tokens=make_tokens(iat=int(clock.now) + skew))
        assert access.expires_at == clock.now + 3600
        token_of(access)
        assert bank.asked == []


def test_short_lived_token_is_used_for_half_its_life() -> None:
    """Five minutes early is no rule for a token of one minute."""
    clock, bank = Clock(), Bank()
    access = lonely(clock, bank, tokens=make_tokens(lifetime=60))
    clock.now += 29
    token_of(access)
    assert bank.asked == []
    clock.now += 1
    token_of(access)
    assert bank.asked == ["r1"]


def test_good_token_outlives_a_refresh_that_cannot_be_made() -> None:
    """While the token is good, a sign-in service that is away is asked every 30 s and not more."""
    clock, bank = Clock(), Bank(error=Unavailable("away"))
    access = lonely(clock, bank)
    first = token_of(access)
    clock.now += 3310
    assert token_of(access) == first
    assert token_of(access) == first
    assert len(bank.asked) == 1
    clock.now += 30
    assert token_of(access) == first
    assert len(bank.asked) == 2
    clock.now += 260
    with pytest.raises(Unavailable, match="away"):
        access.stream(ROOT)


def test_a_good_token_is_used_for_as_long_as_the_sign_in_service_wants_to_be_left_alone() -> None:
    away = Unavailable("away")
    away.retry_after = 50.0
    clock, bank = Clock(), Bank(error=away)
    access = lonely(clock, bank)
    first = token_of(access)
    for seconds, asked in ((3310, 1), (49, 1), (1, 2)):
        clock.now += seconds
        assert token_of(access) == first
        assert len(bank.asked) == asked


def test_a_short_token_is_used_up_to_a_tenth_of_its_life() -> None:
    """Half of it is early, and the last tenth is too late."""
    clock, bank = Clock(), Bank(error=Unavailable("away"))
    access = lonely(clock, bank, tokens=make_tokens(lifetime=60))
    first = token_of(access)
    clock.now += 29
    assert token_of(access) == first
    assert bank.asked == []
    clock.now += 24.5
    assert token_of(access) == first
    assert len(bank.asked) == 1
    clock.now += 1
    with pytest.raises(Unavailable, match="away"):
        access.stream(ROOT)


def test_dead_sign_in_is_said_at_once() -> None:
    """A refused refresh token does not get better by waiting."""
    clock, bank = Clock(), Bank(error=AuthError("your sign-in has ended"))
    access = lonely(clock, bank)
    clock.now += 3301
    with pytest.raises(AuthError, match="ended"):
        access.stream(ROOT)


def test_renew_replaces_a_young_token() -> None:
    """The service may have refused a token that looks good from here."""
    bank = Bank()
    access = lonely(Clock(), bank)
    first = token_of(access)
    access.renew()
    assert token_of(access) != first
    assert bank.asked == ["r1"]


def test_changed_refresh_token_is_reported_once() -> None:
    """Its owner keeps it; a token that stays the same is no news."""
    kept: list[str] = []
    access = lonely(Clock(), Bank(), on_tokens=kept.append)
    access.renew()
    assert kept == ["r2"]
    assert access.refresh_token == "r2"
    same_again = UserAccess(
        project_at("127.0.0.1:1"),
        make_tokens(),
        refresh=lambda _: make_tokens(),
        on_tokens=kept.append,
    )
    same_again.renew()
    assert kept == ["r2"]


def test_many_threads_refresh_once() -> None:
    """Whoever comes first refreshes; the others wait and use the result."""
    clock = Clock()
    inside = threading.Lock()
    bank = Bank()

    def refresh(token: str) -> Tokens:
        assert inside.acquire(blocking=False), "two refreshes at once"
        try:
            return bank(token)
        finally:
            inside.release()

    access = UserAccess(project_at("127.0.0.1:1"), make_tokens(), refresh=refresh, clock=clock)
    clock.now += 3590
    barrier = threading.Barrier(8)

    def ask(_: int) -> str:
        barrier.wait()
        return token_of(access)

    with ThreadPoolExecutor(8) as pool:
        tokens = set(pool.map(ask, range(8)))
    assert len(tokens) == 1
    assert bank.asked == ["r1"]


@pytest.mark.parametrize("seconds", [3301, 3590], ids=["ends soon", "has ended"])
def test_no_look_waits_for_a_refresh(seconds: float) -> None:
    """Event loops look at these; a sign-in service may take as long as it likes."""
    clock, asked, answer = Clock(), threading.Event(), threading.Event()

    def refresh(_: str) -> Tokens:
        asked.set()
        assert answer.wait(30)
        return make_tokens()

    access = UserAccess(project_at("127.0.0.1:1"), make_tokens(), refresh=refresh, clock=clock)
    first = access.refresh_token
    clock.now += seconds
    with ThreadPoolExecutor(1) as pool:
        renewing = pool.submit(token_of, access)
        try:
            assert asked.wait(30)
            assert access.uid == "u1"
            assert access.expires_at is not None
            assert access.claims["sub"] == "u1"
            assert access.is_admin is False
            assert access.refresh_token == first
            assert not renewing.done()
        finally:
            answer.set()


def test_a_good_token_is_used_while_another_is_fetched() -> None:
    """One call asks for the new one; the others do not wait for it."""
    clock, asked, answer = Clock(), threading.Event(), threading.Event()

    def refresh(_: str) -> Tokens:
        asked.set()
        assert answer.wait(30)
        return make_tokens(claims={"number": 2})

    access = UserAccess(project_at("127.0.0.1:1"), make_tokens(), refresh=refresh, clock=clock)
    first = token_of(access)
    clock.now += 3301
    with ThreadPoolExecutor(1) as pool:
        renewing = pool.submit(token_of, access)
        try:
            assert asked.wait(30)
            assert token_of(access) == first
        finally:
            answer.set()
        assert renewing.result() != first


def test_those_who_wait_for_a_refresh_share_its_failure() -> None:
    """Eight calls wait once for a service that hangs, and not one after the other."""
    clock, answer = Clock(), threading.Event()
    asked: list[str] = []

    def refresh(token: str) -> Tokens:
        asked.append(token)
        assert answer.wait(30)
        away = Unavailable("away", where="sign-in", hint="Wait")
        away.retry_after = 7.0
        raise away

    access = UserAccess(project_at("127.0.0.1:1"), make_tokens(), refresh=refresh, clock=clock)
    access._refreshing = queue = CountedLock(8)  # type: ignore[assignment]
    clock.now += 3590

    def ask(_: int) -> None:
        with pytest.raises(Unavailable, match="away") as caught:
            token_of(access)
        told = caught.value
        assert (told.where, told.hint, told.retry_after) == ("sign-in", "Wait", 7.0)

    with ThreadPoolExecutor(8) as pool:
        waiting = pool.map(ask, range(8))
        assert queue.full.wait(30)
        answer.set()
        list(waiting)
    assert len(asked) == 1
    with pytest.raises(Unavailable):
        token_of(access)
    assert len(asked) == 2


def test_a_call_that_meets_an_expired_token_carries_the_new_one(server: AnsweringServer) -> None:
    """Never the old one again, and never none: the rules would see a stranger."""
    bank = Bank()
    tokens = make_tokens()

    def refresh(token: str) -> Tokens:
        server.status, server.body = 200, "7"
        return bank(token)

    calls: list[Callable[[UserAccess], object]] = [
        lambda access: access.get(OPEN),
        lambda access: access.get(OPEN, Query.by_key()),
        lambda access: access.update({OPEN: 1}),
        lambda access: access.compare_and_set(OPEN, 5, 2),
    ]
    for call in calls:
        server.status, server.body = 401, '{"error": "Auth token is expired"}'
        server.headers = {**server.headers, "etag": "seven"}
        server.asked.clear()
        access = UserAccess(project_at(server.host), tokens, refresh=refresh)
        with closing(access):
            call(access)
            new = token_of(access)
        first, second = server.asked
        assert first.params["auth"] == tokens.id_token
        assert second.params["auth"] == new != tokens.id_token
        assert (first.method, first.path, first.body) == (second.method, second.path, second.body)


@pytest.mark.parametrize("text", ["Could not parse auth token.", "missing 'kid' in header"])
@pytest.mark.parametrize("later", [60, -86_400])
def test_an_undecided_refusal_is_met_with_one_new_token(
    server: AnsweringServer, text: str, later: int
) -> None:
    """Once for an old token, by a clock that was set back as well; a new one is not mended so."""
    server.status, server.body = 401, dumps({"error": text})
    clock, bank = Clock(), Bank()
    access = UserAccess(project_at(server.host), make_tokens(), refresh=bank, clock=clock)
    with closing(access):
        clock.now += later
        for _ in range(3):
            with pytest.raises(CredentialRefused):
                access.get(OPEN)
    assert len(bank.asked) == 1
    assert len(server.asked) == 4


def test_a_renewed_sign_in_that_cannot_be_kept_is_used_all_the_same(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A full disk fails no message; it is said."""

    def full(_: str) -> None:
        raise ConfigError("the stored sign-in cannot be used: No space left on device")

    access = lonely(Clock(), Bank(), on_tokens=full)
    access.renew()
    assert access.refresh_token == "r2"
    assert "could not be kept" in caplog.text
    assert "r2" not in caplog.text


def test_a_sign_in_that_nobody_finishes_keeping_holds_no_call_up() -> None:
    """A keyring asks a person who is not there; the token has come all the same."""
    there = threading.Event()
    clock = Clock()

    def ask(_: str) -> None:
        there.wait()

    access = lonely(clock, Bank(), on_tokens=ask)
    try:
        for hour in range(1, 3):
            before = token_of(access)
            clock.now += 3600
            assert token_of(access) != before
            assert access.refresh_token == f"r{hour + 1}"
    finally:
        there.set()


def test_many_threads_read_and_write_at_once(customer: UserAccess) -> None:
    """No call sees another's path or query."""

    def turn(number: int) -> tuple[int, Json, Json]:
        place = OPEN / f"n{number}"
        customer.update({place: {"at": number}})
        query = Query.by_child("at").equal_to(number)
        return number, customer.get(place), customer.get(OPEN, query)

    with ThreadPoolExecutor(8) as pool:
        for number, value, found in pool.map(turn, range(40)):
            assert value == {"at": number}
            assert found == {f"n{number}": {"at": number}}


def test_expired_token_is_replaced_and_the_call_made_again() -> None:
    """The service's clock decides; a call that meets it succeeds all the same."""
    clock = Clock()
    with Emulator(clock=clock, enforce_expiry=True) as emulator:
        project = project_at(emulator.database_host, emulator.auth_host)
        with closing(sign_in_anonymously(project)) as access:
            access.update({OPEN: 1})
            first = token_of(access)
            clock.now += 4000  # the access goes by the real clock and notices nothing
            assert access.get(OPEN) == 1
            assert token_of(access) != first
            clock.now += 4000
            access.update({OPEN: 2})
            assert access.get(OPEN) == 2


def test_refused_twice_is_refused(server: AnsweringServer) -> None:
    """Two requests and one refresh, not a loop."""
    server.status, server.body = 401, '{"error": "Auth token is expired"}'
    bank = Bank()
    access = UserAccess(project_at(server.host), make_tokens(), refresh=bank)
    with closing(access), pytest.raises(AuthError, match="expired"):
        access.get(OPEN)
    assert len(server.asked) == 2
    assert len(bank.asked) == 1


def test_denial_is_no_reason_to_refresh(server: AnsweringServer) -> None:
    """A new token would be denied as well."""
    server.status, server.body = 401, '{"error": "Permission denied"}'
    bank = Bank()
    access = UserAccess(project_at(server.host), make_tokens(), refresh=bank)
    with closing(access), pytest.raises(AccessDenied):
        access.get(OPEN)
    assert len(server.asked) == 1
    assert bank.asked == []


def test_threads_that_meet_an_expired_token_share_one_refresh(server: AnsweringServer) -> None:
    """A refused token is replaced once, however many calls it was refused for."""
    server.status, server.body = 401, '{"error": "Auth token is expired"}'
    bank = Bank()
    barrier = threading.Barrier(4)

    def refresh(token: str) -> Tokens:
        server.status, server.body = 200, "7"
        return bank(token)

    with closing(UserAccess(project_at(server.host), make_tokens(), refresh=refresh)) as access:

        def ask(_: int) -> Json:
            barrier.wait()
            return access.get(OPEN)

        with ThreadPoolExecutor(4) as pool:
            assert set(pool.map(ask, range(4))) == {7}
    assert bank.asked == ["r1"]


@pytest.mark.parametrize(
    ("claims", "admin"), [({"admin": True}, True), ({"admin": 1}, False), ({}, False)]
)
def test_admin_is_who_carries_exactly_true(claims: dict[str, Json], admin: bool) -> None:
    """The rules compare with === true, so 1 is not enough."""
    access = lonely(Clock(), Bank(), tokens=make_tokens(claims=claims))
    assert access.is_admin is admin
    assert access.uid == "u1"


@pytest.mark.parametrize(
    ("claims", "account"),
    [({"email": "noor@imbari.example"}, "noor@imbari.example"), ({"email": 1}, None), ({}, None)],
)
def test_a_user_is_known_by_their_address(claims: dict[str, Json], account: str | None) -> None:
    """A customer without an account has none."""
    assert lonely(Clock(), Bank(), tokens=make_tokens(claims=claims)).account == account


@pytest.mark.parametrize("token", ["", "a.b", "a.b.c", "!.!.!", "e30.W10.", "e30.bnVsbA."])
def test_unreadable_token_is_refused(token: str) -> None:
    """What a sign-in service sends is not trusted to be a token."""
    with pytest.raises(AuthError, match="cannot be read") as caught:
        read_claims(token)
    assert caught.value.where is None


def test_closing_twice_is_fine(customer: UserAccess) -> None:
    """So that whoever ends last need not know."""
    customer.close()
    customer.close()


@pytest.mark.parametrize(
    ("claims", "lifetime"),
    [
        ({"iat": 0, "exp": 600}, 600),
        ({"iat": 100.0, "exp": 700.0}, 600),
        ({"iat": 600, "exp": 0}, 0),
        ({"exp": 600, "iat": None}, 3600),
        ({"exp": None}, 3600),
        ({"exp": "600"}, 3600),
        ({"iat": True, "exp": True}, 3600),
    ],
)
def test_a_token_lasts_as_long_as_it_says_or_an_hour(
    claims: dict[str, Json], lifetime: int
) -> None:
    """By the clock of this machine, from when it came."""
    access = lonely(Clock(5_000.0), Bank(), tokens=make_tokens(claims=claims))
    assert access.expires_at == 5_000.0 + lifetime
