"""Requests over a socket that are made to see what happens: few places, so that they often meet."""

import base64
import json
from typing import Any

from hypothesis import strategies as st

from imbari_chat.wire.query_forms import to_object
from tests.emulator.database.strategies import queries

__all__ = ["bodies", "requests", "scraps", "token"]

names = st.sampled_from(
    [
        *("a", "b", "b/c", "a/.priority", "/", "", "//a//", "/a", "0", "é" * 400, "[MIN_NAME]"),
        *(".info", ".sv", ".value", ".priority", ".key", "a.b", "$", "\x00", "x" * 769, "a/" * 33),
        *("\ud800", "x\ud83d", "owner", "timestamp", "increment", "sp", "sn", "l", "i"),
    ]
)
numbers = st.integers(-3, 3) | st.sampled_from([0.5, 5e-324, 1e308, -1e308, 2**63, 10**300])
scraps = st.recursive(
    st.none() | st.booleans() | numbers | names,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)
query_scraps = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("sp", "sn", "sin", "ep", "en", "ein", "l", "vf", "i"), scraps)
)


def token(claims: Any) -> str:
    """An unsigned token that says this, whatever it is."""
    raw = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"{raw}.{raw}."


claims = st.dictionaries(
    st.sampled_from(["sub", "user_id", "d", "admin", "iat", "exp", "firebase"]), scraps
)
bodies = st.fixed_dictionaries(
    {},
    optional={
        "p": names | scraps,
        "d": scraps,
        "q": scraps | query_scraps | queries().map(to_object),
        "t": scraps,
        "h": scraps,
        "cred": scraps | claims.map(token),
        "authvar": scraps,
        "noauth": scraps,
    },
)
requests = st.tuples(
    st.sampled_from(
        [
            *("q", "n", "g", "p", "m", "o", "om", "oc", "s", "l", "u", "x", ""),
            *("auth", "gauth", "unauth", "appcheck", "unappeck"),
        ]
    ),
    bodies,
)
"""Action and body."""
