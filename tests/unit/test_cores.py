"""The cores that QEMU has: right to the byte, exact to the instruction, faults and all."""

import os
import re
import shutil
from dataclasses import replace
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import Any, get_args

import msgspec
import numpy as np
import pytest
from elftools.elf.elffile import ELFFile
from hypothesis import given
from hypothesis import strategies as st

from harness.engines.cmsis_nn.core_features import extension_of
from harness.engines.registry import Engine, find_engine
from harness.errors import InfrastructureError, InputError
from harness.golden import oracle
from harness.image.build import Image, build_image
from harness.image.toolchain import TOOLCHAINS, find_toolchain
from harness.link.fault_registers import describe
from harness.link.messages import Fault, Result, Welcome
from harness.measure.counter import whole_ticks
from harness.measure.cycles.inference_estimate import infer
from harness.measure.instructions import instructions
from harness.model.folder import Model, load_model
from harness.model.graph import Tensor
from harness.model.tflite_file import parse
from harness.results.record import Conversion
from harness.results.run_record import record_of
from harness.runs.link_run import Run
from harness.support import bundled_files
from harness.target.find_target import find_target
from harness.target.target_file import Core, Counter, Target
from tests.support import (
    graphs,
    operators,
    operators_custom,
    operators_float32,
    operators_float32_layers,
    operators_int16,
)
from tests.support.devices import opened
from tests.support.graphs import Array, Builder
from tests.support.hand_made import hand_made
from tests.support.repository import DESCRIPTION

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "build" / "images"
TARGETS = ("qemu-m0", "qemu-m3", "qemu-m4", "qemu-m7", "qemu-m33", "qemu-m55")
MLPERF_TINY = ROOT.parent / "shared" / "mlperf-tiny" / "models"
MACHINES = (
    *("netduinoplus2", "stm32vldiscovery", "microbit", "mps2-an386", "mps2-an505", "mps2-an521"),
    *("mps3-an547", "musca-a", "ast1030-evb"),
)
"""Machines without a target file: one for each kind of core, memory and clock."""

VECTORS = 5
CMSIS_NN = find_engine("cmsis-nn")

needs_gcc = pytest.mark.skipif(
    shutil.which("arm-none-eabi-gcc") is None,
    reason="arm-none-eabi-gcc is not on PATH: see `make system`",
)
needs_clang = pytest.mark.skipif(
    find_spec("ziglang") is None,
    reason="ziglang is not installed: pip install 'tinyml-harness[clang]'",
)
needs_qemu = pytest.mark.skipif(
    shutil.which("qemu-system-arm") is None,
    reason="qemu-system-arm is not on PATH: see `make system`",
)
each_toolchain = pytest.mark.parametrize(
    "toolchain", [pytest.param("gcc", marks=needs_gcc), pytest.param("clang", marks=needs_clang)]
)
# Clang has one kind of code for the smallest core and for Helium; what is between is much the same.
each_build = pytest.mark.parametrize(
    ("name", "toolchain"),
    [
        *(pytest.param(name, "gcc", marks=needs_gcc) for name in TARGETS),
        *(
            pytest.param(name, "clang", marks=[needs_clang, *([pytest.mark.slow] * between)])
            for name in TARGETS
            for between in [name not in ("qemu-m0", "qemu-m55")]
        ),
    ],
)


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """The bundled model with a few of its vectors; its images are the bundled one's."""
    folder = tmp_path_factory.mktemp("models") / "digits"
    shutil.copytree(ROOT / "models" / "digits", folder)
    held = dict(np.load(folder / "vectors.npz"))
    few = {name: held[name][:VECTORS] for name in ("inputs", "labels", "golden")}
    np.savez(folder / "vectors.npz", **held | few)
    return load_model(folder)


def target_of(name: str) -> Target:
    return find_target(name, [ROOT / "targets"])


