"""A core with memory and nothing else: it runs a program from reset and counts its blocks.

Without peripherals, a program can only compute and set up its core. The counts therefore depend
only on the program and its input, not on a board.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from unicorn import arm_const, unicorn_const

from harness.elf import Elf
from harness.errors import InfrastructureError
from harness.simulator.block_trace import Trace
from harness.simulator.bus import Memory
from harness.simulator.emulator import AccessHook, Emulator, TranslatedHook
from harness.simulator.it_repair import ItRepair
from harness.simulator.operand_checks import OperandChecks
from harness.simulator.registers import LR, PC, SP, R
from harness.simulator.scs import CCR, CCR_DIV_0_TRP, CCR_UNALIGN_TRP
from harness.simulator.thumb import scan
from harness.simulator.thumb_operands import Operand
from harness.simulator.unaligned_trap import UnalignedTrap

MODELS = {
    "cortex-m0": arm_const.UC_CPU_ARM_CORTEX_M0,
    "cortex-m0plus": arm_const.UC_CPU_ARM_CORTEX_M0,
    "cortex-m3": arm_const.UC_CPU_ARM_CORTEX_M3,
    "cortex-m4": arm_const.UC_CPU_ARM_CORTEX_M4,
    "cortex-m4f": arm_const.UC_CPU_ARM_CORTEX_M4,
    "cortex-m7": arm_const.UC_CPU_ARM_CORTEX_M7,
    "cortex-m33": arm_const.UC_CPU_ARM_CORTEX_M33,
}
"""Unicorn's number of each core that it emulates."""

BUDGET = 1_000_000_000
"""Instructions after which a run is aborted; they take a minute at most."""

_PAGE = 0x1000  # Unicorn maps multiples of this
_PRIVATE_BUS = range(0xE000_0000, 0xE010_0000)  # Armv7-M ARM, B3.1; plain memory here
_CCR = 0xE000_E000 + CCR
_THUMB = 1
_LONG_BLOCK = 0x400  # bytes


@dataclass(frozen=True)
class Block:
    """A basic block that ran `runs` times; after `jumps` of them, the adjacent code was not next.

    `flash_loads` are the data loads from flash in all its runs, if loads are counted.
    """

    address: int
    code: bytes
    runs: int
    jumps: int
    flash_loads: int

    @cached_property
    def offsets(self) -> tuple[int, ...]:
        """The offsets of its instructions from its address, in bytes."""
        return scan(self.address, memoryview(self.code)).offsets

    @property
    def instructions(self) -> int:
        """Instructions in all its runs, including those whose IT condition fails."""
        return self.runs * len(self.offsets)


class ProgramFaultError(InfrastructureError):
    """The program does something on which every board faults, although an emulator may not."""


