"""What exceptions and critical sections cost on a virtual board, against plain instructions."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.support.assembly_bench import Bench

INSTRUCTIONS = 10_000
"""What each event is compared with; a virtual board executes as many in some 20 µs."""
_LOOPS, _PLAIN_LOOPS = 5_000, 2_000
_ROUNDS = 5

_REGIONS = """poke 0xE000ED9C, 0x08000010
    poke 0xE000EDA0, 0x06000029
    poke 0xE000ED9C, 0x20000011
    poke 0xE000EDA0, 0x03000023
    poke 0xE000ED94, 5
    ldr r6, =0xE000ED9C
    ldr r7, =0x20004012
"""
_SYSTICK = "poke 0xE000E014, {reload}\n poke 0xE000E018, 0\n poke 0xE000E010, {control}\n"
_SPIN = "movw r5, #{loops}\n 2: subs r5, #1\n bne 2b"
_EVENTS: Mapping[str, tuple[int, str, str]] = {  # the exception, and what comes before the loop
    "a SysTick": (15, _SYSTICK.format(reload=999, control=7), _SPIN.format(loops=498)),
    "an SVC": (11, "", "svc #0"),
    "a PendSV": (
        14,
        "ldr r6, =0xE000ED04\n mov r7, #0x10000000\n",
        "str r7, [r6]\n dsb\n isb",
    ),
    "a critical section": (
        14,
        "mov r6, #0x50\n",
        "mrs r7, basepri\n msr basepri, r6\n isb\n msr basepri, r7",
    ),
    "a change of the MPU": (14, _REGIONS, "eor r7, #0x1000\n str r7, [r6]\n dsb\n isb"),
    "a look at SysTick": (
        14,
        "ldr r6, =0xE000E010\n" + _SYSTICK.format(reload=9999, control=5),
        "ldr r7, [r6]",
    ),
}

Show = Callable[[str, float, str, str], None]


def interrupts(folder: Path, show: Show) -> None:
    """Print what each event costs."""
    folder.mkdir()
    plain = _seconds(folder, 14, "", _SPIN.format(loops=INSTRUCTIONS // 2), _PLAIN_LOOPS)
    for what, (exception, before, event) in _EVENTS.items():
        seconds = _seconds(folder, exception, before, event, _LOOPS)
        name = f"virtual-stm32: {what} / 10,000 instr."
        show(name, seconds / plain, "apart", f"{1e6 * seconds:.1f} µs")


def _seconds(folder: Path, exception: int, before: str, event: str, loops: int) -> float:
    """Return the processor time of an event, the least of several runs."""
    source = f"""start: {before}
        movw r4, #{loops}
    1:  {event}
        subs r4, #1
        bne 1b
        bkpt #0
    handler: bx lr
    """
    bench = Bench()
    try:
        bench.load(folder, source, {exception: "handler"})
        return min(_run(bench) for _ in range(_ROUNDS)) / loops
    finally:
        bench.core.close()


def _run(bench: Bench) -> float:
    begin = time.process_time()
    bench.run()
    return time.process_time() - begin
