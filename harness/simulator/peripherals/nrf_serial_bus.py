"""SPI, SPIM, TWI and TWIM of the nRF52840 on an idle bus (PS 1.7, 6.24, 6.25, 6.29 and 6.31).

They share registers, and ENABLE selects one. Transfers take no time. An SPI transfer reads ones, as
from a MISO line that nothing drives; a TWI device never acknowledges its address. The slaves, SPIS
and TWIS, wait for a master for ever.
"""

from collections.abc import Callable

from harness.simulator.bus import Bus
from harness.simulator.peripherals import nrf_dma
from harness.simulator.peripherals.nrf import NrfPeripheral

_SPI, _TWI, _SPIM, _TWIM, _SPIS, _TWIS = 1, 5, 7, 6, 2, 9  # ENABLE
_TWI_STARTRX, _TWI_STARTTX, _SPIM_START, _STOP = 0x000, 0x008, 0x010, 0x014
_SUSPEND, _RESUME = 0x01C, 0x020
_SPIS_ACQUIRE = 0x024
_STOPPED, _SPI_READY, _ENDRX, _END, _ENDTX, _ERROR = 0x104, 0x108, 0x110, 0x118, 0x120, 0x124
_SPIS_ACQUIRED, _SUSPENDED, _STARTED_OR_RXSTARTED, _TXSTARTED = 0x128, 0x148, 0x14C, 0x150
_ERRORSRC, _ENABLE, _RXD, _TXD = 0x4C4, 0x500, 0x518, 0x51C
_RX, _TX = 0x534, 0x544  # PTR of the buffer; MAXCNT and AMOUNT follow
_ADDRESS_NOT_ACKNOWLEDGED = 1 << 1
_SHORT_END_START = 17
_IDLE = 0xFF
_MAXCNT = 0xFFFF


class NrfSerialBus(NrfPeripheral):
    """The device with SPI and TWI; EasyDMA accesses `bus`."""

    def __init__(self, line: Callable[[bool], None], bus: Bus) -> None:
        self._bus = bus
        super().__init__(line)

    def reset(self) -> None:
        """Return to the values after reset."""
        self._received = 0  # bytes that firmware has not read from RXD of the SPI
        super().reset()

    def read(self, offset: int) -> int:
        """Return a register; RXD of an SPI is what the idle line gave, and the next byte follows.

        RXD is double-buffered: READY tells of the next byte when this one has been read (6.24.1).
        """
        if offset == _RXD and self._mode == _SPI:
            self._received = max(self._received - 1, 0)
            if self._received:
                self._event(_SPI_READY)
            return _IDLE
        return super().read(offset)

    def write(self, offset: int, value: int) -> None:
        """Write a register; writing TXD of an SPI exchanges a byte."""
        if offset == _ERRORSRC:
            self._registers[offset] = self._registers.get(offset, 0) & ~value
            return
        super().write(offset, value)
        if offset == _ENABLE:
            self._received = 0
        elif offset == _TXD and self._mode == _SPI:
            self._received += 1
            if self._received == 1:
                self._event(_SPI_READY)

    @property
    def _mode(self) -> int:
        return self._registers.get(_ENABLE, 0) & 0xF

    def _task(self, offset: int) -> None:
        mode = self._mode
        if mode == _SPIM:
            self._spim_task(offset)
        elif mode in (_TWI, _TWIM):
            self._twi_task(offset, has_dma=mode == _TWIM)
        elif mode == _SPIS and offset == _SPIS_ACQUIRE:
            self._event(_SPIS_ACQUIRED)
        elif mode == _TWIS and offset == _STOP:
            self._event(_STOPPED)

    def _spim_task(self, offset: int) -> None:
        if offset == _STOP:
            self._event(_STOPPED)
        elif offset == _SPIM_START:
            self._event(_STARTED_OR_RXSTARTED)
            sent = self._buffer(_TX)
            self._registers[_TX + 8] = len(nrf_dma.load(self._bus, *sent) or b"")
            address, size = self._buffer(_RX)
            is_stored = nrf_dma.store(self._bus, address, bytes([_IDLE]) * size)
            self._registers[_RX + 8] = size if is_stored else 0
            for event in (_ENDTX, _ENDRX, _END):
                self._event(event)

    def _twi_task(self, offset: int, *, has_dma: bool) -> None:
        if offset in (_TWI_STARTRX, _TWI_STARTTX):
            self._registers[_RX + 8] = self._registers[_TX + 8] = 0
            if has_dma:
                is_read = offset == _TWI_STARTRX
                self._event(_STARTED_OR_RXSTARTED if is_read else _TXSTARTED)
            self._registers[_ERRORSRC] = (
                self._registers.get(_ERRORSRC, 0) | _ADDRESS_NOT_ACKNOWLEDGED
            )
            self._event(_ERROR)
        elif offset == _STOP:
            self._event(_STOPPED)
        elif offset == _SUSPEND:
            self._event(_SUSPENDED)

    def _buffer(self, register: int) -> tuple[int, int]:
        """Return address and size."""
        size = self._registers.get(register + 4, 0) & _MAXCNT
        return self._registers.get(register, 0), size
