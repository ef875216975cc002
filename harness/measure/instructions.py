"""Instructions from the ticks of a counter that counts more than one an instruction."""

from fractions import Fraction

_WRAP = 1 << 32  # the device's counter


def of_ticks(ticks: int, instruction_ticks: Fraction) -> int:
    """Return how many instructions lie between two readings that differ by `ticks`.

    On an emulator where every instruction takes the same time, the counter counts
    `instruction_ticks` (T) during one. The difference of two readings is within a tick of
    T times the instructions between them, so for T > 2 it rounds to their number.
    """
    return round(ticks / instruction_ticks)


def instructions(ticks: int, overhead: int, instruction_ticks: Fraction) -> int:
    """Return the instructions of `ticks`, from which the device subtracted its `overhead`.

    Both are differences of two readings, the second around nothing. They are rounded one by
    one, since their difference may be off by two ticks. The counter wraps: it must have
    counted less than 2^32. Where an instruction is one tick, the result is `ticks`.
    """
    if instruction_ticks == 1:
        return ticks
    whole = (ticks + overhead) % _WRAP
    return of_ticks(whole, instruction_ticks) - of_ticks(overhead, instruction_ticks)