def write_model(folder: Path, network: bytes) -> Model:
    folder.mkdir()
    (folder / "model.toml").write_text(DESCRIPTION)
    (folder / "model.tflite").write_bytes(network)
    return load_model(folder)


@pytest.fixture
def tiny(tmp_path: Path) -> Model:
    """A model of four bytes in and out, for an engine made by hand."""
    b = Builder()
    source = b.activation((1, 4), 0.1, 0)
    return write_model(tmp_path / "tiny", b.build([source], [b.dense(source, 4)]))


def build(
    target: Target, model: Model, toolchain: str, images: Path = IMAGES, engine: Engine = CMSIS_NN
) -> Image:
    return build_image(target, model, engine, images, toolchain=find_toolchain(toolchain))


def run(target: Target, model: Model, image: Image, root: Path) -> Run:
    with opened(target, model, image, root) as dut:
        return dut.run()


# One list of cores


def test_a_target_s_core_has_a_row_for_every_toolchain_and_no_other_has() -> None:
    text = (bundled_files.bundled("firmware") / "cores.cmake").read_text()
    rows = re.findall(r"(?m)^set\(CORE_FLAGS_(\w+?)_(\S+)", text)
    assert sorted(rows) == sorted((name, core) for name in TOOLCHAINS for core in get_args(Core))
    interrupts = re.findall(r"(?m)^set\(INTERRUPTS_(\S+)", text)
    assert sorted(interrupts) == sorted(get_args(Core))


@pytest.mark.parametrize("core", get_args(Core))
def test_a_target_s_core_is_known_to_the_engine(core: str) -> None:
    extension_of(core)


NO_MACHINE = {  # in QEMU
    *("cortex-m0plus", "cortex-m4", "cortex-m23", "cortex-m33-nofp", "cortex-m85"),
}


def test_there_is_a_machine_for_every_other_core() -> None:
    assert {target_of(name).mcu.core for name in TARGETS} == set(get_args(Core)) - NO_MACHINE


# What the compiler is told that the core has: Arm's Addenda to the ABI (IHI 0045), attributes.
ARCHITECTURE, DSP, HELIUM = "TAG_CPU_ARCH", "TAG_DSP_EXTENSION", "TAG_MVE_ARCH"
V6S_M, V7_M, V7E_M, V8_M_MAIN, V8_1_M_MAIN = 12, 10, 13, 17, 21
WITH_FLOATS = 2
HAS = {
    "qemu-m0": {ARCHITECTURE: V6S_M},
    "qemu-m3": {ARCHITECTURE: V7_M},
    "qemu-m4": {ARCHITECTURE: V7E_M},  # which has DSP
    "qemu-m7": {ARCHITECTURE: V7E_M},
    "qemu-m33": {ARCHITECTURE: V8_M_MAIN, DSP: 1},
    "qemu-m55": {ARCHITECTURE: V8_1_M_MAIN, DSP: 1, HELIUM: WITH_FLOATS},
}


@each_build
def test_an_image_is_for_its_core(name: str, toolchain: str, digits: Model) -> None:
    image = build(target_of(name), digits, toolchain)
    with image.elf.path.open("rb") as file:
        section: Any = ELFFile(file).get_section_by_name(".ARM.attributes")
        held = {
            attribute.tag: attribute.value
            for vendor in section.iter_subsections()
            for part in vendor.iter_subsubsections()
            for attribute in part.iter_attributes()
        }
    assert {tag: held[tag] for tag in (ARCHITECTURE, DSP, HELIUM) if tag in held} == HAS[name]


# Right to the byte


