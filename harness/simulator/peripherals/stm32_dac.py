"""The DAC of the STM32 with nothing connected: RM0090 rev 19, 14.5; RM0351 rev 9, 19.7.

An output register follows its data register at once, or at its trigger: software, or the update
of a timer. Noise and triangle waves are not added.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from harness.simulator.peripherals.dma_request import DmaRequest

_CR, _SWTRIGR, _DOR1 = 0x00, 0x04, 0x2C
_SINGLE = {0x08: (0, 0), 0x0C: (0, -4), 0x10: (0, 4), 0x14: (1, 0), 0x18: (1, -4), 0x1C: (1, 4)}
"""The data registers of one channel: channel, and the shift to 12 bits to the right."""
_DUAL = {0x20: (16, 0), 0x24: (16, -4), 0x28: (8, 4)}
"""Those of both channels: the place of the second one, and the shift."""
_EN, _TEN, _DMAEN = 1 << 0, 1 << 2, 1 << 12
_CHANNELS = 2
_TOP = 0xFFF


class Dac:
    """Both channels with a DMA request each; `triggers` are those of the timers, by TSEL."""

    MODEL = "idle outputs"

    def __init__(
        self, requests: Sequence[DmaRequest], triggers: Mapping[int, list[Callable[[], None]]]
    ) -> None:
        self._requests = requests
        self.reset()
        for source, reactions in triggers.items():
            reactions.append(partial(self._trigger, source))

    def reset(self) -> None:
        """Switch both off."""
        self._registers: dict[int, int] = {}
        self._data = [0, 0]
        self._output = [0, 0]

    def read(self, offset: int) -> int:
        """Return a register."""
        channel = (offset - _DOR1) // 4
        if 0 <= channel < _CHANNELS:
            return self._output[channel]
        if offset in _SINGLE:
            channel, shift = _SINGLE[offset]
            return _shifted(self._data[channel], -shift)
        if offset in _DUAL:
            place, shift = _DUAL[offset]
            first, second = (_shifted(value, -shift) for value in self._data)
            return second << place | first
        return 0 if offset == _SWTRIGR else self._registers.get(offset, 0)

    peek = read

    def write(self, offset: int, value: int) -> None:
        """Write a register."""
        if offset in _SINGLE:
            channel, shift = _SINGLE[offset]
            self._set(channel, _shifted(value, shift))
        elif offset in _DUAL:
            place, shift = _DUAL[offset]
            self._set(0, _shifted(value & ((1 << place) - 1), shift))
            self._set(1, _shifted(value >> place, shift))
        elif offset == _SWTRIGR:
            for channel in range(_CHANNELS):
                if value >> channel & 1:
                    self._output[channel] = self._data[channel]
        else:
            self._registers[offset] = value

    def _control(self, channel: int) -> int:
        return self._registers.get(_CR, 0) >> 16 * channel & 0xFFFF

    def _set(self, channel: int, value: int) -> None:
        self._data[channel] = value & _TOP
        if not self._control(channel) & _TEN:
            self._output[channel] = value & _TOP

    def _trigger(self, source: int) -> None:
        for channel, request in enumerate(self._requests):
            control = self._control(channel)
            if control & _EN and control & _TEN and control >> 3 & 7 == source:
                self._output[channel] = self._data[channel]
                if control & _DMAEN:
                    request.pulse()


def _shifted(value: int, shift: int) -> int:
    """Shift to the left, or for a negative `shift` to the right."""
    return value << shift if shift >= 0 else value >> -shift
