"""UART0 and UARTE0 of the nRF52840, which share registers (PS 1.7, 6.33 and 6.34).

ENABLE selects one of them. EasyDMA accesses only RAM: a pointer to other addresses transfers
nothing. With the short ENDRX_STARTRX, one byte time passes between a full buffer and the next, so
that firmware can set the buffer after it. Bytes that arrive without a buffer wait; on silicon
they are soon lost. Parity, flow control and errors are not modelled.
"""

from collections.abc import Callable

from harness.simulator.bus import Bus
from harness.simulator.clock import Clock
from harness.simulator.peripherals import nrf_dma
from harness.simulator.peripherals.agenda import Agenda
from harness.simulator.peripherals.nrf import NrfPeripheral
from harness.simulator.peripherals.uart import Uart

_STARTRX, _STOPRX, _STARTTX, _STOPTX, _SUSPEND, _FLUSHRX = 0x000, 0x004, 0x008, 0x00C, 0x01C, 0x02C
_RXDRDY, _ENDRX, _TXDRDY, _ENDTX = 0x108, 0x110, 0x11C, 0x120
_RXTO, _RXSTARTED, _TXSTARTED, _TXSTOPPED = 0x144, 0x14C, 0x150, 0x158
_ENABLE, _RXD, _TXD, _BAUDRATE = 0x500, 0x518, 0x51C, 0x524
_RXD_PTR, _RXD_MAXCNT, _RXD_AMOUNT = 0x534, 0x538, 0x53C
_TXD_PTR, _TXD_MAXCNT, _TXD_AMOUNT = 0x544, 0x548, 0x54C
_UART, _UARTE = 4, 8
_SHORT_ENDRX_STARTRX, _SHORT_ENDRX_STOPRX = 5, 6
_FIFO = 5  # bytes that FLUSHRX can still receive
_MAXCNT = 0xFFFF
_HERTZ = 16_000_000
_SLOWEST = 0x0004_F000  # 1200 baud


class NrfUart(NrfPeripheral, Uart):
    """The device at 0x40002000; EasyDMA reads and writes `bus`."""

    def __init__(
        self, line: Callable[[bool], None], bus: Bus, clock: Clock, agenda: Agenda
    ) -> None:
        self._bus = bus
        self._clock = clock
        self._agenda = agenda
        Uart.__init__(self, line)
        NrfPeripheral.__init__(self, line)

    def reset(self) -> None:
        """Disable it and discard received bytes."""
        self._queue.clear()
        self._rx_on = self._tx_on = False
        self._rxd: int | None = None
        self._buffer: tuple[int, int] | None = None  # address and size
        self._filled = 0
        self._not_before = 0  # tick at which the next byte may arrive
        self._agenda.put(self._fill, None)
        super().reset()

    def listen(self) -> None:
        """Set the state in which Arduino's bootloader leaves it: a UARTE that receives.

        ArduinoCore-mbed's initVariant() for the Nano 33 BLE stops it and waits for RXTO.
        """
        self.write(_ENABLE, _UARTE)
        self.write(_STARTRX, 1)

    def read(self, offset: int) -> int:
        """Return a register; reading RXD takes a byte."""
        if offset == _RXD:
            byte, self._rxd = self._rxd or 0, None
            self._load_rxd()
            return byte
        if offset in (_RXDRDY, _ENDRX):
            if self._happened(offset):
                self._active()
            else:
                self._poll()
        return super().read(offset)

    def write(self, offset: int, value: int) -> None:
        """Write a register; writing TXD sends a byte."""
        if offset == _TXD:
            if self._tx_on and self._mode == _UART:
                self.transmit(value & 0xFF)
                self._event(_TXDRDY)
        else:
            super().write(offset, value)

    @property
    def _byte_time(self) -> int:
        """Ticks of the core's clock per ten bits; BAUDRATE is baud * 2^32 / 16 MHz."""
        return (10 * self._clock.hertz << 32) // (
            max(self._registers.get(_BAUDRATE, 0), _SLOWEST) * _HERTZ
        )

    @property
    def _mode(self) -> int:
        return self._registers.get(_ENABLE, 0) & 0xF

    def _receiving(self) -> bool:
        return self._rx_on

    def _received(self) -> None:
        if self._mode == _UARTE:
            self._fill()
        else:
            self._load_rxd()

    def _task(self, offset: int) -> None:
        if self._mode not in (_UART, _UARTE):
            return
        self._active()
        if offset == _STARTRX:
            self._rx_on = True
            if self._mode == _UARTE:
                self._start_buffer()
        elif offset == _STOPRX:
            self._stop_receiving()
        elif offset == _STARTTX:
            self._tx_on = True
            if self._mode == _UARTE:
                self._send()
        elif offset == _STOPTX:
            self._tx_on = False
            self._event(_TXSTOPPED)
        elif offset == _SUSPEND and self._mode == _UART:
            self._rx_on = self._tx_on = False
        elif offset == _FLUSHRX and self._mode == _UARTE:
            self._flush()

    # UART: one byte at a time

    def _load_rxd(self) -> None:
        if self._rxd is None and self._queue:
            self._rxd = self._take()
            self._event(_RXDRDY)

    # UARTE: buffers in RAM

    def _start_buffer(self) -> None:
        self._latch_buffer()
        self._fill()

    def _latch_buffer(self) -> None:
        address = self._registers.get(_RXD_PTR, 0)
        self._buffer = (address, self._registers.get(_RXD_MAXCNT, 0) & _MAXCNT)
        self._filled = 0
        self._event(_RXSTARTED)

    def _fill(self) -> None:
        while self._queue and self._buffer is not None:
            if self._clock.ticks() < self._not_before:
                self._agenda.put(self._fill, self._not_before)
                return
            address, size = self._buffer
            part = bytes(self._take() for _ in range(min(len(self._queue), size - self._filled)))
            nrf_dma.store(self._bus, address + self._filled, part)
            self._filled += len(part)
            for _ in range(len(part) if self.routed else 1):
                self._event(_RXDRDY)
            if self._filled < size or not size:
                return
            self._end_buffer()

    def _end_buffer(self) -> None:
        self._release_buffer()
        if self._has_short(_SHORT_ENDRX_STARTRX):
            self._latch_buffer()
            self._not_before = self._clock.ticks() + self._byte_time
        elif self._has_short(_SHORT_ENDRX_STOPRX):
            self._stop_receiving()

    def _release_buffer(self) -> None:
        self._registers[_RXD_AMOUNT] = self._filled
        self._buffer = None
        self._event(_ENDRX)

    def _stop_receiving(self) -> None:
        """STOPRX: end the current buffer, then signal RXTO (6.34.6)."""
        if self._buffer is not None:
            self._release_buffer()
        self._rx_on = False
        self._event(_RXTO)

    def _flush(self) -> None:
        in_fifo = [self._take() for _ in range(min(len(self._queue), _FIFO))]
        self._queue.clear()
        self._queue.extend(in_fifo)
        self._start_buffer()
        if self._buffer is not None:
            self._end_buffer()
            self._buffer = None

    def _send(self) -> None:
        address = self._registers.get(_TXD_PTR, 0)
        size = self._registers.get(_TXD_MAXCNT, 0) & _MAXCNT
        self._event(_TXSTARTED)
        data = nrf_dma.load(self._bus, address, size) or b""
        for byte in data:
            self.transmit(byte)
            self._event(_TXDRDY)
        self._registers[_TXD_AMOUNT] = len(data)
        self._event(_ENDTX)
