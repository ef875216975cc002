"""The gate in pytest: which tests fail, what is printed, and which sessions pass."""

from pathlib import Path

import pytest
from msgspec import structs

from harness.results.judge.baseline import BUDGETS, accept
from harness.results.record import Record
from harness.results.record_file import write_record
from tests.unit.test_compare import run, with_value

pytest_plugins = ["pytester"]

TEST = """\
import pytest

@pytest.mark.parametrize("name", [{names}])
def test_run(name, record_property):
    record_property("harness_record", f"reports/runs/{{name}}.json")  # as the fixture dut does
    assert name != "broken"

def test_without_run():
    pass
"""


@pytest.fixture
def repository(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeini("[pytest]\n")
    accept([run()], "the first one", Path("reports/baselines"))
    return pytester


def session(
    repository: pytest.Pytester, *records: Record, select: str = "", workers: int = 0
) -> pytest.RunResult:
    for record in records:
        write_record(record, Path("reports/runs"))
    names = ", ".join(f'"{record.id}"' for record in records)
    repository.makepyfile(test_it=TEST.format(names=names))
    options = ("--baseline=reports/baselines", "-k", select, f"-n{workers}")
    return repository.runpytest_subprocess("-p", "no:hypothesispytest", *options, timeout=60)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_test_whose_run_got_worse_fails_and_the_others_do_not(
    repository: pytest.Pytester, workers: int
) -> None:
    same, worse, broken, wrong = (
        structs.replace(run(), id=name) for name in ("same", "worse", "broken", "wrong")
    )
    wrong = structs.replace(wrong, verdict="failed", reasons=["2 bytes differ"])
    runs = (same, with_value(worse, "flash", 99_999), broken, wrong)
    result = session(repository, *runs, workers=workers)
    result.assert_outcomes(passed=3, failed=2)
    text = str(result.stdout)
    assert "worse than its baseline of " in text
    assert "  flash 18,208 → 99,999, +81,791 (+449.2 %)" in text
    assert '  if this is intended: harness baseline accept worse --because "…"' in text
    assert "baselines in reports/baselines: 2 passed, 1 failed" in text
    assert "Traceback" not in text
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_a_gate_that_judged_nothing_is_not_passed(repository: pytest.Pytester) -> None:
    result = session(repository, run(), select="without_run")
    result.assert_outcomes(passed=1, deselected=1)
    assert "baselines in reports/baselines: no run was judged" in str(result.stdout)
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_budgets_that_stand_for_nothing_are_a_usage_error(repository: pytest.Pytester) -> None:
    Path("reports/baselines", BUDGETS).write_text('[[budget]]\nmetric = "flsh"\nworse = "1%"\n')
    result = session(repository, run())
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "unknown metric 'flsh'\n  -> did you mean flash?" in f"{result.stdout}{result.stderr}"
