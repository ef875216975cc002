"""The fault campaign finds what it looks for: each kind of finding, planted."""

import json
import os
import sys
from pathlib import Path

import pytest

from harness.results.record_file import write_record
from harness.support.bundled_files import bundled
from harness.target.find_target import find_target
from tests.faults import case as cases
from tests.faults.case import Case
from tests.faults.fault import faults_of
from tests.faults.findings import Kind, heading
from tests.faults.truth import Truth
from tests.support.year import year

PYTHON = (sys.executable, "-c")
TRUE = next(year(1))


@pytest.fixture
def case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Case:
    monkeypatch.setattr(cases, "DEADLINE", 5.0)
    monkeypatch.setattr(cases, "_PATIENCE", 0.5)
    images = tmp_path / "images"
    images.mkdir()
    return Case(
        tmp_path / "case",
        "planted",
        0,
        Truth({f"{TRUE.target.name}/{TRUE.model.name}": TRUE}, images),
    )


def kinds(case: Case) -> dict[Kind, int]:
    return {kind: count for kind, count in case.tally.findings.items() if count}


def test_a_command_that_ends_as_expected_is_no_finding(case: Case) -> None:
    case.harness("import sys; sys.exit('harness: no such file')", ends=(1,), command=PYTHON)
    assert kinds(case) == {}


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("import sys; sys.exit(3)", Kind.UNCLEAR_ERROR),  # it was to end with 0
        ("print('Traceback (most recent call last):')", Kind.UNCLEAR_ERROR),
        ("open('reports.partial', 'w')", Kind.ORPHAN),
        ("import tempfile; tempfile.mkdtemp()", Kind.ORPHAN),
        ("import subprocess; subprocess.Popen(['sleep', '30'])", Kind.ORPHAN),
        (
            "import subprocess; subprocess.Popen(['sleep', '30'], start_new_session=True, "
            "stdout=-3, stderr=-3)",
            Kind.ORPHAN,
        ),
    ],
)
def test_a_planted_fault_is_found(case: Case, code: str, kind: Kind) -> None:
    case.harness(code, command=PYTHON)
    assert kind in kinds(case)


def test_an_exit_code_without_a_message_is_unclear(case: Case) -> None:
    case.harness("import sys; sys.exit(3)", ends=(3,), command=PYTHON)
    assert kinds(case) == {Kind.UNCLEAR_ERROR: 1}


def test_a_hang_is_found_and_ended(case: Case) -> None:
    case.harness("import time; time.sleep(60)", command=PYTHON)
    assert kinds(case) == {Kind.HANG: 1}


def test_a_missing_record_is_lost(case: Case) -> None:
    case.harness("", records=1, command=PYTHON)
    assert kinds(case) == {Kind.LOST_RECORD: 1}


def test_a_record_that_cannot_be_read_is_lost(case: Case) -> None:
    path = write_record(TRUE, case.root / "reports" / "runs")
    os.truncate(path, 100)
    case.harness("", command=PYTHON)
    assert kinds(case) == {Kind.LOST_RECORD: 1}


def test_a_record_with_another_number_is_wrong(case: Case) -> None:
    path = write_record(TRUE, case.root / "reports" / "runs")
    case.harness("", records=1, command=PYTHON)
    assert kinds(case) == {}
    content = json.loads(path.read_text())
    content["numbers"]["flash"]["value"] += 1
    del content["digest"]  # with it, the Record would be refused
    path.write_text(json.dumps(content))
    case.harness("", command=PYTHON)
    assert kinds(case) == {Kind.WRONG_NUMBER: 1}


def test_the_table_has_a_column_for_each_kind(case: Case) -> None:
    case.found(Kind.GROWTH, "planted")
    assert len(case.tally.row("planted")) == len(heading())
    assert case.tally.row("planted").split() == ["planted", "0", "0", "0", "0", "0", "0", "1"]


def test_a_fault_of_both_carriers_is_tried_on_boards_of_each(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    truth = Truth({}, tmp_path / "images")
    found = {each.name: each for each in faults_of("emulator")}
    for name, carrier, target in (
        ("qemu is stopped", "serial", "qemu-stm32"),
        ("qemu is stopped, over rtt", "rtt", "qemu:mps2-an386"),
    ):
        assert found[name].carrier == carrier
        case = Case(tmp_path / carrier, name, 0, truth, found[name].carrier)
        assert case.qemu == target
        assert find_target(case.virtual, [bundled("targets")]).port.over_rtt == (carrier == "rtt")
