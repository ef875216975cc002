"""A firmware that was not built here: looked at, stamped, run, and measured from outside.

It is tests/data/firmware/own, built as a user builds: by a line for the compiler, with start-up
and link script of its own.
"""

import hashlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.elf import Elf
from harness.engines.registry import find_engine
from harness.errors import ExitCode, InputError
from harness.image.build import Image, build_image
from harness.image.elf_toolchain import toolchain_of
from harness.image.prebuilt import prebuilt_image
from harness.image.prebuilt_checks import check_firmware
from harness.image.stack_paint import PAINT, StackUse, paint, stack_of, stack_use
from harness.link.link_client import LinkClient
from harness.model.folder import load_model
from harness.results.record import Record
from harness.support.memory_map import Region
from harness.target.find_target import find_target
from harness.target.target_file import Target
from tests.support.own_firmware import FLAGS, LINK, OwnFirmware, Script
from tests.support.repository import BEHAVE, READ_UNMAPPED, UNDEFINED, Repository, make_repository
from tests.support.repository import vectors as vectors_of

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(
    shutil.which("arm-none-eabi-gcc") is None,
    reason="arm-none-eabi-gcc is not on PATH: see `make system`",
)
needs_qemu = pytest.mark.skipif(
    shutil.which("qemu-system-arm") is None, reason="qemu-system-arm is not on PATH"
)


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    return OwnFirmware(tmp_path_factory.mktemp("own")).build


@pytest.fixture
def repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Repository:
    return make_repository(tmp_path, monkeypatch, capsys)


@pytest.fixture
def target() -> Target:
    return find_target("virtual-stm32", [ROOT / "targets"])


def run(repository: Repository, elf: Path, target: str = "virtual-stm32") -> tuple[int, str]:
    options = ("--model", "small", "--target", target, "--elf", str(elf))
    return repository.harness("run", *options)


def record_of(repository: Repository, elf: Path, target: str = "virtual-stm32") -> Record:
    """Run `elf`, which is right, and return the record of that."""
    shutil.rmtree(repository.root / "reports", ignore_errors=True)
    code, text = run(repository, elf, target)
    assert (code, text) == (ExitCode.PASSED, "")
    (record,) = repository.records()
    return record


def value(record: Record, name: str) -> float:
    return record.numbers[name].value


# Run and measured


def test_a_firmware_is_identified_sized_and_its_stack_seen(
    build: Callable[..., Path], repository: Repository
) -> None:
    elf = build()
    before = elf.read_bytes()
    record = record_of(repository, elf)
    digest = hashlib.sha256(before).hexdigest()
    assert elf.read_bytes() == before
    image = record.image
    assert (image.build_id, image.engine) == (digest[:32], "elf")
    assert image.engine_version == f"fw.elf {digest[:12]}"
    assert (image.toolchain, image.optimize) == ("gcc", "-Os")
    assert image.compiler.startswith("GCC: (")
    assert value(record, "bytes_differing") == 0
    assert record.log == ["own firmware"]  # which it says before it answers HELLO
    listed = subprocess.run(
        ["arm-none-eabi-size", "-A", str(elf)], check=True, capture_output=True, text=True
    ).stdout
    size = {name: int(count) for name, count in re.findall(r"^([._]\S+) +(\d+)", listed, re.M)}
    kept = (".isr_vector", ".text", ".rodata", ".data", ".ccmram")
    used = (".data", ".ccmram", ".bss", ".noinit", "._user_heap_stack")
    assert value(record, "flash") == sum(size[name] for name in kept)
    assert value(record, "ram") == sum(size[name] for name in used)
    assert value(record, "ram_left") == (128 << 10) - value(record, "ram") + size[".ccmram"]
    assert record.memory is not None
    named = {symbol.symbol: symbol.file for symbol in record.memory.symbols}
    assert named["link_receive"].endswith("link/link.c")
    assert named["ring"].endswith("own/main.c")
    assert set(record.memory.parts) == {"application", "libc", "stack", "padding", "unknown"}
    assert "it needs firmware that the harness builds; this has no " in record.estimate_unavailable
    assert "nn_invoke(), empty()" in record.estimate_unavailable
    assert 2000 < value(record, "stack") < 2200
    # Behind .noinit begins the heap, of which malloc() took 1000 bytes and its own.
    behind = 0x2000_0000 + sum(size[name] for name in (".data", ".bss", ".noinit"))
    heap = 0x2002_0000 - behind - value(record, "stack_reserved")
    assert 1000 < heap < 1032