@needs_qemu
@each_build
def test_digits_is_right_on_every_core(
    name: str, toolchain: str, digits: Model, tmp_path: Path
) -> None:
    target = target_of(name)
    first, second = (
        run(target, digits, build(target, digits, toolchain), tmp_path) for _ in range(2)
    )
    first.check()
    assert first.bytes_differing == 0
    assert first.ticks.all()
    assert first.ticks.tolist() == second.ticks.tolist()
    assert first.retries == 0
    assert first.stack is not None
    assert 0 < first.stack.used < target.stack
    assert (first.estimate is None) == (name in ("qemu-m7", "qemu-m55")), first.estimate_unavailable
    if name == "qemu-m7":  # no timings, but a bare core
        image = build(target, digits, toolchain)
        assert infer(target, image, digits.vectors.inputs[0].tobytes()).counted == first.ticks[0]


@needs_qemu
@needs_gcc
@pytest.mark.parametrize("seed", range(4))
def test_helium_s_kernels_are_right_for_any_graph(seed: int, tmp_path: Path) -> None:
    """The host cannot run them: its random graphs again, with golden from TFLM."""
    rng = np.random.default_rng(seed)
    network = graphs.random_graph(lambda low, high: int(rng.integers(low, high + 1)))
    compare_with_tflm("qemu-m55", network, tmp_path)


@needs_qemu
@needs_gcc
@pytest.mark.skipif(not MLPERF_TINY.is_dir(), reason="MLPerf Tiny is not beside this checkout")
@pytest.mark.parametrize(
    ("name", "network"),
    [
        ("qemu-m4", "kws_ref_model"),
        ("qemu-m55", "kws_ref_model"),
        *(
            pytest.param(name, "kws_ref_model", marks=pytest.mark.slow)
            for name in ("qemu-m3", "qemu-m7", "qemu-m33")
        ),
        ("qemu-m55", "ad01_int8"),
        ("qemu-m55", "str_ww_ref_model"),
    ],
)
def test_published_models_equal_tflm(name: str, network: str, tmp_path: Path) -> None:
    compare_with_tflm(name, (MLPERF_TINY / f"{network}.tflite").read_bytes(), tmp_path)


@needs_qemu
@pytest.mark.parametrize(
    ("name", "toolchain"),
    [
        pytest.param("qemu-m0", "clang", marks=[needs_clang, pytest.mark.slow]),
        pytest.param("qemu-m4", "gcc", marks=needs_gcc),
        pytest.param("qemu-m55", "gcc", marks=needs_gcc),
    ],
)
def test_every_kernel_is_right_on_a_core(name: str, toolchain: str, tmp_path: Path) -> None:
    chains = {
        "int8": operators,
        "int16": operators_int16,
        "float32": operators_float32,
        "custom": operators_custom,
        "more float32": operators_float32_layers,
    }
    for folder, chain in chains.items():
        (tmp_path / folder).mkdir()
        compare_with_tflm(name, chain.every_operator(), tmp_path / folder, toolchain)


@needs_qemu
@needs_clang
def test_numbers_below_2_to_minus_126_are_not_0_on_helium(tmp_path: Path) -> None:
    """Clang would use Helium's vectors, which take them for 0."""
    compare_with_tflm("qemu-m55", operators_float32.every_operator(), tmp_path, "clang")


def compare_with_tflm(name: str, network: bytes, root: Path, toolchain: str = "gcc") -> None:
    """Run a few random inputs on the target `name`, and in TFLM."""
    graph = parse(network, where="network")
    inputs = random_inputs(graph.tensors[graph.inputs[0]])
    target, model = target_of(name), write_model(root / "network", network)
    image = build(target, model, toolchain, root / "images")
    with opened(target, model, image, root) as dut:
        sequence = np.arange(len(inputs)) == 0
        (wanted,) = oracle.answers(network, [inputs], starts=sequence)
        for ours, expected in zip(inputs, wanted, strict=True):
            assert np.array_equal(dut.infer(ours[0]), expected[0])


