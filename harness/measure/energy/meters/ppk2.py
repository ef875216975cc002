"""Nordic's Power Profiler Kit II, as a source that supplies the board; its trigger is D0.

Its serial protocol is no published document; the facts are those of Nordic's nRF Connect
Power Profiler and of the independent descriptions of it (ppk2lab, docs/protocol-spec.md and
calibration.md). It sends 100,000 words a second, which carry a counter of 6 bits: missing
samples are found by it, up to multiples of 64.
"""

import math
import re
import time
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from serial.tools import list_ports

from harness.errors import InfrastructureError, InputError
from harness.measure.energy.meters.meter import Capture, Identity
from harness.measure.energy.meters.meter_stream import Stream, began

HZ = 100_000
RANGES = 5
VOLTS = (0.8, 5.0)

_BAUD = 115_200  # it is a USB device: any will do
_START, _STOP, _POWER, _REGULATOR, _MODE, _METADATA = 0x06, 0x07, 0x0C, 0x0D, 0x11, 0x19
_SOURCE, _ON = 2, 1
_POWER_UP = 0.3  # seconds that a board may take to start
_CONSTANTS = ("R", "GS", "GI", "O", "S", "I", "UG")
_VOLTS_PER_LSB = 1.8 / 163_840
_FULL_SCALE = 0x3FFF
_COUNTER = 64
_IN_STEP = 8  # words that count up by one: then they are words
_CHUNK = 4096

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Metadata:
    """What the kit says of itself: calibration, NaN where it says nothing; and the rest.

    `constants` is float [7, 5]: R (Ω), GS, GI, O, S, I, UG, for each of the five ranges.
    """

    constants: Floats
    others: dict[str, str]


@dataclass(frozen=True, eq=False)
class Words:
    """Samples as they came: `words` uint32 [M], and the `places` int64 [M] they have in time."""

    words: npt.NDArray[np.uint32]
    places: npt.NDArray[np.int64]
    corrupt: int


class Ppk2:
    """The kit on the serial port `device`, which supplies the board with `volts`."""

    def __init__(self, device: str, volts: float) -> None:
        if not VOLTS[0] <= volts <= VOLTS[1]:
            raise InputError(
                f"a PPK2 supplies {VOLTS[0]} to {VOLTS[1]} V",
                where=f"--volts={volts:g}",
                remedy="say how much it shall be",
            )
        self._volts = volts
        self._stream = Stream(device, _BAUD)
        with ExitStack() as unless_open:
            unless_open.callback(self._stream.close)
            self._stream.write(bytes([_STOP]))
            self._stream.drain()
            answer = self._stream.ask(bytes([_METADATA]), lambda answer: b"END" in answer)
            self._metadata = parse_metadata(answer)
            self.identity = self._identify(device)
            self._stream.write(bytes([_MODE, _SOURCE]))
            self._stream.write(bytes([_REGULATOR, *round(volts * 1000).to_bytes(2, "big")]))
            self._stream.write(bytes([_POWER, _ON]))
            time.sleep(_POWER_UP)
            unless_open.pop_all()

    def start(self) -> None:
        """Begin to measure."""
        self._stream.drain()
        self._stream.collect()
        self._stream.write(bytes([_START]))

    def stop(self) -> Capture:
        """Stop, and return all samples since `start`."""
        data, came = self._stream.collected(bytes([_STOP]))
        found = find_words(data)
        if not found.words.size:
            raise InfrastructureError(
                f"the meter sent {len(data)} bytes and no sample", where=self._stream.name
            )
        current, trigger, invalid = convert(found, self._metadata.constants, self._volts)
        return Capture(
            hz=HZ,
            current=current,
            volts=self._volts,
            trigger=trigger,
            began=began(came, 4 * HZ),
            missing=int(len(current) - len(found.words)),
            corrupt=found.corrupt + invalid,
        )

    def close(self) -> None:
        """Take the supply away, as the kit itself does when its port is closed."""
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

    `InfrastructureError` if there is nothing of a PPK2 in it; constants that are missing or
    no numbers are NaN, and so are the currents of their range.
    """
    pairs = re.findall(
        r"^\s*(\w+)\s*:\s*(\S+)\s*$", answer.decode("ascii", "replace"), re.MULTILINE
    )
    values = dict(pairs)
    constants = np.array(
        [
            [_number(values.pop(f"{name}{place}", "")) for place in range(RANGES)]
            for name in _CONSTANTS
        ]
    )
    constants[0][constants[0] == 0] = math.nan  # a resistance, which is divided by
    if np.isnan(constants).all():
        raise InfrastructureError(
            f"this is no PPK2: asked for its calibration it said {answer[:80]!r}",
            remedy="name its port: --meter=ppk2:PORT; it has two, the first one measures",
        )
    return Metadata(constants, values)


def find_words(data: bytes) -> Words:
    """Find the samples in what the kit sent, and where in time they are.

    Words whose counters go up by one are in step. Where they do not, samples are missing, or
    bytes are, and what follows is no word until eight count up again, at whatever byte.
    """
    words, places = [np.empty(0, np.uint32)], [np.empty(0, np.int64)]
    at = index = corrupt = 0
    expected: int | None = None
    while (begin := _in_step(data, at)) is not None:
        count = min((len(data) - begin) // 4, _CHUNK)
        chunk = np.frombuffer(data, "<u4", count, begin)
        counters = _counters(chunk)
        broken = np.flatnonzero(np.diff(counters) % _COUNTER != 1)
        chunk = chunk[: broken[0] + 1] if broken.size else chunk
        if expected is not None:
            dropped = (begin - at) // 4
            lost = int(counters[0] - expected) % _COUNTER
            index += lost + _COUNTER * max(0, round((dropped - lost) / _COUNTER))
            corrupt += dropped
        words.append(chunk)
        places.append(np.arange(index, index + len(chunk)))
        index += len(chunk)
        expected = int(counters[0]) + len(chunk)
        at = begin + 4 * len(chunk)
    return Words(np.concatenate(words), np.concatenate(places), corrupt)


def convert(
    found: Words, constants: Floats, volts: float
) -> tuple[Floats, npt.NDArray[np.bool_], int]:
    """Return current [A, NaN: missing] and level of D0 for every place, and how many were invalid.

    Bits 0 to 13 are the ADC's, 14 to 16 the range, 24 to 31 the inputs. At the top of its
    scale the ADC says nothing but "more".
    """
    adc = (found.words & _FULL_SCALE).astype(np.float64)
    place = (found.words >> 14 & 7).astype(np.int64)
    known = np.pad(constants, ((0, 0), (0, 8 - RANGES)), constant_values=math.nan)
    r, gs, gi, o, s, i, ug = known[:, place]
    x = (adc * 4 - o) * _VOLTS_PER_LSB / r
    amperes = ug * (x * (gs * x + gi) + s * volts + i)
    amperes[adc == _FULL_SCALE] = math.nan
    size = int(found.places[-1]) + 1
    current = np.full(size, math.nan)
    current[found.places] = amperes
    # A level lasts until another is seen.
    last = np.zeros(size, np.int64)
    last[found.places] = np.arange(len(found.places))
    trigger = (found.words >> 24 & 1).astype(np.bool_)[np.maximum.accumulate(last)]
    return current, trigger, int(np.isnan(amperes).sum())


def _in_step(data: bytes, at: int) -> int | None:
    """Return the first byte from `at` on which words in step begin."""
    for begin in range(at, len(data) - 4 * _IN_STEP + 1):
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