def test_a_deeper_stack_is_seen_to_the_byte(
    build: Callable[..., Path], repository: Repository
) -> None:
    depths = (1000, 5000)
    used = [value(record_of(repository, build(f"-DDEPTH={depth}")), "stack") for depth in depths]
    assert used[1] - used[0] == depths[1] - depths[0]


def test_what_is_optimized_as_a_whole_answers_with_its_stamp(
    build: Callable[..., Path], repository: Repository
) -> None:
    """The compiler has seen zeros there, and could have put them into the code."""
    elf = build("-flto", "-O3")
    digest = hashlib.sha256(elf.read_bytes()).hexdigest()
    assert record_of(repository, elf).image.build_id == digest[:32]


def test_text_over_swo_is_in_the_log(build: Callable[..., Path], repository: Repository) -> None:
    """It is what printf() of many firmwares writes."""
    assert record_of(repository, build("-DSWO_TEXT")).log == ["own firmware", "text over SWO"]


def test_an_id_of_the_user_s_own_stays(build: Callable[..., Path], repository: Repository) -> None:
    elf = build("-DBUILD_ID_BYTES=1,2,3")
    record = record_of(repository, elf)
    assert record.image.build_id == "010203" + 26 * "0"
    (copy,) = (repository.root / "build" / "images").glob("fw-elf-*/firmware.elf")
    assert copy.read_bytes() == elf.read_bytes()


def test_two_firmwares_with_one_id_are_refused(
    build: Callable[..., Path], target: Target, tmp_path: Path
) -> None:
    """HELLO cannot tell them apart. Those whose ID the harness writes always differ."""
    first, other = build("-DBUILD_ID_BYTES=1,2"), build("-DBUILD_ID_BYTES=1,2", "-DDEPTH=1")
    renamed = tmp_path / "renamed.elf"
    shutil.copy(first, renamed)
    for elf in (build(), build("-DDEPTH=1"), first, first, renamed):
        prebuilt_image(target, elf, tmp_path)
    with pytest.raises(InputError, match="has the build ID 0102000") as error:
        prebuilt_image(target, other, tmp_path)
    assert "is out of use, delete" in error.value.remedy
    for folder in tmp_path.glob("*-elf-*"):
        shutil.rmtree(folder)
    prebuilt_image(target, other, tmp_path)


@needs_qemu
def test_qemu_paints_and_looks_too(build: Callable[..., Path], repository: Repository) -> None:
    elf = build("-DNO_CCM")  # which QEMU's machine lacks
    on_qemu = record_of(repository, elf, "qemu-stm32")
    on_virtual = record_of(repository, elf)
    assert value(on_qemu, "stack") == value(on_virtual, "stack")
    assert value(on_qemu, "stack_reserved") == value(on_virtual, "stack_reserved")


APP: Script = ("ORIGIN = 0x08000000, LENGTH = 1M", "ORIGIN = 0x08010000, LENGTH = 960K")


@pytest.mark.parametrize("name", ["virtual-stm32", pytest.param("qemu-stm32", marks=needs_qemu)])
def test_an_application_behind_a_bootloader_is_started_there(
    name: str, build: Callable[..., Path], repository: Repository
) -> None:
    """Also if the target says where it begins, as a board does whose bootloader has a file."""
    plain = record_of(repository, build("-DNO_CCM"), name)
    elf = build("-DNO_CCM", script=APP)
    behind = record_of(repository, elf, name)
    assert behind.ticks == plain.ticks
    assert value(behind, "stack") == value(plain, "stack")
    (repository.root / "targets").mkdir()
    board = f"memory.flash = {{ origin = 0x0801_0000, size = 0xF_0000 }}\nbase = '{name}'\n"
    (repository.root / "targets" / "app.toml").write_text(board)
    if name == "virtual-stm32":  # QEMU does not tell where its machine begins
        assert record_of(repository, elf, "app").ticks == plain.ticks


