"""Estimated cycles: Arm's numbers for snippets, and blocks that are what a device counts."""

import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import get_args

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from harness.elf import Elf
from harness.engines.registry import find_engine
from harness.errors import ExitCode, InfrastructureError
from harness.image.build import Image, build_image
from harness.measure.cycles.attribution import estimate
from harness.measure.cycles.costs import costs_of
from harness.measure.cycles.decode import KINDS, instruction
from harness.measure.cycles.estimate import Estimate, FunctionCost
from harness.measure.cycles.inference_estimate import (
    estimate_inference,
    infer,
    instructions,
    why_no_estimate,
)
from harness.measure.number import Number
from harness.model.folder import Model, find_model
from harness.model.tensor_block import pack
from harness.report.functions_table import print_functions
from harness.results.run_record import record_of
from harness.runs.cycle_estimate import estimated
from harness.simulator.bare_core import BareCore, Block
from harness.simulator.block_trace import Trace
from harness.target.find_target import find_target
from harness.target.target_file import Clock, Core, Mcu, Target
from tests.support.programs import program
from tests.support.repository import Repository
from tests.unit.test_record import make_run

ROOT = Path(__file__).parents[2]
CORES = ("cortex-m0", "cortex-m0plus", "cortex-m3", "cortex-m4f")

# What the TRMs of M0, M0+, M3 and M4 say; a "!" tells that the last instruction jumps. None:
# the core lacks the instruction.
SNIPPETS = [
    ("ldr r0,[r1]; ldr r2,[r3]", "08681a68", (4, 4, 3, 3)),
    ("ldr r0,[r1]; ldr r2,[r0]", "08680268", (4, 4, 4, 4)),
    ("ldr r0,[r1]; ldr r2,[r3]; ldr r4,[r5]", "08681a682c68", (6, 6, 4, 4)),
    ("ldr r0,[r1,r2]; str r0,[r3,#20]", "88585861", (4, 4, 3, 3)),
    ("ldr r0,[r1,r2]; str r1,[r3,r2]", "88589950", (4, 4, 3, 3)),
    ("str r0,[r1,r2]", "8850", (2, 2, 2, 2)),
    ("str r0,[r1]; str r2,[r3]", "08601a60", (4, 4, 2, 2)),
    ("adds r1,#4; ldr r0,[r1]", "04310868", (3, 3, 4, 4)),
    ("adds r1,#4; str r0,[r1]", "04310860", (3, 3, 3, 3)),
    ("ldr r0,[r1],#4; ldr r2,[r3]", "51f8040b1a68", (None, None, 4, 4)),
    ("ldrd r0,r1,[r2]; ldr r3,[r4]", "d2e900012368", (None, None, 5, 5)),
    ("push {r4-r6,lr}", "70b5", (5, 5, 5, 5)),
    ("pop {r4,r5}", "30bc", (3, 3, 3, 3)),
    ("pop {r4,pc}!", "10bd", (6, 5, 5, 5)),
    ("ldm r0!,{r1-r3}", "0ec8", (4, 4, 4, 4)),
    ("ldr pc,[r0]!", "d0f800f0", (None, None, 4, 4)),
    ("beq .+4", "fed0", (1, 1, 1, 1)),
    ("beq .+4!", "fed0", (3, 2, 3, 3)),
    ("b .!", "fee7", (3, 2, 3, 3)),
    ("cbz r0,.+4!", "00b1", (None, None, 3, 3)),
    ("bl .!", "fff7feff", (4, 3, 3, 3)),
    ("blx r3!", "9847", (3, 2, 3, 3)),
    ("bx lr!", "7047", (3, 2, 3, 3)),
    ("mov pc,lr!", "f746", (3, 2, 3, 3)),
    ("tbb [pc,r0]!", "dfe800f0", (None, None, 4, 4)),
    ("movs r0,#1; it eq; moveq r0,r1", "012008bf0846", (None, None, 2, 2)),
    ("mov.w r0,#1; it eq; moveq r0,r1", "4ff0010008bf0846", (None, None, 3, 3)),
    ("udiv r0,r1,r2", "b1fbf2f0", (None, None, 6, 6)),
    ("muls r0,r1,r0", "4843", (1, 1, 1, 1)),
    ("mla r0,r1,r2,r3", "01fb0230", (None, None, 2, 1)),
    ("umull r0,r1,r2,r3", "a2fb0301", (None, None, 4, 1)),
    ("smlal r0,r1,r2,r3", "c2fb0301", (None, None, 6, 1)),
    ("smlad r0,r1,r2,r3", "21fb0230", (None, None, None, 1)),
    ("mrs r0,primask", "eff31080", (4, 3, 1, 1)),
    ("dmb", "bff35f8f", (4, 3, 1, 1)),
    ("vmul.f32 s0,s1,s2", "20ee810a", (None, None, None, 1)),
    ("vmla.f32 s0,s1,s2", "00ee810a", (None, None, None, 3)),
    ("vfma.f32 s0,s1,s2", "a0ee810a", (None, None, None, 3)),
    ("vdiv.f32 s0,s1,s2", "80ee810a", (None, None, None, 14)),
    ("vsqrt.f32 s0,s1", "b1eee00a", (None, None, None, 14)),
    ("vldr s0,[r1]", "91ed000a", (None, None, None, 2)),
    ("vldr d0,[r1]", "91ed000b", (None, None, None, 3)),
    ("vldmia r0!,{s0-s3}", "b0ec040a", (None, None, None, 5)),
    ("vpush {d8-d9}", "2ded048b", (None, None, None, 5)),
    ("vmov r0,r1,d0", "51ec100b", (None, None, None, 2)),
    ("vmov s0,r0", "00ee100a", (None, None, None, 1)),
    ("nop", "00bf", (1, 1, 1, 1)),
]


