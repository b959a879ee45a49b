"""What the environment says of HTTP: through which proxy, and whose certificates to believe.

The only home of both. httpx reads streams, websockets a socket, requests does the rest, on behalf
of firebase-admin, google-auth, pyrebase4 and our own calls, and each of them has a reading of the
environment of its own: whatever the environment says would hold for one half of a program and not
for the other. So all of them have theirs turned off and ask here, with every address they are about
to go to.

The rule, which follows curl where the libraries differ:

- This machine is reached directly, whatever is set: no proxy on the way to the internet leads here.
- ``https_proxy`` or ``http_proxy`` by the address's scheme, else ``all_proxy``; the lower-case name
  goes before the upper-case one, also to turn it off by being empty. Without any, the settings of
  the operating system hold, where it has some.
- ``no_proxy`` lists what is reached directly: names with all that is below them, addresses,
  networks (``10.0.0.0/8``, ``fd00::/8``), each with a port or without one, and patterns with ``*``.
- ``REQUESTS_CA_BUNDLE``, ``CURL_CA_BUNDLE``, ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` name the
  authorities to believe, together, in place of the list that comes with certifi.
- ``SSLKEYLOGFILE`` names a file for the keys of connections, which Wireshark reads.
- ``~/.netrc`` is never read. It would replace a bearer token by a password for another service.

A variable that cannot be used is an error as soon as an address depends on it, and not before.
"""

import fnmatch
import ipaddress
import os
import re
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Self, TypeAlias
from urllib.parse import SplitResult, quote, unquote, urlsplit

from imbari_chat.errors import ConfigError, raise_alone

