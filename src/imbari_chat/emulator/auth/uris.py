"""What the service takes for an address, and how a browser writes one down."""

import re
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit

__all__ = ["form_encoded", "form_pairs", "is_absolute", "with_query"]

_ABSOLUTE: Final = re.compile(r"\s*([a-zA-Z][a-zA-Z0-9+.-]*):(.*)", re.DOTALL)
_WITH_HOST: Final = frozenset({"http", "https", "ws", "wss", "ftp"})


def is_absolute(text: str) -> bool:
    """True for a URL as a browser understands it: a scheme, and a host where one belongs."""
    match = _ABSOLUTE.fullmatch(text)
    if match is None:
        return False
    if match[1].lower() not in _WITH_HOST:
        return True
    try:
        parts = urlsplit(f"http://{match[2].lstrip('/')}")
        return bool(parts.hostname) and not re.search(r"[\s<>^|%]", parts.netloc)
    except ValueError:
        return False


def form_pairs(text: str) -> list[tuple[str, str]]:
    """The parameters of a query, a fragment or a form; of a repeated one the first value counts."""
    first: dict[str, str] = {}
    for name, value in parse_qsl(text.removeprefix("?"), keep_blank_values=True):
        first.setdefault(name, value)
    return [*first.items()]


def form_encoded(pairs: Iterable[tuple[str, str]]) -> str:
    """Parameters as a browser writes them into a URL."""
    return urlencode([*pairs], safe="*", errors="replace").replace("~", "%7E")


def with_query(url: str, parameters: Mapping[str, str]) -> str:
    """An absolute URL without its fragment, with these parameters instead of its own.

    It is written as a browser writes it: only where a host belongs is it known what is one, so that
    its case does not count and a path follows it.
    """
    scheme, _, rest = re.split("[?#]", re.sub(r"[\t\r\n]", "", url), maxsplit=1)[0].partition(":")
    scheme = scheme.strip().lower()
    if scheme in _WITH_HOST:
        place, _, path = rest.lstrip("/").partition("/")
        user, at, host = place.rpartition("@")
        rest = f"//{user}{at}{host.lower()}/{path}"
    query = form_encoded(parameters.items())
    return f"{scheme}:{rest}?{query}" if query else f"{scheme}:{rest}"
