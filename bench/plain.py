"""A peer for the emulator's requests: the same server stack around a dict, and no semantics.

Starlette and uvicorn as the emulator uses them. PUT and PATCH store the parsed body under its path,
GET gives it back. Run as a program it prints its port and serves until it is ended.
"""

import json
import socket

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


def main() -> None:
    """Serve on a free port of this machine."""
    stored: dict[str, object] = {}

    async def answer(request: Request) -> JSONResponse:
        path = request.url.path
        if request.method != "GET":
            stored[path] = json.loads(await request.body())
        return JSONResponse(stored.get(path))

    app = Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "PUT", "PATCH"])])
    # asyncio turns Nagle's algorithm off only for sockets that say they are TCP.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    listening.listen(128)  # before anybody is told the port
    print(listening.getsockname()[1], flush=True)
    config = uvicorn.Config(
        app, http="h11", ws="none", lifespan="off", log_config=None, access_log=False
    )
    uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()
