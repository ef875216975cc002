"""A bench that runs assembly programs on a virtual chip in this process."""

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.simulator import chips, halting_debug
from harness.simulator.chips.chip import ChipOptions
from harness.simulator.core_types import CORTEX_M0PLUS

DATA = Path(__file__).parent.parent / "data" / "virtual"
GCC = "arm-none-eabi-gcc"
RESULTS = 0x2000_0000
_STACK = 0x2001_0000
_VECTORS = 16 + 64
_DEADLINE = 30.0  # seconds; an emulated host is slow


def cross_compiler() -> str:
    """Return the path of the cross compiler; skip the test without one."""
    found = shutil.which(GCC)
    if found is None:
        pytest.skip(f"{GCC} is not on PATH")
    return found


def wait_for(condition: Callable[[], bool], deadline: float = _DEADLINE) -> None:
    end = time.monotonic() + deadline
    while not condition():
        assert time.monotonic() < end, "the condition did not become true in time"
        time.sleep(0.001)


class Bench:
    """A chip that runs a program until it halts at a BKPT or locks up."""

    def __init__(self, chip: str = "stm32f429xi", *, portable: bool = False) -> None:
        self.chip = chips.build(chip, ChipOptions(portable=portable))
        self.core = self.chip.core
        self.core.debug.control = halting_debug.C_DEBUGEN

    def load(self, directory: Path, source: str, handlers: Mapping[int, str]) -> None:
        """Assemble `source` and load it; its label `start` and those of `handlers` are the vectors.

        The keys of `handlers` are exception numbers.
        """
        names = {1: "start", **handlers}
        table = "".join(
            f".word {names[number]} + 1\n" if number in names else ".word 0\n"
            for number in range(1, _VECTORS)
        )
        baseline = self.core.type is CORTEX_M0PLUS
        include = "bench_m0plus.inc" if baseline else "bench.inc"
        text = f'.include "{include}"\n.word {_STACK:#x}\n{table}\n{source}\n.ltorg\n'
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
        """Run from reset until the core halts or locks up."""
        self.core.power_on()
        self.wait()

    def wait(self) -> None:
        """Wait until the core halts or locks up."""
        wait_for(lambda: self.core.halted or self.core.locked_up or self.failed())

    def failed(self) -> bool:
        if self.core.failure is not None:
            raise self.core.failure
        return False

    @property
    def results(self) -> Sequence[int]:
        """The values that the program stored with the macros `note` and `put`."""
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
    """Yield a bench that has run `source`; with `wait` false it still runs."""
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


def results(
    directory: Path,
    source: str,
    handlers: Mapping[int, str] | None = None,
    chip: str = "stm32f429xi",
) -> list[int]:
    with running(directory, source, handlers, chip=chip) as bench:
        assert not bench.core.locked_up
        return list(bench.results)
