"""The ADCs of the STM32L4 with nothing connected: RM0351 rev 9, 18.7.

A conversion takes a fixed time and gives half the range; calibration takes no time. The analog
watchdogs, oversampling, offsets and dual mode are idle: their registers only store their values.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

from harness.simulator.peripherals.adc_inputs import sample
from harness.simulator.peripherals.agenda import Agenda
from harness.simulator.peripherals.dma_request import DmaRequest
from harness.simulator.peripherals.stm32_adcs import Adcs, AdcUnit

_ISR, _IER, _CR, _CFGR, _SQR1, _DR = 0x00, 0x04, 0x08, 0x0C, 0x30, 0x40
_JSQR, _JDR1 = 0x4C, 0x80
_CSR = 0x0  # of all units
_ADRDY, _EOSMP, _EOC, _EOS, _JEOC, _JEOS = 1, 2, 4, 8, 1 << 5, 1 << 6
_ADEN, _ADDIS, _ADSTART, _JADSTART, _ADSTP, _JADSTP, _ADCAL = 1, 2, 4, 8, 16, 32, 1 << 31
_DMAEN, _CONT = 1 << 0, 1 << 13
_INTERNAL = {0: 1502, 17: 943, 18: 1365}
"""VREFINT (1.21 V), 25 degrees Celsius, VBAT / 3 at 3.3 V: 18.4.31 to 18.4.33, DS10969."""
_FIRST_RANKS, _RANKS = 4, 5  # in SQR1 and in the others


class _Unit(AdcUnit):
    AFTER_RESET: ClassVar = {_CR: 1 << 29, 0x20: 0x0FFF_0000, 0x24: 0xFF_0000, 0x28: 0xFF_0000}
    DATA, EOC, INTERNAL, KEPT = _DR, _EOC, _INTERNAL, 0

    @property
    def pending(self) -> bool:
        return bool(self.flags & self._registers.get(_IER, 0))

    def _set(self, offset: int, value: int) -> None:
        if offset == _ISR:
            self.flags &= ~value
        elif offset == _CR:
            self._control(value)
        else:
            self._registers[offset] = value

    def triggered(self, source: int) -> None:
        configuration = self._registers.get(_CFGR, 0)
        selected = configuration >> 10 & 3 and configuration >> 6 & 0xF == source
        if selected and self._registers[_CR] & _ADSTART:
            self._begin()

    def _control(self, value: int) -> None:
        """Follow CR, whose bits the hardware clears when their action has ended."""
        enabled = bool((value | self._registers[_CR]) & _ADEN) and not value & _ADDIS
        started = (value | self._registers[_CR]) & _ADSTART
        if value & _ADSTP or not enabled:
            started = 0
            self._stop()
        self._registers[_CR] = value & 7 << 28 | started | (_ADEN if enabled else 0)
        if enabled:
            self.flags |= _ADRDY
        if enabled and value & _JADSTART:
            self._inject()
        starts = enabled and value & _ADSTART and not value & _ADSTP
        if starts and not self._registers.get(_CFGR, 0) >> 10 & 3:
            self._begin()

    def _result(self, channel: int) -> int:
        return sample(self.internal, channel, self._registers.get(_CFGR, 0) >> 3 & 3)

    def _convert(self) -> None:
        configuration = self._registers.get(_CFGR, 0)
        rank = self._rank
        if rank < _FIRST_RANKS:
            register, place = _SQR1, rank + 1
        else:
            later, place = divmod(rank - _FIRST_RANKS, _RANKS)
            register = _SQR1 + 4 * (later + 1)
        self._registers[_DR] = self._result(self._registers.get(register, 0) >> 6 * place & 0x1F)
        ended = rank >= self._registers.get(_SQR1, 0) & 0xF
        self._rank = 0 if ended else rank + 1
        self.flags |= _EOSMP | _EOC | (_EOS if ended else 0)
        continues = configuration & _CONT or configuration >> 10 & 3
        if not ended or configuration & _CONT:
            self._go_on()
        elif not continues:
            self._registers[_CR] &= ~_ADSTART
        if configuration & _DMAEN:
            self._request.pulse()
        self._changed()

    def _inject(self) -> None:
        sequence = self._registers.get(_JSQR, 0)
        for index in range((sequence & 3) + 1):
            channel = sequence >> 8 + 6 * index & 0x1F
            self._registers[_JDR1 + 4 * index] = self._result(channel)
        self.flags |= _JEOC | _JEOS


class L4Adcs(Adcs):
    """ADC1 to ADC3 with an interrupt line each; two can share a line."""

    KIND = _Unit

    def __init__(
        self,
        agenda: Agenda,
        lines: Sequence[Callable[[bool], None]],
        requests: Sequence[DmaRequest],
        triggers: Mapping[int, list[Callable[[], None]]],
    ) -> None:
        self._lines = lines
        super().__init__(agenda, requests, triggers)

    def _read_common(self, offset: int) -> int:
        if offset == _CSR:
            return sum(unit.flags << 16 * index for index, unit in enumerate(self._units[:2]))
        return super()._read_common(offset)

    def _drive(self) -> None:
        for unit, line in zip(self._units, self._lines, strict=True):
            line(unit.pending)
