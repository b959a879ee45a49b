"""The calls of every identity, as requests over REST. Who is asking, each says itself."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeVar, cast

import requests

from imbari_chat.engine.access import Secret, SocketAccess, StreamRequest
from imbari_chat.engine.refusals import Call
from imbari_chat.engine.writes import check_swap, update_body
from imbari_chat.identity.mapping import version_tag
from imbari_chat.identity.project import Project
from imbari_chat.identity.session import JSON_BODY, SilentWrites
from imbari_chat.wire.json import Json, dumps, same
from imbari_chat.wire.paths import ROOT, Path
from imbari_chat.wire.query import Query
from imbari_chat.wire.query_forms import to_params

__all__ = ["RestAccess"]

T = TypeVar("T")


class RestAccess(SocketAccess, Secret):
    """Reads and writes of one database, each one request.

    Args:
        project: Which database.
        session: Makes the requests; closed together with this. Its answers are the service's
            (:func:`~imbari_chat.identity.session.refuse_strangers`).
    """

    def __init__(self, project: Project, session: requests.Session) -> None:
        self._project = project
        self._session = session
        self._writes = SilentWrites(session, project.timeout)

    def _who(self) -> str:
        """Who is asking, for error messages."""
        raise NotImplementedError

    def _token(self) -> str:
        """A token that is good now; gets one first if need be."""
        raise NotImplementedError

    def _signed(
        self, path: Path, token: str, params: Mapping[str, str]
    ) -> tuple[str, Mapping[str, str]]:
        """URL and headers of a request that this token is good for."""
        raise NotImplementedError

    def _attempt(self, call: Call, request: Callable[[str], T]) -> T:
        """Make a request with a token; what it raises becomes an error of this package."""
        raise NotImplementedError

    def get(self, path: Path, query: Query | None = None) -> Json:
        return self._read(path, {} if query is None else to_params(query))

    def get_shallow(self, path: Path) -> Json:
        return self._read(path, {"shallow": "true"})

    def _read(self, path: Path, params: Mapping[str, str]) -> Json:
        def read(token: str) -> Json:
            url, headers = self._signed(path, token, params)
            answer = self._session.get(url, headers=headers)
            answer.raise_for_status()
            return cast("Json", answer.json())

        return self._attempt(Call(str(path), caller=self._who()), read)

    def update(self, changes: Mapping[Path, Json]) -> None:
        if not changes:
            return
        body = dumps(update_body(changes)).encode()

        def write(token: str) -> None:
            self._writes.patch(token, self._silent, body)

        self._attempt(Call.update(changes, self._who()), write)

    def _silent(self, token: str) -> tuple[str, Mapping[str, str]]:
        """A silent write has one answer, which a stranger does not give."""
        return self._signed(ROOT, token, {"print": "silent"})

    def compare_and_set(self, path: Path, expected: Json, value: Json) -> bool:
        check_swap(value)
        look = Call(str(path), caller=self._who())

        def read(token: str) -> tuple[Json, str]:
            url, headers = self._signed(path, token, {})
            answer = self._session.get(url, headers={**headers, "X-Firebase-ETag": "true"})
            answer.raise_for_status()
            return cast("Json", answer.json()), version_tag(answer.headers.get("ETag"), look)

        found, tag = self._attempt(look, read)
        if not same(found, expected):
            return False

        def write(token: str) -> bool:
            url, headers = self._signed(path, token, {})
            answer = self._session.put(
                url,
                headers={**headers, **JSON_BODY, "if-match": tag},
                data=dumps(value).encode(),
            )
            if answer.status_code == 412:  # somebody wrote in between
                return False
            answer.raise_for_status()
            return True

        return self._attempt(replace(look, write=True), write)

    def stream(self, path: Path, query: Query | None = None) -> StreamRequest:
        params = {} if query is None else to_params(query)
        return StreamRequest(*self._signed(path, self._token(), params))

    def close(self) -> None:
        self._session.close()
