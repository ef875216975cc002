"""The execution priority, and what depends on it (Armv7-M ARM, DDI 0403E: B1.5.4)."""

from harness.simulator import nvic
from harness.simulator import registers as reg
from harness.simulator.core_devices import CoreDevices
from harness.simulator.execution import Executor


class Priority:
    """The priority at which `executor` runs, with the masks of the core and its NVIC."""

    def __init__(self, executor: Executor, devices: CoreDevices) -> None:
        self._executor = executor
        self._nvic = devices.nvic
        self._mpu = devices.mpu
        self._refuses_faultmask = False
        devices.nvic.masked_from = self._masked_from
        executor.inspection.may_unmask = self.may_unmask

    def current(self, *, ignore_primask: bool = False) -> int:
        """Return the current execution priority; an exception must have a lower number."""
        primask, basepri, faultmask = self._executor.hidden.masks()
        if ignore_primask:
            primask = 0
        return self._nvic.execution_priority(primask, basepri, faultmask)

    @property
    def is_negative(self) -> bool:
        """Whether HardFault, NMI or FAULTMASK determine it."""
        _, _, faultmask = self._executor.hidden.masks()
        return bool(faultmask) or self._nvic.is_negative

    def may_preempt(self, exception: int) -> bool:
        """Return whether the group priority of `exception` is higher than the current one."""
        priority = self._nvic.group(self._nvic.priority(exception))
        return priority < self.current()

    def due(self) -> int | None:
        """Return the pending exception of the highest priority, if it may preempt."""
        due = self._nvic.due() if self._nvic.pending else None
        return due if due is not None and self.may_preempt(due) else None

    def may_unmask(self) -> bool:
        """Return whether a pending exception would be due without PRIMASK and BASEPRI."""
        due = self._nvic.due() if self._nvic.pending else None
        if due is None:
            return False
        priority = self._nvic.group(self._nvic.priority(due))
        return priority < self._nvic.execution_priority(0, 0, 0)

    def wakes(self) -> bool:
        """Return whether a pending exception ends WFI; PRIMASK is ignored (B1.5.19)."""
        due = self._nvic.due()
        if due is None:
            return False
        priority = self._nvic.group(self._nvic.priority(due))
        return priority < self.current(ignore_primask=True)

    def keep_faultmask(self) -> None:
        """Let the instructions up to the next stop not set FAULTMASK: see B5.2.1, CPS."""
        _, _, faultmask = self._executor.hidden.masks()
        self._refuses_faultmask |= not faultmask

    def follow(self) -> None:
        """Switch the MPU off or on if the sign of the priority has changed."""
        if self._refuses_faultmask:
            self._refuses_faultmask = False
            self._executor.registers.write(reg.FAULTMASK, 0)
        if self._mpu is not None and self._mpu.enabled:
            self._mpu.suspend(self.is_negative)

    def _masked_from(self) -> int:
        _, basepri, faultmask = self._executor.hidden.masks()
        mask = basepri & self._nvic.mask
        return -1 if faultmask else mask or nvic.THREAD_PRIORITY