@pytest.mark.parametrize(("text", "code", "expected"), SNIPPETS)
def test_a_snippet_costs_what_the_trm_says(
    text: str, code: str, expected: tuple[int | None, ...]
) -> None:
    block = Block(0, bytes.fromhex(code), runs=1, jumps=int(text.endswith("!")), flash_loads=0)
    for core, cycles in zip(CORES, expected, strict=True):
        if cycles is not None:
            assert costs_of(core).of_block(block) == cycles, core


def test_a_cortex_m33_costs_what_an_m4_does_and_nobody_says_how_wrong_that_is() -> None:
    m33, m4 = costs_of("cortex-m33"), costs_of("cortex-m4f")
    assert (m33.row, m33.refill) == (m4.row, m4.refill)
    assert (m33.error, costs_of("cortex-m3").error) == (None, None)
    assert m33.model != m4.model


def test_every_row_is_of_a_kind_and_says_where_it_is_from() -> None:
    assert set(costs_of("cortex-m4f").row) == set(KINDS)
    for core in CORES:
        assert all(
            "table" in row.source or "3.3" in row.source for row in costs_of(core).row.values()
        )


def test_an_instruction_that_a_core_lacks_is_no_free_one() -> None:
    division = Block(0, bytes.fromhex("b1fbf2f0"), runs=1, jumps=0, flash_loads=0)
    with pytest.raises(InfrastructureError, match="no row for instructions of divide"):
        costs_of("cortex-m0").of_block(division)
    with pytest.raises(InfrastructureError, match="does not know the instruction ffffffff"):
        instruction(b"\xff\xff\xff\xff")


@given(st.integers(1, 1000), st.data())
def test_runs_and_jumps_are_multiplied_out(runs: int, data: st.DataObject) -> None:
    jumps = data.draw(st.integers(0, runs))
    code = bytes.fromhex("04310868fed0")
    for core in CORES:
        once = costs_of(core).of_block(Block(0, code, 1, 0, 0))
        total = costs_of(core).of_block(Block(0, code, runs, jumps, 0))
        assert total == runs * once + jumps * costs_of(core).refill
        assert total >= runs * 3, "no instruction but a folded IT is free"


def test_wait_states_are_those_of_jumps_and_loads_in_flash() -> None:
    loop, ram = (Block(at, b"\x00\xbf", 10, 9, 4) for at in (0x100, 0x2000_0000))
    found = estimate(
        [loop, ram],
        costs_of("cortex-m4f"),
        lambda address: (hex(address), ""),
        flash=range(0x1000),
        wait_states=5,
    )
    assert found.waits == 5 * (9 + 4 + 4)
    assert found.cycles == 2 * (10 + 9 * 2), "zero wait states"