def test_without_its_bootloader_a_board_does_not_start_an_application(
    build: Callable[..., Path], repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As hardware is, which has no other way to start it."""
    for module in ("told_identity", "bootloader"):
        monkeypatch.setattr(f"harness.board.pyocd.{module}.is_of_virtual_board", lambda _: False)
    whole = LinkClient.hello
    monkeypatch.setattr(LinkClient, "hello", lambda link, build_id: whole(link, build_id, 1.0))
    code, text = run(repository, build("-DNO_CCM", script=APP))
    assert code == ExitCode.INFRASTRUCTURE
    assert "begins at 0x08010000: is there a bootloader at 0x08000000, and does it start" in text


def test_an_application_that_resets_a_simulated_chip_needs_its_boot_address(
    build: Callable[..., Path], repository: Repository
) -> None:
    code, text = run(repository, build("-DNO_CCM", "-DRESETS", script=APP))
    assert code == ExitCode.INFRASTRUCTURE
    assert "begins at 0x08010000, but after a reset the simulated chip starts at 0x08000000" in text
    assert "board.boot = 0x08010000 in its target file, or --boot=0x08010000" in text


@needs_qemu
def test_qemu_starts_a_secure_core_only_at_its_flash(
    build: Callable[..., Path], repository: Repository
) -> None:
    board = build(script=("ORIGIN = 0x08000000, LENGTH = 1M", "ORIGIN = 0x10010000, LENGTH = 960K"))
    code, text = run(repository, board, "qemu-m33")
    assert code == ExitCode.USAGE
    assert "QEMU starts a cortex-m33 only where its flash begins" in text


def test_what_the_device_says_of_its_stack_counts(repository: Repository, target: Target) -> None:
    """An image of ours, as a user's own: it paints by itself."""
    model = load_model(repository.root / "models" / "small")
    image = build_image(target, model, find_engine("misbehaving"), repository.root / "images")
    record = record_of(repository, image.elf.path)
    assert record.image.build_id == image.build_id
    assert value(record, "stack_reserved") == target.stack
    assert 0 < value(record, "stack") < target.stack


def test_a_stack_in_another_memory_is_not_known(
    build: Callable[..., Path], repository: Repository
) -> None:
    elf = build(script=("ORIGIN(RAM) + LENGTH(RAM)", "ORIGIN(CCMRAM) + LENGTH(CCMRAM)"))
    record = record_of(repository, elf)
    assert "stack" not in record.numbers
    assert "begin in the target's memory.ram, 0x20000000 to 0x20020000" in record.stack_unavailable


def test_the_stack_of_an_rtos_is_a_variable(build: Callable[..., Path], target: Target) -> None:
    place = target.memory.flash.origin, target.memory.ram
    symbols = (".noinit (NOLOAD) : { *(.noinit", ".noinit (NOLOAD) : { ring_end = .; *(.noinit")
    assert stack_of(Elf(build(script=symbols)), *place) is not None
    elf = Elf(build(script=("_estack = ORIGIN(RAM) + LENGTH(RAM)", "_estack = resets + 4")))
    found = elf.symbols("resets")
    assert found is not None
    assert stack_of(elf, *place) == range(found[0], found[0] + 4)


# Verdicts and faults


def test_a_wrong_answer_is_a_verdict_without_a_layer(
    build: Callable[..., Path], repository: Repository
) -> None:
    golden = vectors_of([BEHAVE, BEHAVE])["golden"].copy()
    golden[1, 3] = 7
    repository.vectors(golden=golden)
    code, _ = run(repository, build())
    (record,) = repository.records()
    assert code == ExitCode.FAILED
    assert "first: vector 1, byte 3, 0 instead of 7" in record.reasons[0]
    assert record.reasons[1] == (
        "the layer cannot be named: this is prebuilt firmware: its layers are not known"
    )


@pytest.mark.parametrize(
    ("name", "behaviour", "cause"),
    [
        ("virtual-stm32", UNDEFINED, "UNDEFINSTR"),
        ("virtual-stm32", READ_UNMAPPED, "PRECISERR"),
        pytest.param("qemu-stm32", UNDEFINED, "UNDEFINSTR", marks=needs_qemu),
    ],
)
def test_a_fault_that_nobody_handles_is_named(
    name: str,
    behaviour: int,
    cause: str,
    build: Callable[..., Path],
    repository: Repository,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("harness.link.link_client.RUN_DEADLINE", 1.0)
    repository.answers(BEHAVE, behaviour)
    code, text = run(repository, build("-DNO_CCM"), name)
    assert code == ExitCode.INFRASTRUCTURE
    assert ": vector 1: " in text
    assert f"HardFault: {cause}: " in text
    assert re.search(r"pc model main\.c:\d+ \(0x0800", text)
    assert repository.records() == []


@needs_qemu
def test_a_firmware_that_faults_at_its_start_is_explained(
    build: Callable[..., Path], repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its start-up copies into core-coupled memory, which QEMU's machine lacks."""
    whole = LinkClient.hello
    monkeypatch.setattr(LinkClient, "hello", lambda link, build_id: whole(link, build_id, 1.0))
    code, text = run(repository, build(), "qemu-stm32")
    assert code == ExitCode.INFRASTRUCTURE
    assert "a write of 4 bytes at 0x10000000, where the machine has neither memory nor" in text
    (repository.root / "targets").mkdir()
    allowed = "base = 'qemu-stm32'\nboard.unmapped = 'ignore'\n"
    (repository.root / "targets" / "allowed.toml").write_text(allowed)
    code, text = run(repository, build(), "allowed")
    assert code == ExitCode.INFRASTRUCTURE
    assert re.search(r"the core (was|stays) at Default_Handler startup\.c:", text)
    assert "in the handler of a HardFault: PRECISERR: " in text
    assert "address 0x10000000" in text
    assert "called from Reset_Handler startup.c:" in text
    # It is no hang, which a reset could end.
    assert "-> does the pointer lead where it should? Is a device there on this chip," in text


# The documentation


def test_the_program_of_the_documentation_compiles(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "firmware.md").read_text()
    programs = re.findall(r"^```c\n(.*?)^```", text, re.M | re.S)
    (program,) = (each for each in programs if "link_start(" in each)
    (tmp_path / "main.c").write_text(program)
    (tmp_path / "my_board.h").write_text(
        "void board_init(void); uint8_t uart_read(void); void uart_write(uint8_t byte);\n"
        "uint32_t timer_read(void);\n"
    )
    (tmp_path / "my_model.h").write_text(
        "extern int8_t input[4], output[4]; int model_run(void);\n"
    )
    tool = ["arm-none-eabi-gcc", *FLAGS.split(), "-std=c11", f"-I{LINK}", "-c", "main.c"]
    subprocess.run(tool, cwd=tmp_path, check=True)


# What is no firmware for the target


def refused(elf: Path, target: Target, images: Path) -> str:
    with pytest.raises(InputError) as error:
        prebuilt_image(target, elf, images)
    assert not images.exists()
    assert error.value.remedy
    return str(error.value)


def patched(elf: Path, offset: int, data: bytes, folder: Path) -> Path:
    content = bytearray(elf.read_bytes())
    content[offset : offset + len(data)] = data
    path = folder / "patched.elf"
    path.write_bytes(content)
    return path


def test_other_files_are_refused(
    build: Callable[..., Path], target: Target, tmp_path: Path
) -> None:
    elf, images = build(), tmp_path / "images"
    subprocess.run(
        ["arm-none-eabi-gcc", "-c", "-mcpu=cortex-m4", f"-I{LINK}", str(LINK / "frame.c")],
        cwd=tmp_path,
        check=True,
    )
    assert "is ET_REL for EM_ARM, 32 bits" in refused(tmp_path / "frame.o", target, images)
    x86 = patched(elf, 18, b"\x03\0", tmp_path)  # e_machine
    assert "is ET_EXEC for EM_386" in refused(x86, target, images)
    (tmp_path / "fw.bin").write_bytes(b"\0" * 100)
    with pytest.raises(InputError, match=r"give the linker's output, from which \.bin"):
        prebuilt_image(target, tmp_path / "fw.bin", images)
    for missing in (tmp_path / "none.elf", tmp_path / "fw.bin"):
        with pytest.raises(InputError, match="cannot be read"):
            prebuilt_image(target, missing, images)


@pytest.mark.parametrize(
    ("compiled", "name", "target"),
    [
        ("cortex-m33", "Armv8-M Mainline", "nucleo-f429zi"),
        ("cortex-m55", "Armv8.1-M Mainline", "nucleo-l552ze-q"),
        ("cortex-m4", "Armv7E-M", "nucleo-f103rb"),
        ("cortex-m3", "Armv7-M", "nucleo-g071rb"),
        ("cortex-m23", "Armv8-M Baseline", "nucleo-f429zi"),
    ],
)
def test_instructions_that_the_core_lacks_are_refused(
    tmp_path: Path, compiled: str, name: str, target: str
) -> None:
    core = find_target(target, [ROOT / "targets"])
    with pytest.raises(
        InputError, match=rf"is built for {name}, but {target} has a {core.mcu.core}"
    ):
        check_firmware(compiled_for(compiled, core, tmp_path), core)


@pytest.mark.parametrize(
    ("compiled", "target"),
    [
        ("cortex-m0", "nucleo-f429zi"),
        ("cortex-m0plus", "nucleo-f072rb"),
        ("cortex-m3", "nucleo-f429zi"),
        ("cortex-m4", "nucleo-f746zg"),
        ("cortex-m7", "nucleo-l552ze-q"),
        ("cortex-m33", "ek-ra8d1"),
    ],
)
def test_instructions_of_an_earlier_core_are_taken(
    tmp_path: Path, compiled: str, target: str
) -> None:
    core = find_target(target, [ROOT / "targets"])
    check_firmware(compiled_for(compiled, core, tmp_path), core)


def compiled_for(core: str, target: Target, folder: Path) -> Elf:
    """Return a vector table and a loop, compiled for `core` and linked for `target`."""
    (folder / "fw.s").write_text(
        f".syntax unified\n.thumb\n.word {target.memory.ram.end:#x}, start + 1\n"
        ".global start\nstart: b start\n"
    )
    where = f"-Wl,-Ttext={target.memory.flash.origin:#x},-n,-e,start"
    tool = ["arm-none-eabi-gcc", f"-mcpu={core}", "-mfloat-abi=soft", "-nostdlib", where]
    subprocess.run([*tool, "fw.s", "-o", "fw.elf"], cwd=folder, check=True)
    return Elf(folder / "fw.elf")


def test_an_address_has_the_strong_name_of_its_function(tmp_path: Path) -> None:
    """As in start-up code: handlers that nobody defines are weak names of one loop."""
    (tmp_path / "startup.c").write_text(
        "void Default_Handler(void) { for (;;) { } }\n"
        'void UsageFault_Handler(void) __attribute__((weak, alias("Default_Handler")));\n'
        'void ADC_IRQHandler(void) __attribute__((weak, alias("Default_Handler")));\n'
    )
    tool = ["arm-none-eabi-gcc", "-mcpu=cortex-m4", "-g", "-nostdlib", "-Wl,-e,Default_Handler"]
    subprocess.run([*tool, "startup.c", "-o", "fw.elf"], cwd=tmp_path, check=True)
    elf = Elf(tmp_path / "fw.elf")
    addresses = elf.symbols("UsageFault_Handler")
    assert addresses is not None
    assert elf.locate(addresses[0]).startswith("Default_Handler startup.c:1 ")


def test_another_architecture_is_refused(
    build: Callable[..., Path], target: Target, tmp_path: Path
) -> None:
    """The profile is 77, "M", behind its tag, 7 (Addenda to the ABI for Arm, 3.3.5)."""
    elf = build()
    with Elf(elf).opened() as file:
        section = file.get_section_by_name(".ARM.attributes")
        assert section is not None
        place = section["sh_offset"] + section.data().index(b"\x07M")
    other = patched(elf, place, b"\x07A", tmp_path)
    assert "is for the A profile" in refused(other, target, tmp_path / "images")


@pytest.mark.parametrize(
    ("key", "region", "text"),
    [
        ("flash", Region(0, 1 << 20), "outside the flash of virtual-stm32, 0x00000000 to"),
        ("flash", Region(0x0800_0000, 3000), "bytes beyond the flash of virtual-stm32"),
        ("ram", Region(0x2000_0000, 3000), "bytes beyond the ram of virtual-stm32"),
    ],
)
def test_what_does_not_fit_the_memory_is_refused(
    key: str,
    region: Region,
    text: str,
    build: Callable[..., Path],
    target: Target,
    tmp_path: Path,
) -> None:
    memory = msgspec.structs.replace(target.memory, **{key: region})
    other = msgspec.structs.replace(target, memory=memory)
    assert text in refused(build(), other, tmp_path / "images")


def test_a_firmware_without_a_vector_table_is_refused(
    build: Callable[..., Path], target: Target, tmp_path: Path
) -> None:
    elf = build(script=("KEEP(*(.isr_vector))", "QUAD(0) KEEP(*(.isr_vector))"))
    text = refused(elf, target, tmp_path / "images")
    assert "no vector table at 0x08000000, where the program begins" in text
    assert "the first words are 0x00000000 and 0x00000000" in text
    unaligned = build(script=("ORIGIN = 0x08000000", "ORIGIN = 0x08010040"))
    assert "no vector table at 0x08010040" in refused(unaligned, target, tmp_path / "images")


def test_the_header_of_an_elf_before_the_program_is_told(
    build: Callable[..., Path], target: Target, tmp_path: Path
) -> None:
    """GNU ld has segments begin at a page, and fills the room with the header: behind MCUboot's."""
    script = ("ORIGIN = 0x08000000", "ORIGIN = 0x08010200")
    text = refused(build(script=script), target, tmp_path / "images")
    assert "no vector table at 0x08010000" in text
    assert "link with -Wl,-n" in text
    prebuilt_image(target, build("-Wl,-n", script=script), tmp_path / "images")


def test_what_is_loaded_into_ram_is_refused(
    build: Callable[..., Path], target: Target, tmp_path: Path
) -> None:
    """As a section of its own is that has contents, if the link script says no place in flash."""
    elf = build(script=(".noinit (NOLOAD) : {", ".noinit : { LONG(0)"))
    text = refused(elf, target, tmp_path / "images")
    assert "bytes are loaded into RAM, at 0x2000" in text
    assert "NOLOAD" in text


def test_a_firmware_without_an_id_is_refused_for_the_link_alone(
    build: Callable[..., Path], target: Target, tmp_path: Path
) -> None:
    stripped = tmp_path / "stripped.elf"
    subprocess.run(["arm-none-eabi-strip", str(build()), "-o", str(stripped)], check=True)
    text = refused(stripped, target, tmp_path / "images")
    assert "has no object link_build_id in flash" in text
    assert "firmware/link/link.c" in text
    image: Image = prebuilt_image(target, stripped, tmp_path / "images", stamped=False)
    assert image.elf.path.read_bytes() == stripped.read_bytes()
    assert image.build_id == hashlib.sha256(stripped.read_bytes()).hexdigest()[:32]


def test_a_compiler_that_does_not_tell_is_unknown(
    build: Callable[..., Path], tmp_path: Path
) -> None:
    found = toolchain_of(Elf(build("-g0", "-Wl,--strip-debug")))
    assert (found.name, found.opt) == ("gcc", "unknown")
    elf = tmp_path / "silent.elf"
    tool = ["arm-none-eabi-objcopy", "-g", "-R", ".comment", str(build()), str(elf)]
    subprocess.run(tool, check=True)
    found = toolchain_of(Elf(elf))
    assert (found.name, found.version, found.opt) == ("unknown", "unknown", "unknown")


@pytest.mark.parametrize(
    "option", ["--engine=cmsis-nn", "--toolchain=gcc", "--opt=-O2", "--profile"]
)
def test_there_is_nothing_to_build(
    option: str, build: Callable[..., Path], repository: Repository
) -> None:
    code, text = repository.harness(
        "run", "--model", "small", "--target", "virtual-stm32", "--elf", str(build()), option
    )
    assert code == ExitCode.USAGE
    assert f"{option.partition('=')[0]} only applies to firmware that the harness builds" in text


def test_pytest_runs_it_without_a_compiler(
    build: Callable[..., Path], repository: Repository
) -> None:
    (repository.root / "test_small.py").write_text(
        "def test_small(dut, engine, toolchain):\n"
        "    assert (engine.name, toolchain.name, toolchain.opt) == ('elf', 'gcc', '-Os')\n"
        "    dut.run().check()\n"
    )
    command = ["-m", "pytest", "--target=virtual-stm32", "--model=small", f"--elf={build()}"]
    done = subprocess.run(
        [sys.executable, *command, "-v", "-p", "no:cacheprovider"],
        env={"PATH": str(Path(sys.executable).parent), "HOME": str(repository.root)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "test_small[virtual-stm32-small] PASSED" in done.stdout, done.stdout
    (file,) = (repository.root / "reports" / "runs").glob("*.json")
    assert json.loads(file.read_text())["image"]["engine"] == "elf"


# Paint


def words(*runs: tuple[bool, int]) -> bytes:
    """Return stretches of words that are touched or not."""
    return np.concatenate(
        [np.full(count, 0 if touched else PAINT, "<u4") for touched, count in runs]
    ).tobytes()


def test_the_lowest_touched_word_is_the_deepest() -> None:
    assert paint(range(12)) == bytes.fromhex("a5" * 12)
    assert stack_use(words((False, 100), (True, 3), (False, 500), (True, 1))) == StackUse(
        4 * 504, 4 * 604
    )
    assert stack_use(words((False, 20))) == StackUse(0, 80)
    assert stack_use(words((True, 20))) is None


def test_a_heap_is_not_the_stack_s() -> None:
    found = stack_use(
        words((False, 1), (True, 300), (False, 900), (True, 50), (False, 20), (True, 9))
    )
    assert found == StackUse(4 * 79, 4 * 979)


@given(
    heap=st.integers(0, 200),
    free=st.integers(100, 1000),
    stack=st.lists(st.tuples(st.integers(1, 20), st.integers(0, 90)), max_size=5),
)
def test_a_stack_with_holes_smaller_than_what_is_free_is_seen(
    heap: int, free: int, stack: list[tuple[int, int]]
) -> None:
    runs = [(True, heap), (False, free)]
    for touched, hole in stack:
        runs += [(True, touched), (False, hole)]
    runs += [(True, 1)]
    used = 1 + sum(map(sum, stack))
    assert stack_use(words(*runs)) == StackUse(4 * used, 4 * (used + free))


def test_a_memory_of_which_nothing_is_known_is_not_painted(
    build: Callable[..., Path], target: Target
) -> None:
    ram = Region(0x3000_0000, 1 << 16)
    assert stack_of(Elf(build()), target.memory.flash.origin, ram) is None
