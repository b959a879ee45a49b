"""Change every condition of both profiles and say which changes no case notices.

Exit code 0 if each is noticed or listed as equal; 1 if not, or if a listed one is noticed after
all.
"""

import sys
import time

from tests.contract.playing import PROFILES, profile
from tests.mutants.score import equal, play


def main() -> int:
    """Print the score of each profile."""
    holes = 0
    for name in PROFILES:
        began = time.perf_counter()
        score, known = play(*profile(name)), equal(name)
        unnoticed = [each for each in score.unnoticed if each not in known]
        stale = sorted(known.keys() - set(score.unnoticed))
        noticed = score.tried - len(score.unnoticed)
        print(
            f"{name}: {score.tried} changes, {noticed} noticed, {len(known)} equal,"
            f" {len(unnoticed)} unnoticed ({time.perf_counter() - began:.1f} s)"
        )
        for place, change in unnoticed:
            print(f"  unnoticed  {place}  {change}")
        for place, change in stale:
            print(f"  not equal, or not there any more  {place}  {change}")
        holes += len(unnoticed) + len(stale)
    return 1 if holes else 0


if __name__ == "__main__":
    sys.exit(main())
