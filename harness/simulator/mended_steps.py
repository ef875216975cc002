"""Steps over instructions that the emulator does not execute as the core does."""

from harness.simulator.execution import Executor
from harness.simulator.stops import Reason

_PAGE = 0x400  # Unicorn maps multiples of this


def copy_without(executor: Executor, register: int, mask: int) -> None:
    """Execute the instruction at `pc`, which copies `register`; drop the bits in `mask`."""
    value = executor.registers.read(register)
    executor.registers.write(register, value & ~mask)
    executor.step()
    executor.registers.write(register, value)


def pass_access(executor: Executor, address: int) -> None:
    """Execute the instruction at `pc` as if there were memory at `address`, where none is."""
    pages: set[int] = set()
    executor.violations.ignores_errors = True
    while address & -_PAGE not in pages:
        pages.add(address & -_PAGE)
        if not executor.bus.is_mapped(address):
            executor.emulator.map_zeros(address & -_PAGE, _PAGE)
        stop = executor.step()
        if stop.reason in (Reason.LOAD, Reason.STORE, Reason.LATE_STORE):
            address = stop.address  # the instruction accesses another page, too
    for page in pages:
        if not executor.bus.is_mapped(page):
            executor.emulator.unmap(page, _PAGE)
    executor.violations.ignores_errors = False
