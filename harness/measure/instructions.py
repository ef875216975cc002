"""Instructions from the ticks of a counter with more than one tick per instruction."""

from fractions import Fraction


def of_ticks(ticks: int, instruction_ticks: Fraction) -> int:
    """Return how many instructions lie between two readings that differ by `ticks`.

    On an emulator where every instruction takes the same time, the counter advances by
    `instruction_ticks` (T) per instruction. The difference of two readings is within one tick of
    T times the number of instructions, so for T > 2 rounding gives the exact number.
    """
    return round(ticks / instruction_ticks)


def instructions(ticks: int, overhead: int, instruction_ticks: Fraction) -> int:
    """Return the instructions of `ticks`, from which the device has subtracted its `overhead`.

    Both are differences of two readings, `overhead` around an empty bracket. They are rounded
    separately, because their difference may be off by two ticks. `ticks` are whole, also where the
    counter wrapped around. If one instruction is one tick, the result is `ticks`.
    """
    if instruction_ticks == 1:
        return ticks
    return of_ticks(ticks + overhead, instruction_ticks) - of_ticks(overhead, instruction_ticks)
