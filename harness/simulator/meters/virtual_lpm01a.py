"""A virtual X-NUCLEO-LPM01A: the commands in use, and its binary stream (UM2269, 4.4.2)."""

import numpy as np
import numpy.typing as npt

from harness.simulator.meters.virtual_meter import HZ, VirtualMeter

_BLOCK = 1000
_GAP = 50  # consecutive samples that go missing
_END = b"\xf0\xf4\xff\xff"
_PROMPT = "\r\nPowerShield > "
_ACCEPTED = {"freq", "acqtime", "acqmode", "funcmode", "output", "format", "trigsrc", "pwr", "htc"}


class VirtualLpm01a(VirtualMeter):
    """A meter without an input for the trigger while it measures."""

    _line = b""

    def joules(self) -> list[float]:
        """Return the exact energy in J of each awake period with an inference.

        The current cannot show the inference alone: the core checks the input before it and sends
        the result after it.
        """
        return [self.volts * charge for charge in self.supply.awake_periods()]

    def receive(self, data: bytes) -> None:
        """Execute commands, one per line."""
        *lines, self._line = (self._line + data).replace(b"\r", b"\n").split(b"\n")
        for line in filter(None, lines):
            self._execute(line.decode("ascii", "replace").strip())

    def encode(
        self,
        first: int,
        amperes: npt.NDArray[np.float64],
        trigger: npt.NDArray[np.bool_],  # noqa: ARG002 - this meter has no trigger input
    ) -> bytes:
        """Return two bytes per sample, and the time before each thousand samples."""
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
            self._reply("ack start")
            self.begin()
        elif command == "stop":
            self.end()
            self.send(_END)
            self._reply("ack stop")
        elif command == "powershield":
            self._reply("ack powershield virtual-1")
        elif command == "version":
            self._reply("ack version: 1.0.6")
        elif command == "volt" and argument.endswith("m"):
            self.volts = int(argument[:-1]) / 1000
            self._reply(f"ack {line}")
        elif command in _ACCEPTED:
            self._reply(f"ack {line}")
        else:
            self._reply(f"err {line}\r\nCommand unknown")

    def _reply(self, text: str) -> None:
        self.send(f"{_PROMPT}{text}\r\n".encode())
