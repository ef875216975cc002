"""ST's X-NUCLEO-LPM01A, which supplies the board; it has no input for a trigger.

Protocol: UM2269 rev 6, "PowerShield controlled by host mode". Its D7 can only start an
acquisition, so inferences are found in the current itself. Samples come in blocks of 1000
with a time stamp before each. The stamps show missing samples; the whole block then counts as
missing, because their position in the block is unknown.
"""

import re
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from harness.errors import InfrastructureError
from harness.measure.energy.meters.meter import Capture, Identity
from harness.measure.energy.meters.meter_stream import began, check_volts, open_stream

HZ = 100_000
VOLTS = (1.8, 3.3)

_BAUD = 3_686_400  # UM2269, table 2
_BLOCK = 1000  # samples; UM2269, 4.4.2, "Metadata: Timestamp"
_BLOCK_MS = 1000 * _BLOCK // HZ
_MAX_GAP_MS = 10_000  # between two consecutive stamps
_BYTES_PER_SECOND = HZ * 2 * 1.0045  # including the stamps
_STAMP = re.compile(rb"\xf0\xf3(.{4}).\xff\xff", re.DOTALL)
_END = b"\xf0\xf4\xff\xff"
_MESSAGE = re.compile(rb"\xf0\xf1([ -~\r\n]*)\xff\xff")
_OTHER = re.compile(rb"\xf0[\xf1\xf2\xf5-\xfb].{0,80}?\xff\xff", re.DOTALL)
_REPLY = re.compile(rb"(?:^|[>\r\n])\s*(ack|err)(?:or)?\b:?([^\r\n]*)[\r\n]")
_LEAST_EXPONENT = 3  # "typically in the range of [-10; -3]": a larger power is above 1 A

Floats = npt.NDArray[np.float64]


class Lpm01a:
    """The shield on the serial port `device`, which supplies the board with `volts`."""

    def __init__(self, device: str, volts: float) -> None:
        check_volts("an LPM01A", volts, VOLTS)
        self._volts = volts
        with open_stream(device, _BAUD) as self._stream:
            self._stream.write(b"\r\nstop\r\n")  # an earlier session may have left it running
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

    def start(self) -> None:
        """Begin to measure."""
        self._stream.collect()
        self._stream.write(b"start\r\n")

    def stop(self) -> Capture:
        """Stop, and return all samples since `start`."""
        so_far = self._stream.so_far
        if _END in so_far:
            reason = b" ".join(_MESSAGE.findall(so_far)).decode("ascii").strip()
            raise InfrastructureError(
                f"the meter stopped unexpectedly: {reason or 'it gives no reason'}",
                where=self._stream.name,
                remedy="in its dynamic mode the board may draw at most a few tens of mA: "
                "lower the core's clock, or switch off other loads",
            )
        data, arrivals = self._stream.collected(b"stop\r\n")
        current, missing, corrupt = decode(data)
        if not current.size:
            raise self._stream.no_sample(len(data))
        return Capture(
            hz=HZ,
            current=current,
            volts=self._volts,
            trigger=None,
            began=began(arrivals, _BYTES_PER_SECOND),
            missing=missing,
            corrupt=corrupt,
        )

    def close(self) -> None:
        """Close the port; closing twice is not an error."""
        self._stream.close()

    def _command(self, command: str) -> str:
        """Send a command and return the text of its acknowledgement."""
        answer = self._stream.ask(
            f"{command}\r\n".encode(), lambda received: _REPLY.search(received) is not None
        )
        try:
            return parse_reply(answer)
        except ValueError as error:
            raise InfrastructureError(
                f"the meter refuses {command!r}: {error}",
                where=self._stream.name,
                remedy="is its firmware 1.0.2 or later?",
            ) from error


def parse_reply(received: bytes) -> str:
    """Return the text of an acknowledgement; `ValueError` with the text of a refusal.

    A reply is a line with "ack" or "err", after the prompt (UM2269, 4.2.3).
    """
    reply = _REPLY.search(received)
    if reply is None:
        raise ValueError(f"no reply in {received!r}")
    text = reply[2].decode("ascii", "replace").strip()
    if reply[1] != b"ack":
        raise ValueError(text)
    return text


def decode(data: bytes) -> tuple[Floats, int, int]:
    """Return the current [A, NaN: missing] in a binary stream, and the missing and corrupt counts.

    Samples before the first stamp are not used.
    """
    data = _OTHER.sub(b"", data.split(_END)[0])
    stamps = _in_order(list(_STAMP.finditer(data)))
    if not stamps:
        return np.empty(0), 0, 0
    first = _milliseconds(stamps[0])
    indices = [round((_milliseconds(stamp) - first) / _BLOCK_MS) for stamp in stamps]
    ends = [stamp.start() for stamp in stamps[1:]] + [len(data)]
    current = np.full(_BLOCK * (indices[-1] + 1), np.nan)
    size = 0
    corrupt = 0
    for stamp, index, end in zip(stamps, indices, ends, strict=True):
        block = data[stamp.end() : end]
        is_last = end == len(data)
        if len(block) == 2 * _BLOCK or is_last:
            amperes = _amperes(block[: 2 * _BLOCK])
            current[_BLOCK * index : _BLOCK * index + len(amperes)] = amperes
            corrupt += int(np.isnan(amperes).sum())
            size = _BLOCK * index + len(amperes)
    return current[:size], int(np.isnan(current[:size]).sum()) - corrupt, corrupt


def _in_order(stamps: list[re.Match[bytes]]) -> list[re.Match[bytes]]:
    """Remove damaged stamps: their time is consistent with neither neighbour's."""
    times = [_milliseconds(stamp) for stamp in stamps]
    follows = [0 < later - earlier <= _MAX_GAP_MS for earlier, later in pairwise(times)]
    if len(times) == 1:
        return stamps
    fits = [any(follows[max(0, index - 1) : index + 1]) for index in range(len(times))]
    return [stamp for stamp, good in zip(stamps, fits, strict=True) if good]


def _milliseconds(stamp: re.Match[bytes]) -> int:
    return int.from_bytes(stamp[1], "big") & 0x7FFF_FFFF  # the top bit flags an overflow


def _amperes(block: bytes) -> Floats:
    """Decode samples: 4 bits are a negative power of 16, the other 12 its factor (4.4.2)."""
    words = np.frombuffer(block, ">u2", len(block) // 2).astype(np.int64)
    exponents, factors = words >> 12, words & 0xFFF
    amperes = factors * 16.0**-exponents
    amperes[(factors > 0) & ((exponents < _LEAST_EXPONENT) | (exponents == 15))] = np.nan  # noqa: PLR2004
    return amperes
