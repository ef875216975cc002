"""The hooks in machine code: they are what their sources say, and do what those in Python do.

Each processor's code runs on an emulated one, so that every host tries all of it.
"""

import ctypes
import platform
import struct
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from unittest.mock import Mock

import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection
from hypothesis import assume, given
from hypothesis import strategies as st

from harness.errors import InfrastructureError
from harness.simulator.block_trace import Trace
from harness.simulator.counting import NEVER, BlockHook, InstructionCounter
from harness.simulator.machine_code import native_hooks
from harness.simulator.machine_code.executable_memory import executable
from harness.simulator.machine_code.native_hooks import HOOKS, hook, processor
from harness.simulator.registers import IT_STATE
from tests.support.processor import DATA, PROCESSORS, READ, RETURN, SLOW, STOP, Processor

SOURCES = Path(native_hooks.__file__).parent
UC, VALUE, KIND = 0x5151_5151_5151, 77, 16
HALF = 0xABAB_ABAB << 32
"""What a caller may leave in the upper half of a register with an argument of 32 bits."""

on_each_processor = pytest.mark.parametrize("name", PROCESSORS)
addresses = st.integers(0, 0xFFFF_FFFF)
words = st.integers(0, 0xFFFF_FFFF) | st.sampled_from([0, 1, 4, IT_STATE, 0x0100_0000, 0xFC00])


def processor_with(name: str, code: str, *state: int) -> Processor:
    """Return a processor with a hook's code, and its state at `DATA`."""
    found = Processor(name, bytes.fromhex(HOOKS[name][code]))
    found.store(DATA, struct.pack(f"<{len(state)}Q", *state))
    return found


def state_of(found: Processor, words: int) -> tuple[int, ...]:
    return struct.unpack(f"<{words}Q", found.load(DATA, 8 * words))


@on_each_processor
def test_the_code_is_what_its_source_assembles_to(name: str, tmp_path: Path) -> None:
    if find_spec("ziglang") is None:
        pytest.skip("ziglang, which has the assembler, is not installed")
    target, output = f"{name}-linux-musl", tmp_path / "hooks.o"
    command = [sys.executable, "-m", "ziglang", "cc", "-target", target, "-c"]
    subprocess.run([*command, SOURCES / f"{name}.s", "-o", output], check=True, timeout=120)
    assert assembled(output) == HOOKS[name]


def assembled(path: Path) -> dict[str, str]:
    """Return the code of each global symbol of an object file, in hexadecimal."""
    with path.open("rb") as file:
        elf = ELFFile(file)
        text, symbols = map(elf.get_section_by_name, (".text", ".symtab"))
        assert text is not None
        assert isinstance(symbols, SymbolTableSection)
        code = text.data()
        starts = {
            symbol["st_value"]: symbol.name
            for symbol in symbols.iter_symbols()
            if symbol["st_info"]["bind"] == "STB_GLOBAL"
        }
    ends = [*sorted(starts)[1:], len(code)]
    return {
        starts[start]: code[start:end].hex()
        for start, end in zip(sorted(starts), ends, strict=True)
    }


def test_every_processor_has_every_hook() -> None:
    assert sorted(HOOKS) == sorted(PROCESSORS)
    assert len({tuple(hooks) for hooks in HOOKS.values()}) == 1


