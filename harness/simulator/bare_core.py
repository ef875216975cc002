"""A core with memory and nothing else, which runs a program from reset and counts its blocks.

There are no peripherals: a program may compute, and set up its core. So what is counted
depends on the program and its input alone, whichever board or emulator ran it otherwise.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from unicorn import arm_const, unicorn_const

from harness.elf import Elf
from harness.errors import InfrastructureError
from harness.simulator.block_trace import Trace
from harness.simulator.bus import Memory
from harness.simulator.emulator import AccessHook, Emulator
from harness.simulator.registers import LR, PC, SP, R
from harness.simulator.thumb import scan

MODELS = {
    "cortex-m0": arm_const.UC_CPU_ARM_CORTEX_M0,
    "cortex-m0plus": arm_const.UC_CPU_ARM_CORTEX_M0,
    "cortex-m3": arm_const.UC_CPU_ARM_CORTEX_M3,
    "cortex-m4f": arm_const.UC_CPU_ARM_CORTEX_M4,
    "cortex-m7": arm_const.UC_CPU_ARM_CORTEX_M7,
    "cortex-m33": arm_const.UC_CPU_ARM_CORTEX_M33,
}
"""Unicorn's number of each core that it has."""

BUDGET = 1_000_000_000
"""Instructions after which a run is given up; a minute at most."""

_PAGE = 0x1000  # what Unicorn maps is a multiple of this
_PRIVATE_BUS = range(0xE000_0000, 0xE010_0000)  # Armv7-M ARM, B3.1: here it is plain memory
_THUMB = 1


@dataclass(frozen=True)
class Block:
    """Code that ran `runs` times, and `jumps` times went on elsewhere than behind itself.

    `flash_loads` are the loads of data from flash in all of its runs, where they were counted.
    """

    address: int
    code: bytes
    runs: int
    jumps: int
    flash_loads: int

    @cached_property
    def offsets(self) -> tuple[int, ...]:
        """Where its instructions begin, in bytes from its address."""
        return scan(self.address, memoryview(self.code)).offsets

    @property
    def instructions(self) -> int:
        """Instructions in all of its runs; one whose IT condition fails counts."""
        return self.runs * len(self.offsets)


