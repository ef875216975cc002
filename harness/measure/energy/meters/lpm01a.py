"""ST's X-NUCLEO-LPM01A, which supplies the board; it has no input for a trigger.

Protocol: UM2269 rev 6, "PowerShield controlled by host mode". Its D7 can only start an
acquisition, so inferences are found in the current itself. Samples come in blocks of 1000
with a time stamp before each: missing samples are found by it, and then the whole block is
missing, since nothing says where in it they were.
"""

import re
import time
from contextlib import ExitStack
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from harness.errors import InfrastructureError, InputError
from harness.measure.energy.meters.meter import Capture, Identity
from harness.measure.energy.meters.meter_stream import Stream, began

HZ = 100_000
VOLTS = (1.8, 3.3)

_BAUD = 3_686_400  # UM2269, table 2
_BLOCK = 1000  # samples; UM2269, 4.4.2, "Metadata: Timestamp"
_BLOCK_MS = 1000 * _BLOCK // HZ
_FRESH_MS = 10_000  # two stamps next to each other are not further apart
_POWER_UP = 0.3
_BYTES_A_SECOND = HZ * 2 * 1.0045  # with the stamps
_STAMP = re.compile(rb"\xf0\xf3(.{4}).\xff\xff", re.DOTALL)
_END = b"\xf0\xf4\xff\xff"
_MESSAGE = re.compile(rb"\xf0\xf1([ -~\r\n]*)\xff\xff")
_OTHER = re.compile(rb"\xf0[\xf1\xf2\xf5-\xfb].{0,80}?\xff\xff", re.DOTALL)
_REPLY = re.compile(rb"(?:^|[>\r\n])\s*(ack|err)(?:or)?\b:?([^\r\n]*)[\r\n]")
_LEAST_EXPONENT = 3  # "typically in the range of [-10; -3]": more is above 1 A

Floats = npt.NDArray[np.float64]


class Lpm01a:
    """The shield on the serial port `device`, which supplies the board with `volts`."""

    def __init__(self, device: str, volts: float) -> None:
        if not VOLTS[0] <= volts <= VOLTS[1]:
            raise InputError(
                f"an LPM01A supplies {VOLTS[0]} to {VOLTS[1]} V",
                where=f"--volts={volts:g}",
                remedy="say how much it shall be",
            )
        self._volts = volts
        self._stream = Stream(device, _BAUD)
        with ExitStack() as unless_open:
            unless_open.callback(self._stream.close)
            self._stream.write(b"\r\nstop\r\n")  # whatever an earlier session left behind
            self._stream.drain()
            self._command("htc")
            number = self._command("powershield")
            self.identity = Identity(
                "ST X-NUCLEO-LPM01A",
                serial=number.removeprefix("powershield").strip(),
                firmware=self._command("version").removeprefix("version:").strip(),
                virtual="virtual" in number,
            )
            for command in (
                f"volt {round(volts * 1000)}m",
                f"freq {HZ // 1000}k",
                "acqtime inf",
                "acqmode dyn",
                "funcmode high",
                "output current",
                "format bin_hexa",
                "trigsrc sw",
                "pwr on",
            ):
                self._command(command)
            time.sleep(_POWER_UP)
            unless_open.pop_all()

    def start(self) -> None:
        """Begin to measure."""
        self._stream.collect()
        self._stream.write(b"start\r\n")

    def stop(self) -> Capture:
        """Stop, and return all samples since `start`."""
        so_far = self._stream.so_far
        if _END in so_far:
            said = b" ".join(_MESSAGE.findall(so_far)).decode("ascii").strip()
            raise InfrastructureError(
                f"the meter stopped by itself: {said or 'it says no reason'}",
                where=self._stream.name,
                remedy="in its dynamic mode the board may draw a few 10 mA at the most: "
                "slow it down, or switch off what else it supplies",
            )
        data, came = self._stream.collected(b"stop\r\n")
        current, missing, corrupt = decode(data)
        if not current.size:
            raise InfrastructureError(
                f"the meter sent {len(data)} bytes and no sample", where=self._stream.name
            )
        return Capture(
            hz=HZ,
            current=current,
            volts=self._volts,
            trigger=None,
            began=began(came, _BYTES_A_SECOND),
            missing=missing,
            corrupt=corrupt,
        )

    def close(self) -> None:
        """Release control and close the port; closing twice is no error."""
        self._stream.close()

    def _command(self, command: str) -> str:
        """Send a command and return what it was acknowledged with."""
        answer = self._stream.ask(
            f"{command}\r\n".encode(), lambda said: _REPLY.search(said) is not None
        )
        try:
            return parse_reply(answer)
        except ValueError as error:
            raise InfrastructureError(
                f"the meter refuses {command!r}: {error}",
                where=self._stream.name,
                remedy="is its firmware 1.0.2 or later?",
            ) from error


