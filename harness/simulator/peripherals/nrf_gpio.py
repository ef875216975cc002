"""P0 and P1 of the nRF52840 (PS 1.7, 6.9). Nothing is connected to the pins.

An input therefore has the level of its pull resistor, or is low. IN shows a pin, also an output,
only if its input buffer is connected. The drive strength does not matter.
"""

from collections.abc import Callable

from harness.simulator.peripherals.gpio import Pins

_PORT = 0x300  # from P0 to P1
_SECOND = 0x800
_OUT, _OUTSET, _OUTCLR, _IN, _DIR, _DIRSET, _DIRCLR = range(0x504, 0x520, 4)
_LATCH, _DETECTMODE, _PIN_CNF = 0x520, 0x524, range(0x700, 0x780, 4)
_NAMES = ("P0.", "P1.")
_IS_OUTPUT, _DISCONNECTED = 1 << 0, 1 << 1
_PULL_UP = 3 << 2
_SENSE, _SENSE_HIGH, _SENSE_LOW = 3 << 16, 2 << 16, 3 << 16
_ALL = 0xFFFF_FFFF


class NrfPort:
    """A port; `name` is, for example, "P0.".

    `on_input` is called with the levels before and after when inputs change, `on_detect` when
    the signal DETECT becomes high.
    """

    def __init__(self, name: str, pins: Pins) -> None:
        self.on_input: Callable[[int, int], None] = lambda _before, _after: None
        self.on_detect: Callable[[], None] = lambda: None
        self._name = name
        self._pins = pins
        self._driven = 0  # the outputs that are high
        self._clear()

    def _clear(self) -> None:
        self._output = self._directions = self._latch = self._detect_mode = 0
        self._taken = self._taken_high = 0  # outputs of the GPIOTE
        self._input = 0
        self._detect = False
        self._configurations = [_DISCONNECTED] * len(_PIN_CNF)
        self._connected = self._pulled_up = self._senses_high = self._senses_low = 0

    def reset(self) -> None:
        """Make all pins disconnected inputs."""
        self._clear()
        self._update()

    def read(self, offset: int) -> int:
        """Return a register."""
        if offset in _PIN_CNF:
            pin = _PIN_CNF.index(offset)
            return self._configurations[pin] & ~_IS_OUTPUT | self._directions >> pin & 1
        if offset in (_OUT, _OUTSET, _OUTCLR):
            return self._output
        if offset in (_DIR, _DIRSET, _DIRCLR):
            return self._directions
        return {_IN: self._input, _LATCH: self._latch, _DETECTMODE: self._detect_mode}.get(
            offset, 0
        )

    def write(self, offset: int, value: int) -> None:
        """Write a register."""
        if offset == _OUT:
            self._output = value
        elif offset == _OUTSET:
            self._output |= value
        elif offset == _OUTCLR:
            self._output &= ~value
        elif offset == _DIR:
            self._directions = value
        elif offset == _DIRSET:
            self._directions |= value
        elif offset == _DIRCLR:
            self._directions &= ~value
        elif offset == _LATCH:
            self._latch &= ~value
        elif offset == _DETECTMODE:
            self._detect_mode = value & 1
        elif offset in _PIN_CNF:
            self._configure(_PIN_CNF.index(offset), value)
        self._update()

    def take(self, pin: int, level: bool | None) -> None:
        """Drive `pin` by the GPIOTE; None gives it back."""
        bit = 1 << pin
        self._taken = self._taken & ~bit if level is None else self._taken | bit
        self._taken_high = self._taken_high | bit if level else self._taken_high & ~bit
        self._update()

    def _configure(self, pin: int, value: int) -> None:
        bit = 1 << pin
        self._configurations[pin] = value

        def with_bit(mask: int, *, is_set: bool) -> int:
            return mask | bit if is_set else mask & ~bit

        self._directions = with_bit(self._directions, is_set=bool(value & _IS_OUTPUT))
        self._connected = with_bit(self._connected, is_set=not value & _DISCONNECTED)
        self._pulled_up = with_bit(self._pulled_up, is_set=value & _PULL_UP == _PULL_UP)
        self._senses_high = with_bit(self._senses_high, is_set=value & _SENSE == _SENSE_HIGH)
        self._senses_low = with_bit(self._senses_low, is_set=value & _SENSE == _SENSE_LOW)

    def _update(self) -> None:
        """Bring levels and signals up to date."""
        driven = self._output & self._directions & ~self._taken | self._taken_high
        if driven != self._driven:
            self._pins.changed(self._name, self._driven, driven)
            self._driven = driven
        floating = ~(self._directions | self._taken)
        levels = (driven | self._pulled_up & floating) & self._connected
        before, self._input = self._input, levels
        if levels != before:
            self.on_input(before, levels)
        sensed = self._senses_high & levels | self._senses_low & self._connected & ~levels
        self._latch |= sensed
        detect = bool(self._latch if self._detect_mode else sensed)
        risen, self._detect = detect and not self._detect, detect
        if risen:
            self.on_detect()


class NrfGpio:
    """Both ports, which share 4 KiB of addresses."""

    def __init__(self, pins: Pins) -> None:
        self.ports = [NrfPort(name, pins) for name in _NAMES]

    def reset(self) -> None:
        """Make all pins disconnected inputs."""
        for port in self.ports:
            port.reset()

    def read(self, offset: int) -> int:
        """Return a register."""
        is_second = offset >= _SECOND
        return self.ports[is_second].read(offset - _PORT * is_second)

    peek = read

    def write(self, offset: int, value: int) -> None:
        """Write a register."""
        is_second = offset >= _SECOND
        self.ports[is_second].write(offset - _PORT * is_second, value)
