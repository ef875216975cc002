"""The generic port on virtual boards: the link through stock pyOCD, and the counts of QEMU."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from harness.engines.registry import find_engine
from harness.errors import InfrastructureError
from harness.image.build import build_image
from harness.model.folder import Model, find_model, load_model
from harness.runs.link_run import Run
from harness.support.bundled_files import bundled
from harness.target.find_target import find_target
from tests.support.assembly_bench import cross_compiler
from tests.support.devices import opened
from tests.support.graphs import Builder
from tests.support.hand_made import hand_made
from tests.support.repository import DESCRIPTION


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
    assert there.welcome.coarse_ticks > 0  # in QEMU, also the nRF51 has a coarse counter
    assert all(map(np.array_equal, here.all_outputs, there.all_outputs))


def tiny(root: Path) -> Model:
    """Return a model of four bytes in and out, for an engine made by hand."""
    builder = Builder()
    source = builder.activation((1, 4), 0.1, 0)
    folder = root / "tiny"
    folder.mkdir()
    (folder / "model.toml").write_text(DESCRIPTION)
    (folder / "model.tflite").write_bytes(builder.build([source], [builder.dense(source, 4)]))
    return load_model(folder)


# Nearly all of its instructions are at the deepest place of the stack: up to 16.4 million, 4 each.
DEEP = """
__attribute__((noinline)) static void deep(uint32_t loops) {
    volatile uint8_t local[600] = {0};
    for (uint32_t i = 0; i < loops; i++) {
        __asm volatile("nop");
    }
    (void)local[0];
}
"""


def test_systick_s_interrupt_adds_to_the_stack_of_no_inference(tmp_path: Path) -> None:
    """SysTick wraps after 16.8 million ticks: only by chance never in the long inference."""
    cross_compiler()
    target = find_target("virtual-kw41z4", [bundled("targets")])
    model = tiny(tmp_path)
    engine = hand_made("deep(tensor[0] ? 4100000U : 1U);", DEEP)
    image = build_image(target, model, engine, tmp_path / "images")
    with opened(target, model, image, tmp_path) as dut:
        short, long = (dut._measure([np.full(4, value, np.int8)], "") for value in (0, 1))
    assert 16_000_000 < long.ticks - short.ticks < 1 << 24
    assert long.stack == short.stack


def test_systick_tells_how_often_it_wraps(tmp_path: Path) -> None:
    """Its interrupts are the coarse counter, with which the host counts beyond 2^32 ticks."""
    cross_compiler()
    target = find_target("virtual-kw41z4", [bundled("targets")])
    model = tiny(tmp_path)
    engine = hand_made("deep(tensor[0] * 4100000U + 1U);", DEEP)
    image = build_image(target, model, engine, tmp_path / "images")
    with opened(target, model, image, tmp_path) as dut:
        results = [dut._measure([np.full(4, value, np.int8)], "") for value in (0, 2, 3)]
        assert dut.welcome.coarse_ticks == 1 << 24
    assert [result.coarse for result in results] == [0, 1, 2]
    assert [result.ticks >> 24 for result in results] == [0, 1, 2]


UNALIGNED = """register uint32_t base __asm__("r4") = 0x20004001U;
    __asm volatile("ldm r4, {r0, r1}" :: "r"(base) : "r0", "r1");"""


@pytest.mark.parametrize(
    ("target_name", "cause"),
    [
        ("virtual-kw41z4", "an unaligned access"),
        ("virtual-nrf91", "UNALIGNED: unaligned access"),
    ],
)
def test_an_unaligned_access_is_explained(target_name: str, cause: str, tmp_path: Path) -> None:
    """On Armv6-M every one faults, on Armv8-M those of LDM do."""
    cross_compiler()
    target = find_target(target_name, [bundled("targets")])
    model = tiny(tmp_path)
    image = build_image(target, model, hand_made(invoke=UNALIGNED), tmp_path / "images")
    with (
        opened(target, model, image, tmp_path) as dut,
        pytest.raises(InfrastructureError) as caught,
    ):
        dut.infer(np.zeros(4, np.int8))
    assert cause in caught.value.what
    assert "nn_invoke model.c:" in caught.value.what
