"""STM32 USARTs in asynchronous mode; no hardware flow control.

Version 1: RM0090 rev 19, 30.6 (STM32F4). Version 2: RM0351 rev 9, 40.8; LPUART1: 41.7 (STM32L4).
A line counts as idle when the firmware, or its DMA channel, has taken all bytes that have arrived.
"""

from abc import abstractmethod
from collections.abc import Callable

from harness.simulator.peripherals.dma_request import DmaRequest
from harness.simulator.peripherals.uart import Uart

_ORE, _IDLE, _RXNE, _TC, _TXE = 1 << 3, 1 << 4, 1 << 5, 1 << 6, 1 << 7
_RE, _TE, _IDLEIE, _RXNEIE, _TCIE, _TXEIE = 1 << 2, 1 << 3, 1 << 4, 1 << 5, 1 << 6, 1 << 7
_DMAR, _DMAT = 1 << 6, 1 << 7


class _Usart(Uart):
    """The common part of both versions; they differ in offsets and in `_ENABLE`."""

    _CR1: int
    _CR3: int
    _ENABLE: int

    def __init__(
        self,
        line: Callable[[bool], None],
        receive_request: DmaRequest | None = None,
        transmit_request: DmaRequest | None = None,
    ) -> None:
        super().__init__(line)
        self._receive_request = receive_request or DmaRequest()
        self._transmit_request = transmit_request or DmaRequest()
        self.reset()

    def reset(self) -> None:
        """Disable it and discard received bytes."""
        self._queue.clear()
        self._registers: dict[int, int] = {}
        self._complete = True
        self._idle_line = False
        self._update()

    def peek(self, offset: int) -> int:
        """Return the value that a narrow write is merged into."""
        return self._registers.get(offset, 0)

    @abstractmethod
    def read(self, offset: int) -> int:
        """Return a register."""

    @abstractmethod
    def write(self, offset: int, value: int) -> None:
        """Write a register."""

    @property
    def _control(self) -> int:
        return self._registers.get(self._CR1, 0)

    def _receiving(self) -> bool:
        needed = self._ENABLE | _RE
        return self._control & needed == needed

    def _received(self) -> None:
        self._idle_line = False
        self._update()

    def _status(self) -> int:
        flags = _TXE | (_TC if self._complete else 0) | (_IDLE if self._idle_line else 0)
        if self._queue:
            self._active()
            return flags | _RXNE
        self._poll()
        return flags

    def _read_data(self) -> int:
        if not self._queue:
            return 0
        byte = self._take()
        if not self._queue:
            self._idle_line = True
            self._update()
        return byte

    def _write_data(self, value: int) -> None:
        self._active()
        needed = self._ENABLE | _TE
        if self._control & needed == needed:
            self.transmit(value & 0xFF)
            if not self._complete:
                self._complete = True
                self._update()

    def _write_control(self, offset: int, value: int) -> None:
        self._registers[offset] = value
        if offset in (self._CR1, self._CR3):
            self._update()

    def _clear_idle(self) -> None:
        self._idle_line = False
        self._update()

    def _update(self) -> None:
        """Drive the interrupt and the DMA requests."""
        control = self._control
        enabled = bool(control & self._ENABLE)
        self._ask(control if enabled else 0)
        pending = bool(control & _RXNEIE and self._queue) or bool(control & _TXEIE)
        pending = pending or bool(control & _TCIE and self._complete)
        pending = pending or bool(control & _IDLEIE and self._idle_line)
        self._request(pending and enabled)

    def _ask(self, control: int) -> None:
        """Drive the DMA requests of an enabled USART."""
        wanted = self._registers.get(self._CR3, 0) if control else 0
        receives = bool(wanted & _DMAR and self._queue)
        if receives or self._receive_request.level:
            self._receive_request.set(receives)
        transmits = bool(wanted & _DMAT and control & _TE)
        if transmits != self._transmit_request.level:
            self._transmit_request.set(transmits)


class UsartV1(_Usart):
    """STM32F4: one data register. Overrun never occurs: see uart.py."""

    _SR, _DR = 0x00, 0x04
    _CR1, _CR3 = 0x0C, 0x14
    _ENABLE = 1 << 13

    def reset(self) -> None:
        """Disable it and discard received bytes."""
        self._saw_idle = False  # SR was read with IDLE set: reading DR now clears it
        super().reset()

    def read(self, offset: int) -> int:
        """Return a register; reading DR takes a byte, and after SR it clears IDLE (30.6.1)."""
        if offset == self._SR:
            self._saw_idle = self._idle_line
            return self._status()
        if offset == self._DR:
            if self._saw_idle:
                self._saw_idle = False
                self._clear_idle()
            return self._read_data()
        return self._registers.get(offset, 0)

    def write(self, offset: int, value: int) -> None:
        """Write a register; writing SR clears TC (30.6.1)."""
        if offset == self._DR:
            self._write_data(value)
        elif offset == self._SR:
            self._complete = self._complete and bool(value & _TC)
            self._update()
        else:
            self._write_control(offset, value)


class UsartV2(_Usart):
    """STM32L4: flags in ISR, cleared through ICR; separate data registers."""

    _CR1, _CR3 = 0x00, 0x08
    _ENABLE = 1 << 0
    _RQR, _ISR, _ICR, _RDR, _TDR = 0x18, 0x1C, 0x20, 0x24, 0x28
    _RXFRQ = 1 << 3
    _TEACK, _REACK = 1 << 21, 1 << 22

    def read(self, offset: int) -> int:
        """Return a register; reading RDR takes a byte."""
        if offset == self._ISR:
            return self._status() | self._acknowledges()
        if offset == self._RDR:
            return self._read_data()
        return self._registers.get(offset, 0)

    def write(self, offset: int, value: int) -> None:
        """Write a register."""
        if offset == self._TDR:
            self._write_data(value)
        elif offset == self._ICR:
            self._complete = self._complete and not value & _TC
            self._idle_line = self._idle_line and not value & _IDLE
            self._update()
        elif offset == self._RQR:
            if value & self._RXFRQ and self._queue:
                self._take()  # those behind it are still on the line
                self._update()
        elif offset != self._ISR:
            self._write_control(offset, value)

    def _acknowledges(self) -> int:
        control = self._control
        if not control & self._ENABLE:
            return 0
        return (self._TEACK if control & _TE else 0) | (self._REACK if control & _RE else 0)
