"""A bench for programs in assembly on a virtual chip in this process, and what it rests on.

The other tests of the core import `Bench` from here.
"""

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.simulator import chips, halting_debug
from harness.simulator.chips.chip import ChipOptions
from harness.simulator.thumb import Special, scan

DATA = Path(__file__).parent.parent / "data" / "virtual"
GCC = "arm-none-eabi-gcc"
RESULTS = 0x2000_0000
_STACK = 0x2001_0000
_VECTORS = 16 + 64
_DEADLINE = 5.0


def cross_compiler() -> str:
    """Return the cross compiler; skips where there is none."""
    found = shutil.which(GCC)
    if found is None:
        pytest.skip(f"{GCC} is not on PATH")
    return found


def wait_for(condition: Callable[[], bool], deadline: float = _DEADLINE) -> None:
    end = time.monotonic() + deadline
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.001)


class Bench:
    """A chip that runs a program until it halts at a BKPT, locks up, or is told to stop."""

    def __init__(self, chip: str = "stm32f429xi", *, portable: bool = False) -> None:
        self.chip = chips.build(chip, ChipOptions(portable=portable))
        self.core = self.chip.core
        self.core.debug.control = halting_debug.C_DEBUGEN

    def load(self, directory: Path, source: str, handlers: Mapping[int, str]) -> None:
        """Assemble `source`, with labels `start` and those of `handlers` by exception number."""
        names = {1: "start", **handlers}
        table = "".join(
            f".word {names[number]} + 1\n" if number in names else ".word 0\n"
            for number in range(1, _VECTORS)
        )
        text = f'.include "bench.inc"\n.word {_STACK:#x}\n{table}\n{source}\n.ltorg\n'
        assembly, elf, binary = (directory / f"bench.{kind}" for kind in ("s", "elf", "bin"))
        assembly.write_text(text)
        compiler = cross_compiler()
        base = f"-Wl,-Ttext={self.core.bus.memories[0].base:#x}"
        command = [compiler, "-nostdlib", "-nostartfiles", "-I", str(DATA), base, "-Wl,-e0"]
        command += [f"-Wa,-I{DATA}", str(assembly), "-o", str(elf)]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        copy = [compiler.replace("gcc", "objcopy"), "-O", "binary", str(elf), str(binary)]
        subprocess.run(copy, check=True, timeout=60)
        code = binary.read_bytes()
        self.core.bus.memories[0].bytes[: len(code)] = code

    def run(self) -> None:
        """Run from reset until it halts or locks up."""
        self.core.power_on()
        self.wait()

    def wait(self) -> None:
        """Wait until it halts or locks up."""
        wait_for(lambda: self.core.halted or self.core.locked_up or self.failed())

    def failed(self) -> bool:
        if self.core.failure is not None:
            raise self.core.failure
        return False

    @property
    def results(self) -> Sequence[int]:
        """What the program noted and put."""
        count = self.core.bus.read(RESULTS, 4) // 4
        return list(self.core.bus.read_words(RESULTS + 4, count))

    def register(self, offset: int) -> int:
        """Return a register of the system control space."""
        return self.core.control[offset]


@contextmanager
def running(
    directory: Path,
    source: str,
    handlers: Mapping[int, str] | None = None,
    *,
    chip: str = "stm32f429xi",
    portable: bool = False,
    wait: bool = True,
) -> Iterator[Bench]:
    """Yield a bench that has run `source`, or with `wait` false is running it."""
    bench = Bench(chip, portable=portable)
    try:
        bench.load(directory, source, handlers or {})
        if wait:
            bench.run()
        else:
            bench.core.power_on()
        yield bench
    finally:
        bench.core.close()


def results(directory: Path, source: str, handlers: Mapping[int, str] | None = None) -> list[int]:
    with running(directory, source, handlers) as bench:
        assert not bench.core.locked_up
        return list(bench.results)


def test_a_program_runs_and_halts(tmp_path: Path) -> None:
    assert results(tmp_path, "start: note 7\n note 9\n bkpt #0") == [7, 9]


@pytest.mark.parametrize(
    ("code", "count", "in_it", "specials"),
    [
        ("bf00 4770", 2, 0, []),
        ("f04f 0001 bf00", 2, 0, []),  # mov.w, nop
        ("bf08 2001 2002", 3, 1, []),  # it eq
        ("bf1e 2001 2002 2003 bf00", 5, 3, []),  # ittt ne
        ("bf0b 2001 2002 2003 2004 bf00", 6, 4, []),
        ("b662", 1, 0, [Special.UNMASK]),  # cpsie i
        ("b672", 1, 0, []),  # cpsid i
        ("f380 8810", 1, 0, [Special.UNMASK]),  # msr primask, r0
        ("f3ef 8010", 1, 0, []),  # mrs r0, primask
        ("bf20", 1, 0, [Special.WAIT_FOR_EVENT]),
        ("bf40", 1, 0, [Special.SEND_EVENT]),
        ("ee30 0a20", 1, 0, [Special.FLOAT]),  # vadd.f32 s0, s0, s1
        ("ed90 0a00", 1, 0, [Special.FLOAT]),  # vldr s0, [r0]
        ("eeb7 0bc0", 1, 0, [Special.FLOAT]),
        ("ec51 0b10", 1, 0, [Special.FLOAT]),  # vmov r0, r1, d0
        ("fb90 f0f1", 1, 0, []),  # sdiv
    ],
)
def test_scanning_a_block(code: str, count: int, in_it: int, specials: list[Special]) -> None:
    data = b"".join(int(word, 16).to_bytes(2, "little") for word in code.split())
    block = scan(0x100, memoryview(data))
    assert block.count == count
    assert len(block.in_it) == in_it
    assert [special for _, special in block.specials] == specials
    assert block.end == 0x100 + len(data)