# A bare core

FLASH, RAM = range(0x1000), range(0x2000_0000, 0x2000_1000)


def core_of(path: Path, functions: dict[str, str]) -> BareCore:
    path.write_bytes(program(functions))
    return BareCore(Elf(path), "cortex-m4f", [FLASH, RAM], FLASH, 0)


def test_a_loop_is_counted_to_the_cycle(tmp_path: Path) -> None:
    # movs r0,#100; loop: subs r0,#1; bne loop; nop; stop: b .
    core = core_of(tmp_path / "a.elf", {"reset": "6420 0138 fdd1 00bf", "stop": "fee7"})
    blocks = core.run(0x10)
    assert instructions(blocks) == 1 + 200 + 1
    assert sum(block.jumps for block in blocks) == 99
    assert sum(map(costs_of("cortex-m4f").of_block, blocks)) == 1 + 100 * (1 + 1) + 99 * 2 + 1


def test_a_program_that_goes_nowhere_is_given_up(tmp_path: Path) -> None:
    core = core_of(tmp_path / "a.elf", {"reset": "fee7", "stop": "00bf"})
    with pytest.raises(InfrastructureError, match=r"stop .* was not reached within 1,000 instr"):
        core.run(0xA, budget=1000)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("4ff08040 0168", "0x40000000, where the bare core has no memory"),  # ldr r1,[0x40000000]
        ("0021 0960", "0x00000000, where the bare core has no memory for such"),  # str: flash
        ("00de", "the bare core stops at reset"),  # udf
    ],
)
def test_what_a_core_with_memory_alone_cannot_do_is_named(
    tmp_path: Path, code: str, message: str
) -> None:
    core = core_of(tmp_path / "a.elf", {"reset": code, "stop": "fee7"})
    with pytest.raises(InfrastructureError, match=message):
        core.run(0x20)


UNALIGNED = "0120 4007 0130"  # movs r0,#1; lsls r0,#29; adds r0,#1: 0x20000001
SET_CCR = "4ef6 1450 cef2 0000 4ff4 0671 0160"  # CCR at 0xE000ED14 = 0x218: both traps


@pytest.mark.parametrize("core", ["cortex-m3", "cortex-m4f", "cortex-m7", "cortex-m33"])
@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("0ec8", "accesses an unaligned address"),  # ldm r0!, {r1, r2, r3}
        ("d0e90012", "accesses an unaligned address"),  # ldrd r1, r2, [r0]
        ("50e8001f", "accesses an unaligned address"),  # ldrex r1, [r0]
        ("fee7fee7 d0e90012", "was not reached"),  # it does not run
        ("0168", ""),  # ldr r1, [r0]
        ("0020 b0fbf0f1", ""),  # r1 = 0 / 0
    ],
)
def test_a_bare_core_faults_as_a_board_does(
    tmp_path: Path, core: str, code: str, what: str
) -> None:
    for name, start in {"first": UNALIGNED, "second": f"{UNALIGNED} ffe7"}.items():  # b: a block
        text = f"{start} {code}"
        (tmp_path / name).write_bytes(program({"reset": text, "stop": "fee7"}))
        bare = BareCore(Elf(tmp_path / name), core, [FLASH, RAM], FLASH, 0)
        end = 8 + len(bytes.fromhex(text))
        if what:
            with pytest.raises(InfrastructureError, match=what):
                bare.run(end, budget=1000)
        else:
            assert instructions(bare.run(end)) == len(start.split()) + len(code.split())


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("0168", "accesses an unaligned address, and CCR.UNALIGN_TRP is set, at function"),
        ("0020 b0fbf0f1", "divides by zero, and CCR.DIV_0_TRP is set, at function"),
    ],
)
def test_a_bare_core_has_the_traps_that_the_program_switched_on(
    tmp_path: Path, code: str, what: str
) -> None:
    core = core_of(
        tmp_path / "a.elf",
        {"reset": f"{SET_CCR} 00bf", "function": f"{UNALIGNED} {code} 7047"},
    )
    core.run(0x16)
    with pytest.raises(InfrastructureError, match=what):
        core.call(0x18)


