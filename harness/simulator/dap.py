"""The debug port: SW-DP and the MEM-AP of a Cortex-M (AHB-AP).

ARM Debug Interface v5 (IHI 0031): registers of the DP in chapter 6, of the MEM-AP in chapters 7
and 8.
"""

import time
from typing import NoReturn

from harness.simulator import halting_debug, private_bus
from harness.simulator.bus import MASK32, BusError
from harness.simulator.chips.chip import Chip

_CSW_RESET, _CSW_WRITABLE, _CSW_ENABLED = 0x2300_0052, 0x3F00_0037, 1 << 6

# DP registers
_IDR_ABORT, _CTRL_STAT, _SELECT, _RDBUFF = 0x0, 0x4, 0x8, 0xC
_STKERRCLR = 1 << 2
_STICKYERR, _READOK = 1 << 5, 1 << 6
_TARGETID_BANK = 2
_BASE_PRESENT = 0b11
_POWER_REQUESTS, _CTRL_WRITABLE = 0x5000_0000, 0x5000_0F00
_DEBUG_POWER = 1 << 28

# MEM-AP registers
_CSW, _TAR, _DRW, _BD0, _CFG, _BASE, _IDR = 0x00, 0x04, 0x0C, 0x10, 0xF4, 0xF8, 0xFC
_INCREMENT = 3 << 4
_INCREMENTED_BITS = 0xFFF  # address bits that the increment changes; at least ten on silicon

_POLL_DELAY = 0.0005  # seconds that a poll of DHCSR waits while the core runs
_CORE_DEBUG = {halting_debug.DHCSR, halting_debug.DCRSR, halting_debug.DCRDR, halting_debug.DEMCR}


class TransferFaultError(Exception):
    """The access failed: the target answers FAULT."""


