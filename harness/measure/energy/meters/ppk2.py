"""Nordic's Power Profiler Kit II, as a source that supplies the board; its trigger is D0.

Its serial protocol is not published; the facts come from Nordic's nRF Connect Power Profiler and
from independent descriptions (ppk2lab, docs/protocol-spec.md and calibration.md). The kit sends
100,000 words per second. Each word has a 6-bit counter, which shows missing samples except for
multiples of 64.
"""

import math
import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from serial.tools import list_ports

from harness.errors import InfrastructureError
from harness.measure.energy.meters.meter import Capture, Identity
from harness.measure.energy.meters.meter_stream import began, check_volts, open_stream

HZ = 100_000
RANGES = 5
VOLTS = (0.8, 5.0)

_BAUD = 115_200  # a USB device works with any baud rate
_START, _STOP, _POWER, _REGULATOR, _MODE, _METADATA = 0x06, 0x07, 0x0C, 0x0D, 0x11, 0x19
_SOURCE, _ON = 2, 1
_CONSTANTS = ("R", "GS", "GI", "O", "S", "I", "UG")
_VOLTS_PER_LSB = 1.8 / 163_840
_FULL_SCALE = 0x3FFF
_COUNTER = 64
_IN_STEP = 8  # this many consecutive counter values prove that the bytes are words
_CHUNK = 4096

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Metadata:
    """The kit's description of itself: calibration constants, and all other values.

    `constants` is float [7, 5]: R (Ω), GS, GI, O, S, I, UG, for each of the five ranges; a missing
    constant is NaN.
    """

    constants: Floats
    others: dict[str, str]


@dataclass(frozen=True, eq=False)
class Words:
    """Received samples: `words` uint32 [M], and their `indices` in time, int64 [M]."""

    words: npt.NDArray[np.uint32]
    indices: npt.NDArray[np.int64]
    corrupt: int


class Ppk2:
    """The kit on the serial port `device`, which supplies the board with `volts`."""

    def __init__(self, device: str, volts: float) -> None:
        check_volts("a PPK2", volts, VOLTS)
        self._volts = volts
        with open_stream(device, _BAUD) as self._stream:
            self._stream.write(bytes([_STOP]))
            self._stream.drain()
            answer = self._stream.ask(bytes([_METADATA]), lambda answer: b"END" in answer)
            self._metadata = parse_metadata(answer)
            self.identity = self._identify(device)
            self._stream.write(bytes([_MODE, _SOURCE]))
            self._stream.write(bytes([_REGULATOR, *round(volts * 1000).to_bytes(2, "big")]))
            self._stream.write(bytes([_POWER, _ON]))

    def start(self) -> None:
        """Begin to measure."""
        self._stream.drain()
        self._stream.collect()
        self._stream.write(bytes([_START]))

    def stop(self) -> Capture:
        """Stop, and return all samples since `start`."""
        data, arrivals = self._stream.collected(bytes([_STOP]))
        received = find_words(data)
        if not received.words.size:
            raise self._stream.no_sample(len(data))
        current, trigger, invalid = convert(received, self._metadata.constants, self._volts)
        return Capture(
            hz=HZ,
            current=current,
            volts=self._volts,
            trigger=trigger,
            began=began(arrivals, 4 * HZ),
            missing=int(len(current) - len(received.words)),
            corrupt=received.corrupt + invalid,
        )

    def close(self) -> None:
        """Close the port; the kit then switches the supply off."""
        self._stream.close()

    def _identify(self, device: str) -> Identity:
        numbers = [port.serial_number for port in list_ports.comports() if port.device == device]
        hardware = self._metadata.others.get("HW", "")
        return Identity(
            "Nordic PPK2",
            serial=next(filter(None, numbers), ""),
            firmware=f"HW {hardware}" if hardware else "",
            virtual="Virtual" in self._metadata.others,
        )


