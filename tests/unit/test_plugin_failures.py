"""The exit code of a pytest session: whose failure was it?"""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import ExitCode
from harness.pytest_plugin.failures import session_code

pytest_plugins = ["pytester"]

# Each name is a way to fail in our code or in the user's, chosen by the model of a test.
CONFTEST = """\
import os
from types import SimpleNamespace

import pytest

import harness.pytest_plugin as plugin
import harness.pytest_plugin.fixtures as fixtures
import harness.pytest_plugin.runs_summary as runs_summary
import harness.pytest_plugin.tested_runs as tested_runs
from harness import InfrastructureError, InputError, Verdict

def build(request):
    if "defect" in ways:
        {}["a key of ours"]
    if "full" in ways:
        raise OSError(28, "No space left on device", "/some/file")
    if "infrastructure" in ways:
        raise InfrastructureError("no compiler")
    if "input" in ways:
        raise InputError("a wrong file")

ways = os.environ["WAYS"].split()
fixtures.image_for = build
if "hook" in ways:
    tested_runs._reason = lambda report, call: 1 / 0
if "summary" in ways:
    runs_summary.RunsSummary._read_records = lambda self: [1 / 0]
if "configure" in ways:
    plugin.RunOptions = SimpleNamespace(of=lambda *arguments: 1 / 0)
"""
TEST = """\
import os

import pytest

import harness

ways = os.environ["WAYS"].split()

def test_image(image):
    pass

def test_users_own():
    if "own" in ways:
        {}["a key of the user's"]
    if "full-own" in ways:
        open("/nowhere/file")

def test_verdict(model):
    if "verdict" in ways:
        raise harness.Verdict("2 bytes differ")

def test_api(monkeypatch):
    if "api" in ways:
        import harness.python_api
        monkeypatch.setattr(harness.python_api, "find_workspace", lambda root: 1 / 0)
        harness.run("qemu-m4", "faces")

@pytest.fixture
def ends():
    yield
    if "teardown" in ways:
        raise harness.InfrastructureError("the board does not stop")

def test_teardown(ends):
    pass
"""


def session(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, ways: str, *options: str
) -> pytest.RunResult:
    monkeypatch.setenv("WAYS", ways)
    pytester.makeconftest(CONFTEST)
    pytester.makeini("[pytest]\n")
    pytester.makepyfile(test_it=TEST)
    return pytester.runpytest_subprocess(
        "-p", "no:hypothesispytest", "--model=faces", *options, timeout=60
    )


@pytest.mark.parametrize(
    ("ways", "code"),
    [
        ("none", 0),
        ("own", 1),
        ("full-own", 1),
        ("verdict", 1),
        ("infrastructure", 3),
        ("teardown", 3),
        ("full", 3),
        ("input", 4),
        ("defect", 70),
        ("api", 70),
        ("summary", 70),
        ("own hook", 70),
        ("configure", 70),
        ("infrastructure verdict", 1),
        ("infrastructure own", 1),
        ("defect verdict", 70),
        ("input teardown", 3),
    ],
)
def test_the_exit_code_says_whose_failure_it_was(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, ways: str, code: int
) -> None:
    result = session(pytester, monkeypatch, ways)
    assert result.ret == code
    said = f"{result.stdout}\n{result.stderr}"
    files = list((pytester.path / "build" / "logs").glob("defect-*.txt"))
    assert len(files) == (code == ExitCode.DEFECT)
    for file in files:
        assert "a defect of the harness: " in said
        assert f"-> report it with this traceback: {file}" in said
        assert "Traceback" in file.read_text()
    assert ("a key of ours" in said) == ("defect" in ways)
    assert "python_api.py" not in said  # the traceback is in the file


@pytest.mark.parametrize(
    ("ways", "code"), [("defect", 70), ("own", 1), ("infrastructure", 3), ("own hook", 70)]
)
def test_workers_tell_it_too(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, ways: str, code: int
) -> None:
    result = session(pytester, monkeypatch, ways, "-n2")
    assert result.ret == code
    said = f"{result.stdout}\n{result.stderr}"
    assert ("a defect of the harness: " in said) == (code == ExitCode.DEFECT)
    assert len(list(Path("build/logs").glob("defect-*.txt"))) == (code == ExitCode.DEFECT)


@pytest.mark.parametrize("code", [ExitCode.FAILED, ExitCode.INFRASTRUCTURE, ExitCode.USAGE])
def test_a_defect_comes_first(code: ExitCode) -> None:
    assert session_code({code, ExitCode.DEFECT}) == ExitCode.DEFECT


@pytest.mark.parametrize("number", ["SIGTERM", "SIGHUP"])
@pytest.mark.parametrize("hook", ["sessionstart", "collection", "sessionfinish"])
def test_a_signal_gives_its_exit_code_however_early(
    pytester: pytest.Pytester, number: str, hook: str
) -> None:
    """With xdist, a session that starts workers has not begun yet."""
    pytester.makeconftest(
        "import os, signal, pytest\n\n@pytest.hookimpl(tryfirst=True)\n"
        f"def pytest_{hook}():\n    os.kill(os.getpid(), signal.{number})\n"
    )
    pytester.makeini("[pytest]\n")
    result = pytester.runpytest_subprocess("-p", "no:hypothesispytest", timeout=60)
    assert result.ret == 128 + getattr(signal, number)
    assert f"ended by {number}" in f"{result.stdout}{result.stderr}"


def test_a_bracket_in_the_path_of_the_folder(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pytest takes what follows it as the parameters of a test."""
    folder = pytester.mkdir("a[b] c")
    (folder / "pytest.ini").write_text("[pytest]\naddopts = -p no:hypothesispytest\n")
    (folder / "test_it.py").write_text(
        "import pytest\n\n@pytest.mark.parametrize('x', [1, 2])\ndef test_it(x):\n    pass\n"
    )
    monkeypatch.chdir(folder)
    for argument in ("", f"{folder}/test_it.py", f"{folder}/test_it.py::test_it[2]"):
        words = [argument] if argument else []
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *words], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert ("1 passed" if "::" in argument else "2 passed") in done.stdout


def test_a_sketch_is_shown_while_it_is_built(pytester: pytest.Pytester) -> None:
    sketch = pytester.mkdir("Wake")
    (sketch / "Wake.ino").touch()
    pytester.makeini("[pytest]\n")
    options = (f"--sketch={sketch}", "--target=arduino-nano-33-ble-sketch", "--arduino-cli=false")
    result = pytester.runpytest_subprocess("-p", "no:hypothesispytest", *options, timeout=60)
    assert result.ret == ExitCode.INFRASTRUCTURE
    assert "building the sketch" in str(result.stdout)
