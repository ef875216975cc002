"""Runs many calls of a flash algorithm in the chip, with one program and without the host.

pyOCD calls the algorithm for each sector and page, and each call takes five round trips. Through a
remote probe, the host writes a table of calls and the data to RAM, starts a program there that
makes the calls, and looks for its end.
"""

import struct
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from pyocd.core import exceptions
from pyocd.core.target import Target
from pyocd.coresight.cortex_m import CortexM

# Armv6-M: it runs on all cores. r0 is the table, r1 its end, and r2 where to note the call.
_PROGRAM = (
    0xB570,  # push {r4, r5, r6, lr}
    0x0004,  # movs r4, r0
    0x000D,  # movs r5, r1
    0x0016,  # movs r6, r2
    0x2000,  # movs r0, #0
    0x6034,  # next: str r4, [r6]
    0x42AC,  # cmp r4, r5
    0xD007,  # beq end
    0x6823,  # ldr r3, [r4]
    0x6860,  # ldr r0, [r4, #4]
    0x68A1,  # ldr r1, [r4, #8]
    0x68E2,  # ldr r2, [r4, #12]
    0x4798,  # blx r3
    0x3410,  # adds r4, #16
    0x2800,  # cmp r0, #0
    0xD0F4,  # beq next
    0xBD70,  # end: pop {r4, r5, r6, pc}
    0x46C0,  # nop
)
_CALL = struct.Struct("<4I")
_WORD = 4
_STACK = 1024  # bytes; pyOCD gives an algorithm less
_THUMB = 1
_PAUSE = 0.001  # seconds between two looks


class Call(NamedTuple):
    """A call of the algorithm, and how its failure is reported; `address` is in flash."""

    function: int
    arguments: tuple[int, int, int]
    failure: type[exceptions.FlashFailure]
    address: int | None = None


class FlashJob:
    """Runs calls of the algorithm of `flash`, in RAM from `begin`.

    `buffer` is where data for the calls can lie: RAM up to the end of the region.
    """

    def __init__(self, flash: Any, begin: int, most_calls: int) -> None:
        self._flash = flash
        self._target = flash.target
        self._note = begin + 2 * len(_PROGRAM)
        self._table = self._note + _WORD
        self._begin = begin
        self._stack = self._table + most_calls * _CALL.size + _STACK
        self._stack -= self._stack % 8  # as the procedure call standard wants it
        self.buffer = self._stack

    def prepare(self) -> None:
        """Write the algorithm and the program to RAM."""
        self._target.halt()
        self._flash.prepare_target()
        code = self._flash.flash_algo
        self._target.write_memory_block32(code["load_address"], code["instructions"])
        program = struct.pack(f"<{len(_PROGRAM)}H", *_PROGRAM)
        self._target.write_memory_block32(self._begin, struct.unpack("<9I", program))

    def run(self, calls: Sequence[Call], seconds: float) -> None:
        """Make the `calls`.

        Raises the `failure` of the first one that fails, and `FlashFailure` if they do not end
        within `seconds`.
        """
        words = [word for call in calls for word in (call.function, *call.arguments)]
        end = self._table + len(calls) * _CALL.size
        self._target.write_memory_block32(self._table, words)
        self._target.write32(self._note, self._table)
        registers = {
            "pc": self._begin | _THUMB,
            "r0": self._table,
            "r1": end,
            "r2": self._note,
            "r9": self._flash.static_base,
            "sp": self._stack,
            "lr": self._flash.flash_algo["load_address"] | _THUMB,
            "xpsr": CortexM.XPSR_THUMB,
        }
        self._target.write_core_registers_raw(list(registers), list(registers.values()))
        self._target.resume()
        state = self._wait(time.monotonic() + seconds)
        note = self._target.read_memory(self._note, now=False)
        result = self._target.read_core_register("r0")
        stopped: int = note()
        if state == Target.State.HALTED and stopped == end and result == 0:
            return
        call = calls[max(0, min((stopped - self._table) // _CALL.size, len(calls) - 1))]
        if state == Target.State.HALTED:
            raise call.failure("failed", address=call.address, result_code=result)
        raise call.failure(f"the core is {state.name.lower()}", address=call.address)

    def _wait(self, limit: float) -> Target.State:
        """Wait until the core stops; stop one that is late or locked up. Return its last state."""
        while True:
            late = time.monotonic() > limit
            try:
                state: Target.State = self._target.get_state()
            except (exceptions.TransferTimeoutError, exceptions.TransferFaultError):
                state = Target.State.RUNNING  # a chip whose flash is busy may not answer
            if late or state in (Target.State.HALTED, Target.State.LOCKUP):
                break
            time.sleep(_PAUSE)
        if state != Target.State.HALTED:
            self._target.halt()
        return state
