"""The generic port on virtual boards: the link through stock pyOCD, and the counts of QEMU."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from harness.engines.registry import find_engine
from harness.image.build import build_image
from harness.model.folder import find_model
from harness.runs.link_run import Run
from harness.support.bundled_files import bundled
from harness.target.find_target import find_target
from tests.support.assembly_bench import cross_compiler
from tests.support.devices import opened


def run(target_name: str, root: Path) -> Run:
    """Run the model `faces` on the target."""
    target = find_target(target_name, [bundled("targets")])
    model = find_model("faces", [bundled("models")])
    image = build_image(target, model, find_engine("cmsis-nn"), root / "images")
    with opened(target, model, image, root) as dut:
        return dut.run()


@pytest.mark.parametrize(
    ("virtual", "qemu"), [("virtual-nrf91", "qemu-m33"), ("virtual-kw41z4", "qemu-m0")]
)
def test_outputs_and_counts_equal_qemus(virtual: str, qemu: str, tmp_path: Path) -> None:
    cross_compiler()
    if shutil.which("qemu-system-arm") is None:
        pytest.skip("qemu-system-arm is not on PATH")
    here, there = run(virtual, tmp_path), run(qemu, tmp_path)
    assert here.ticks.tolist() == there.ticks.tolist()
    assert all(map(np.array_equal, here.all_outputs, there.all_outputs))