@pytest.mark.parametrize(
    ("machine", "bits", "expected"),
    [
        ("x86_64", 64, "x86_64"),
        ("AMD64", 64, "x86_64"),
        ("aarch64", 64, "aarch64"),
        ("arm64", 64, "aarch64"),  # as macOS names it
        ("aarch64", 32, "aarch64 with 32 bits"),  # Raspberry Pi OS of 32 bits
        ("riscv64", 64, "riscv64"),
    ],
)
def test_the_name_of_the_processor(
    monkeypatch: pytest.MonkeyPatch, machine: str, bits: int, expected: str
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(sys, "maxsize", (1 << bits - 1) - 1)
    assert processor() == expected


@pytest.mark.parametrize("machine", ["riscv64", "aarch64_be", "ppc64le"])
def test_an_unknown_processor_gets_the_hook_in_python(
    monkeypatch: pytest.MonkeyPatch, machine: str
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: machine)
    native_hooks._load_hooks.cache_clear()
    in_python = BlockHook(lambda *_: None)
    try:
        found = hook("count_block", in_python, portable=False)
    finally:
        native_hooks._load_hooks.cache_clear()
    assert found == ctypes.cast(in_python, ctypes.c_void_p).value


@pytest.mark.parametrize(
    ("system", "calls"),
    [("linux", ["mprotect"]), ("darwin", ["sys_icache_invalidate", "mprotect"])],
)
def test_executable_memory_that_is_refused(
    monkeypatch: pytest.MonkeyPatch, system: str, calls: list[str]
) -> None:
    """On macOS the instruction cache is told before; no other system has the function."""
    libc = Mock()
    libc.mprotect.return_value = -1
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: libc)
    monkeypatch.setattr(sys, "platform", system)
    with pytest.raises(InfrastructureError, match="refuses executable memory"):
        executable(b"\x00")
    assert [name for name, _, _ in libc.method_calls] == calls


def test_code_longer_than_a_page_is_executable() -> None:
    code = bytes.fromhex({"x86_64": "c3", "aarch64": "c0035fd6"}.get(processor(), ""))
    if not code:
        pytest.skip(f"no machine code for {processor()}")
    memory = executable(code * 40_000)
    ctypes.CFUNCTYPE(None)(ctypes.addressof(memory) + len(code) * 39_999)()


sizes = st.integers(2, 1024)
limits = st.integers(0, 1 << 40) | st.just(NEVER)


def counting_processor(name: str, address: int, entry: int, before: int, limit: int) -> Processor:
    """Return a processor whose table has `entry` at the place of a block at `address`."""
    place = DATA + 0x100
    table = place - 8 * (address >> 1 & 0xFFFF)  # the rest of it needs no memory
    found = processor_with(name, "count_block", before, limit, 1, table % (1 << 64), SLOW, STOP)
    found.store(place, struct.pack("<Q", entry))
    return found


@on_each_processor
@given(addresses, sizes, st.integers(0, 512), st.integers(0, 1 << 40), limits)
def test_a_block_of_the_table_is_counted(
    name: str, address: int, size: int, count: int, before: int, limit: int
) -> None:
    entry = address | size << 32 | count << 48
    found = counting_processor(name, address, entry, before, limit)
    ended = found.call(UC, address, HALF | size, DATA)
    assert ended == (STOP if before >= limit else RETURN)
    assert state_of(found, 3) == (before + count, limit, entry)
    assert ended == RETURN or found.arguments(1) == [UC]


@on_each_processor
@given(addresses, sizes, sizes, st.integers(0, 0x7FFF))
def test_another_block_is_left_to_python(
    name: str, address: int, size: int, other_size: int, upper: int
) -> None:
    """It has the place of the first one in the table, but another address or size, or both."""
    other = (address & 0x1_FFFF) | upper << 17
    assume((other, other_size) != (address, size))
    found = counting_processor(name, address, address | size << 32 | 5 << 48, 0, NEVER)
    assert found.call(UC, other, HALF | other_size, DATA) == SLOW
    assert found.arguments(4) == [UC, other, HALF | other_size, DATA]
    assert state_of(found, 3) == (0, NEVER, 1)


@on_each_processor
@given(address=addresses, size=sizes, left=st.integers(1, 3))
def test_trace_block(name: str, address: int, size: int, left: int) -> None:
    following = DATA + 0x100
    found = processor_with(name, "trace_block", following, following + 8 * left, SLOW)
    ended = found.call(UC, address, HALF | size, DATA)
    assert ended == (SLOW if left == 1 else RETURN)
    assert struct.unpack("<Q", found.load(following, 8)) == (address | size << 32,)
    assert state_of(found, 1) == (following + 8,)


@on_each_processor
@given(address=addresses, size=st.sampled_from([1, 2, 4, 8]), left=st.integers(1, 3))
def test_trace_load(name: str, address: int, size: int, left: int) -> None:
    following = DATA + 0x100
    found = processor_with(name, "trace_load", following, following + 8 * left, SLOW)
    ended = found.call(UC, KIND, address, HALF | size, VALUE, DATA)
    assert ended == (SLOW if left == 1 else RETURN)
    assert struct.unpack("<Q", found.load(following, 8)) == (address | 1 << 63,)
    assert state_of(found, 1) == (following + 8,)


