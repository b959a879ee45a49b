"""Where a socket leads, and where a credential may follow."""

import pytest

from imbari_chat.engine.places import Route, SocketPlace

LIVE = SocketPlace("n.firebaseio.com", "n", secure=True)
EMULATOR = SocketPlace("127.0.0.1:9000", "n", secure=False)


def test_addresses_name_the_database_and_the_session_before() -> None:
    """What a server called a session is text from the network."""
    assert EMULATOR.url("127.0.0.1:9000") == "ws://127.0.0.1:9000/.ws?v=5&ns=n"
    assert LIVE.url("n.firebaseio.com") == "wss://n.firebaseio.com/.ws?v=5"
    assert LIVE.url("s-1.firebaseio.com", "a&b c") == (
        "wss://s-1.firebaseio.com/.ws?v=5&ns=n&ls=a%26b%20c"
    )


@pytest.mark.parametrize(
    "host", ["s-usc1c-nss-1.firebaseio.com", "x.europe-west1.firebasedatabase.app:443"]
)
def test_the_service_may_send_a_client_to_its_own_hosts(host: str) -> None:
    """Over TLS alone, and never from an emulator."""
    assert LIVE.may_move_to(host)
    assert not EMULATOR.may_move_to(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "firebaseio.com.evil.example",
        "evil.example/.firebaseio.com",
        "evil.example#.firebaseio.com",
        "evil.example?.firebaseio.com",
        "evil.example\\.firebaseio.com",
        "evil.example @.firebaseio.com",
        "u@s-1.firebaseio.com",
        "s-1.firebaseio.com:x",
        "s-1.firebaseio.com:443443",
        "[::1.firebaseio.com",
    ],
)
def test_a_credential_goes_nowhere_else(host: str) -> None:
    """Whatever a host is made to look like."""
    assert not LIVE.may_move_to(host)


def test_a_route_goes_where_the_service_says() -> None:
    """Until that leads nowhere, or another database is meant."""
    route, other = Route(), SocketPlace("m.firebaseio.com", "m", secure=True)
    assert route.moved("s-1.firebaseio.com") is not None  # nothing was dialed
    route.url(LIVE)
    assert route.moved("s-1.firebaseio.com") is None
    assert route.url(LIVE) == "wss://s-1.firebaseio.com/.ws?v=5&ns=n"
    route.greeted("s-2.firebaseio.com", "first")
    assert route.url(LIVE) == "wss://s-2.firebaseio.com/.ws?v=5&ns=n&ls=first"
    route.greeted(None, None)
    assert route.url(LIVE) == "wss://s-2.firebaseio.com/.ws?v=5&ns=n&ls=first"
    assert route.url(other) == "wss://m.firebaseio.com/.ws?v=5&ls=first"
    route.url(LIVE)
    route.greeted("s-2.firebaseio.com", "second")
    route.failed()
    assert route.url(LIVE) == "wss://n.firebaseio.com/.ws?v=5&ls=second"


def test_moves_are_counted_until_one_has_led_somewhere() -> None:
    """Or nowhere: then it begins anew where the first did."""
    route = Route()
    route.url(LIVE)

    def moves() -> int:
        count = 0
        while route.moved("s-1.firebaseio.com") is None:
            count += 1
        return count

    assert moves() == 5
    assert moves() == 0
    route.arrived()
    assert moves() == 5
    route.failed()
    assert moves() == 5
