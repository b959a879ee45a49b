"""Unsigned JSON Web Tokens."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbari_chat.emulator.tokens import decode_unverified, encode_unsigned, parse_object

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=5,
)


def test_a_token_has_the_emulators_header_and_ends_with_a_dot() -> None:
    """Clients tell an emulator's token by algorithm none and the missing signature."""
    header, payload, signature = encode_unsigned({"sub": "u1"}).split(".")
    assert json.loads(urlsafe_b64decode(header + "==")) == {"alg": "none", "typ": "JWT"}
    assert json.loads(urlsafe_b64decode(payload + "==")) == {"sub": "u1"}
    assert signature == ""


@given(st.dictionaries(st.text(max_size=8), VALUES, max_size=5))
def test_what_is_encoded_comes_back(claims: dict[str, object]) -> None:
    """Any JSON claims survive, whatever characters are in them."""
    token = encode_unsigned(json.loads(json.dumps(claims)))
    assert token.isascii()
    assert "=" not in token
    assert decode_unverified(token) == claims


def test_a_signed_token_is_read_without_its_signature_being_looked_at() -> None:
    """An emulator has no keys; whoever signed it, the claims are believed."""
    header = urlsafe_b64encode(b'{"alg":"RS256","kid":"k"}').decode().rstrip("=")
    payload = urlsafe_b64encode(b'{"sub":"u1"}').decode().rstrip("=")
    assert decode_unverified(f"{header}.{payload}.c2lnbmF0dXJl") == {"sub": "u1"}


@pytest.mark.parametrize(
    "token",
    [
        "",
        "garbage",
        "a.b",
        "a.b.c",
        "..",
        "é.é.é",
        "e30.e30",
        "e30.W10.",
        "W10.e30.",
        "e30.bnVsbA.",
    ],
)
def test_what_is_no_token_is_a_value_error(token: str) -> None:
    """Three parts, header and payload JSON objects, or it is no JWT."""
    with pytest.raises(ValueError, match=r"\S"):
        decode_unverified(token)


@given(st.text())
def test_no_text_breaks_the_reader(text: str) -> None:
    """Anything at all is either a token or a ValueError."""
    try:
        decode_unverified(text)
    except ValueError:
        return


@pytest.mark.parametrize(
    "text",
    ["[]", "1", "null", "", "{", '{"a":NaN}', '{"a":1e999}', "\xff", '{"a":' * 65 + "1" + "}" * 65],
)
def test_only_plain_objects_are_parsed(text: str) -> None:
    """Python reads more as JSON than JSON is, and deeper than it can write."""
    with pytest.raises(ValueError, match=r"\S"):
        parse_object(text)


def test_the_deepest_object_that_is_parsed_can_be_written_again() -> None:
    """The limit on depth is far from where the encoder gives up."""
    deepest = parse_object('{"a":' * 63 + "1" + "}" * 63)
    assert decode_unverified(encode_unsigned(deepest)) == deepest
