"""An office's own certificate authority, and servers that prove themselves with it."""

import asyncio
import datetime
import ipaddress
import json
import ssl
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

LOOPBACK = ("127.0.0.1",)

__all__ = ["Authority", "Listening", "TlsFront", "service_account"]


@dataclass(frozen=True, slots=True)
class Authority:
    """Files of certificates.

    Attributes:
        certificate: The authority's own, to be believed.
        server: A server's, with its key, signed by the authority.
    """

    certificate: Path
    server: Path

    @classmethod
    def make(cls, folder: Path, names: list[str], addresses: Sequence[str] = LOOPBACK) -> Self:
        """One that vouches for these names and addresses, whatever day it is."""
        authority, key = (
            ec.generate_private_key(ec.SECP256R1()),
            ec.generate_private_key(ec.SECP256R1()),
        )
        issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Office authority")])
        server = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        made = (
            _certificate(issuer, issuer, authority.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(authority, hashes.SHA256())
        )
        signed = (
            _certificate(server, issuer, key.public_key())
            .add_extension(
                x509.SubjectAlternativeName(
                    [
                        *(x509.DNSName(name) for name in names),
                        *(x509.IPAddress(ipaddress.ip_address(one)) for one in addresses),
                    ]
                ),
                critical=False,
            )
            .sign(authority, hashes.SHA256())
        )
        pem = serialization.Encoding.PEM
        (folder / "authority.pem").write_bytes(made.public_bytes(pem))
        (folder / "server.pem").write_bytes(signed.public_bytes(pem) + _private(key))
        return cls(folder / "authority.pem", folder / "server.pem")


class Listening:
    """A server on a port of loopback and a thread of its own, while the ``with`` block runs."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._ready = threading.Event()
        self._over = asyncio.Event()
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._listen())
        self._loop.close()

    async def _listen(self) -> None:
        tasks: set[asyncio.Task[None]] = set()

        async def attend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with suppress(OSError, asyncio.IncompleteReadError):
                await self.serve(reader, writer)
            writer.close()

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.ensure_future(attend(reader, writer))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=self._tls)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._over.wait()
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @staticmethod
    async def join(
        one: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        other: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        """Pass bytes both ways until both sides have ended."""

        async def carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            with suppress(OSError):
                while data := await source.read(65536):
                    sink.write(data)
                    await sink.drain()
            sink.close()

        await asyncio.gather(carry(one[0], other[1]), carry(other[0], one[1]))


class TlsFront(Listening):
    """TLS before ``target`` (HOST:PORT), which speaks plainly."""

    def __init__(self, target: str, authority: Authority) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(authority.server)
        super().__init__(context)
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self.join((reader, writer), await asyncio.open_connection(*self._target))


def service_account(folder: Path, token_uri: str) -> Path:
    """The key file of a service account that gets its tokens at ``token_uri``."""
    # Half of what is usual: a key is checked whenever it is loaded, and that took 36 ms.
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    file = folder / "service-account.json"
    file.write_text(
        json.dumps(
            {
                "type": "service_account",
                "project_id": "demo-imbari",
                "private_key_id": "k",
                "private_key": _private(key).decode(),
                "client_email": "robot@demo-imbari.iam.gserviceaccount.com",
                "client_id": "1",
                "token_uri": token_uri,
            }
        )
    )
    return file


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC))
        .not_valid_after(datetime.datetime(2100, 1, 1, tzinfo=datetime.UTC))
    )


def _private(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
