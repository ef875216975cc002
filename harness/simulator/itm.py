"""The instrumentation trace macrocell (ITM): firmware writes to its 32 stimulus ports.

Armv7-M ARM (DDI 0403E), C1.7; Cortex-M4 TRM (100166), "ITM register summary". A write becomes a
source packet (appendix D4), and with TCR.TSENA a local timestamp follows it. The FIFO is never
full. Unprivileged code can read all registers; its writes have an effect only on the ports that TPR
leaves to it, and on TER for them (Cortex-M3 TRM, DDI 0337E, 11.6.1). The unit sends no
synchronization, no global timestamps, and no packets of the DWT.
"""

from collections.abc import Callable

TER, TPR, TCR, LAR, LSR = 0xE00, 0xE40, 0xE80, 0xFB0, 0xFB4
KEY = 0xC5AC_CE55

_PORTS = 32
_ITMENA, _TSENA = 1 << 0, 1 << 1
_PRESCALE = 8  # TSPrescale: timestamps count every 1, 4, 16 or 64 ticks
_WRITABLE = {TPR: 0xF, TCR: 0x007F_0F1F}
_READY = 1 << 0
_LOCK_PRESENT, _LOCKED = 1 << 0, 1 << 1
_SHORT, _LONGEST = range(1, 7), (1 << 28) - 1  # timestamps in one byte, and the longest
_TIMESTAMP = 0xC0
_SIZE_CODES = {1: 1, 2: 2, 4: 3}  # bytes to the two low bits of a packet's header


class Itm:
    """The unit; `traced` returns DEMCR.TRCENA, `ticks` the time.

    `privileged` returns whether the code that accesses it is privileged.
    `send` is called with port, data, and the bytes of the packets. If it `locks`, its registers
    ignore writes until LAR has its key (not on Armv8-M).
    """

    def __init__(
        self,
        traced: Callable[[], bool],
        privileged: Callable[[], bool],
        ticks: Callable[[], int],
        send: Callable[[int, bytes, bytes], None],
        *,
        locks: bool,
    ) -> None:
        self._traced = traced
        self._privileged = privileged
        self._ticks = ticks
        self._send = send
        self._locks = locks
        self._locked = locks
        self._registers = {TER: 0, TPR: 0, TCR: 0}
        self._stamped = 0  # the tick of the last timestamp

    def reset(self) -> None:
        """Do nothing: only a power-on reset clears the registers."""

    def read(self, offset: int) -> int:
        """Return a register; a stimulus port is ready if it is enabled."""
        if offset < 4 * _PORTS:
            return _READY * self._enabled(offset // 4)
        if offset == LSR and self._locks:
            return _LOCK_PRESENT | _LOCKED * self._locked
        return self._registers.get(offset, 0)

    peek = read

    def write(self, offset: int, value: int) -> None:
        """Write a register, or a word to a stimulus port."""
        if offset < 4 * _PORTS:
            self.write_narrow(offset, 4, value)
        elif offset == LAR:
            self._locked = self._locks and value != KEY
        elif offset in self._registers and not self._locked:
            old, mask = self._registers[offset], self._writable(offset)
            self._registers[offset] = old & ~mask | value & mask

    def write_narrow(self, offset: int, size: int, value: int) -> None:
        """Write `size` bytes; those to a stimulus port become a packet of this size."""
        port = offset // 4
        if port >= _PORTS:
            kept = self.peek(offset) & ~((1 << 8 * size) - 1)
            self.write(offset, kept | value)
        elif self._enabled(port) and self._open_ports() >> port & 1:
            data = value.to_bytes(4, "little")[:size]
            packet = bytes([port << 3 | _SIZE_CODES[size]]) + data
            self._send(port, data, packet + self._timestamp())

    def _writable(self, offset: int) -> int:
        """Return the bits of a register that the running code can write."""
        if offset == TER:
            return self._open_ports()
        return _WRITABLE[offset] if self._privileged() else 0

    def _open_ports(self) -> int:
        """Return the ports that the running code can write, one bit for each."""
        if self._privileged():
            return 0xFFFF_FFFF
        closed = self._registers[TPR]
        return sum(0xFF << 8 * group for group in range(4) if not closed >> group & 1)

    def _timestamp(self) -> bytes:
        """Return the time since the last timestamp, as a packet; nothing if it is off."""
        control = self._registers[TCR]
        if not control & _TSENA:
            return b""
        now = self._ticks() >> 2 * (control >> _PRESCALE & 3)
        passed, self._stamped = min(max(now - self._stamped, 0), _LONGEST), now
        if passed in _SHORT:
            return bytes([passed << 4])
        packet = bytearray([_TIMESTAMP])
        while passed >> 7:
            packet.append(passed & 0x7F | 0x80)
            passed >>= 7
        return bytes(packet) + bytes([passed])

    def _enabled(self, port: int) -> bool:
        on = self._traced() and self._registers[TCR] & _ITMENA
        return bool(on and self._registers[TER] >> port & 1)


class Tpiu:
    """The trace port interface unit (Cortex-M4 TRM, "TPIU"): settings without an effect.

    What the ITM sends leaves the chip at any speed, and without the formatter's frames.
    """

    _DEVID, _DEVICE = 0xFC8, 0xCA1  # asynchronous NRZ and Manchester
    _PORT_SIZE, _FORMATTER = 0x004, 0x304
    _WRITABLE = (_PORT_SIZE, 0x010, 0x0F0, _FORMATTER)  # and ACPR, SPPR

    def __init__(self) -> None:
        self._registers = dict.fromkeys(self._WRITABLE, 0)
        self._registers |= {self._PORT_SIZE: 1, 0x0F0: 1, self._FORMATTER: 0x102}

    def reset(self) -> None:
        """Do nothing: only a power-on reset clears the registers."""

    def read(self, offset: int) -> int:
        """Return a register."""
        return self._DEVICE if offset == self._DEVID else self._registers.get(offset, 0)

    peek = read

    def write(self, offset: int, value: int) -> None:
        """Write a register."""
        if offset in self._registers:
            self._registers[offset] = value