def test_counting_loads_does_not_change_what_runs(tmp_path: Path) -> None:
    """Four conditional loads from flash; then the condition does not hold any more."""
    code = "0820 8042 01bf 0168 0168 0168 0168 6328 ffe7 0720"
    core = core_of(tmp_path / "a.elf", {"reset": code, "stop": "fee7"})
    core.count_loads(FLASH)
    blocks = core.run(8 + len(bytes.fromhex(code)))
    assert core.result == 7
    assert sum(block.flash_loads for block in blocks) == 4


def test_an_unaligned_access_on_a_cortex_m0_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.elf").write_bytes(program({"reset": f"{UNALIGNED} 0168", "stop": "fee7"}))
    bare = BareCore(Elf(tmp_path / "a.elf"), "cortex-m0", [FLASH, RAM], FLASH, 0)
    with pytest.raises(InfrastructureError, match=r"at reset .*: the instruction raises an exc"):
        bare.run(0x10)


@given(st.lists(st.integers(0, 20), min_size=1, max_size=200), st.integers(0, 20))
def test_blocks_and_their_jumps_are_counted(starts: list[int], end: int) -> None:
    trace = Trace(lambda: None, portable=True)
    for start in starts:
        trace._on_block(0, 4 * start, 4, 0)
    trace.finish(4 * end)
    if starts[-1] == end:
        starts.pop()  # it was entered, and stopped at
    for start in set(starts):
        after = [n for s, n in zip(starts, [*starts[1:], end], strict=True) if s == start]
        assert trace.runs[4 * start, 4] == len(after)
        assert trace.jumps[4 * start, 4] == sum(n != start + 1 for n in after)


# An image


@pytest.fixture(scope="module")
def model() -> Model:
    return find_model("faces", [ROOT / "models"])


@pytest.fixture(scope="module")
def target() -> Target:
    return find_target("virtual-stm32", [ROOT / "targets"])


@pytest.fixture(scope="module")
def image(target: Target, model: Model) -> Image:
    return build_image(target, model, find_engine("cmsis-nn"), ROOT / "build" / "images")


def inputs_of(model: Model, vector: int) -> bytes:
    tensors = model.graph.input_tensors
    return pack(tensors, [values[vector] for values in model.vectors.all_inputs])


def test_an_estimate_is_of_what_ran_or_is_refused(
    target: Target, model: Model, image: Image
) -> None:
    inputs = inputs_of(model, 0)
    counted = infer(target, image, inputs).counted
    found = estimate_inference(target, image, inputs, counted)
    assert counted < found.instructions < counted + 10, "with what the empty bracket takes"
    assert 1.0 < found.cpi < 2.0
    assert {one.name for one in found.functions} >= {"nn_invoke", "arm_nn_mat_mult_nt_t_s8"}
    assert found == estimate_inference(target, image, inputs, counted)
    with pytest.raises(InfrastructureError, match=f"executes {counted:,} instructions in an"):
        estimate_inference(target, image, inputs, counted + 1)
    with pytest.raises(InfrastructureError, match="bytes of input, the vector has 3"):
        infer(target, image, b"123")


@pytest.mark.skipif(not shutil.which("qemu-system-arm"), reason="qemu-system-arm is not on PATH")
@pytest.mark.parametrize("bundled", ["qemu-m3", "qemu-m7"])
def test_a_count_that_the_bare_core_contradicts_fails_the_run(
    repository: Repository, bundled: str
) -> None:
    """Also on a core without a cycle model; here the target file states a wrong frequency."""
    path = repository.root / "targets" / "mine.toml"
    path.parent.mkdir()
    path.write_text(f'base = "{bundled}"\ncounter.hz = 20_000_000')
    code, shown = repository.run("misbehaving", "--target", str(path))
    assert code == ExitCode.INFRASTRUCTURE
    assert re.search(r"mine: the bare core executes \d+ instructions in an inference for", shown)
    assert repository.records() == []


