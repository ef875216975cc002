"""Faults of the machine and of tests: the exit code says whose fault it was, and Records too."""

import shutil
import sys
from pathlib import Path

from harness.errors import ExitCode
from tests.faults.case import Case
from tests.faults.fault import fault
from tests.faults.findings import Kind
from tests.faults.truth import MODEL

_RUN = ("run", "--target=qemu-stm32", f"--model={MODEL}")
_PYTEST = (sys.executable, "-m", "pytest", "-p", "no:cacheprovider")
_SLOW = "def test_slow(dut):\n    assert dut.run().ticks.max() < 400\n"


def in_shell(line: str) -> tuple[str, ...]:
    """Return a command that runs the harness as `"$@"` in a line of the shell."""
    return ("bash", "-o", "pipefail", "-c", line, "bash", sys.executable, "-m", "harness")


@fault(seeds=4)
def the_command_has_few_descriptors(case: Case) -> None:
    limit = case.random.randint(5, 24)
    command = in_shell(f'ulimit -n {limit}; exec "$@"')
    case.harness(*_RUN, command=command, ends=(ExitCode.PASSED, ExitCode.INFRASTRUCTURE))


@fault()
def the_reader_of_the_output_ends(case: Case) -> None:
    ends = (ExitCode.PASSED, ExitCode.PIPE_CLOSED)
    case.harness("list", "targets", command=in_shell('"$@" | true'), ends=ends)
    case.harness(*_RUN, command=in_shell('"$@" | true'), ends=ends, records=1)


@fault()
def the_output_is_closed_or_full(case: Case) -> None:
    case.harness(*_RUN, command=in_shell('exec "$@" >&-'), records=1)
    full = in_shell('exec "$@" > /dev/full')
    case.harness(*_RUN, command=full, ends=(ExitCode.INFRASTRUCTURE,), records=2)


@fault()
def a_test_fails_after_its_run(case: Case) -> None:
    (case.root / "test_slow.py").write_text(_SLOW)
    options = (f"--model={MODEL}", "--target=qemu-stm32")
    case.harness(*options, command=_PYTEST, ends=(1,), records=1)
    for record in case.records():
        if record.verdict == "passed":
            case.found(Kind.WRONG_NUMBER, "the test failed and its run passed")
    if "1 failed" not in case.harness("report").output:
        case.found(Kind.WRONG_NUMBER, "the report does not say that the run failed")


@fault()
def pytest_runs_in_a_folder_below(case: Case) -> None:
    mine = case.root / "models" / "mine"
    shutil.copytree(Path(__file__).parents[3] / "models" / MODEL, mine)
    below = case.root / "sub" / "below"
    below.mkdir(parents=True)
    (below / "test_run.py").write_text("def test_run(dut):\n    dut.run().check()\n")
    shell = ("bash", "-c", 'cd sub/below && exec "$@"', "bash", *_PYTEST)
    case.harness("--target=qemu-stm32", command=shell, records=1)
    for record in case.records():
        if record.model.name != "mine":
            case.found(Kind.WRONG_NUMBER, f"{record.model.name} ran, not the repository's model")
