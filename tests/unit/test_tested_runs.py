"""What a failing test makes of the Records of its runs, and what reads them says then."""

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from xml.etree import ElementTree

import pytest
from msgspec import structs

from harness.cli.main import main
from harness.errors import ExitCode
from harness.results.record import Record
from harness.results.record_file import read_record, write_record
from harness.results.recording import fail_record
from harness.results.store.store import Store
from tests.unit.test_compare import run

pytest_plugins = ["pytester"]

# A record is written before the test: `record` announces it, as `record_run` does, and has reports
# name it, as the fixture `dut` does.
CONFTEST = """\
import pytest
from pathlib import Path

from harness.pytest_plugin.shared_runs import RUNS
from harness.results.recording import listeners

def announce(name):
    path = Path(f"reports/runs/{name}.json").absolute()
    for listener in listeners:
        listener(path)
    return path

@pytest.fixture
def record(request):
    return lambda name: request.config.stash[RUNS].tested.name(announce(name))

@pytest.fixture(scope="module")
def shared():
    announce("shared")

@pytest.fixture
def broken_setup(record):
    record("setup")
    raise ValueError("no setup")

@pytest.fixture
def broken_teardown(record):
    record("teardown")
    yield
    raise ValueError("no teardown")
"""
NAMES = (
    *("passed", "failed", "xfailed", "xpassed", "skipped"),
    *("setup", "teardown", "infrastructure", "shared"),
)


