"""The fixture `run`: one run for each combination, and what reports of its tests say."""

import json
import shutil
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from harness.errors import ExitCode
from harness.results.record import Record
from harness.results.record_file import read_record

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[2]
VECTORS = 5
TESTS = """\
import pytest

def test_right(run):
    run.check()

@pytest.mark.target("virtual-nrf52840")
def test_other_target(run):
    run.check()

@pytest.fixture(scope="session")
def ticks(run):
    return run.ticks

def test_own_fixture_of_it(ticks):
    assert ticks.max() < 10

def test_device(dut, run):
    assert (dut.infer(dut.model.vectors.inputs[0]) == run.outputs[0]).all()

@pytest.mark.parametrize("vector", [0, 1])
def test_parametrized(run, vector):
    assert run.ticks[vector] > 0

def test_dynamic(request):
    request.getfixturevalue("run").check()

def test_new_run(dut):
    dut.run()
    dut.run()
"""
# Each combination is left and comes again.
SHUFFLE = """\
def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: [6, 2, 1, 0, 4, 3, 5, 7][len(item.name) % 8])
    other = next(item for item in items if "other" in item.name)
    items.remove(other)
    items.insert(1, other)
"""
COMBINATIONS = ["virtual-nrf52840", "virtual-stm32", "virtual-stm32", "virtual-stm32"]


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    """A user's repository with a model of a few vectors."""
    model = pytester.path / "models" / "digits"
    shutil.copytree(ROOT / "models" / "digits", model)
    held = dict(np.load(model / "vectors.npz"))
    few = {name: held[name][:VECTORS] for name in ("inputs", "labels", "golden")}
    np.savez(model / "vectors.npz", **held | few)
    (pytester.path / "build").mkdir()
    (ROOT / "build" / "images").mkdir(parents=True, exist_ok=True)
    (pytester.path / "build" / "images").symlink_to(ROOT / "build" / "images")
    pytester.makeini("[pytest]\naddopts = --strict-markers -p no:hypothesispytest\n")
    pytester.makepyfile(test_it=TESTS)
    return pytester


def run(suite: pytest.Pytester, *options: str) -> pytest.RunResult:
    return suite.runpytest_subprocess(*options, timeout=200)


def records(suite: pytest.Pytester) -> list[Record]:
    found = [read_record(path) for path in (suite.path / "reports" / "runs").glob("*")]
    return sorted(found, key=lambda record: (record.target.name, record.verdict))


def test_tests_share_a_run_in_any_order(suite: pytest.Pytester) -> None:
    suite.makeconftest(SHUFFLE)
    result = run(suite, "--junitxml=result.xml")
    result.assert_outcomes(passed=7, failed=1)
    found = records(suite)
    assert [record.target.name for record in found] == COMBINATIONS
    # The test of the fixture `ticks` failed: this run, and neither of `dut`.
    failed = found[1]
    assert [record.verdict for record in found] == ["passed", "failed", "passed", "passed"]
    assert "test_it.py::test_own_fixture_of_it[virtual-stm32-digits" in failed.reasons[0]
    tree = ElementTree.parse(suite.path / "result.xml")  # noqa: S314 - pytest wrote it
    told = {
        case.attrib["name"].partition("[")[0]: [
            (entry.attrib["name"], entry.attrib["value"]) for entry in case.iter("property")
        ]
        for case in tree.iter("testcase")
    }
    for name, properties in told.items():
        names = [each for each, _ in properties if each != "harness_record"]
        assert sorted(names) == sorted(set(names))
        assert "instructions_median" in names
        runs = [Path(value).stem for each, value in properties if each == "harness_record"]
        assert len(runs) == (2 if name == "test_new_run" else 1)
        if name not in {"test_new_run", "test_other_target"}:
            assert runs == [failed.id]


MORE = """\
import os
import pytest

@pytest.mark.target("nucleo-f429zi")
@pytest.mark.skip(reason="nobody has it")
@pytest.mark.parametrize("number", [1, 2])
def test_desk(board, number):
    pass

@pytest.mark.opt("-Os")
def test_that_ends_its_worker(run):
    os._exit(1)
"""
IDS = """\
def pytest_xdist_node_collection_finished(node, ids):
    print(*ids, sep="\\n")
"""


def test_workers_make_one_run_of_a_combination_too(suite: pytest.Pytester) -> None:
    suite.makepyfile(test_more=MORE)
    suite.makeconftest(IDS)
    result = run(suite, "-n2", "-v")
    result.assert_outcomes(passed=7, failed=2, skipped=2)  # what ends its worker runs once
    runs = [each for each in records(suite) if each.image.optimize == "-O2"]
    assert [record.target.name for record in runs] == COMBINATIONS
    groups = dict(line.split("@harness:") for line in result.outlines if "@harness:" in line)
    assert {groups[name] for name in groups if "test_desk" in name} == {"nucleo-f429zi"}
    assert len(set(groups.values())) == 4
    assert not any("test_new_run" in name for name in groups)
    again = run(suite, "--lf", "--collect-only", "-q")  # a test has the same id without workers
    assert [line.partition("[")[0] for line in again.outlines if "::" in line] == [
        "test_it.py::test_own_fixture_of_it",
        "test_more.py::test_that_ends_its_worker",
    ]


def test_an_infrastructure_error_reaches_each_test(suite: pytest.Pytester) -> None:
    suite.makeconftest(
        """\
        import pytest
        import harness
        from harness.runs.link_dut import LinkDut

        def lost(self):
            raise harness.InfrastructureError("the cable is broken")

        LinkDut.run = lost
        """
    )
    result = run(suite, "-k", "right or parametrized")
    result.assert_outcomes(errors=3)
    assert result.ret == ExitCode.INFRASTRUCTURE
    assert str(result.stdout).count("\nthe cable is broken") == 3
    assert not (suite.path / "reports" / "runs").exists()


def test_a_regression_fails_one_test_of_a_shared_run(suite: pytest.Pytester) -> None:
    options = ("-k", "right or parametrized", "--baseline=baselines")
    (suite.path / "baselines").mkdir()
    result = run(suite, *options)  # a new model has no baseline
    result.assert_outcomes(passed=2, failed=1)
    first = "FAILED test_it.py::test_right[virtual-stm32-digits"
    assert first in str(result.stdout)
    assert len(records(suite)) == 1


def test_pytest_html_and_allure_get_record_and_numbers(suite: pytest.Pytester) -> None:
    pytest.importorskip("pytest_html")
    pytest.importorskip("allure_pytest")
    report, folder = suite.path / "report.html", suite.path / "allure"
    result = run(suite, "-k", "right", f"--html={report}", f"--alluredir={folder}")
    result.assert_outcomes(passed=1)
    (record,) = records(suite)
    text = report.read_text()
    assert text.count("instructions_median") == 1
    assert "assets/" in text
    (asset,) = (suite.path / "assets").glob("*.json")
    assert json.loads(asset.read_text())["id"] == record.id
    (test,) = (json.loads(path.read_text()) for path in folder.glob("*-result.json"))
    numbers, whole = ((folder / each["source"]).read_text() for each in test["attachments"])
    assert [each["name"] for each in test["attachments"]] == ["numbers", "Record"]
    assert f'flash,"{record.numbers["flash"].value} byte, exact"' in numbers
    assert json.loads(whole)["id"] == record.id
