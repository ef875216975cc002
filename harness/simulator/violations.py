"""Accesses to addresses without memory, to exact devices, and stores to flash.

Unicorn updates the program counter before it calls these hooks. Inside an IT block this leaves the
IT state set, as for all hooks on accesses (see it_repair.py).
"""

from collections.abc import Callable

from unicorn import unicorn_const

from harness.simulator.bus import Bus, BusError
from harness.simulator.emulator import AccessHook, Emulator
from harness.simulator.flash_stores import FlashStores
from harness.simulator.it_repair import IT_STATE
from harness.simulator.registers import PC, XPSR


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
        self.stores = FlashStores()
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

    def _on_unmapped(self, _uc: int, _kind: int, address: int, *_: int) -> bool:
        self.address = address
        return False

    def _on_read(self, _uc: int, _kind: int, address: int, *_: int) -> bool:
        self._note_exact_pc()
        self.address = address
        return not self._bus.refuses(address)

    def _on_write(
        self, _uc: int, _kind: int, address: int, size: int, value: int, _data: int
    ) -> bool:
        self._note_exact_pc()
        found = self._bus.memory(address, size)
        if found is not None:
            value &= (1 << 8 * size) - 1
            try:
                if self.stores.store(found[0], found[1], size, value):
                    self._interrupt()
                self._written(address, size)
            except BusError:
                return False
            except Exception as error:
                self._failed(error)
            self.exact_pc = None
        return not self._bus.refuses(address)

    def _note_exact_pc(self) -> None:
        """Note the program counter; clear the IT state that its update has left set."""
        self.exact_pc = self._registers.read(PC)
        status = self._registers.read(XPSR)
        if status & IT_STATE:
            self._registers.write(XPSR, status & ~IT_STATE)
