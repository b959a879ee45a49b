"""The security rules in force at a database, read and replaced by a service account."""

import re
from pathlib import Path as FilePath
from types import TracebackType
from typing import Final, Self

from imbari_chat.engine.refusals import Call, refusal, service_message
from imbari_chat.errors import AccessDenied, Conflict, RulesError
from imbari_chat.identity.mapping import transport_errors
from imbari_chat.identity.project import Project
from imbari_chat.identity.service import service_access
from imbari_chat.identity.session import QuietSession
from imbari_chat.wire.paths import Path

__all__ = ["DeployedRules", "same_rules"]

_WHERE: Final = "/.settings/rules"
_REFUSED: Final = re.compile(r"(\d+):(\d+): (.*)", re.DOTALL)


class DeployedRules:
    """The rules of one database. A context manager; closing it gives its connections back.

    Args:
        project: Which database.
        key_file: A service account's key; None for application default credentials. An emulator
            needs neither.

    Raises:
        ConfigError: The credentials cannot be used.
    """

    def __init__(self, project: Project, *, key_file: FilePath | None = None) -> None:
        self._url: Final = f"{project.rest_base}{_WHERE}.json"
        self._access = service_access(project, key_file=key_file, unrestricted=True)
        namespace = project.namespace if project.is_emulator else None
        self._session = QuietSession(project, namespace=namespace)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closing twice is fine."""
        self._session.close()
        self._access.close()

    def text(self) -> str:
        """The rules as they were deployed, comments and all.

        Raises:
            AccessDenied, AuthError, ConfigError, QuotaExceeded, Unavailable: As for every call.
        """
        return self._request("GET", Call(_WHERE, caller="the service account"))

    def check(self, text: str) -> None:
        """Ask the database whether it would take these rules, and change nothing.

        Raises:
            RulesError: It would not.
            AccessDenied, AuthError, ConfigError, QuotaExceeded, Unavailable: As for every call.
        """
        self._request("PUT", Call(_WHERE, caller="the service account"), text, dry_run=True)

    def deploy(self, text: str, *, over: str | None = None) -> None:
        """Put these rules in force at once, and see that they are.

        Args:
            text: The new rules.
            over: The rules that these were compared with, if with any. The service has no
                conditional write of rules, so this is looked at just before.

        Raises:
            Conflict: Others are in force than ``over``, and nothing was changed; or others than
                ``text`` afterwards.
            RulesError: The database does not take them; the old ones stay.
            AccessDenied, AuthError, ConfigError, QuotaExceeded, Unavailable: As for every call.
        """
        if over is not None and not same_rules(self.text(), over):
            raise Conflict(
                "somebody else has changed the rules meanwhile; nothing was deployed",
                where=_WHERE,
                hint="Look at the difference again",
            )
        self._request("PUT", Call(_WHERE, write=True, caller="the service account"), text)
        if not same_rules(self.text(), text):
            raise Conflict(
                "the database has other rules in force than those just deployed",
                where=_WHERE,
                hint="Somebody else may have deployed in the same moment; see rules get",
            )

    def _request(
        self, method: str, call: Call, text: str | None = None, *, dry_run: bool = False
    ) -> str:
        with transport_errors(call):
            credential = self._access.stream(Path()).headers
            answer = self._session.request(
                method,
                self._url + ("?dryRun=true" if dry_run else ""),
                headers={**credential, "Content-Type": "application/json; charset=utf-8"},
                data=None if text is None else text.encode(),
            )
        answer.encoding = "utf-8"
        if answer.ok:
            return answer.text
        if answer.status_code == 400:
            refused = _REFUSED.fullmatch(service_message(answer.text))
            if refused is not None:
                line, column, message = refused.groups()
                raise RulesError(message, line=int(line), column=int(column))
        kind = answer.headers.get("content-type", "")
        error = refusal(answer.status_code, answer.text, call, kind=kind)
        if isinstance(error, AccessDenied):
            raise AccessDenied(
                "this account may neither read nor change the rules",
                where=_WHERE,
                hint="It takes the role Firebase Realtime Database Admin or Firebase Admin",
            )
        raise error


def same_rules(one: str, other: str) -> bool:
    """Whether two texts are the same rules; how lines end is not looked at."""
    return [line.rstrip() for line in one.strip().splitlines()] == [
        line.rstrip() for line in other.strip().splitlines()
    ]