__all__ = [
    "TRUST_VARIABLES",
    "HttpEnvironment",
    "Proxy",
    "is_this_machine",
    "untrusted_certificate",
]

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_OWN_NAMES: Final = {"localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback"}
_PORTS: Final = {"http": 80, "https": 443}
_SCHEMES: Final = {
    "http": "http",
    "https": "https",
    # Desktops write socks:// and mean version 5, and both libraries let the proxy resolve names.
    "socks": "socks5",
    "socks5": "socks5",
    "socks5h": "socks5",
}
_SOCKS_LIBRARIES: Final = {"socksio": "httpx", "socks": "requests"}
TRUST_VARIABLES: Final = (
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
)
"""Each may name whose certificates are believed, instead of the authorities everybody knows."""
_KEY_LOG: Final = "SSLKEYLOGFILE"
_HOST: Final = re.compile(r"(?=.{1,253}$)[\w-]{1,63}(\.[\w-]{1,63})*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy to go through.

    Attributes:
        url: ``http://``, ``https://`` or ``socks5://``, host and port. It may carry a name and a
            password, percent-encoded UTF-8, and always both: never show it.
        source: The variable that names it.
    """

    url: str = field(repr=False)
    source: str

    @property
    def over_tls(self) -> bool:
        """Whether the way to the proxy itself is encrypted."""
        return self.url.startswith("https:")

    @property
    def is_socks(self) -> bool:
        """Whether it takes connections rather than requests."""
        return self.url.startswith("socks5:")


class HttpEnvironment:
    """One environment. Safe to share between threads.

    Args:
        variables: Names to values, as in ``os.environ``.
        system: The proxies of the operating system by scheme, for when no variable names one.
    """

    def __init__(
        self, variables: Mapping[str, str], system: Mapping[str, str] | None = None
    ) -> None:
        self._variables = variables
        self._proxies = {
            scheme: found
            for scheme in ("http", "https", "all")
            if (found := _variable(variables, f"{scheme}_proxy")) is not None
        }
        self._from_system = not self._proxies
        if self._from_system:
            self._proxies = {
                scheme: ("the system's settings", address)
                for scheme, address in (system or {}).items()
            }

    @classmethod
    def read(cls) -> Self:
        """That of this process, as it is now."""
        from urllib.request import getproxies

        return cls(dict(os.environ), getproxies())

    def check(self, *urls: str) -> None:
        """Make sure that what these addresses depend on can be used, without going there.

        Raises:
            ConfigError: As :meth:`proxy_for` and :attr:`tls`.
        """
        for url in urls:
            proxy = self.proxy_for(url)
            encrypted = urlsplit(url).scheme == "https" or (proxy is not None and proxy.over_tls)
            if encrypted and (any(self._trust_variables()) or self._variables.get(_KEY_LOG)):
                _ = self.tls

    def proxy_for(self, url: str) -> Proxy | None:
        """The proxy on the way to ``url``; None to go there directly.

        Raises:
            ConfigError: The variable that decides holds nothing that can be used.
        """
        parts = urlsplit(url)
        found = self._proxies.get(parts.scheme) or self._proxies.get("all")
        if found is None or is_this_machine(parts.hostname or "") or self._is_exempt(parts):
            return None
        return _proxy(*found)

    @cached_property
    def tls(self) -> ssl.SSLContext:
        """How certificates are checked. Making it reads files; it is made once.

        Raises:
            ConfigError: A variable names what holds no certificates, or no keys.
        """
        # Made with nothing of create_default_context, which takes more upon itself from version to
        # version: that of Python 3.13 refuses many an office's authority for its form.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        named = list(self._trust_variables())
        for variable, place in named:
            _believe(context, variable, place)
        if not named:
            import certifi

            context.load_verify_locations(cafile=certifi.where())
        if keys := self._variables.get(_KEY_LOG):
            _keep_keys(context, keys)
        return context

    def _trust_variables(self) -> Iterator[tuple[str, str]]:
        for variable in TRUST_VARIABLES:
            if place := self._variables.get(variable):
                yield variable, place

    def _is_exempt(self, parts: SplitResult) -> bool:
        host = _ascii(parts.hostname or "")
        if self._from_system:
            from urllib.request import proxy_bypass

            return bool(proxy_bypass(host))
        found = _variable(self._variables, "no_proxy")
        if found is None:
            return False
        variable, text = found
        port = parts.port or _PORTS.get(parts.scheme)
        return any(
            _covers(entry.lower(), host, port, variable)
            for entry in re.split(r"[,\s]+", text)
            if entry
        )


def is_this_machine(host: str) -> bool:
    """Whether ``host``, a name or an address without brackets, can only be this machine."""
    name = host.lower().rstrip(".")
    address = _address(name)
    if address is not None:
        return address.is_loopback or address.is_unspecified
    return name in _OWN_NAMES or name.endswith(".localhost")


def untrusted_certificate(error: BaseException) -> str | None:
    """Why a certificate was refused, if that is what ``error`` comes from."""
    seen: set[int] = set()
    todo: list[object] = [error]
    while todo:
        one = todo.pop()
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, ssl.SSLCertVerificationError):
            return one.verify_message or "it cannot be verified"
        # urllib3 keeps what it met in ``reason`` or among the arguments.
        todo += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]
    return None


def _variable(variables: Mapping[str, str], name: str) -> tuple[str, str] | None:
    """A variable by its lower-case name, however it is written, and what it holds."""
    if name in variables:
        return (name, text) if (text := variables[name].strip()) else None
    if name == "http_proxy" and "REQUEST_METHOD" in variables:
        return None  # of a CGI program: the header "Proxy" of a stranger's request arrives so
    for other, text in variables.items():
        if other.lower() == name and text.strip():
            return other, text.strip()
    return None


def _proxy(source: str, text: str) -> Proxy:
    """What a variable says. Nothing of it is quoted, because it may hold a password."""
    address = text if "://" in text else f"http://{text}"
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        raise_alone(_unusable(source, "its port is not a number up to 65535"))
    scheme = _SCHEMES.get(parts.scheme.lower())
    if scheme is None:
        raise _unusable(source, f"{parts.scheme[:20]}:// is no kind of proxy that is known here")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise _unusable(
            source,
            "it goes on after the host and the port",
            "Write a script's address (PAC) as the proxy it picks, and / ? # of a password as %2F"
            " %3F %23",
        )
    host = parts.hostname or ""
    if _address(host) is None and not _HOST.fullmatch(_ascii(host)):
        raise _unusable(source, "it names no host")
    if scheme == "socks5":
        missing = [name for name in _SOCKS_LIBRARIES if find_spec(name) is None]
        if missing:
            raise _unusable(
                source,
                "it is a SOCKS proxy, and the libraries that speak to one are not installed",
                "Install them: pip install 'imbari-chat[socks]'",
            )
    shown = f"[{host}]" if ":" in host else _ascii(host)
    return Proxy(
        f"{scheme}://{_user_info(parts.netloc)}{shown}" + (f":{port}" if port is not None else ""),
        source,
    )


def _user_info(netloc: str) -> str:
    """The name and password before a host, in the one form that every library reads alike.

    Each makes something else of a name alone, and of characters that a URL cannot hold: another
    host, for one.
    """
    user, at, _ = netloc.rpartition("@")
    name, _, password = (quote(unquote(one), safe="") for one in user.partition(":"))
    return f"{name}:{password}@" if at else ""


def _covers(entry: str, host: str, port: int | None, variable: str) -> bool:
    """Whether an entry of ``no_proxy`` is about this host."""
    entry = entry.rpartition("://")[2]
    address = _address(host)
    if "/" in entry.rstrip("/"):
        try:
            network = ipaddress.ip_network(entry.replace("[", "").replace("]", ""), strict=False)
        except ValueError:
            raise ConfigError(
                f"{variable} cannot be used: {entry[:60]!r} is neither a host nor a network",
                hint="Write a network as 10.0.0.0/8 or fd00::/8, a host without a path",
            ) from None
        return address is not None and address in network
    name, only_port = _split_port(entry.rstrip("/"))
    if only_port is not None and only_port != str(port):
        return False
    own = _address(name)
    if own is not None:
        return own == address
    if "*" in name:
        return fnmatch.fnmatchcase(host, name) or name.removeprefix("*.") == host
    name = _ascii(name).strip(".")
    # An address has no names above it: 10.0.0.1 is not below 0.0.1.
    return host == name or (address is None and host.endswith(f".{name}"))


def _split_port(entry: str) -> tuple[str, str | None]:
    """A host and a port of ``host``, ``host:80``, ``::1``, ``[::1]`` or ``[::1]:80``."""
    if entry.startswith("["):
        name, _, rest = entry[1:].partition("]")
        return name, rest.removeprefix(":") or None
    name, colon, port = entry.rpartition(":")
    return (name, port) if colon and ":" not in name else (entry, None)


def _address(host: str) -> Address | None:
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def _ascii(host: str) -> str:
    """As it is looked up: in lower case, without a dot at its end, other scripts encoded."""
    name = host.lower().rstrip(".")
    if name.isascii():
        return name
    try:
        return name.encode("idna").decode()
    except UnicodeError:
        return name


def _believe(context: ssl.SSLContext, variable: str, place: str) -> None:
    """Have ``context`` trust what a variable names: a file, or folders as OpenSSL wants them."""
    folders = place.split(os.pathsep) if variable == "SSL_CERT_DIR" else [place]
    problem = f"{variable} cannot be used"
    hint = f"Set {variable} to a file of certificates (PEM), or unset it"
    if variable == "SSL_CERT_DIR" or _is_folder(place):
        if not all(map(_is_folder, folders)):
            raise ConfigError(
                f"{problem}: {place[:200]} is no folder",
                hint=f"Set {variable} to a folder that c_rehash has prepared, or unset it",
            )
        context.load_verify_locations(capath=place)
        return
    try:
        context.load_verify_locations(cafile=place)
    except ssl.SSLError:
        raise ConfigError(f"{problem}: {place[:200]} holds no certificate", hint=hint) from None
    except OSError as error:
        reason = error.strerror or "it cannot be read"
        raise ConfigError(
            f"{problem}: {place[:200]} cannot be read ({reason})", hint=hint
        ) from None
    except ValueError:  # a null character
        raise ConfigError(f"{problem}: it names no file", hint=hint) from None


def _is_folder(place: str) -> bool:
    try:
        return Path(place).is_dir()
    except OSError:  # too long a name, or within what may not be looked into
        return False


def _keep_keys(context: ssl.SSLContext, place: str) -> None:
    """Have ``context`` write there what Wireshark needs to read along."""
    try:
        context.keylog_filename = place
    except (OSError, ValueError) as error:  # ValueError: a null character
        reason = getattr(error, "strerror", None) or "it names no file"
        raise ConfigError(
            f"{_KEY_LOG} cannot be used: {place[:200]!r} cannot be written ({reason})",
            hint=f"Set {_KEY_LOG} to a file, or unset it",
        ) from None


def _unusable(source: str, reason: str, hint: str | None = None) -> ConfigError:
    return ConfigError(
        f"the proxy in {source} cannot be used: {reason}",
        hint=hint or f"Set {source} to http://HOST:PORT, or unset it",
    )
