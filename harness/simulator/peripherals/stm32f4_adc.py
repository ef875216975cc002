"""The ADCs of the STM32F4 with nothing connected: RM0090 rev 19, 13.13.

A conversion takes a fixed time and gives half the range. Injected conversions start by software.
The analog watchdog, triple and dual modes are idle: their registers only store their values.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

from harness.simulator.peripherals.adc_inputs import sample
from harness.simulator.peripherals.agenda import Agenda
from harness.simulator.peripherals.dma_request import DmaRequest
from harness.simulator.peripherals.stm32_adcs import Adcs, AdcUnit

_SR, _CR1, _CR2, _HTR, _SQR1, _SQR2, _SQR3 = 0x00, 0x04, 0x08, 0x24, 0x2C, 0x30, 0x34
_JSQR, _JDR1, _DR = 0x38, 0x3C, 0x4C
_CSR, _CCR, _CDR = 0x0, 0x4, 0x8  # of all units
_VBATE = 1 << 22  # selects VBAT for channel 18
_EOC, _JEOC, _JSTRT, _STRT, _OVR = 1 << 1, 1 << 2, 1 << 3, 1 << 4, 1 << 5
_EOCIE, _JEOCIE, _OVRIE, _SCAN = 1 << 5, 1 << 7, 1 << 26, 1 << 8
_ADON, _CONT, _DMA, _EOCS, _ALIGN = 1 << 0, 1 << 1, 1 << 8, 1 << 10, 1 << 11
_JSWSTART, _SWSTART = 1 << 22, 1 << 30
_TEMPERATURE, _SUPPLY = 943, 1024  # 25 degrees Celsius (0.76 V); a fourth of VBAT
_INTERNAL = {16: _TEMPERATURE, 17: 1502, 18: _TEMPERATURE}
"""With VREFINT (1.21 V), at 3.3 V: 13.10 and 13.11, DS9405."""


class _Unit(AdcUnit):
    AFTER_RESET: ClassVar = {_HTR: 0xFFF}
    DATA, EOC, INTERNAL, KEPT = _DR, _EOC, _INTERNAL, 0xFFFF_FFFF

    @property
    def pending(self) -> bool:
        enabled = self._registers.get(_CR1, 0)
        pairs = ((_EOC, _EOCIE), (_JEOC, _JEOCIE), (_OVR, _OVRIE))
        return any(self.flags & flag and enabled & enable for flag, enable in pairs)

    def _set(self, offset: int, value: int) -> None:
        if offset == _SR:
            self.flags &= value
        elif offset == _CR2:
            self._registers[offset] = value & ~(_SWSTART | _JSWSTART)
            if not value & _ADON:
                self._stop()
            elif value & _JSWSTART:
                self._inject()
            elif value & _SWSTART:
                self._start()
        else:
            self._registers[offset] = value

    def _start(self) -> None:
        """Start the sequence of regular conversions."""
        if self._registers.get(_CR2, 0) & _ADON:
            self.flags |= _STRT
            self._begin()

    def triggered(self, source: int) -> None:
        control = self._registers.get(_CR2, 0)
        if control >> 28 & 3 and control >> 24 & 0xF == source:
            self._start()

    def _result(self, channel: int) -> int:
        value = sample(self.internal, channel, self._registers.get(_CR1, 0) >> 24 & 3)
        return value << 4 if self._registers.get(_CR2, 0) & _ALIGN else value

    def _convert(self) -> None:
        control = self._registers.get(_CR2, 0)
        scans = self._registers.get(_CR1, 0) & _SCAN
        last = self._registers.get(_SQR1, 0) >> 20 & 0xF if scans else 0
        register, place = (_SQR3, _SQR2, _SQR1)[self._rank // 6], self._rank % 6
        channel = self._registers.get(register, 0) >> 5 * place & 0x1F
        self._registers[_DR] = self._result(channel)
        ended = self._rank >= last
        self._rank = 0 if ended else self._rank + 1
        if ended or control & (_EOCS | _DMA):
            self.flags |= _EOC
        if not ended or control & _CONT:
            self._go_on()
        if control & _DMA:
            self._request.pulse()
        self._changed()

    def _inject(self) -> None:
        sequence = self._registers.get(_JSQR, 0)
        count = (sequence >> 20 & 3) + 1
        for index in range(count):  # the sequence ends with JSQ4 (13.13.12)
            channel = sequence >> 5 * (4 - count + index) & 0x1F
            self._registers[_JDR1 + 4 * index] = self._result(channel)
        self.flags |= _JEOC | _JSTRT


class F4Adcs(Adcs):
    """ADC1 to ADC3 with their common interrupt `line`."""

    KIND = _Unit

    def __init__(
        self,
        agenda: Agenda,
        line: Callable[[bool], None],
        requests: Sequence[DmaRequest],
        triggers: Mapping[int, list[Callable[[], None]]],
    ) -> None:
        self._line = line
        super().__init__(agenda, requests, triggers)

    def _read_common(self, offset: int) -> int:
        if offset == _CSR:
            return sum(unit.flags << 8 * index for index, unit in enumerate(self._units))
        if offset == _CDR:
            low, high = (unit.read(_DR) for unit in self._units[:2])
            return high << 16 | low
        return super()._read_common(offset)

    def _write_common(self, offset: int, value: int) -> None:
        super()._write_common(offset, value)
        if offset == _CCR:
            for unit in self._units:
                unit.internal[18] = _SUPPLY if value & _VBATE else _TEMPERATURE

    def _drive(self) -> None:
        self._line(any(unit.pending for unit in self._units))
