"""Accesses to addresses without memory, to exact devices and the private bus, stores to flash.

Unicorn updates the program counter before it calls these hooks. Inside an IT block this leaves the
IT state set, as for all hooks on accesses (see it_repair.py).
"""

from collections.abc import Callable

from unicorn import unicorn_const

from harness.simulator.bus import Bus, BusError
from harness.simulator.emulator import AccessHook, Emulator
from harness.simulator.flash_stores import FlashStores
from harness.simulator.it_repair import IT_STATE
from harness.simulator.registers import CONTROL, PC, XPSR
from harness.simulator.store_aborts import StoreAborts

PRIVATE_BUS = range(0xE000_0000, 0xE010_0000)
"""Armv7-M ARM, B3.1: only privileged code has access."""
SOFTWARE_TRIGGER = 0xE000_EF00
"""STIR, which CCR.USERSETMPEND opens for all code."""

_NPRIV, _HANDLER = 1, 0x1FF  # of CONTROL and xPSR


class Violations:
    """Handles Unicorn's hooks for accesses that memory itself does not allow.

    `written` is called after a store to flash, `interrupt` if it needs a correction, and `failed`
    with an exception, which must not propagate into Unicorn.
    """

    def __init__(
        self,
        emulator: Emulator,
        bus: Bus,
        *,
        written: Callable[[int, int], None],
        interrupt: Callable[[], None],
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
        self._bus = bus
        self._written = written
        self._interrupt = interrupt
        self._failed = failed
        add = emulator.add_hook
        add(unicorn_const.UC_HOOK_MEM_UNMAPPED, AccessHook(self._on_unmapped))
        add(unicorn_const.UC_HOOK_MEM_READ_PROT, AccessHook(self._on_read))
        add(unicorn_const.UC_HOOK_MEM_WRITE_PROT, AccessHook(self._on_write))

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
        self._note_exact_pc()
        self.address = address
        return self.ignores_errors or not self._bus.refuses(address)

    def _on_write(
        self, _uc: int, _kind: int, address: int, size: int, value: int, _data: int
    ) -> bool:
        opened = self.open_trigger and address == SOFTWARE_TRIGGER
        if self._is_refused(address) and not opened:
            self.aborts.abort(address)
            return False
        self._note_exact_pc()
        found = self._bus.memory(address, size)
        if found is not None:
            value &= (1 << 8 * size) - 1
            try:
                if self.stores.store(found[0], found[1], size, value):
                    self._interrupt()
                self._written(address, size)
            except BusError:
                self.address = address
                if not self.ignores_errors:
                    return False
                self.stores.keep(found[0], found[1], size)
            except Exception as error:
                self._failed(error)
            self.exact_pc = None
        self.address = address
        return self.ignores_errors or not self._bus.refuses(address)

    def _is_refused(self, address: int) -> bool:
        """Return whether the privilege does not suffice, or a store was aborted."""
        if self.aborts.pending:
            return True
        if not self.may_be_unprivileged or address not in PRIVATE_BUS:
            return False
        read = self._registers.read
        return bool(read(CONTROL) & _NPRIV) and not read(XPSR) & _HANDLER

    def _note_exact_pc(self) -> None:
        """Note the program counter; clear the IT state that its update has left set."""
        self.exact_pc = self._registers.read(PC)
        self._clear_it()

    def _clear_it(self) -> None:
        status = self._registers.read(XPSR)
        self.in_it_block = bool(status & IT_STATE)
        if self.in_it_block:
            self._registers.write(XPSR, status & ~IT_STATE)
