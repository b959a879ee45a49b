"""Where a socket leads, and where a credential may follow."""

import pytest

from imbari_chat.engine.places import SocketPlace

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
