"""Ctrl-C at the very start of the `harness` command, while Python imports its modules."""

import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from harness.errors import ExitCode
from tests.support.models import ROOT

# Ctrl-C comes when Python looks for the module.
START = """
import os, signal, sys
module = sys.argv[1]

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == module:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
ignored = "ignored" in sys.argv  # as in the background of a shell, where these tests may run
signal.signal(signal.SIGINT, signal.SIG_IGN if ignored else signal.default_int_handler)
from harness.__main__ import main
sys.argv[1:] = ["list", "models"]
sys.exit(main())
"""


def start(module: str, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", START, module, *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    "module", ["harness.cli", "harness.support.terminal", "rich", "harness.cli.command_line"]
)
def test_ctrl_c_during_the_imports_has_no_traceback(module: str) -> None:
    ended = start(module)
    assert ended.stderr == "harness: interrupted\n"
    assert (ended.returncode, ended.stdout) == (ExitCode.INTERRUPTED, "")


def test_a_command_in_the_background_ignores_ctrl_c_as_before() -> None:
    assert start("harness.support.terminal", "ignored").returncode == ExitCode.PASSED


def test_the_command_starts_there_and_hardly_anything_is_imported_before() -> None:
    (command,) = entry_points(group="console_scripts", name="harness")
    assert command.value in Path(ROOT, "pyproject.toml").read_text()
    code = (
        "import harness.__main__, sys\n"
        "print({'rich', 'email', 'msgspec', 'importlib.metadata'} & set(sys.modules))"
    )
    told = subprocess.check_output([sys.executable, "-S", "-c", code], cwd=ROOT, text=True)
    assert told == "set()\n"