def parse_reply(said: bytes) -> str:
    """Return what a command was acknowledged with; `ValueError` with the words of a refusal.

    A reply is a line of "ack" or "err", after the prompt (UM2269, 4.2.3).
    """
    found = _REPLY.search(said)
    if found is None:
        raise ValueError(f"no reply in {said!r}")
    text = found[2].decode("ascii", "replace").strip()
    if found[1] != b"ack":
        raise ValueError(text)
    return text


def decode(data: bytes) -> tuple[Floats, int, int]:
    """Return current [A, NaN: missing] of a binary stream, and how many were missing and corrupt.

    What comes before the first stamp is not used.
    """
    data = _OTHER.sub(b"", data.split(_END)[0])
    stamps = _in_order(list(_STAMP.finditer(data)))
    if not stamps:
        return np.empty(0), 0, 0
    first = _milliseconds(stamps[0])
    places = [round((_milliseconds(stamp) - first) / _BLOCK_MS) for stamp in stamps]
    ends = [stamp.start() for stamp in stamps[1:]] + [len(data)]
    current = np.full(_BLOCK * (places[-1] + 1), np.nan)
    size = 0
    corrupt = 0
    for stamp, place, end in zip(stamps, places, ends, strict=True):
        block = data[stamp.end() : end]
        is_last = end == len(data)
        if len(block) == 2 * _BLOCK or is_last:
            amperes = _amperes(block[: 2 * _BLOCK])
            current[_BLOCK * place : _BLOCK * place + len(amperes)] = amperes
            corrupt += int(np.isnan(amperes).sum())
            size = _BLOCK * place + len(amperes)
    return current[:size], int(np.isnan(current[:size]).sum()) - corrupt, corrupt


def _in_order(stamps: list[re.Match[bytes]]) -> list[re.Match[bytes]]:
    """Leave out stamps whose time fits to that of neither neighbour: their bytes are damaged."""
    times = [_milliseconds(stamp) for stamp in stamps]
    follows = [0 < later - earlier <= _FRESH_MS for earlier, later in pairwise(times)]
    if len(times) == 1:
        return stamps
    fits = [any(follows[max(0, place - 1) : place + 1]) for place in range(len(times))]
    return [stamp for stamp, good in zip(stamps, fits, strict=True) if good]


def _milliseconds(stamp: re.Match[bytes]) -> int:
    return int.from_bytes(stamp[1], "big") & 0x7FFF_FFFF  # above is a flag of overflow


def _amperes(block: bytes) -> Floats:
    """Decode samples: 4 bits of a negative power of 16, then 12 of its factor (4.4.2)."""
    words = np.frombuffer(block, ">u2", len(block) // 2).astype(np.int64)
    exponents, factors = words >> 12, words & 0xFFF
    amperes = factors * 16.0**-exponents
    amperes[(factors > 0) & ((exponents < _LEAST_EXPONENT) | (exponents == 15))] = np.nan  # noqa: PLR2004
    return amperes