class BareCore:
    """Runs the program `elf` on a `core` of `MODELS`, with memory at the address `ranges`.

    A range that starts in `flash` cannot be written. The vector table is at address `vectors`.
    Methods raise `InfrastructureError` if the program does something that needs more than a core
    and memory.
    """

    def __init__(
        self, elf: Elf, core: str, ranges: Iterable[range], flash: range, vectors: int
    ) -> None:
        self._elf = elf
        self._emulator = Emulator(MODELS[core])
        self._trace = Trace(self._check_budget)
        self._repair = ItRepair(self._emulator)
        self._budget = BUDGET
        self._counts: dict[tuple[int, int], int] = {}
        self._bad_address: int | None = None
        self._fault: tuple[int, str] | None = None
        self._checks = OperandChecks(self._emulator, self._on_unsuitable)
        self._trap = UnalignedTrap(self._emulator, self._on_unaligned)
        self._memories = [
            _memory(addresses, flash=addresses.start in flash)
            for addresses in (*ranges, _PRIVATE_BUS)
        ]
        for memory in self._memories:
            self._emulator.map_memory(memory)
        for segment in elf.segments():
            self.write(segment.address, segment.data)
        self._add_hooks()
        self._stack = int.from_bytes(self.read(vectors, 4), "little")
        self._pc = int.from_bytes(self.read(vectors + 4, 4), "little")
        self._emulator.registers.write(SP, self._stack)

    def count_loads(self, flash: range) -> None:
        """From now on, count data loads from `flash`, too."""
        self._emulator.add_hook(
            unicorn_const.UC_HOOK_MEM_READ,
            self._trace.load_hook,
            flash.start,
            flash.stop - 1,
            data=self._trace.user_data,
        )
        self._repair.add([unicorn_const.UC_HOOK_MEM_READ], flash.start, flash.stop - 1)

    def run(self, until: int, budget: int = BUDGET) -> list[Block]:
        """Run up to the instruction at `until`, and return the blocks that ran.

        Raises `InfrastructureError` if it is not reached within `budget` instructions, and
        `ProgramFaultError` if the program faults.
        """
        until &= ~_THUMB
        self._budget = budget
        self._trace.clear()
        self._emulator.flush()
        self._checks.clear()
        self._trap.switch(bool(self._word(_CCR) & CCR_UNALIGN_TRP))
        error = self._start(until)
        self._trace.finish(self._pc)
        if self._fault is not None:
            pc, what = self._fault
            raise ProgramFaultError(
                f"the program {what}, at {self._elf.locate(pc)}: a fault",
                where=str(self._elf.path),
                remedy="correct the program: it faults on a board, too",
            )
        if error != unicorn_const.UC_ERR_OK or self._pc != until:
            raise self._failure(error, until)
        return [
            Block(address, self.read(address, size), runs, *self._jumps_and_loads((address, size)))
            for (address, size), runs in sorted(self._trace.runs.items())
        ]

    def call(self, function: int, argument: int = 0) -> list[Block]:
        """Run `function(argument)` and return the blocks that ran.

        It returns to the current program counter, which it must not pass before.
        """
        registers = self._emulator.registers
        return_address, stack = self._pc, registers.read(SP)
        registers.write(LR, return_address | _THUMB)
        registers.write(R[0], argument)
        self._pc = function
        blocks = self.run(return_address)
        registers.write(SP, stack)
        return blocks

    def run_to(self, function: int, address: int) -> tuple[int, int]:
        """Run `function()` up to the instruction at `address`; return R0 and R1 at that point."""
        registers = self._emulator.registers
        registers.write(LR, self._pc | _THUMB)
        self._pc = function
        self.run(address)
        return registers.read(R[0]), registers.read(R[1])

    @property
    def result(self) -> int:
        """The return value of the last called function."""
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
        """Write `data` to memory at `address`."""
        memory, offset = self._find(address, len(data))
        memory.bytes[offset : offset + len(data)] = data

    def _find(self, address: int, size: int) -> tuple[Memory, int]:
        for memory in self._memories:
            if memory.base <= address and address + size <= memory.base + memory.size:
                return memory, address - memory.base
        raise InfrastructureError(
            f"the bare core has no memory for {size:,} bytes at {address:#010x}",
            where=str(self._elf.path),
        )

    def _start(self, until: int) -> int:
        """Run up to `until`; return the emulator's result."""
        self._check_first_block()
        error = self._emulator.start(self._pc & ~_THUMB, until=until)
        self._pc = self._emulator.registers.read(PC)
        while self._checks.retranslate():
            error = self._emulator.start(self._pc & ~_THUMB, until=until)
            self._pc = self._emulator.registers.read(PC)
        return error

    def _jumps_and_loads(self, key: tuple[int, int]) -> tuple[int, int]:
        return self._trace.jumps[key], self._trace.loads[key]

    def _add_hooks(self) -> None:
        add = self._emulator.add_hook
        add(unicorn_const.UC_HOOK_BLOCK, self._trace.block_hook, data=self._trace.user_data)
        add(unicorn_const.UC_HOOK_EDGE_GENERATED, TranslatedHook(self._on_translated))
        add(unicorn_const.UC_HOOK_MEM_INVALID, AccessHook(self._on_invalid))

    def _on_invalid(self, _uc: int, _kind: int, address: int, *_: int) -> bool:
        self._bad_address = address
        return False

    def _check_first_block(self) -> None:
        """Check the operands of the block at the program counter; its size is not known.

        Unicorn does not report the first block that it translates.
        """
        pc = self._pc & ~_THUMB
        for memory in self._memories:
            if memory.base <= pc < memory.base + memory.size:
                self._require_checks(pc, min(_LONG_BLOCK, memory.base + memory.size - pc))
                self._checks.retranslate()

    def _on_translated(self, _uc: int, block: Any, _previous: Any, _data: int) -> None:
        """Stop before a new block that must be translated again with its checks."""
        if self._require_checks(block.contents.address, block.contents.size):
            self._emulator.stop()

    def _require_checks(self, address: int, size: int) -> bool:
        code = scan(address, memoryview(self.read(address, size)))
        return self._checks.require(address, size, code.operands)

    def _on_unsuitable(self, address: int, operand: Operand) -> None:
        if operand.copied:
            return
        if not operand.divides:
            self._fail(address, "accesses an unaligned address")
        elif self._word(_CCR) & CCR_DIV_0_TRP:
            self._fail(address, "divides by zero, and CCR.DIV_0_TRP is set")

    def _on_unaligned(self, _address: int, _size: int) -> None:
        pc = self._emulator.registers.read(PC)
        self._fail(pc, "accesses an unaligned address, and CCR.UNALIGN_TRP is set")

    def _fail(self, pc: int, what: str) -> None:
        """Stop, now or after an IT block; `run` raises the first error."""
        self._fault = self._fault or (pc, what)
        self._emulator.stop()

    def _word(self, address: int) -> int:
        return int.from_bytes(self.read(address, 4), "little")

    def _check_budget(self) -> None:
        """Stop if more instructions ran than the budget allows."""
        for key in self._trace.runs.keys() - self._counts.keys():
            self._counts[key] = scan(key[0], memoryview(self.read(*key))).count
        executed = sum(runs * self._counts[key] for key, runs in self._trace.runs.items())
        if executed > self._budget:
            self._emulator.stop()

    def _failure(self, error: int, until: int) -> InfrastructureError:
        where, location = str(self._elf.path), self._elf.locate(self._pc)
        if error == unicorn_const.UC_ERR_OK:
            return InfrastructureError(
                f"{self._elf.locate(until)} was not reached within {self._budget:,} instructions; "
                f"the program is at {location}",
                where=where,
                remedy="check whether it waits for a peripheral; a bare core has none",
            )
        if self._bad_address is not None:
            return InfrastructureError(
                f"the program accesses {self._bad_address:#010x}, where the bare core has no "
                f"memory for such an access, at {location}",
                where=where,
                remedy="remove the access; a bare core has only its memory, no peripherals",
            )
        text = self._emulator.error_text(error)
        if error == unicorn_const.UC_ERR_EXCEPTION:
            text = "the instruction raises an exception; is the address of its access aligned?"
        return InfrastructureError(f"the bare core stops at {location}: {text}", where=where)


def _memory(addresses: range, *, flash: bool) -> Memory:
    start = addresses.start // _PAGE * _PAGE
    return Memory(start, -(-(addresses.stop - start) // _PAGE) * _PAGE, flash=flash)
