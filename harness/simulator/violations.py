"""Accesses to addresses without memory, to exact devices and the private bus, stores to flash.

Unicorn updates the program counter before it calls these hooks. Inside an IT block this leaves the
IT state set, as for all hooks on accesses (see it_repair.py).
"""

from collections.abc import Callable, Iterator, Sequence

from unicorn import unicorn_const

from harness.simulator.bus import Bus, BusError, Memory
from harness.simulator.emulator import AccessHook, Emulator
from harness.simulator.flash_stores import FlashStores
from harness.simulator.registers import CONTROL, IT_STATE, PC, XPSR
from harness.simulator.store_aborts import StoreAborts

PRIVATE_BUS = range(0xE000_1000, 0xE010_0000)
"""Armv7-M ARM, B3.1: only privileged code has access. The ITM, before it, has rules of its own."""
SOFTWARE_TRIGGER = 0xE000_EF00
"""STIR, which CCR.USERSETMPEND opens for all code."""

_PERIPHERALS = 0x4000_0000  # B3.1; no flash is there or behind
_NPRIV, _HANDLER = 1, 0x1FF  # of CONTROL and xPSR


class Violations:
    """Handles Unicorn's hooks for accesses that memory itself does not allow.

    `written` is called after a store to flash, and `failed` with an exception, which must not
    propagate into Unicorn.
    """

    def __init__(
        self,
        emulator: Emulator,
        bus: Bus,
        *,
        written: Callable[[int, int], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        self.exact_pc: int | None = None
        """The program counter during an access to an exact device."""
        self.address = 0
        """The last address without memory or device."""
        self.in_it_block = False
        """Whether the last store that failed was conditional, and its block has run to the end."""
        self.may_be_unprivileged = False
        """Whether CONTROL may have been written, so that the privilege must be checked."""
        self.open_trigger = False
        """Whether unprivileged code can write STIR."""
        self.precise_stores = False
        """Whether a store to an address without memory faults at once."""
        self.ignores_errors = False
        """Whether accesses that flash controllers or aliases refuse do not fail."""
        self.stores = FlashStores()
        self.aborts = StoreAborts(emulator)
        self._registers = emulator.registers
        self._state = emulator.registers.batch(PC, XPSR)
        self._bus = bus
        self._written = written
        self._failed = failed
        for kind, callback in (
            (unicorn_const.UC_HOOK_MEM_UNMAPPED, self._on_unmapped),
            (unicorn_const.UC_HOOK_MEM_READ_PROT, self._on_read),
            (unicorn_const.UC_HOOK_MEM_WRITE_PROT, self._on_write),
        ):
            for outside in _outside_ram(bus.memories):
                emulator.add_hook(kind, AccessHook(callback), outside.start, outside.stop - 1)

    def leave(self) -> None:
        """Note the end of an access to an exact device."""
        self.exact_pc = None

    def _on_unmapped(self, _uc: int, kind: int, address: int, *_: int) -> bool:
        self.address = address
        if kind == unicorn_const.UC_MEM_WRITE_UNMAPPED:
            if self.precise_stores:
                self.aborts.abort(address)
            self._clear_it()
        return False

    def _on_read(self, _uc: int, _kind: int, address: int, *_: int) -> bool:
        if self._is_refused(address):
            self.address = address
            return False
        return self._on_device(address)

    def _on_write(
        self, _uc: int, _kind: int, address: int, size: int, value: int, _data: int
    ) -> bool:
        opened = self.open_trigger and address == SOFTWARE_TRIGGER
        if self._is_refused(address) and not opened:
            self.aborts.abort(address)
            return False
        found = self._bus.memory(address, size) if address < _PERIPHERALS else None
        if found is not None:
            return self._on_flash_write(address, size, value & ((1 << 8 * size) - 1), *found)
        return self._on_device(address)

    def _on_device(self, address: int) -> bool:
        """Note the access; return whether something responds."""
        self._note_exact_pc()
        self.address = address
        region = self._bus.region(address)
        return self.ignores_errors or region is None or region.answers(address)

    def _on_flash_write(
        self, address: int, size: int, value: int, memory: Memory, offset: int
    ) -> bool:
        try:
            if self.stores.store(self._registers.read(PC), memory, offset, size, value):
                self.aborts.abort(address)  # with the IT state, to repeat the instruction
                return False
            self._written(address, size)
        except BusError:
            self.address = address
            self._clear_it()
            if not self.ignores_errors:
                return False
            self.stores.keep(memory, offset, size)
        except Exception as error:
            self._failed(error)
        self._clear_it()
        return True

    def _is_refused(self, address: int) -> bool:
        """Return whether the privilege does not suffice, or a store was aborted."""
        if self.aborts.pending:
            return True
        return address in PRIVATE_BUS and not self.is_privileged()

    def is_privileged(self) -> bool:
        """Return whether the running code is privileged."""
        if not self.may_be_unprivileged:
            return True
        read = self._registers.read
        return not read(CONTROL) & _NPRIV or bool(read(XPSR) & _HANDLER)

    def _note_exact_pc(self) -> None:
        """Note the program counter; clear the IT state that its update has left set."""
        self.exact_pc, status = self._state.read()
        self._end_it(status)

    def _clear_it(self) -> None:
        self._end_it(self._registers.read(XPSR))

    def _end_it(self, status: int) -> None:
        """Clear the IT state in xPSR, which is `status`."""
        self.in_it_block = bool(status & IT_STATE)
        if self.in_it_block:
            self._registers.write(XPSR, status & ~IT_STATE)


def _outside_ram(memories: Sequence[Memory]) -> Iterator[range]:
    """Yield the ranges of addresses without RAM: a hook makes every store to its range slow."""
    start = 0
    for base, size in sorted((b, m.size) for m in memories if not m.flash for b in m.bases):
        if start < base:
            yield range(start, base)
        start = base + size
    yield range(start, 1 << 32)
