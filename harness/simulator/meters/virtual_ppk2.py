"""A virtual Power Profiler Kit II: commands, calibration and 32-bit samples."""

import numpy as np
import numpy.typing as npt

from harness.simulator.meters.virtual_meter import VirtualMeter

OHMS = (1000.625, 101.4608, 10.2309, 0.9629, 0.0559)
GAIN, OFFSET, SLOPE, INTERCEPT = 1.02, 75.0, 2e-7, -3e-7
"""Invented constants, chosen so that each affects the result."""

_RANGE_ENDS = (50e-6, 500e-6, 5e-3, 50e-3)  # A; the last range has no end
_LSB = 1.8 / 163_840  # V
_GAP = 24  # consecutive samples that go missing
_ARGUMENT_BYTES = {0x0C: 1, 0x0D: 2, 0x11: 1}
_START, _STOP, _REGULATOR, _METADATA = 0x06, 0x07, 0x0D, 0x19


class VirtualPpk2(VirtualMeter):
    """A meter that supplies the board itself; the board's trigger is on its input D0."""

    _pending = b""

    def receive(self, data: bytes) -> None:
        """Execute commands: one byte, some with an argument of one or two bytes."""
        data = self._pending + data
        while data and len(data) > _ARGUMENT_BYTES.get(data[0], 0):
            size = 1 + _ARGUMENT_BYTES.get(data[0], 0)
            command, argument, data = data[0], data[1:size], data[size:]
            if command == _START:
                self.begin()
            elif command == _STOP:
                self.end()
            elif command == _REGULATOR:
                self.volts = int.from_bytes(argument, "big") / 1000
            elif command == _METADATA:
                self.send(self._metadata())
        self._pending = data

    def encode(
        self, first: int, amperes: npt.NDArray[np.float64], trigger: npt.NDArray[np.bool_]
    ) -> bytes:
        """Return one word per sample, in the range that fits it."""
        ranges = np.searchsorted(_RANGE_ENDS, amperes)
        x = (amperes - SLOPE * self.volts - INTERCEPT) / GAIN
        adc = np.rint((x * np.array(OHMS)[ranges] / _LSB + OFFSET) / 4)
        words = np.clip(adc, 0, 0x3FFF).astype(np.uint32)
        words |= ranges.astype(np.uint32) << np.uint32(14)
        words |= ((first + np.arange(len(words))) % 64).astype(np.uint32) << np.uint32(18)
        words |= trigger.astype(np.uint32) << np.uint32(24)
        return bytes(words[~self.gaps(len(words), _GAP)].astype("<u4").tobytes())

    def _metadata(self) -> bytes:
        lines = ["Calibrated: 0", "Virtual: 1"]
        for number, ohms in enumerate(OHMS):
            constants = (ohms, 0.0, GAIN, OFFSET, SLOPE, INTERCEPT, 1.0)
            names = ("R", "GS", "GI", "O", "S", "I", "UG")
            lines += [
                f"{n}{number}: {value:.20f}" for n, value in zip(names, constants, strict=True)
            ]
        lines += [f"VDD: {self.volts * 1000:.0f}", "HW: 0", "mode: 2", "IA: 0", "END"]
        return "\n".join(lines).encode() + b"\n"