def test_a_first_inference_of_another_length_is_compared_with_the_bare_core_s(
    target: Target, model: Model, image: Image
) -> None:
    counted = infer(target, image, inputs_of(model, 0)).counted
    run = make_run(
        target=target, model=model, network=model.graph, image=image, vectors=model.vectors
    )
    alike = replace(run, ticks=np.full(2, counted, np.int64), first=counted)
    assert estimated(alike).estimate is not None
    longer = estimated(replace(alike, ticks=alike.ticks + 1))
    assert "the first inference takes another number" in longer.estimate_unavailable
    with pytest.raises(InfrastructureError, match="the bare core executes"):
        estimated(replace(alike, first=counted + 1))


def test_what_a_bare_core_cannot_run_is_not_estimated_and_the_record_says_why(
    tmp_path: Path, target: Target, image: Image
) -> None:
    elf = Elf(tmp_path / "a.elf")
    elf.path.write_bytes(program({"main": "fee7", "nn_invoke": "7047"}))
    run = estimated(make_run(target=target, image=replace(image, elf=elf)))
    assert run.estimate is None
    assert run.estimate_unavailable.endswith("this has no nn_init(), nn_input(), empty()")
    record = record_of(run, tmp_path)
    assert record.estimate_unavailable == run.estimate_unavailable
    assert not any("estimated" in name for name in record.numbers)


def test_a_record_has_the_median_s_cycles_and_says_whose_they_are(
    target: Target, image: Image, tmp_path: Path
) -> None:
    clock = Clock(hz=1000, source="a test")
    found = Estimate("a model", 0.107, (FunctionCost("f", "", 1000, 1500),), 2, 300)
    run = make_run(
        target=msgspec.structs.replace(target, clock=clock),
        image=image,
        ticks=np.array([1000, 2000, 9000], np.int64),
        estimate=found,
    )
    numbers = record_of(run, tmp_path).numbers
    model = "a model, zero wait states"
    assert numbers["cycles_estimated"] == Number(3000, "1", "estimated", model, 0.107)
    assert numbers["latency_estimated"] == Number(3.0, "s", "estimated", model, 0.107)
    waiting = numbers["cycles_estimated_waiting"]
    assert (waiting.value, waiting.error) == (3600, None)
    assert numbers["latency_estimated_waiting"].value == 3.6


def test_wait_states_only_add(target: Target, model: Model, image: Image) -> None:
    inputs = inputs_of(model, 0)
    counted = infer(target, image, inputs).counted
    found = []
    for states in (0, 1, 5):
        clock = Clock(hz=120_000_000, source="a test", flash_wait_states=states)
        slow = msgspec.structs.replace(target, clock=clock)
        found.append(estimate_inference(slow, image, inputs, counted))
    assert len({one.cycles for one in found}) == 1
    assert found[0].waits == 0 < found[1].waits
    assert found[2].waits == 5 * found[1].waits


def test_cores_without_timings_are_not_estimated(target: Target) -> None:
    cores: tuple[Core, ...] = (
        "cortex-m7",
        "cortex-m23",
        "cortex-m33-nofp",
        "cortex-m55",
        "cortex-m85",
    )
    for core in set(get_args(Core)) - set(cores):
        of_core = msgspec.structs.replace(target, mcu=Mcu("X", core))
        assert not why_no_estimate(of_core, 1_000_000)
    for core in cores:
        assert why_no_estimate(msgspec.structs.replace(target, mcu=Mcu("X", core)), 1) == (
            f"there is no cycle model for {core}"
        )
    assert "harness profile" in why_no_estimate(target, 1_000_000_000)
    measured = find_target("nucleo-f429zi", [ROOT / "targets"])
    assert why_no_estimate(measured, 1) == "cycles are measured"


# What people see


def test_functions_fit_80_columns_and_add_up(capsys: pytest.CaptureFixture[str]) -> None:
    long = "arm_depthwise_conv_wrapper_of_a_very_long_name_s8_get_buffer_size"
    functions = tuple(
        FunctionCost(f"{long}_{index}", "a/b.c", 10_000_000, 12_345_678) for index in range(20)
    )
    print_functions(Estimate("a model", 0.11, functions, 0, 0), Console(width=80), shown=3)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert any(line.split()[:2] == ["17", "more"] for line in lines)
    assert lines[lines.index("all") + 1].split()[:2] == ["200,000,000", "246,913,560"]
    assert any(f"{long}_0" in line for line in lines)
    assert "± 11 %" in lines[-1]
