"""What the inputs of an ADC measure: nothing is connected to the board's pins."""

from collections.abc import Mapping

BITS = 12
_MIDDLE = 1 << BITS - 1


def sample(internal: Mapping[int, int], channel: int, resolution: int) -> int:
    """Return the result for `channel` with RES = `resolution`: 12, 10, 8 or 6 bits.

    `internal` are the results of the channels inside the chip; a pin has half the supply voltage.
    """
    return internal.get(channel, _MIDDLE) >> 2 * (resolution & 3)
