"""A server that has its one stream ready in memory: what readers cost is all that is measured.

Every stream of the inbox gets the same first snapshot, in chunks as the service sends them, and
then silence. Every other read answers with one session, every write with an acknowledgement. Run as
a program with a number of sessions, it prints its port and serves until it is ended.
"""

import asyncio
import json
import sys
from contextlib import suppress
from typing import Final

__all__ = ["sessions"]

_NOW: Final = 1_790_000_000_000
_INBOX: Final = b"GET /chatSessions.json"
_SILENT: Final = b"HTTP/1.1 204 No Content\r\n\r\n"
_CHUNK: Final = 64 * 1024
_STREAM: Final = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
    b"cache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n"
)


def sessions(number: int) -> dict[str, dict[str, object]]:
    """Sessions by id, each with the fields that the website writes."""
    return {f"-O{index:018}": _session(index) for index in range(number)}


def _session(index: int) -> dict[str, object]:
    return {
        "customerName": f"Customer {index}",
        "customerEmail": f"customer{index}@example.com",
        "customerPhone": f"+2547{index:08}",
        "lastMessage": "Do you roast on Tuesdays, and can I pick my order up at the counter?",
        "lastMessageTime": _NOW + index,
        "unreadCount": index % 3,
        "status": "active" if index % 5 else "resolved",
    }


def _stream(value: object) -> bytes:
    data = json.dumps({"path": "/", "data": value}, separators=(",", ":"))
    body = f"event: put\ndata: {data}\n\n".encode()
    pieces = [body[at : at + _CHUNK] for at in range(0, len(body), _CHUNK)]
    return _STREAM + b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)


def _answer(value: object) -> bytes:
    body = json.dumps(value).encode()
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


async def _serve(number: int) -> None:
    inbox, nothing = _stream(sessions(number)), _stream(None)
    session, done = _answer(_session(0)), _answer({})

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.lower().split(b"\r\n")
                lengths = [line[15:] for line in lines if line.startswith(b"content-length:")]
                await reader.readexactly(int(lengths[0]) if lengths else 0)
                if b"accept: text/event-stream" in lines:
                    # Whoever listens to more than the inbox finds nothing there.
                    writer.write(inbox if head.startswith(_INBOX) else nothing)
                elif head.startswith(b"GET"):
                    writer.write(session)
                else:
                    writer.write(_SILENT if b"print=silent" in lines[0] else done)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(_serve(int(sys.argv[1])))
