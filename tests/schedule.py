"""Which tests one worker of pytest-xdist runs in a row."""

from xdist.scheduler import LoadGroupScheduling

__all__ = ["ByFunction"]


class ByFunction(LoadGroupScheduling):  # type: ignore[misc]  # it has no types
    """One group at a time, and of tests without one, all variants of a function.

    One by one, thousands of small tests cost more to hand out than to run.
    """

    def _split_scope(self, nodeid: str) -> str:
        group: str = super()._split_scope(nodeid)
        return group.partition("[")[0] if group == nodeid else group

    def _pending_of(self, workload: dict[str, dict[str, bool]]) -> int:
        """How many are not done; groups that are done are forgotten.

        They would be counted through after every test, thousands by thousands.
        """
        for group in [group for group, unit in workload.items() if all(unit.values())]:
            del workload[group]
        pending: int = super()._pending_of(workload)
        return pending
