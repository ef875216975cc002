"""P0 and P1 of the nRF52840 (PS 1.7, 6.9). An input reads its output's level."""

from harness.simulator.peripherals.gpio import Pins

_OUT, _OUTSET, _OUTCLR, _IN, _DIR, _DIRSET, _DIRCLR = range(0x504, 0x520, 4)
_PORT = 0x300
_NAMES = ("P0.", "P1.")


class NrfGpio:
    """Both ports, which share 4 KiB of addresses."""

    def __init__(self, pins: Pins) -> None:
        self._pins = pins
        self._outputs = [0, 0]
        self._directions = [0, 0]
        self._registers: dict[int, int] = {}

    def reset(self) -> None:
        """Set all outputs low and make all pins inputs."""
        self._registers.clear()
        for port in range(2):
            self._set(port, 0)
            self._directions[port] = 0

    def read(self, offset: int) -> int:
        """Return a register."""
        port, register = divmod(offset - _OUT, _PORT)
        if not 0 <= port < len(_NAMES):
            return self._registers.get(offset, 0)
        register += _OUT
        if register in (_OUT, _OUTSET, _OUTCLR, _IN):
            return self._outputs[port]
        if register in (_DIR, _DIRSET, _DIRCLR):
            return self._directions[port]
        return self._registers.get(offset, 0)

    peek = read

    def write(self, offset: int, value: int) -> None:
        """Write a register."""
        port, register = divmod(offset - _OUT, _PORT)
        register += _OUT
        if not 0 <= port < len(_NAMES):
            self._registers[offset] = value
        elif register == _OUT:
            self._set(port, value)
        elif register == _OUTSET:
            self._set(port, self._outputs[port] | value)
        elif register == _OUTCLR:
            self._set(port, self._outputs[port] & ~value)
        elif register == _DIR:
            self._directions[port] = value
        elif register == _DIRSET:
            self._directions[port] |= value
        elif register == _DIRCLR:
            self._directions[port] &= ~value
        else:
            self._registers[offset] = value

    def _set(self, port: int, output: int) -> None:
        self._pins.changed(_NAMES[port], self._outputs[port], output)
        self._outputs[port] = output