@on_each_processor
@given(address=addresses, size=st.sampled_from([1, 2, 4, 8]))
def test_trap_unaligned(name: str, address: int, size: int) -> None:
    found = processor_with(name, "trap_unaligned", SLOW)
    ended = found.call(UC, KIND, address, HALF | size, VALUE, DATA)
    assert ended == (SLOW if address % min(size, 4) else RETURN)
    assert found.arguments(6) == [UC, KIND, address, HALF | size, VALUE, DATA]


@on_each_processor
@given(status=words)
def test_repair_it(name: str, status: int) -> None:
    found = processor_with(name, "repair_it", 0, 71, READ, SLOW)
    found.read = struct.pack("<I", status)
    ended = found.call(UC, KIND, 0x2000_0000, 4, VALUE, DATA)
    assert ended == (SLOW if status & IT_STATE else RETURN)
    assert found.read_arguments == [UC, 71, DATA]


@on_each_processor
@pytest.mark.parametrize("code", ["check_address", "check_divisor"])
@given(value=words, mask=st.sampled_from([3, 7, 0xFFFF_FFFF]))
def test_operand_checks(name: str, code: str, value: int, mask: int) -> None:
    found = processor_with(name, code, 0, 66 | mask << 32, READ, SLOW)
    found.read = struct.pack("<I", value)
    ended = found.call(UC, 0x800_0100, HALF | 4, DATA)
    is_set = bool(value & mask)
    assert ended == (SLOW if is_set == (code == "check_address") else RETURN)
    assert found.read_arguments == [UC, 66, DATA]
    if ended == SLOW:
        assert found.arguments(4) == [UC, 0x800_0100, HALF | 4, DATA]


@on_each_processor
@given(address=addresses, matched=st.sampled_from([0, 1]))
def test_check_matched(name: str, address: int, matched: int) -> None:
    found = processor_with(name, "check_matched", matched, SLOW)
    ended = found.call(UC, address, HALF | 4, DATA)
    assert ended == (SLOW if matched else RETURN)
    assert found.arguments(4) == [UC, address, HALF | 4, DATA]


def counted_and_traced(
    blocks: list[tuple[int, int]], *, portable: bool, dropped: int = 0, refused: int = 0
) -> list[object]:
    """Return everything that a counter and a trace report of `blocks`, by their real hooks.

    Blocks whose address has a bit of `dropped` are not kept, those with one of `refused` not run.
    """
    asked: list[tuple[int, int]] = []

    def seen(address: int, size: int) -> tuple[int, bool, bool]:
        asked.append((address, size))
        return size // 2, not address & dropped, bool(address & refused)

    stops: list[int] = []

    def note_stop(_: int) -> int:
        stops.append(counter.state.count)
        return 0

    stop = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(note_stop)
    counter = InstructionCounter(seen, native_hooks.address_of(stop), portable=portable)
    trace = Trace(lambda: None, portable=portable)
    for address, size in blocks:
        BlockHook(counter.hook)(None, address, size, counter.user_data)
        BlockHook(trace.block_hook)(None, address, size, trace.user_data)
    trace.finish(0)
    return [counter.state.count, counter.entered, asked, stops, trace.runs, trace.jumps]


def test_the_host_counts_and_traces_as_python_does() -> None:
    """On the real processor, with its caches; each block is asked for once while it is known."""
    blocks = [(0x800_0000 + 64 * (n % 70), 2 + n // 1000 * 4) for n in range(5000)]
    native = counted_and_traced(blocks, portable=False)
    assert native == counted_and_traced(blocks, portable=True)
    asked = native[2]
    assert isinstance(asked, list)
    assert len(asked) == 5 * 70


def test_the_host_drops_and_refuses_blocks_as_python_does() -> None:
    blocks = [(0x800_0000 + 64 * (n % 7), 2) for n in range(50)]
    native = counted_and_traced(blocks, portable=False, dropped=0x40, refused=0x80)
    assert native == counted_and_traced(blocks, portable=True, dropped=0x40, refused=0x80)
    stops = native[3]
    assert isinstance(stops, list)
    assert stops