def random_inputs(source: Tensor) -> Array:
    """Return three inputs; the floats of the last one are small."""
    rng, shape = np.random.default_rng(1), (3, *source.shape)
    if source.dtype == np.float32:
        sizes = np.array([1, 1e6, 1e-34]).reshape(3, *(1 for _ in source.shape))
        return np.asarray(rng.normal(0, 1, shape) * sizes, np.float32)
    limits = np.iinfo(source.dtype)
    return rng.integers(limits.min, limits.max + 1, shape, source.dtype)


# Writes all of `most`, reads it again, and reads the last of `constants`.
ALL_MEMORY = """
    uint32_t differ = 0;
    for (uint32_t i = 0; i < sizeof(most); i++) {
        most[i] = (uint8_t)(i + i / 256U + i / 65536U);
    }
    for (uint32_t i = 0; i < sizeof(most); i++) {
        differ += most[i] != (uint8_t)(i + i / 256U + i / 65536U);
    }
    tensor[0] = differ == 0U;
    tensor[1] = constants[last];
"""


@needs_qemu
@each_toolchain
@pytest.mark.parametrize("name", ["qemu-m0", "qemu-m3", "qemu-m33", "qemu-m55"])
def test_the_whole_memory_is_there(name: str, toolchain: str, tiny: Model, tmp_path: Path) -> None:
    target = target_of(name)
    ram, flash = target.memory.ram.size - target.stack - 5000, target.memory.flash.size - 12_000
    declarations = f"""
static volatile uint8_t most[{ram}];
static const int8_t constants[{flash}] = {{[{flash - 1}] = 7}};
static volatile uint32_t last = {flash - 1};
"""
    engine = hand_made(invoke=ALL_MEMORY, declarations=declarations)
    image = build(target, tiny, toolchain, tmp_path / "images", engine)
    with opened(target, tiny, image, tmp_path) as dut:
        assert dut.infer(np.zeros(4, np.int8)).tolist() == [1, 7, 0, 0]


@needs_gcc
def test_a_model_that_is_too_large_for_16_kib_is_refused(tmp_path: Path) -> None:
    b = Builder()
    source = b.activation((1, 32, 32, 8), 0.1, 0)
    model = write_model(tmp_path / "large", b.build([source], [b.conv_2d(source, 8, (3, 3))]))
    target = target_of("qemu-m0")
    with pytest.raises(InputError) as caught:
        build(target, model, "gcc", tmp_path / "images")
    assert caught.value.where == f"{target.path}: memory.ram"
    assert re.fullmatch(
        r"the model is too large: the image is [\d,]+ bytes larger than the 16,384 bytes of ram",
        caught.value.what,
    )


# Exact to the instruction

# Reads n from the input, and executes 2 n instructions more than for n = 0.
LOOP = r"""
    uint32_t n = 0;
    for (int i = 3; i >= 0; i--) {
        n = n << 8 | (uint8_t)tensor[i];
    }
    __asm volatile(".syntax unified\n1: subs %0, #1\n bne 1b" : "+l"(n) : : "cc");
"""
LOOPS = [*range(1, 24), 100, 101, 999, 1000, 1001, 12_345, 65_536, 1_000_003, 9_999_999, 40_000_001]
if int(os.environ.get("FUZZ", "0")) >= 100:  # in the nightly: the counter of 32 bits wraps around
    LOOPS.append(1_100_000_007)


@pytest.fixture
def loops(tiny: Model) -> Model:
    """A vector for each of `LOOPS`."""
    inputs = np.array(LOOPS, "<u4").view(np.int8).reshape(-1, 4)
    labels = np.zeros(len(LOOPS), np.int64)
    source = np.array("the firmware's source")
    held: dict[str, Any] = {"inputs": inputs, "labels": labels}
    held |= {"golden": inputs, "golden_source": source}
    np.savez(tiny.tflite_path.with_name("vectors.npz"), **held)
    return load_model(tiny.tflite_path.parent)


