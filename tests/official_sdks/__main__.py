"""Print the table of calls: ``python -m tests.official_sdks [embedded|google]``."""

import sys
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from imbari_chat.emulator import Emulator
from tests.google import Absent, auth_emulator, database_emulator
from tests.official_sdks.differences import DIFFERENCES
from tests.official_sdks.javascript.clients import STARTS
from tests.official_sdks.javascript.left_out import LEFT_OUT
from tests.official_sdks.javascript.programs import Programs
from tests.official_sdks.place import PROJECT, Target
from tests.official_sdks.suite import CASES, HALF, run
from tests.official_sdks.table import Result, rows, summary


@contextmanager
def _targets(name: str) -> Iterator[dict[str, Target]]:
    """By half of an emulator; a half that is not there is missing."""
    with ExitStack() as stack:
        if name == "embedded":
            emulator = stack.enter_context(Emulator(PROJECT))
            target = Target(name, emulator.database_host, emulator.auth_host)
            yield {"database": target, "auth": target}
            return
        found = {}
        try:
            found["auth"] = Target(name, auth=stack.enter_context(auth_emulator()))
        except Absent as reason:
            print(reason, file=sys.stderr)
        try:
            found["database"] = Target(name, database=database_emulator())
        except Absent as reason:
            print(reason, file=sys.stderr)
        yield found


def main(name: str) -> int:
    """Run every case against a target and print what came of it; 1 if any failed."""
    results: list[Result] = []
    absent: Counter[tuple[str, str]] = Counter()
    with _targets(name) as targets, Programs(STARTS) as programs:
        for case in CASES:
            target = targets.get(HALF[case.client])
            if target is None:
                continue
            different = DIFFERENCES.get(case.name) if name == "google" else None
            why = different.why if different else ""
            try:
                run(case, target, programs)
            except pytest.skip.Exception as skipped:
                absent[case.client, str(skipped)] += 1
            except Exception as error:  # noqa: BLE001  # whatever it is belongs in the table
                traceback.print_exc()
                results.append(Result(case, f"{case.check.__name__}: {type(error).__name__}"))
            else:
                results.append(Result(case, difference=why))
    for row in rows(results, LEFT_OUT):
        print(row)
    for (client, reason), number in absent.items():
        print(f"\n{client}\n  {number} cases NOT RUN: {reason}")
    print(f"\n{len(results)} cases against {name}: {summary(results)}")
    return 1 if any(result.failure for result in results) or not results else 0


if __name__ == "__main__":
    chosen = sys.argv[1:] or ["embedded"]
    if len(chosen) != 1 or chosen[0] not in {"embedded", "google"}:
        sys.exit("usage: python -m tests.official_sdks [embedded|google]")
    sys.exit(main(chosen[0]))