class DebugPort:
    """The debug port of `chip`; access port 0 is the MEM-AP."""

    def __init__(self, chip: Chip) -> None:
        self._core = chip.core
        self._ids = chip.debug_ids or chip.core.type.debug_ids
        self._ports = chip.access_ports
        self._protection = chip.protection
        self._select = 0
        self._control = 0
        self._sticky = False
        self._csw = _CSW_RESET
        self._tar = 0

    def read_dp(self, address: int) -> int:
        """Read a register of the DP."""
        if address == _IDR_ABORT:
            return self._ids.dp
        if address == _CTRL_STAT and self._select & 0xF == _TARGETID_BANK:
            return self._ids.target
        if address == _CTRL_STAT and not self._select & 0xF:
            powered = (self._control & _POWER_REQUESTS) << 1  # acknowledged at once
            return self._control | powered | (_STICKYERR if self._sticky else 0) | _READOK
        return 0

    def write_dp(self, address: int, value: int) -> None:
        """Write a register of the DP."""
        if address == _IDR_ABORT:
            self._sticky = self._sticky and not value & _STKERRCLR
        elif address == _CTRL_STAT and not self._select & 0xF:
            self._control = value & _CTRL_WRITABLE
        elif address == _SELECT:
            self._select = value

    def read_ap(self, address: int, count: int) -> list[int]:
        """Read an access port's register `count` times."""
        self._check()
        port, register = self._register(address)
        if port:
            other = self._ports.get(port)
            return [other.read(register) if other is not None else 0] * count
        if self._is_memory(register) and self._is_locked():
            self._fail()
        if register == _DRW and self._csw & 7 == 2 and count > 1:  # noqa: PLR2004 - 32-bit
            return self._read_block(count)
        return [self._read_register(register) for _ in range(count)]

    def write_ap(self, address: int, values: tuple[int, ...]) -> None:
        """Write an access port's register, once for each of `values`."""
        self._check()
        port, register = self._register(address)
        if port:
            other = self._ports.get(port)
            for value in values if other is not None else ():
                other.write(register, value)  # type: ignore[union-attr]
            return
        if self._is_memory(register) and self._is_locked():
            self._fail()
        if register == _DRW and self._csw & 7 == 2 and len(values) > 1:  # noqa: PLR2004
            self._write_block(values)
            return
        for value in values:
            self._write_register(register, value)

    def _register(self, address: int) -> tuple[int, int]:
        return self._select >> 24, self._select & 0xF0 | address & 0xC

    def _is_locked(self) -> bool:
        """Return whether the chip denies all accesses to memory."""
        return self._protection.memory is None and self._protection.locked

    def _check_access(self, address: int) -> None:
        """Fail if the chip denies accesses to the memory at `address`."""
        protection = self._protection
        if protection.memory is None or not protection.locked:
            return
        found = self._core.bus.memory(address, 1)
        if found is not None and found[0] is protection.memory:
            self._fail()

    @staticmethod
    def _is_memory(register: int) -> bool:
        return register == _DRW or register & 0xF0 == _BD0

    def _check(self) -> None:
        if self._sticky or not self._control & _DEBUG_POWER:
            raise TransferFaultError

    # MEM-AP registers

    def _read_register(self, register: int) -> int:
        ids = self._ids
        plain = {
            _CSW: self._csw & ~(_CSW_ENABLED if self._is_locked() else 0),
            _TAR: self._tar,
            _BASE: ids.rom_table | _BASE_PRESENT,
            _IDR: ids.ap,
        }
        if register in plain:
            return plain[register]
        if register == _DRW:
            size = self._size()
            value = self._read(self._tar, size) << 8 * (self._tar & 4 - size & 3)
            self._increment(1)
            return value
        if self._is_memory(register):
            return self._read(self._tar & ~0xF | register & 0xC, 4)
        return 0

    def _write_register(self, register: int, value: int) -> None:
        if register == _CSW:
            self._csw = value & _CSW_WRITABLE | _CSW_ENABLED
        elif register == _TAR:
            self._tar = value
        elif register == _DRW:
            size = self._size()
            lane = value >> 8 * (self._tar & 4 - size & 3) & ((1 << 8 * size) - 1)
            self._write(self._tar, size, lane)
            self._increment(1)
        elif self._is_memory(register):
            self._write(self._tar & ~0xF | register & 0xC, 4, value)

    def _size(self) -> int:
        return (1, 2, 4)[min(self._csw & 7, 2)]

    def _increment(self, count: int) -> None:
        if self._csw & _INCREMENT:
            following = self._tar + count * self._size()
            self._tar = self._tar & ~_INCREMENTED_BITS & MASK32 | following & _INCREMENTED_BITS

    # Memory

    def _read_block(self, count: int) -> list[int]:
        self._check_access(self._tar)
        try:
            if self._tar < private_bus.BASE and self._core.bus.memory(self._tar, 4 * count) is None:
                with self._core.stopped():
                    words = list(self._core.bus.read_words(self._tar, count))
            elif self._tar < private_bus.BASE:
                words = list(self._core.bus.read_words(self._tar, count))
            else:
                words = [self._read(self._tar + 4 * index, 4) for index in range(count)]
        except BusError:
            self._fail()
        self._increment(count)
        return words

    def _write_block(self, values: tuple[int, ...]) -> None:
        self._check_access(self._tar)
        try:
            if self._tar < private_bus.BASE:
                with self._core.stopped():
                    self._core.bus.write_words(self._tar, values)
            else:
                for index, value in enumerate(values):
                    self._write(self._tar + 4 * index, 4, value)
        except BusError:
            self._fail()
        self._increment(len(values))

    def _read(self, address: int, size: int) -> int:
        if address & ~3 in _CORE_DEBUG:
            return self._read_debug(address & ~3) >> 8 * (address & 3)
        self._check_access(address)
        try:
            if self._core.bus.memory(address, size) is not None:
                return self._core.bus.read(address, size)
            with self._core.stopped():
                return self._core.bus.read(address, size)
        except BusError:
            self._fail()

    def _write(self, address: int, size: int, value: int) -> None:
        if address in (halting_debug.DHCSR, halting_debug.DCRSR):
            self._write_debug(address, value)
            return
        self._check_access(address)
        try:
            with self._core.stopped():
                self._core.bus.write(address, size, value)
        except BusError:
            self._fail()

    def _fail(self) -> NoReturn:
        self._sticky = True
        raise TransferFaultError

    # The core's debug registers, accessible while it runs

    def _read_debug(self, address: int) -> int:
        core = self._core
        if address != halting_debug.DHCSR:
            return core.debug.read(address & 0xFFF)
        if core.debug.enabled and not (core.halted or core.locked_up or core.held_in_reset):
            time.sleep(_POLL_DELAY)  # lets the core's thread run
        return core.debug.status(clear=True)

    def _write_debug(self, address: int, value: int) -> None:
        core = self._core
        if address == halting_debug.DCRSR:
            with core.stopped():
                core.debug.transfer_register(value)
            return
        control = core.debug.control_bits(value)
        if control is None:
            return
        core.debug.control = control & (halting_debug.C_DEBUGEN | halting_debug.C_MASKINTS)
        if not control & halting_debug.C_DEBUGEN:
            core.resume()
        elif control & halting_debug.C_HALT:
            core.halt()
        elif control & halting_debug.C_STEP:
            core.step()
        else:
            core.resume()