@needs_qemu
@needs_gcc
@pytest.mark.parametrize("name", [*TARGETS, "qemu-stm32", *(f"qemu:{each}" for each in MACHINES)])
def test_instructions_are_exact(name: str, loops: Model, tmp_path: Path) -> None:
    """A loop of two instructions, and a fixed number around it, whatever the loops and when."""
    target = target_of(name)
    image = build(target, loops, "gcc", tmp_path / "images", hand_made(invoke=LOOP))
    around = run(target, loops, image, tmp_path).ticks.astype(np.int64) - 2 * np.array(LOOPS)
    assert set(around) == {around[0]}
    assert 10 < around[0] < 50


@needs_qemu
@needs_gcc
def test_a_wrong_frequency_does_not_pass_for_exact(loops: Model, tmp_path: Path) -> None:
    """What the test before this one finds: the counter's frequency is off by a thousandth."""
    held = target_of("qemu-m3")
    assert held.counter.hz is not None
    counter = Counter(ticks="instructions", hz=held.counter.hz + held.counter.hz // 1000)
    target = msgspec.structs.replace(held, counter=counter)
    image = build(target, loops, "gcc", tmp_path / "images", hand_made(invoke=LOOP))
    around = run(target, loops, image, tmp_path).ticks.astype(np.int64) - 2 * np.array(LOOPS)
    assert len(set(around)) > 1


@needs_qemu
@each_toolchain
def test_two_machines_with_one_core_count_the_same(
    toolchain: str, digits: Model, tmp_path: Path
) -> None:
    """One counts instructions with a timer at 1 GHz, the other 3.2 ticks an instruction."""
    mps2, stm32 = (
        run(target, digits, build(target, digits, toolchain), tmp_path)
        for target in map(target_of, ("qemu-m4", "qemu-stm32"))
    )
    assert (mps2.welcome.counter, stm32.welcome.counter) == ("fpgaio", "tim2")
    assert mps2.ticks.tolist() == stm32.ticks.tolist()
    ours, theirs = (record_of(each, tmp_path) for each in (mps2, stm32))
    assert ours.conversion == Conversion(counter_hz=25_000_000, icount_shift=7)
    assert theirs.conversion is None
    assert ours.numbers["counter_overhead"].value == theirs.numbers["counter_overhead"].value


@given(
    hz=st.integers(1_000_000, 200_000_000),
    shift=st.integers(0, 10),
    start=st.integers(0, 10**12),
    between=st.integers(0, 10**6),
    empty=st.integers(0, 100),
    work=st.integers(1, 10**10),
    period=st.integers(1 << 12, 1 << 24),
)
def test_instructions_are_exact_at_any_time_and_frequency(
    hz: int, shift: int, start: int, between: int, empty: int, work: int, period: int
) -> None:
    """As a device measures: an empty bracket, and later one around the work, beyond 2^32 ticks."""
    ticks = Fraction(hz << shift, 10**9)
    length = ticks * (empty + work)
    if ticks < Fraction(5, 2) or length > 9 << 32 or length % (1 << 32) < ticks * (empty + 1):
        return

    def counted(begin: int, executed: int) -> int:
        now, then = (int((begin + n) * ticks) % (1 << 32) for n in (0, executed))
        return (then - now) % (1 << 32)

    overhead = counted(start, empty)
    result = (counted(start + between, empty + work) - overhead) % (1 << 32)
    coarse = int((start + between + empty + work) * ticks / period)
    coarse -= int((start + between) * ticks / period)
    welcome = Welcome(0, "", 2048, 0, 4, 4, 4, 8192, overhead, period, 0, "fpgaio")
    whole = whole_ticks(Result(result, coarse, 0, 0, b""), welcome, "test")
    assert instructions(whole.ticks, overhead, ticks) == work


def test_ticks_that_are_instructions_stay_as_they_are() -> None:
    assert instructions((1 << 32) - 1, 14, Fraction(1)) == (1 << 32) - 1


# Helium

MULTIPLIES = "arm_nn_mat_mul"


def vector_multiplications(image: Image) -> int:
    """Return how many VMLADAVA.S8 there are in the kernels that multiply matrices.

    Armv8-M ARM (DDI 0553), VMLADAV, T1: any registers, with or without accumulation.
    """
    found = 0
    with image.elf.path.open("rb") as file:
        elf = ELFFile(file)
        symbols: Any = elf.get_section_by_name(".symtab")
        for symbol in symbols.iter_symbols():
            if symbol["st_info"]["type"] == "STT_FUNC" and symbol.name.startswith(MULTIPLIES):
                section = elf.get_section(symbol["st_shndx"])
                start = (symbol["st_value"] & ~1) - section["sh_addr"]
                code = np.frombuffer(section.data()[start:][: symbol["st_size"] & ~1], "<u2")
                match = (code[:-1] & 0xFFF1 == 0xEEF0) & (code[1:] & 0x1FD1 == 0x0F00)
                found += int(match.sum())
    return found


@needs_qemu
@each_toolchain
def test_helium_is_at_work(toolchain: str, digits: Model, tmp_path: Path) -> None:
    runs = {}
    for name in ("qemu-m4", "qemu-m55"):
        target = target_of(name)
        runs[name] = run(target, digits, build(target, digits, toolchain), tmp_path)
    assert vector_multiplications(runs["qemu-m55"].image) >= 4
    assert vector_multiplications(runs["qemu-m4"].image) == 0
    assert 2 * np.median(runs["qemu-m55"].ticks) < np.median(runs["qemu-m4"].ticks)


# Faults

UNDEFINED = '__asm volatile("udf #0");'
OVERFLOW = "volatile uint32_t first = (uint8_t)tensor[0];\n    return (int)deeper(&first);"
DEEPER = """
__attribute__((noinline)) uint32_t deeper(volatile uint32_t *before) {
    volatile uint32_t frame[16] = {*before};
    return deeper(frame) + frame[0];
}
"""
NO_STATUS = "no fault status: Armv6-M has none"


def fault_of(target: Target, model: Model, toolchain: str, invoke: str, root: Path) -> str:
    """Return what a person reads of an inference that is `invoke`."""
    engine = hand_made(invoke=invoke, declarations=DEEPER)
    image = build(target, model, toolchain, root / "images", engine)
    with (
        opened(target, model, image, root) as dut,
        pytest.raises(InfrastructureError) as caught,
    ):
        dut.infer(np.zeros(4, np.int8))
    return caught.value.what


@needs_qemu
@each_build
def test_an_undefined_instruction_is_explained(
    name: str, toolchain: str, tiny: Model, tmp_path: Path
) -> None:
    text = fault_of(target_of(name), tiny, toolchain, UNDEFINED, tmp_path)
    cause = NO_STATUS if name == "qemu-m0" else "UNDEFINSTR: undefined instruction"
    assert f"the device took a fault: {cause}" in text
    assert re.search(r"pc nn_invoke model\.c:\d+ ", text)


@needs_qemu
@needs_gcc
@pytest.mark.parametrize("name", TARGETS)
def test_a_stack_that_overflows_is_explained(name: str, tiny: Model, tmp_path: Path) -> None:
    text = fault_of(target_of(name), tiny, "gcc", OVERFLOW, tmp_path)
    cause = {"qemu-m0": NO_STATUS, "qemu-m33": "PRECISERR", "qemu-m55": "PRECISERR"}
    assert f"the device took a fault: {cause.get(name, 'DACCVIOL')}" in text
    assert "the stack pointer was outside the stack: an overflow?" in text


def test_a_fault_status_without_a_known_bit_is_told_from_a_core_that_has_none() -> None:
    fault = Fault(*[0] * 14)
    assert describe(fault, hex).startswith(NO_STATUS)
    assert describe(replace(fault, hfsr=1 << 30), hex).startswith("no cause reported\n")
