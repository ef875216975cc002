"""A virtual X-NUCLEO-LPM01A: the commands that matter, and its binary stream (UM2269, 4.4.2)."""

import numpy as np
import numpy.typing as npt

from harness.simulator.meters.virtual_meter import HZ, VirtualMeter

_BLOCK = 1000
_GAP = 50  # samples that go missing together
_END = b"\xf0\xf4\xff\xff"
_PROMPT = "\r\nPowerShield > "
_TAKEN = {"freq", "acqtime", "acqmode", "funcmode", "output", "format", "trigsrc", "pwr", "htc"}


class VirtualLpm01a(VirtualMeter):
    """It has no input for the trigger while it measures."""

    _line = b""

    def joules(self) -> list[float]:
        """Return the energy of each stretch of work with an inference in it, exactly.

        More than that the current does not show: before it the core checks the input, after it
        it sends the result.
        """
        return [self.volts * charge for charge in self.supply.stretches()]

    def receive(self, data: bytes) -> None:
        """Execute commands, one a line."""
        *lines, self._line = (self._line + data).replace(b"\r", b"\n").split(b"\n")
        for line in filter(None, lines):
            self._execute(line.decode("ascii", "replace").strip())

    def encode(
        self,
        first: int,
        amperes: npt.NDArray[np.float64],
        trigger: npt.NDArray[np.bool_],  # noqa: ARG002 - which this meter does not see
    ) -> bytes:
        """Return two bytes a sample, and before each thousand the time."""
        shown = np.maximum(amperes, 1e-10)
        exponents = np.clip(np.floor(np.log(4095 / shown) / np.log(16)), 3, 10).astype(np.int64)
        factors = np.minimum(np.rint(shown * 16.0**exponents), 4095).astype(np.int64)
        words = (exponents << 12 | factors).astype(">u2")
        missing = self.gaps(len(words), _GAP)
        out = b""
        begin = 0
        while begin < len(words):
            if (first + begin) % _BLOCK == 0:
                milliseconds = (first + begin) * 1000 // HZ
                out += b"\xf0\xf3" + milliseconds.to_bytes(4, "big") + b"\x05\xff\xff"
            end = begin + _BLOCK - (first + begin) % _BLOCK
            out += words[begin:end][~missing[begin:end]].tobytes()
            begin = end
        return out

    def _execute(self, line: str) -> None:
        command, _, argument = line.partition(" ")
        if command == "start":
            self._say("ack start")
            self.begin()
        elif command == "stop":
            self.end()
            self.send(_END)
            self._say("ack stop")
        elif command == "powershield":
            self._say("ack powershield virtual-1")
        elif command == "version":
            self._say("ack version: 1.0.6")
        elif command == "volt" and argument.endswith("m"):
            self.volts = int(argument[:-1]) / 1000
            self._say(f"ack {line}")
        elif command in _TAKEN:
            self._say(f"ack {line}")
        else:
            self._say(f"err {line}\r\nCommand unknown")

    def _say(self, text: str) -> None:
        self.send(f"{_PROMPT}{text}\r\n".encode())
