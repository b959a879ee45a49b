"""What several suites share: budgets, who runs beside whom, and Google's own Auth emulator."""

import gc
import logging
import os
import signal
import tempfile
from collections import Counter
from collections.abc import Generator, Iterator
from typing import Any, Final

import pytest

from imbari_chat.http_environment import TRUST_VARIABLES
from tests import budget
from tests.budget import drawn
from tests.costs import Costs
from tests.google import Absent, auth_emulator

_CORES: Final = ("wire", "rules", "schema", "view", "engine")

_MANY: Final = 20
"""Variants of a test."""

_YOUNG: Final = 10_000
"""Objects made and not freed between two searches for garbage."""

budget.register()


def pytest_configure(config: pytest.Config) -> None:
    """The run ends with what it cost, and knows nothing of the machine's proxies and authorities.

    And Ctrl-C is heard, also if a shell has put it aside: what a shell starts in the background
    ignores it, and so would every program that tests start.
    """
    config.pluginmanager.register(Costs())
    for name in [*os.environ]:
        if name.lower().endswith("_proxy") or name in TRUST_VARIABLES:
            del os.environ[name]
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)  # also without pytest-xdist
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Three workers for a processor, as far as memory goes: mostly a test waits.

    Each imports and collects everything for itself, so many more would cost more than they do.
    """
    return min(max(3 * (os.cpu_count() or 1), 3), 8)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With ``--dist loadgroup``, the variants of a function stay together as well."""
    from tests.schedule import ByFunction

    return ByFunction(config, log) if config.getoption("dist") == "loadgroup" else None


@pytest.hookimpl(wrapper=True, tryfirst=True)  # before xdist reads the groups, after all shuffling
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> Generator[None]:
    """Tests that share what is slow to start go to one worker, and begin first.

    Of those marked ``drawn`` a share stays, unless somebody has asked for certain tests. Those with
    many variants are next, which one worker runs in a row. Those of cores come last: they are so
    small that all workers end at the same time.
    """
    for item in items:
        if item.get_closest_marker("peer") and not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(_shared_program(item)))
    yield
    if not config.option.keyword and not any("::" in one for one in config.args):
        _draw(config, items)
    variants = Counter(map(_function, items))
    items.sort(key=lambda item: _turn(item, variants[_function(item)]))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is imported and collected stays to the end: no search for garbage goes through it.

    And what tests leave is small: it is searched for less often than usual, which was a fifteenth
    of what they cost.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(_YOUNG)
        gc.enable()


def _draw(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Every worker draws the same; the seed is the run's, ``--randomly-seed``."""
    marked = {one.nodeid: one for one in items if one.get_closest_marker("drawn")}
    seed = config.getoption("randomly_seed", 0)
    left_out = marked.keys() - drawn(marked, seed)
    config.hook.pytest_deselected(items=[marked[name] for name in sorted(left_out)])
    items[:] = [one for one in items if one.nodeid not in left_out]


def _turn(item: pytest.Item, variants: int) -> int:
    """When a test begins: 0 is first."""
    if item.get_closest_marker("xdist_group"):
        return 0
    if item.path.parent.name in _CORES:
        return 3
    return 1 if variants >= _MANY else 2


def _function(item: pytest.Item) -> str:
    """What all variants of a test have in common."""
    return item.nodeid.partition("[")[0]


def _shared_program(item: pytest.Item) -> str:
    """What this test shares with others, by a name."""
    asks = getattr(item, "fixturenames", ())
    if "google_auth_emulator" in asks or item.path.parent.name == "official_sdks":
        return "google"
    if item.path.parent.name == "web":
        return f"web, {item.path.stem}"
    return "peers"


@pytest.fixture(scope="session", autouse=True)
def _temporary_directory() -> Iterator[None]:
    """A directory of one's own: an emulator says there, by the project's name, where its hub is."""
    with (
        tempfile.TemporaryDirectory(prefix="imbari-", ignore_cleanup_errors=True) as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("TMPDIR", folder)
        patch.setattr(tempfile, "tempdir", None)  # found anew
        yield


class _Mistakes(logging.Handler):
    """Keeps what is said of work in the background that ended by a mistake of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.told.append(record.getMessage())


_mistakes = _Mistakes()
logging.getLogger("imbari_chat.net.background").addHandler(_mistakes)


@pytest.fixture(autouse=True)
def mistakes() -> Iterator[list[str]]:
    """What is said of them; a test that makes some takes it away, and in any other nothing is."""
    _mistakes.told.clear()
    yield _mistakes.told
    assert _mistakes.told == []


@pytest.fixture(scope="session")
def google_auth_emulator() -> Iterator[str]:
    """``host:port`` of Google's Auth emulator; tests that ask for it are skipped without one.

    It keeps what earlier tests left in it, so whoever uses it begins by emptying its project.
    """
    try:
        with auth_emulator() as host:
            yield host
    except Absent as reason:
        pytest.skip(str(reason))
