"""Which fault a core is handling, seen from outside while it runs or stands still."""

import time
from collections.abc import Callable

Read = Callable[[int, int], bytes]
"""Returns a number of bytes at an address, or fewer where there is no memory."""

# Armv7-M ARM (DDI 0403E), B1.5.2; Armv8-M ARM (DDI 0553), B3.9
FAULTS = {3: "HardFault", 4: "MemManage", 5: "BusFault", 6: "UsageFault", 7: "SecureFault"}
"""The names of the faults, by the number of the exception."""

EXCEPTION = 0x1FF
"""The bits of xPSR and of ICSR for the number of the exception whose handler runs."""

_ICSR, _SHCSR = 0xE000_ED04, 0xE000_ED24  # B3.2.4, B3.2.13
# The bits of SHCSR for an active fault; 2 and 4 are of Armv8-M. Armv6-M has none: all its faults
# are HardFaults, which ICSR has.
_ACTIVE = {0: 4, 1: 5, 2: 3, 3: 6, 4: 7}
_WORD = 4

LOOKS = 4
"""How many looks, a second apart, find the core in a handler that does not return."""

_SAMPLES, _PAUSE = 5, 0.01  # of a look, and the seconds between two


def active_fault(read: Read) -> str:
    """Return the name of the fault whose handler has not returned; empty if there is none.

    An interrupt may have interrupted the handler. `read` may be used while the core runs.
    """
    running = int.from_bytes(read(_ICSR, _WORD), "little") & EXCEPTION
    if running in FAULTS:
        return FAULTS[running]
    handlers = int.from_bytes(read(_SHCSR, _WORD), "little")
    return next((FAULTS[number] for bit, number in _ACTIVE.items() if handlers >> bit & 1), "")


class HandlerWatch:
    """Notices a core that stays in the handler of a fault.

    A handler may recover: an RTOS ends a task, a test of a guard goes on. So it gets `LOOKS`,
    without a message of the device between them. While nobody can look, such as at an emulator that
    stands still, nothing counts.
    """

    def __init__(self) -> None:
        self._looks = 0

    def stays(self, read: Read, unanswered: int) -> bool:
        """Look once; return whether the core has been in the handler in all of the looks.

        `unanswered` is how many looks there were since the last message.
        """
        for _ in range(_SAMPLES):
            if not active_fault(read):
                self._looks = 0
                return False
            time.sleep(_PAUSE)
        self._looks = self._looks + 1 if unanswered else 1
        return self._looks >= LOOKS