@pytest.fixture
def repository(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeini("[pytest]\n")
    pytester.makeconftest(CONFTEST)
    for name in NAMES:
        write_record(structs.replace(run(), id=name), Path("reports/runs"))
    return pytester


def session(repository: pytest.Pytester, test: str, *options: str) -> pytest.RunResult:
    imports = "import pytest\nfrom harness.errors import InfrastructureError\n"
    repository.makepyfile(test_it=f"{imports}\n{test}")
    return repository.runpytest_subprocess("-p", "no:hypothesispytest", *options, timeout=60)


def record_of(name: str) -> Record:
    return read_record(Path(f"reports/runs/{name}.json"))


OUTCOMES = """\
def test_passed(record):
    record("passed")

def test_failed(record):
    record("failed")
    ticks = 500_000
    assert ticks < 400_000

@pytest.mark.xfail
def test_xfailed(record):
    record("xfailed")
    assert False

@pytest.mark.xfail(strict=True, reason="too slow")
def test_xpassed(record):
    record("xpassed")

def test_skipped(record):
    record("skipped")
    pytest.skip("not today")

def test_setup(broken_setup):
    pass

def test_teardown(broken_teardown):
    pass

def test_infrastructure(record):
    record("infrastructure")
    raise InfrastructureError("the cable is broken")

def test_shared_passes(shared):
    pass

def test_shared_fails(request):
    request.getfixturevalue("shared")
    assert 1 == 2

def test_own():
    assert 3 == 4
"""


@pytest.mark.parametrize("workers", [0, 2])
def test_the_outcome_of_a_test_belongs_to_its_runs(
    repository: pytest.Pytester, workers: int
) -> None:
    result = session(
        repository, OUTCOMES, f"-n{workers}", "--dist=loadfile", "--junitxml=result.xml"
    )
    result.assert_outcomes(passed=3, failed=5, errors=2, skipped=1, xfailed=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    reasons = {name: record_of(name).reasons for name in NAMES}
    assert reasons == {
        "passed": [],
        "failed": ["the test test_it.py::test_failed failed: assert 500000 < 400000"],
        "xfailed": [],
        "xpassed": ["the test test_it.py::test_xpassed failed: [XPASS(strict)] too slow"],
        "skipped": [],
        "setup": ["the test test_it.py::test_setup failed in its setup: ValueError: no setup"],
        "teardown": [
            "the test test_it.py::test_teardown failed in its teardown: ValueError: no teardown"
        ],
        "infrastructure": [],  # it says nothing about the run
        "shared": ["the test test_it.py::test_shared_fails failed: assert 1 == 2"],
    }
    for name, why in reasons.items():
        assert record_of(name).verdict == ("failed" if why else "passed")
    # The table at the end, and JUnit.
    assert "  the test test_it.py::test_failed failed: assert 500000 < 400000" in str(result.stdout)
    rows = [line for line in result.outlines if re.search(r" virtual-stm32 +faces ", line)]
    verdicts = [line.partition(" virtual-stm32")[0].strip() for line in rows]
    assert verdicts == [*["✗ failed"] * 4, *["passed"] * (len(rows) - 4)]
    tree = ElementTree.parse("result.xml")  # noqa: S314 - pytest wrote it
    told = {
        case.attrib["name"]: entry.attrib["value"]
        for case in tree.iter("testcase")
        for entry in case.iter("property")
        if entry.attrib["name"] == "verdict"
    }
    assert told["test_passed"] == told["test_xfailed"] == told["test_skipped"] == "passed"
    assert told["test_failed"] == told["test_setup"] == told["test_teardown"] == "failed"


def test_a_verdict_of_the_run_itself_is_not_told_twice(repository: pytest.Pytester) -> None:
    wrong = structs.replace(run(), id="wrong", verdict="failed", reasons=["2 bytes differ"])
    write_record(wrong, Path("reports/runs"))
    test = """\
from harness import Verdict

def test_check(record):
    record("wrong")
    raise Verdict("2 bytes differ")

def test_own_verdict(record):
    record("passed")
    raise Verdict("too slow")
"""
    session(repository, test).assert_outcomes(failed=2)
    assert record_of("wrong") == wrong
    assert record_of("passed").reasons == [
        "the test test_it.py::test_own_verdict failed: harness.errors.Verdict: too slow"
    ]


def test_a_store_gets_the_runs_as_the_tests_left_them(repository: pytest.Pytester) -> None:
    test = 'def test_failed(record):\n    record("failed")\n    assert 1 == 2\n'
    session(repository, test, "--store=sqlite:///team.sqlite").assert_outcomes(failed=1)
    with Store("sqlite:///team.sqlite") as store:
        (entry,) = store.find()
        assert entry.verdict == "failed"
        assert "assert 1 == 2" in store.record("failed").reasons[0]
    with closing(sqlite3.connect("team.sqlite")) as connection:
        ((text,),) = connection.execute("SELECT json FROM records")
    assert json.loads(text)["verdict"] == "failed"


RECORDS_OF_WORKERS = """\
import pytest
from msgspec import structs
from pathlib import Path
from harness.results.current_session import current_session
from harness.results.record_file import read_record, write_record

@pytest.mark.parametrize("name", ["passed", "failed"])
def test_it(name, record):
    of_session = structs.replace(read_record(Path(f"reports/runs/{name}.json")), id=f"new-{name}")
    of_session = structs.replace(of_session, session=current_session())
    write_record(of_session, Path("reports/runs"))
    record(f"new-{name}")
"""


@pytest.mark.parametrize("workers", [0, 2])
def test_a_store_that_fails_gets_the_runs_from_the_next_session(
    repository: pytest.Pytester, workers: int
) -> None:
    with Store("sqlite:///team.sqlite"), closing(sqlite3.connect("team.sqlite")) as connection:
        connection.execute(
            "CREATE TRIGGER full BEFORE INSERT ON runs "
            "BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"
        )
    store = "--store=sqlite:///team.sqlite"
    result = session(repository, RECORDS_OF_WORKERS, store, "-p", "xdist", f"-n{workers}")
    result.assert_outcomes(passed=2)
    assert result.ret == ExitCode.INFRASTRUCTURE
    assert "2 Records are not in the store: " in str(result.stdout)
    with closing(sqlite3.connect("team.sqlite")) as connection:
        connection.execute("DROP TRIGGER full")
    result = session(repository, "def test_nothing():\n    pass\n", store)
    assert result.ret == ExitCode.PASSED
    assert "added 2 Records of earlier sessions to the store" in str(result.stderr)
    with Store("sqlite:///team.sqlite") as opened:
        assert {entry.id for entry in opened.find()} == {"new-passed", "new-failed"}


@pytest.mark.parametrize(
    ("end", "workers"), [("import os; os._exit(1)", 1), ("raise KeyboardInterrupt", 0)]
)
def test_a_store_gets_the_run_of_a_test_without_a_report_from_the_next_session(
    repository: pytest.Pytester, end: str, workers: int
) -> None:
    store = "--store=sqlite:///team.sqlite"
    test = RECORDS_OF_WORKERS.replace('["passed", "failed"]', '["passed"]') + f"    {end}\n"
    session(repository, test, store, "-p", "xdist", f"-n{workers}", "--max-worker-restart=0")
    session(repository, "def test_nothing():\n    pass\n", store)
    with Store("sqlite:///team.sqlite") as opened:
        assert {entry.id for entry in opened.find()} == {"new-passed"}


# What pytest-rerunfailures 16.7 does with a test that fails: all the tries are one protocol, each
# report of a failure but the last has the outcome "rerun", and the item keeps its properties.
RERUNS = """
from _pytest.runner import runtestprotocol

def pytest_runtest_protocol(item, nextitem):
    for is_last in (False, True):
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
        again = not is_last and any(report.failed for report in reports)
        for report in reports:
            if again and report.failed:
                report.outcome = "rerun"
            item.ihook.pytest_runtest_logreport(report=report)
        if not again:
            return True
        item._initrequest()
"""


def test_a_test_that_runs_again_is_named_and_its_runs_are_shown_once(
    repository: pytest.Pytester,
) -> None:
    repository.makeconftest(CONFTEST + RERUNS)
    repository.makepyfile(
        test_it="""\
        tries = []

        def test_again(record):
            record("passed" if tries else "failed")
            tries.append(1)
            assert len(tries) == 2, "slow today"

        def test_once(record):
            record("xpassed")
        """
    )
    result = repository.runpytest_subprocess("-p", "no:hypothesispytest")
    result.assert_outcomes(passed=2)
    text = str(result.stdout)
    assert "test_it.py::test_again failed and was run again: all its runs count" in text
    assert text.count("the test test_it.py::test_again failed: slow today") == 1
    assert "test_once" not in text
    verdicts = {
        name: read_record(repository.path / f"reports/runs/{name}.json").verdict
        for name in NAMES[:2]
    }
    assert verdicts == {"failed": "failed", "passed": "passed"}


def test_a_record_that_cannot_be_changed_is_said(repository: pytest.Pytester) -> None:
    test = """\
def test_failed(record):
    record("failed")
    open("reports/runs/failed.json", "w").close()
    assert 1 == 2
"""
    result = session(repository, test)
    result.assert_outcomes(failed=1)
    assert "the Record does not show that the test failed" in str(result.stdout)
    assert "failed.json: is not a record" in str(result.stdout)


def test_unprintable_text_of_a_test_is_printable_in_the_record(
    repository: pytest.Pytester,
) -> None:
    test = (
        'def test_failed(record):\n    record("failed")\n    raise ValueError("\\x1b[31m\\ud800")\n'
    )
    session(repository, test).assert_outcomes(failed=1)
    (reason,) = record_of("failed").reasons
    assert reason.endswith("failed: ValueError: ⟨001B⟩[31m⟨D800⟩")


# What reads the Records


def test_a_run_that_its_test_failed_is_red_everywhere(
    repository: pytest.Pytester, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in NAMES:
        if name != "failed":
            Path(f"reports/runs/{name}.json").unlink()
    path = Path("reports/runs/failed.json")
    assert main(["report"]) == ExitCode.PASSED
    assert "Passed; nothing to compare with yet" in capsys.readouterr().out
    reason = "the test test_it.py::test_failed failed: assert 500000 < 400000"
    fail_record(path, reason)
    fail_record(path, reason)
    assert record_of("failed").reasons == [reason]
    assert main(["report", "--markdown=summary.md"]) == ExitCode.PASSED
    assert "1 failed; 1 in all" in capsys.readouterr().out
    assert "assert 500000" in Path("reports/report.html").read_text()
    assert "✗ failed" in Path("reports/report.html").read_text()
    assert "assert 500000" in Path("summary.md").read_text()
    assert main(["trend", "--metric=flash"]) == ExitCode.PASSED
    assert "1 of the runs failed, the last one too" in capsys.readouterr().out
    assert main(["baseline", "accept", "last", "--because=x"]) == ExitCode.USAGE
    assert f"the run failed: {reason}" in capsys.readouterr().err


def test_a_failed_run_is_not_hidden_by_another_run_of_the_same_session(
    pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str]
) -> None:
    def at(name: str, second: int, **more: object) -> None:
        started = f"2026-11-20T10:00:{second:02}+00:00"
        made = structs.replace(run(), id=name, started=started, session="one")
        write_record(structs.replace(made, **more), Path("reports/runs"))

    at("first", 1, verdict="failed", reasons=["the test a failed: assert 1 == 2"])
    at("second", 2)
    assert main(["report"]) == ExitCode.PASSED
    assert "1 failed; 1 in all" in capsys.readouterr().out
    at("third", 3, session="two")  # a later session: the fault is mended
    assert main(["report"]) == ExitCode.PASSED
    assert "Passed; nothing got worse" in capsys.readouterr().out
    at("fourth", 4, session="two")
    Path("reports/runs/first.json").unlink()
    Path("reports/runs/second.json").unlink()
    assert main(["report"]) == ExitCode.PASSED
    assert "Passed; nothing to compare with yet" in capsys.readouterr().out


def test_a_failed_run_stands_for_its_session_in_baselines_too(
    pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str]
) -> None:
    for second, reasons in ((1, ["the test a failed: assert 1 == 2"]), (2, [])):
        started = f"2026-11-20T10:00:0{second}+00:00"
        made = structs.replace(run(), id=f"run{second}", started=started, session="one")
        verdict = "failed" if reasons else "passed"
        write_record(structs.replace(made, verdict=verdict, reasons=reasons), Path("reports/runs"))
    assert main(["baseline", "accept", "last", "--because=x"]) == ExitCode.USAGE
    assert "the run failed: the test a failed" in capsys.readouterr().err
    assert main(["baseline", "accept", "run2", "--because=this one"]) == ExitCode.PASSED
    assert main(["compare", "run2", "run1"]) == ExitCode.PASSED
    assert "the new run failed: the test a failed" in capsys.readouterr().out
