"""The frames of exceptions with their float context, which is stacked at once or lazily.

Armv7-M ARM (DDI 0403E): B1.5.6 PushStack, B1.5.7 UpdateFPCCR, B1.5.8 PopStack.
"""

from collections.abc import Sequence

from harness.simulator import float_context, nvic
from harness.simulator import registers as reg
from harness.simulator.bus import WORD
from harness.simulator.core_devices import CoreDevices
from harness.simulator.execution import Executor
from harness.simulator.priority import Priority
from harness.simulator.stacking import BASIC, Access


class Frames:
    """Pushes and pops the frames of a core."""

    def __init__(self, executor: Executor, devices: CoreDevices, priority: Priority) -> None:
        self._nvic = devices.nvic
        self._debug = devices.debug
        self._stacking = devices.stacking
        self._floats = devices.floats
        self._priority = priority
        self._registers = executor.registers.batch(*reg.S[:16], reg.FPSCR)

    def access(self, privileged: bool, has_float: bool) -> Access:
        """Return the access to a frame; only MPU and lazy stacking look at its priority."""
        matters = has_float or self._stacking.is_checked
        return Access(privileged, matters and self._priority.is_negative)

    def push(self, address: int, frame: Sequence[int], has_float: bool, access: Access) -> None:
        """Push `frame`, and the float registers or a reservation; raise `StackError`."""
        reserves = has_float and bool(self._floats.control & float_context.LSPEN)
        if has_float and not reserves:
            frame = [*frame, *self._registers.read(), 0]
        self._stacking.push(address, frame, access)
        if reserves:
            self._floats.reserve(address + WORD * BASIC, self._ready(access))

    def pop(self, address: int, has_float: bool, access: Access) -> Sequence[int]:
        """Return the frame: without the float registers if they were never stacked."""
        frame = self._stacking.pop(address, BASIC, access)
        if has_float and not self._floats.release():
            context = self._stacking.pop(address + WORD * BASIC, float_context.WORDS, access)
            return [*frame, *context]
        return frame

    def restore_float(self, frame: Sequence[int]) -> None:
        """Set the float registers, if the frame has them."""
        if len(frame) > BASIC:
            self._registers.write(frame[BASIC : BASIC + float_context.WORDS - 1])

    def _ready(self, access: Access) -> int:
        """Return the bits of FPCCR that describe the interrupted code."""
        ready = 0 if access.privileged else float_context.USER
        if not self._nvic.current:
            ready |= float_context.THREAD
        if not access.negative:
            ready |= float_context.HFRDY
        for exception, enabled, bit in (
            (nvic.BUS_FAULT, nvic.BUS_FAULT in self._nvic.enabled, float_context.BFRDY),
            (nvic.MEM_MANAGE, nvic.MEM_MANAGE in self._nvic.enabled, float_context.MMRDY),
            (nvic.DEBUG_MONITOR, self._debug.monitors, float_context.MONRDY),
        ):
            if enabled and self._priority.may_preempt(exception):
                ready |= bit
        return ready
