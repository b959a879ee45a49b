"""What proves who is asking, and when it is to be replaced."""

from imbari_chat.engine.access import SocketRequest
from imbari_chat.engine.credentials import Credentials
from imbari_chat.engine.places import SocketPlace

REQUEST = SocketRequest(SocketPlace("h", "n", secure=True), "auth", {"cred": "x"})


def test_one_that_ends_is_replaced_before() -> None:
    """One that is nearly over is used up, and one without an end stays."""
    credentials = Credentials(renew_before=120.0)
    for ends, due in ((3600.0, 3580.0), (60.0, 130.0), (None, None)):
        credentials.got(REQUEST, ends)
        credentials.used(100.0)
        assert credentials.renew_at == due
    credentials.later(100.0)
    assert credentials.renew_at == 130.0
    assert credentials.latest is REQUEST


def test_a_refused_one_must_be_a_new_one_until_that_has_come() -> None:
    """At once the first time; then only after a pause, until one is taken."""
    credentials = Credentials(renew_before=120.0)
    assert not credentials.wanted()
    assert credentials.refused()
    assert credentials.wanted()
    credentials.failed()
    assert credentials.wanted()
    assert not credentials.wanted()
    assert not credentials.refused()
    assert credentials.wanted()
    credentials.taken()
    assert credentials.refused()
