"""GPIOTE of the nRF52840 (PS 1.7, 6.10): tasks that drive pins, and events of their edges."""

from collections.abc import Callable, Sequence

from harness.simulator.peripherals.nrf import NrfPeripheral
from harness.simulator.peripherals.nrf_gpio import NrfPort

_CHANNELS = 8
_OUT, _SET, _CLR = 0x00, 0x30, 0x60  # tasks of channel 0
_IN, _PORT = 0x100, 0x17C
_CONFIG = range(0x510, 0x510 + 4 * _CHANNELS, 4)
_MODE, _IS_EVENT, _IS_TASK = 3, 1, 3
_PIN, _PORT_BIT, _POLARITY, _INITIAL = 8, 13, 16, 20  # the lowest bits of the fields of CONFIG
_RISING, _FALLING = 1, 2  # and both of them: toggle


class NrfGpiote(NrfPeripheral):
    """Channels from and to the pins of `ports`; `on_detect` is called when one's DETECT rises."""

    def __init__(self, line: Callable[[bool], None], ports: Sequence[NrfPort]) -> None:
        self.on_detect: Callable[[], None] = lambda: None
        self._ports = ports
        self._levels = [False] * _CHANNELS  # of the outputs
        super().__init__(line)
        for number, port in enumerate(ports):
            port.on_input = self._input_of(number)
            port.on_detect = self._detected

    def write(self, offset: int, value: int) -> None:
        """Write a register; CONFIG takes a pin or gives it back."""
        if offset not in _CONFIG:
            super().write(offset, value)
            return
        channel = _CONFIG.index(offset)
        if self._mode(channel) == _IS_TASK:
            self._drive_pin(channel, None)
        super().write(offset, value)
        if self._mode(channel) == _IS_TASK:
            self._drive_pin(channel, bool(self._field(channel, _INITIAL)))

    def _task(self, offset: int) -> None:
        task, channel = offset & 0xF0 if offset >= _SET else _OUT, offset % 0x30 >> 2
        if offset >= _CLR:
            task, channel = _CLR, offset - _CLR >> 2
        if channel >= _CHANNELS or self._mode(channel) != _IS_TASK:
            return
        if task == _OUT:
            polarity = self._field(channel, _POLARITY) & 3
            level = {_RISING: True, _FALLING: False}.get(polarity, not self._levels[channel])
            if polarity:
                self._drive_pin(channel, level)
        else:
            self._drive_pin(channel, task == _SET)

    def _drive_pin(self, channel: int, level: bool | None) -> None:
        self._levels[channel] = bool(level)
        self._ports[self._field(channel, _PORT_BIT) & 1].take(
            self._field(channel, _PIN) & 0x1F, level
        )

    def _input_of(self, port: int) -> Callable[[int, int], None]:
        """Return the function that handles a change of the inputs of `port`."""

        def changed(before: int, after: int) -> None:
            for channel in range(_CHANNELS):
                if self._mode(channel) != _IS_EVENT or self._field(channel, _PORT_BIT) & 1 != port:
                    continue
                pin = self._field(channel, _PIN) & 0x1F
                edge = _RISING if after >> pin & 1 else _FALLING
                if (before ^ after) >> pin & 1 and self._field(channel, _POLARITY) & edge:
                    self._event(_IN + 4 * channel)

        return changed

    def _detected(self) -> None:
        self._event(_PORT)
        self.on_detect()

    def _mode(self, channel: int) -> int:
        return self._field(channel, 0) & _MODE

    def _field(self, channel: int, lowest: int) -> int:
        return self._registers.get(_CONFIG[channel], 0) >> lowest
