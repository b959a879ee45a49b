"""A Python process that has imported the package already, and forks for each program a test starts.

Such a program is a tenth of a second of its own and half a second of imports, and tests start
hundreds. What is forked here is a process like any other: its streams, session, directory,
arguments and environment are its own, its parent is whoever asked for it, its ``__main__`` is the
interpreter's, and it ends as an interpreter does.
"""

import ast
import atexit
import ctypes
import gc
import importlib
import io
import json
import os
import pkgutil
import socket
import sys
import threading
import time
from contextlib import suppress
from types import CodeType, ModuleType
from typing import Any, Final, TypedDict

__all__ = ["LENGTH", "Order", "program"]

LENGTH: Final = 4
"""Bytes of the length before an order, and of the answer: the process's id, or minus an errno."""

_PACKAGE: Final = "imbari_chat"
_LATE: Final = ("firebase_admin.db", "firebase_admin.auth", "pyrebase", "keyring")
"""What commands import when they run."""


_imported: Final[dict[str, ModuleType]] = {}
"""All modules there are before a fork."""


class Order(TypedDict):
    """What is to be started; the streams come beside it.

    Attributes:
        code: Python.
        arguments: ``sys.argv``; the first is the file that the code is from, or ``-c``.
        environment: All of it.
        cwd: Where it runs.
        session: Whether it begins a session.
        group: The process group it joins, 0 for one of its own, -1 for its parent's.
    """

    code: str
    arguments: list[str]
    environment: dict[str, str]
    cwd: str
    session: bool
    group: int


def program(channel: int, root: str) -> CodeType:
    """Serve; returns in each process that is forked, with what it is to run.

    Args:
        channel: Descriptor of the socket that orders come from; when it ends, so does this process.
        root: The directory that holds these tests.
    """
    gc.disable()
    atexit.register(_leave_as_it_is)  # what is registered first is done last
    with socket.socket(fileno=channel) as orders:
        while True:
            order, streams = _next(orders)
            _import(order["code"])
            if _is_child():
                try:
                    _become(order, streams, root)
                except OSError as error:
                    _answer(orders, -(error.errno or 1))
                    os._exit(255)
                _answer(orders, os.getpid())
                return _code(order)
            for stream in streams:
                os.close(stream)


def _next(orders: socket.socket) -> tuple[Order, list[int]]:
    try:
        head, streams, _, _ = socket.recv_fds(orders, LENGTH, 3)
    except KeyboardInterrupt:
        head = b""
    if not head:
        os._exit(0)
    size, text = int.from_bytes(head, "big"), b""
    while len(text) < size:
        text += orders.recv(size - len(text))
    order: Order = json.loads(text)
    return order, streams


def _answer(orders: socket.socket, number: int) -> None:
    orders.sendall(number.to_bytes(LENGTH, "big", signed=True))


def _import(code: str) -> None:
    """What this program takes from the package, before the fork and for all that come after."""
    known = len(sys.modules)
    with suppress(SyntaxError, ImportError):  # the program meets it as well, and tells
        for statement in ast.parse(code).body:
            match statement:
                case ast.ImportFrom(module=str(name)) if name.split(".")[0] in (_PACKAGE, "tests"):
                    exec(compile(ast.Module([statement], []), "<imports>", "exec"), {})
                    if name.startswith(f"{_PACKAGE}.cli"):
                        _import_all()
    if len(sys.modules) > known:
        _imported.update(sys.modules)
        gc.collect()
        gc.freeze()


def _import_all() -> None:
    """A command knows only when it runs which modules it needs."""
    package = importlib.import_module(_PACKAGE)
    for module in pkgutil.walk_packages(package.__path__, f"{_PACKAGE}."):
        importlib.import_module(module.name)
    for name in _LATE:
        importlib.import_module(name)


def _leave_as_it_is() -> None:
    """At a program's end: what it did not import itself is not taken apart.

    That would write to most of what it shares with this process, which costs more than the fork.
    """
    for name in _imported.keys() - {"__main__"}:
        sys.modules.pop(name, None)
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(_imported))


def _is_child() -> bool:
    """Fork a grandchild, and leave it to whoever adopts it; in which of the two this returns."""
    assert threading.active_count() == 1, threading.enumerate()
    between = os.fork()
    if between:
        os.waitpid(between, 0)
        return False
    between = os.getpid()
    if os.fork():
        os._exit(0)
    while os.getppid() == between:
        time.sleep(0.0002)
    return True


def _become(order: Order, streams: list[int], root: str) -> None:
    """Take on everything that makes a process different from another."""
    if order["session"]:
        os.setsid()
    if order["group"] >= 0:
        os.setpgid(0, order["group"])
    os.chdir(order["cwd"])
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    inherited = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    os.environ.clear()
    os.environ.update(order["environment"])
    time.tzset()
    places = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    own = [place for place in sys.path if place not in ("", root, *inherited)]
    sys.path[:] = ["", *filter(None, places), *own]
    sys.argv[:] = order["arguments"]
    for name in ("stdin", "stdout", "stderr"):
        stream = _opened(getattr(sys, name))
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    gc.enable()


def _code(order: Order) -> CodeType:
    """Compiled, with what else says where a program is from."""
    file = order["arguments"][0]
    if file == "-c":
        return compile(order["code"], "<string>", "exec")
    sys.path[0] = os.path.dirname(os.path.realpath(file))  # noqa: PTH120
    sys.modules["__main__"].__file__ = file
    return compile(order["code"], file, "exec")


def _opened(like: Any) -> Any:
    """A standard stream anew, just as the interpreter opens it: it may lead to a terminal now."""
    number, mode = like.fileno(), like.mode
    unbuffered = bool(os.environ.get("PYTHONUNBUFFERED"))
    buffer = open(number, f"{mode}b", -1 if mode == "r" or not unbuffered else 0, closefd=False)  # noqa: SIM115
    raw: Any = getattr(buffer, "raw", buffer)
    raw.name = like.name
    stream: Any = io.TextIOWrapper(
        buffer,
        encoding=like.encoding,
        errors=like.errors,
        newline="\n",
        line_buffering=not unbuffered and (number == 2 or buffer.isatty()),
        write_through=unbuffered,
    )
    stream.mode = mode
    return stream
