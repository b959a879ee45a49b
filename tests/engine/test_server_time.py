"""What a ``Date`` header says."""

import pytest

from imbari_chat.engine.server_time import http_date


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("Tue, 15 Nov 1994 08:12:31 GMT", 784_887_151_000),
        ("Tue, 15 Nov 1994 08:12:31 +0100", 784_883_551_000),
        ("", None),
        ("yesterday", None),
        ("Tue, 45 Nov 1994 08:12:31 GMT", None),
        ("Tue, 15 Nov 19940000 08:12:31 GMT", None),
        (None, None),
    ],
)
def test_a_date_is_a_moment_or_none(text: str | None, moment: int | None) -> None:
    """Whatever a proxy makes of it, nothing is raised."""
    assert http_date(text) == moment
    assert http_date(text, "0") is None
