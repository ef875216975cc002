"""Energy of real runs: a virtual board draws it through a virtual meter, which knows how much."""

import re
import shutil
from collections.abc import Sequence
from contextlib import closing
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from msgspec import structs
from rich.console import Console

from harness.board.board_options import BoardOptions
from harness.board.provision import provision
from harness.board.simulated import SimulatedBoard
from harness.cli import main
from harness.engines.registry import find_engine
from harness.errors import ExitCode
from harness.image.build import build_image
from harness.measure.energy.inference_energy import VIRTUAL
from harness.measure.energy.meters.metering import Metering, virtual_meter
from harness.model.folder import Model
from harness.report.energy_lines import print_energy
from harness.results.record import EnergyInfo, Record
from harness.results.record_file import read_record
from harness.results.recording import record_run
from harness.runs.bench import open_link_dut
from harness.runs.request import RunRequest
from harness.support.progress import Progress
from harness.target.find_target import find_target
from harness.workspace import Workspace
from tests.support.models import ROOT, few_digits

VECTORS = 25

pytestmark = pytest.mark.skipif(
    shutil.which("arm-none-eabi-gcc") is None,
    reason="arm-none-eabi-gcc is not on PATH: see `make system`",
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return few_digits(tmp_path_factory.mktemp("models") / "digits", VECTORS)


def run_metered(spec: str, model: Model, root: Path) -> tuple[Record, Sequence[float]]:
    """Run `model` with the meter `spec`; return the record, and what was injected."""
    workspace, progress = Workspace(root), Progress(StringIO())
    target = find_target("virtual-stm32", [ROOT / "targets"])
    images = ROOT / "build" / "images"
    image = build_image(target, model, find_engine("cmsis-nn"), images, progress.say)
    options = BoardOptions(meter=virtual_meter(spec))
    with (
        Metering(spec, volts=3.0, note="on the desk") as metering,
        closing(provision(target, workspace.logs, progress, options)) as board,
        open_link_dut(RunRequest(target, model, workspace, metering=metering), image, board) as dut,
    ):
        run = dut.run()
        run.check()
        assert isinstance(board, SimulatedBoard)
        return read_record(record_run(run, workspace)), board.hardware.joules()


@pytest.fixture(scope="module")
def by_trigger(
    model: Model, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Record, Sequence[float]]:
    spec = "ppk2:virtual,noise=0.03,missing=0.005,ppm=300,late=0.0008"
    return run_metered(spec, model, tmp_path_factory.mktemp("by_trigger"))


@pytest.fixture(scope="module")
def by_current(
    model: Model, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Record, Sequence[float]]:
    spec = "lpm01a:virtual,noise=0.03,missing=0.0001,ppm=-300"
    return run_metered(spec, model, tmp_path_factory.mktemp("by_current"))


@pytest.mark.parametrize("found_by", ["trigger", "current"])
def test_injected_energy_is_recovered(found_by: str, request: pytest.FixtureRequest) -> None:
    record, injected = request.getfixturevalue(f"by_{found_by}")
    energy = record.energy
    assert isinstance(energy, EnergyInfo)
    assert len(injected) > len(energy.joules) >= VECTORS
    injected = injected[-len(energy.joules) :]  # what warms the device up comes before
    known = [(joule, true) for joule, true in zip(energy.joules, injected, strict=True) if joule]
    assert len(known) >= 0.9 * VECTORS
    # The host may be busy during one of them, in which then more is injected: one by one.
    ratios = np.array([joule / true for joule, true in known])
    assert np.median(ratios) == pytest.approx(1, abs=0.01)
    assert record.numbers["energy_median"].value == pytest.approx(
        np.median([joule for joule, _ in known])
    )
    assert energy.found_by == found_by
    assert energy.missing > 0 or found_by == "current"  # of few blocks perhaps none is lost


def test_a_record_says_what_was_measured_with(
    by_trigger: tuple[Record, Sequence[float]],
) -> None:
    record, _ = by_trigger
    energy = record.energy
    assert isinstance(energy, EnergyInfo)
    assert (energy.meter, energy.virtual, energy.volts) == ("Nordic PPK2", True, 3.0)
    assert (energy.hz, energy.note, energy.left_out) == (100_000, "on the desk", 0)
    # Invented currents are no measurement.
    number = record.numbers["energy_median"]
    assert (number.kind, number.model, number.unit) == ("estimated", VIRTUAL, "J")
    idle, compute = (float(record.numbers[f"power_{what}"].value) for what in ("idle", "compute"))
    assert idle == pytest.approx(3.0 * 1.1e-3, rel=0.02)
    assert compute == pytest.approx(3.0 * 6e-3, rel=0.02)
    console = Console(file=StringIO(), width=80)
    other = structs.replace(record, image=structs.replace(record.image, optimize="-Os"))
    print_energy([record, other], console)
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert (
        "simulated: Nordic PPK2 (virtual), 3 V, inferences found by trigger; on the desk" in shown
    )
    assert shown.count("simulated: ") == 1
    opts = [re.search(r"\(gcc (-O\w)\): .* per inference", line) for line in shown.splitlines()]
    assert [opt[1] for opt in opts if opt] == [record.image.optimize, "-Os"]
    assert max(map(len, shown.splitlines())) <= 80


def test_without_a_trigger_nothing_is_recorded(
    model: Model,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "build").symlink_to(ROOT / "build")  # its images
    command = ["run", "--target=virtual-stm32", f"--model={model.path}", "--volts=3"]
    assert main.main([*command, "--meter=ppk2:virtual,deaf"]) == ExitCode.INFRASTRUCTURE
    assert "the trigger was never seen, for 25 inferences" in capsys.readouterr().err
    assert not list(tmp_path.glob("reports/runs/*"))


def test_a_meter_that_measures_nothing_there_is_refused_at_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert (
        main.main(["run", "--target=qemu-stm32", "--meter=ppk2:/dev/x", "--volts=3"])
        == ExitCode.USAGE
    )
    assert "cannot measure qemu-stm32" in capsys.readouterr().err
