"""Instructions from the ticks of a counter that is faster or slower than they are."""

from fractions import Fraction

_WRAP = 1 << 32  # the device's counter


def instructions(ticks: int, overhead: int, instruction_ticks: Fraction) -> int:
    """Return how many instructions took `ticks`, of which the device subtracted `overhead`.

    On an emulator with a fixed time per instruction, a counter counts `instruction_ticks`
    (T) an instruction. The difference of two readings is within one tick of T times the
    instructions between them, so for T > 2 it rounds to their number. The device
    subtracts the ticks of an empty bracket; to round once for each of the two, they are
    added again. Below 2^32 / T instructions, that is: the counter wraps.

    Where an instruction is one tick, the result is `ticks`.
    """
    if instruction_ticks == 1:
        return ticks
    whole = (ticks + overhead) % _WRAP
    return round(whole / instruction_ticks) - round(overhead / instruction_ticks)
