"""The examples that are scripts, run as a reader would run them."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import programs
from tests.examples.conftest import ROOT, run

_EXAMPLES = ROOT / "examples"


def test_quickstart_runs_from_a_clean_shell(nowhere: Path) -> None:
    """The whole transcript, from the emulator's own command and with no configuration."""
    script = str(_EXAMPLES / "quickstart.py")
    result = run(*programs.OURS, "emulator", "exec", "--", sys.executable, script, cwd=nowhere)
    assert result.returncode == 0, result.stderr
    assert result.stdout == (
        "The inbox\n"
        "  Amina: 1 unread, active\n"
        "\n"
        "The customer hears\n"
        "  Imbari: We do, every Tuesday. How many kilos?\n"
        "\n"
        "The conversation, as it stands now\n"
        "  Amina: Do you ship to Kampala?\n"
        "  Imbari: We do, every Tuesday. How many kilos?\n"
        "  Amina: 0 unread, resolved\n"
    )


def test_quickstart_without_an_emulator_says_how_to_get_one(nowhere: Path) -> None:
    """Whoever forgets the first half of the command is told it."""
    result = run(sys.executable, str(_EXAMPLES / "quickstart.py"), cwd=nowhere)
    assert result.returncode == 1
    assert "imbari-chat emulator exec" in result.stderr.splitlines()[-1]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_clerk_that_is_killed_twice_sends_everything_once(nowhere: Path) -> None:
    """How much was stored at each moment is chance; what it comes to is not."""
    result = run(sys.executable, "-m", "examples.killed", cwd=ROOT)
    assert result.returncode == 0, result.stdout + result.stderr
    accepted, untold, stored = map(
        int, re.findall(r"accepted (\d+), and (\d) of.*\n  stored (\d+):", result.stdout)[0]
    )
    assert accepted >= 50
    assert stored == accepted + untold
    assert result.stdout.endswith(
        "lost 0, twice 0\n  in the order in which they were written: yes\n"
    )
    assert result.stdout.count("is killed (SIGKILL)") == 2


@pytest.fixture
def project(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The CI example, copied away from here: nothing of this repository's own settings applies.

    Nor do the plugins of pytest that it does not require.
    """
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    return Path(shutil.copytree(_EXAMPLES / "ci", nowhere / "project"))


def _passed(result: "subprocess.CompletedProcess[str]") -> bool:
    return result.returncode == 0 and re.search(r"\b3 passed\b", result.stdout) is not None


def test_the_ci_project_passes_by_itself(project: Path) -> None:
    """Plain ``pytest``, as on a developer's machine: it brings its own emulator."""
    result = run(sys.executable, "-m", "pytest", cwd=project)
    assert _passed(result), result.stdout + result.stderr


def test_the_ci_project_passes_as_the_workflow_runs_it(project: Path) -> None:
    """The workflow's last step, word for word, with this environment's programs first."""
    steps = re.findall(
        r"^ +- run: (.+)$", (project / "workflow.yml").read_text("utf-8"), re.MULTILINE
    )
    program, *arguments = steps[-1].split()
    assert program == "imbari-chat"
    assert arguments[-2:] == ["--", "pytest"]
    command = [*arguments[:-1], sys.executable, "-m", "pytest"]
    result = run(*programs.OURS, *command, cwd=project)
    assert _passed(result), result.stdout + result.stderr


def test_the_ci_projects_tests_can_fail(project: Path) -> None:
    """A bot that greets in a loop is caught, and the emulator's command passes that on."""
    bot = project / "support_bot.py"
    sound = bot.read_text("utf-8")
    broken = re.sub(r"if all\(.+\):", "if True:", sound)
    assert broken != sound
    bot.write_text(broken, "utf-8")
    command = ["emulator", "exec", "--", sys.executable, "-m", "pytest"]
    result = run(*programs.OURS, *command, cwd=project)
    assert result.returncode == 1, result.stdout + result.stderr
    assert "test_a_customer_is_greeted_once" in result.stdout


def test_the_workflow_names_no_host() -> None:
    """It works wherever packages come from, and asks for no secret."""
    text = (_EXAMPLES / "ci" / "workflow.yml").read_text("utf-8")
    assert "://" not in text
    assert "secrets." not in text