class BareCore:
    """`elf` in the memory at `ranges` of addresses, of which `flash` cannot be written.

    Its vector table is at `vectors`. Raises `InfrastructureError` if the program does what
    a core with memory alone cannot.
    """

    def __init__(
        self, elf: Elf, core: str, ranges: Iterable[range], flash: range, vectors: int
    ) -> None:
        self._elf = elf
        self._emulator = Emulator(MODELS[core])
        self._trace = Trace(self._check_budget)
        self._budget = BUDGET
        self._counts: dict[tuple[int, int], int] = {}
        self._bad_address: int | None = None
        self._memories = [
            _memory(span, flash=span.start in flash) for span in (*ranges, _PRIVATE_BUS)
        ]
        for memory in self._memories:
            self._emulator.map_memory(memory)
        for segment in elf.segments():
            self.write(segment.address, segment.data)
        self._hook()
        self._stack = int.from_bytes(self.read(vectors, 4), "little")
        self._pc = int.from_bytes(self.read(vectors + 4, 4), "little")
        self._emulator.registers.write(SP, self._stack)

    def count_loads(self, flash: range) -> None:
        """Count loads from `flash`, too, from here on."""
        self._emulator.add_hook(
            unicorn_const.UC_HOOK_MEM_READ,
            self._trace.load_hook,
            flash.start,
            flash.stop - 1,
            data=self._trace.user_data,
        )

    def run(self, until: int, budget: int = BUDGET) -> list[Block]:
        """Run up to the instruction at `until`, and return the blocks that ran.

        `InfrastructureError` if it is not reached within `budget` instructions.
        """
        until &= ~_THUMB
        self._budget = budget
        self._trace.clear()
        self._emulator.flush()
        error = self._emulator.start(self._pc & ~_THUMB, until=until)
        self._pc = self._emulator.registers.read(PC)
        self._trace.finish(self._pc)
        if error != unicorn_const.UC_ERR_OK or self._pc != until:
            raise self._failure(error, until)
        return [
            Block(address, self.read(address, size), runs, *self._after((address, size)))
            for (address, size), runs in sorted(self._trace.runs.items())
        ]

    def call(self, function: int, argument: int = 0) -> list[Block]:
        """Run `function(argument)` and return its blocks.

        It returns to where the core stands, which must be no place that it comes by.
        """
        registers = self._emulator.registers
        back, stack = self._pc, registers.read(SP)
        registers.write(LR, back | _THUMB)
        registers.write(R[0], argument)
        self._pc = function
        blocks = self.run(back)
        registers.write(SP, stack)
        return blocks

    def reach(self, function: int, place: int) -> tuple[int, int]:
        """Run `function()` up to the instruction at `place`, and return R0 and R1 there."""
        registers = self._emulator.registers
        registers.write(LR, self._pc | _THUMB)
        self._pc = function
        self.run(place)
        return registers.read(R[0]), registers.read(R[1])

    @property
    def result(self) -> int:
        """What the function that was called last returned."""
        return self._emulator.registers.read(R[0])

    @property
    def stack(self) -> int:
        """The stack pointer."""
        return self._emulator.registers.read(SP)

    def read(self, address: int, size: int) -> bytes:
        """Return `size` bytes of memory at `address`."""
        memory, offset = self._find(address, size)
        return bytes(memory.bytes[offset : offset + size])

    def write(self, address: int, data: bytes) -> None:
        """Put `data` into memory at `address`."""
        memory, offset = self._find(address, len(data))
        memory.bytes[offset : offset + len(data)] = data

    def _find(self, address: int, size: int) -> tuple[Memory, int]:
        for memory in self._memories:
            if memory.base <= address and address + size <= memory.base + memory.size:
                return memory, address - memory.base
        raise InfrastructureError(
            f"there is no memory at {address:#010x}, {size:,} bytes", where=str(self._elf.path)
        )

    def _after(self, key: tuple[int, int]) -> tuple[int, int]:
        return self._trace.jumps[key], self._trace.loads[key]

    def _hook(self) -> None:
        add = self._emulator.add_hook
        add(unicorn_const.UC_HOOK_BLOCK, self._trace.block_hook, data=self._trace.user_data)
        add(unicorn_const.UC_HOOK_MEM_INVALID, AccessHook(self._on_invalid))

    def _on_invalid(self, _uc: int, _kind: int, address: int, *_: int) -> bool:
        self._bad_address = address
        return False

    def _check_budget(self) -> None:
        """Stop if more instructions ran than allowed."""
        for key in self._trace.runs.keys() - self._counts.keys():
            self._counts[key] = scan(key[0], memoryview(self.read(*key))).count
        executed = sum(runs * self._counts[key] for key, runs in self._trace.runs.items())
        if executed > self._budget:
            self._emulator.stop()

    def _failure(self, error: int, until: int) -> InfrastructureError:
        where, place = str(self._elf.path), self._elf.locate(self._pc)
        if error == unicorn_const.UC_ERR_OK:
            return InfrastructureError(
                f"{self._elf.locate(until)} was not reached within {self._budget:,} instructions; "
                f"the program is at {place}",
                where=where,
                remedy="does it wait for a peripheral? A bare core has none",
            )
        if self._bad_address is not None:
            return InfrastructureError(
                f"the program reaches for {self._bad_address:#010x}, where the bare core has no "
                f"memory it may use so, at {place}",
                where=where,
                remedy="a bare core has no peripherals, and no memory but what it was given",
            )
        text = self._emulator.error_text(error)
        return InfrastructureError(f"the bare core stops at {place}: {text}", where=where)


def _memory(span: range, *, flash: bool) -> Memory:
    start = span.start // _PAGE * _PAGE
    return Memory(start, -(-(span.stop - start) // _PAGE) * _PAGE, flash=flash)
