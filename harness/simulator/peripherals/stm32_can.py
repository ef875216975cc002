"""The CAN of the STM32, the bxCAN, alone on its bus: RM0090 rev 19, 32.9; RM0351 rev 9, 46.9.

In loopback mode it receives what it sends, at once. In normal mode nobody acknowledges: a frame is
sent again and again, or once with NART. In silent mode nothing can be sent. Time stamps are absent.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness.simulator.peripherals import stm32_can_filters
from harness.simulator.peripherals.stm32_can_filters import CanFilters

_MCR, _MSR, _TSR, _RF0R, _RF1R, _IER, _ESR, _BTR = range(0x00, 0x20, 4)
_MAILBOXES, _OUTPUTS = range(0x180, 0x1B0), range(0x1B0, 0x1D0)
_INRQ, _SLEEP, _RFLM, _NART, _RESET = 1 << 0, 1 << 1, 1 << 3, 1 << 4, 1 << 15
_INAK, _SLAK, _ERRI, _WKUI, _SLAKI = 1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 4
_RECESSIVE = 3 << 10  # SAMP and RX
_RQCP, _TXOK, _TERR, _ABRQ, _TME0 = 1 << 0, 1 << 1, 1 << 3, 1 << 7, 1 << 26
_MAILBOX = 8  # bits of one in TSR
_RFOM, _FULL, _FOVR = 1 << 5, 1 << 3, 1 << 4
_TXRQ = 1 << 0
_SILENT, _LOOPBACK = 1 << 31, 1 << 30
_PASSIVE = 128 << 16 | 3 << 4 | 3  # ESR: TEC, the missing acknowledge, EPVF and EWGF
_EWGIE, _EPVIE, _LECIE, _ERRIE = 1 << 8, 1 << 9, 1 << 11, 1 << 15
_DEPTH = 3
_AFTER_RESET = {_MCR: 0x1_0002, _BTR: 0x0123_0000}


@dataclass
class _Frame:
    """A received frame: the four registers that show it."""

    registers: tuple[int, int, int, int]


class Can:
    """A CAN with `lines` for transmission, the two FIFOs, and its status.

    Two CANs share the `filters`; `second` is the one without registers for them.
    """

    MODEL = "no other node"

    def __init__(
        self,
        lines: Sequence[Callable[[bool], None]],
        filters: CanFilters,
        *,
        second: bool = False,
    ) -> None:
        self._lines = lines
        self.filters = filters
        self._second = second
        self.reset()

    def reset(self) -> None:
        """Go to sleep; the filters belong to the first CAN."""
        if not self._second:
            self.filters.reset()
        self._restart()

    def _restart(self) -> None:
        self._registers = dict(_AFTER_RESET)
        self._state = _SLAK  # in MSR: sleep, initialization, or neither
        self._events = 0  # the flags of MSR
        self._sent = 0  # the flags of TSR
        self._fifos: tuple[list[_Frame], list[_Frame]] = ([], [])
        self._fifo_flags = [0, 0]
        self._drive()

    def read(self, offset: int) -> int:
        """Return a register."""
        if self._is_filter(offset):
            return self.filters.read(offset)
        if offset == _MSR:
            return self._state | self._events | _RECESSIVE
        if offset == _TSR:
            return self._sent | self._empty_mailboxes()
        if offset in (_RF0R, _RF1R):
            number = (offset - _RF0R) // 4
            return self._fifo_flags[number] | len(self._fifos[number])
        if offset in _OUTPUTS:
            number, register = divmod(offset - _OUTPUTS.start, 0x10)
            fifo = self._fifos[number]
            return fifo[0].registers[register // 4] if fifo else 0
        return self._registers.get(offset, 0)

    def peek(self, offset: int) -> int:
        """Return the value that a narrow write is merged into; flags are cleared by ones."""
        return 0 if offset in (_MSR, _TSR, _RF0R, _RF1R) else self.read(offset)

    def write(self, offset: int, value: int) -> None:
        """Write a register."""
        if self._is_filter(offset):
            self.filters.write(offset, value)
        elif offset == _MCR:
            self._control(value)
        elif offset == _MSR:
            self._events &= ~value
        elif offset == _TSR:
            self._write_transmit_status(value)
        elif offset in (_RF0R, _RF1R):
            number = (offset - _RF0R) // 4
            self._fifo_flags[number] &= ~value
            if value & _RFOM:
                del self._fifos[number][:1]
        elif offset == _ESR:  # only the last error code can be written
            self._registers[offset] = self._registers.get(offset, 0) & ~0x70 | value & 0x70
        elif offset != _BTR or self._state == _INAK:
            self._registers[offset] = value
        self._transmit()
        self._drive()

    def _is_filter(self, offset: int) -> bool:
        return not self._second and stm32_can_filters.FIRST <= offset < stm32_can_filters.END

    def _control(self, value: int) -> None:
        """Change the mode (32.4); as drivers expect, INRQ also ends sleep while SLEEP is set."""
        if value & _RESET:
            self._restart()
            return
        self._registers[_MCR] = value
        before = self._state
        if value & _INRQ:
            self._state = _INAK
            self._registers.pop(_ESR, None)
        elif value & _SLEEP:
            self._state = _SLAK
            self._events |= _SLAKI if before != _SLAK else 0
        else:
            self._state = 0

    def _write_transmit_status(self, value: int) -> None:
        for box in range(3):
            bits = value >> _MAILBOX * box & 0xFF
            if bits & _RQCP:  # clears the result, too
                self._sent &= ~(0xF << _MAILBOX * box)
            if bits & _ABRQ and self._wants(box):
                self._end(box, 0)

    def _wants(self, box: int) -> bool:
        return bool(self._registers.get(_MAILBOXES.start + 0x10 * box, 0) & _TXRQ)

    def _empty_mailboxes(self) -> int:
        return sum(_TME0 << box for box in range(3) if not self._wants(box))

    def _end(self, box: int, result: int) -> None:
        """Empty a mailbox; `result` are the flags of TSR with which its request ended."""
        self._registers[_MAILBOXES.start + 0x10 * box] &= ~_TXRQ
        self._sent = self._sent & ~(0xF << _MAILBOX * box) | (_RQCP | result) << _MAILBOX * box

    def _transmit(self) -> None:
        """Send what waits in the mailboxes: the lower identifier first (32.7.1)."""
        if self._state:
            return
        boxes = [box for box in range(3) if self._wants(box)]
        if not self._registers[_MCR] & 1 << 2:  # TXFP
            boxes.sort(key=lambda box: self._registers[_MAILBOXES.start + 0x10 * box])
        for box in boxes:
            self._send(box)

    def _send(self, box: int) -> None:
        mode = self._registers[_BTR]
        if mode & _LOOPBACK:
            start = _MAILBOXES.start + 0x10 * box
            words = [self._registers.get(start + 4 * index, 0) for index in range(4)]
            self._end(box, _TXOK)
            self._receive(words[0] & ~_TXRQ, words[1] & 0xF, (words[2], words[3]))
        elif not mode & _SILENT:
            if not self._registers.get(_ESR, 0):
                self._registers[_ESR] = _PASSIVE
                enabled = self._registers.get(_IER, 0) & (_EWGIE | _EPVIE | _LECIE)
                self._events |= _ERRI if enabled else 0
            if self._registers[_MCR] & _NART:
                self._end(box, _TERR)

    def _receive(self, identifier: int, length: int, data: tuple[int, int]) -> None:
        found = self.filters.match(identifier, second=self._second)
        if found is None:
            return
        number, match = found
        fifo = self._fifos[number]
        frame = _Frame((identifier, match << 8 | length, *data))
        if len(fifo) < _DEPTH:
            fifo.append(frame)
        else:
            self._fifo_flags[number] |= _FOVR
            if not self._registers[_MCR] & _RFLM:
                fifo[-1] = frame
        if len(fifo) == _DEPTH:
            self._fifo_flags[number] |= _FULL

    def _drive(self) -> None:
        enabled = self._registers.get(_IER, 0)
        sent, first, second, status = self._lines
        requests_ended = sum(_RQCP << _MAILBOX * box for box in range(3))
        sent(bool(enabled & 1 and self._sent & requests_ended))
        for number, line in enumerate((first, second)):
            flags = self._fifo_flags[number]
            enables = enabled >> 1 + 3 * number & 7
            line(
                bool(
                    (enables & 1 and self._fifos[number])
                    or (enables & 2 and flags & _FULL)
                    or (enables & 4 and flags & _FOVR)
                )
            )
        pairs = ((_ERRI, _ERRIE), (_WKUI, 1 << 16), (_SLAKI, 1 << 17))
        status(any(self._events & flag and enabled & enable for flag, enable in pairs))
