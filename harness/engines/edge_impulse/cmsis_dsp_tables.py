"""The tables of CMSIS-DSP's FFT for floats, for copies of an SDK that lack their file.

`arm_common_tables.c` has more than 4 MiB, and many public copies of an export lack it. Its tables
for floats are only sines, cosines and orders of values, so they are computed here: the same
values, in 9 decimals as there, under the names that arm_common_tables.h declares.
"""

import math
from collections.abc import Iterable
from pathlib import Path

_SIZES = tuple(1 << bits for bits in range(4, 13))  # of complex FFTs
_RADIX = 8
_BYTES = 8  # a complex float; the order consists of offsets
_SINES = 512
_A_LINE = 8


def write_tables(file: Path) -> None:
    """Write the tables as C to `file`."""
    parts = ["#include <stdint.h>", _array("float", "sinTable_f32", _sines(), decimals=8)]
    for size in _SIZES:
        angles = [2 * math.pi * index / size for index in range(size)]
        turns = [part for angle in angles for part in (math.cos(angle), math.sin(angle))]
        real = [
            part for angle in angles[: size // 2] for part in (math.sin(angle), math.cos(angle))
        ]
        parts += [
            _array("float", f"twiddleCoef_{size}", turns),
            _array("float", f"twiddleCoef_rfft_{size}", real),
            _array("uint16_t", f"armBitRevIndexTable{size}", swaps(size)),
        ]
    file.write_text("\n".join(parts))


def swaps(size: int) -> list[int]:
    """Return the swaps that order the output of a complex FFT, as pairs of offsets in bytes.

    The FFT divides by 2 or 4 first, if `size` is not a power of 8, and then by 8 (arm_cfft_f32.c).
    """
    radices = []
    rest = size
    while rest % _RADIX == 0:
        radices.append(_RADIX)
        rest //= _RADIX
    if rest > 1:
        radices.insert(0, rest)
    holds = list(range(size))  # the value at each place
    pairs = []
    for place in range(size):
        found = holds.index(_position(place, size, radices), place)
        if found != place:
            holds[place], holds[found] = holds[found], holds[place]
            pairs += [place * _BYTES, found * _BYTES]
    return pairs


def _position(frequency: int, size: int, radices: Iterable[int]) -> int:
    """Return where an FFT that divides by `radices` leaves the value of a frequency."""
    position = 0
    for radix in radices:
        size //= radix
        position += frequency % radix * size
        frequency //= radix
    return position


def _sines() -> list[float]:
    return [math.sin(2 * math.pi * index / _SINES) for index in range(_SINES + 1)]


def _array(kind: str, name: str, values: Iterable[float], decimals: int = 9) -> str:
    texts = [str(value) if kind == "uint16_t" else f"{value:.{decimals}f}f" for value in values]
    lines = [", ".join(texts[at : at + _A_LINE]) for at in range(0, len(texts), _A_LINE)]
    return f"const {kind} {name}[{len(texts)}] = {{\n" + ",\n".join(lines) + "};"