def parse_metadata(answer: bytes) -> Metadata:
    """Parse the answer to GET_META_DATA: lines of `NAME: VALUE`, then END.

    Raises `InfrastructureError` if it has none of a PPK2's constants. Missing and invalid
    constants are NaN, and so are the currents of their range.
    """
    pairs = re.findall(
        r"^\s*(\w+)\s*:\s*(\S+)\s*$", answer.decode("ascii", "replace"), re.MULTILINE
    )
    values = dict(pairs)
    constants = np.array(
        [
            [_number(values.pop(f"{name}{index}", "")) for index in range(RANGES)]
            for name in _CONSTANTS
        ]
    )
    constants[0][constants[0] == 0] = math.nan  # a resistance, used as a divisor
    if np.isnan(constants).all():
        raise InfrastructureError(
            f"this is not a PPK2: it answered the request for its calibration with {answer[:80]!r}",
            remedy="name its port: --meter=ppk2:PORT; it has two, the first one measures",
        )
    return Metadata(constants, values)


def find_words(data: bytes) -> Words:
    """Find the samples in the received bytes, and their indices in time.

    Words are in step if their counters increase by one. Where they do not, samples or bytes are
    missing: the following bytes count as corrupt until, at any byte, eight words are in step again.
    """
    words, indices = [np.empty(0, np.uint32)], [np.empty(0, np.int64)]
    position = index = corrupt = 0
    expected: int | None = None
    while (begin := _in_step(data, position)) is not None:
        count = min((len(data) - begin) // 4, _CHUNK)
        chunk = np.frombuffer(data, "<u4", count, begin)
        counters = _counters(chunk)
        broken = np.flatnonzero(np.diff(counters) % _COUNTER != 1)
        chunk = chunk[: broken[0] + 1] if broken.size else chunk
        if expected is not None:
            dropped = (begin - position) // 4
            lost = int(counters[0] - expected) % _COUNTER
            index += lost + _COUNTER * max(0, round((dropped - lost) / _COUNTER))
            corrupt += dropped
        words.append(chunk)
        indices.append(np.arange(index, index + len(chunk)))
        index += len(chunk)
        expected = int(counters[0]) + len(chunk)
        position = begin + 4 * len(chunk)
    return Words(np.concatenate(words), np.concatenate(indices), corrupt)


def convert(
    received: Words, constants: Floats, volts: float
) -> tuple[Floats, npt.NDArray[np.bool_], int]:
    """Return current [A, NaN: missing] and level of D0 for every sample, and the invalid count.

    Bits 0 to 13 are the ADC's value, 14 to 16 the range, 24 to 31 the inputs. A full-scale value
    is invalid: the current may be larger.
    """
    adc = (received.words & _FULL_SCALE).astype(np.float64)
    ranges = (received.words >> 14 & 7).astype(np.int64)
    padded = np.pad(constants, ((0, 0), (0, 8 - RANGES)), constant_values=math.nan)
    r, gs, gi, o, s, i, ug = padded[:, ranges]
    x = (adc * 4 - o) * _VOLTS_PER_LSB / r
    amperes = ug * (x * (gs * x + gi) + s * volts + i)
    amperes[adc == _FULL_SCALE] = math.nan
    size = int(received.indices[-1]) + 1
    current = np.full(size, math.nan)
    current[received.indices] = amperes
    # For a missing sample, the last known level counts.
    last = np.zeros(size, np.int64)
    last[received.indices] = np.arange(len(received.indices))
    trigger = (received.words >> 24 & 1).astype(np.bool_)[np.maximum.accumulate(last)]
    return current, trigger, int(np.isnan(amperes).sum())


def _in_step(data: bytes, position: int) -> int | None:
    """Return the first byte, from `position` on, at which words in step begin."""
    for begin in range(position, len(data) - 4 * _IN_STEP + 1):
        counters = _counters(np.frombuffer(data, "<u4", _IN_STEP, begin))
        if (np.diff(counters) % _COUNTER == 1).all():
            return begin
    return None


def _counters(words: npt.NDArray[np.uint32]) -> npt.NDArray[np.int64]:
    return (words >> 18 & 0x3F).astype(np.int64)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
