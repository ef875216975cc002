"""Derives a target from a machine of QEMU: `qemu:mps2-an385`.

Nothing about the machines is written here. QEMU says what core the machine has, where the core
starts, which memory it sees and how fast SysTick counts.
"""

import re
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from harness.errors import InputError
from harness.support.memory_map import Memory
from harness.support.suggestions import as_written, suggest
from harness.target.memory_shares import buffer_options, stack_size
from harness.target.qemu_memory import code_and_data
from harness.target.qemu_monitor import QemuMonitor, halted_machine
from harness.target.qemu_program import QEMU, find_qemu, machines
from harness.target.target_file import (
    MAX_ICOUNT_SHIFT,
    NS,
    Core,
    Counter,
    Mcu,
    Port,
    Qemu,
    Target,
    TargetFile,
)
from harness.target.target_rules import check_rules

KIND = "qemu"
"""The prefix of the names of derived targets."""

# The two readings of SysTick are off by less than one tick each way, and so is the time of its
# interrupts, which is rounded at each reading. So an instruction must take more than four ticks.
_LEAST_TICKS = 5
_SYSTICK_BITS = 24
_CORTEX_M = re.compile(r"Cortex-M\d")
_CPU_TYPE = re.compile(r"(.+)-arm-cpu")
_SYSTICK = re.compile(r'dev: armv7m_systick.*?"cpuclk" freq_hz=([\d.]+) ([kMG]?)Hz', re.DOTALL)
_UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9}
_WRITE_ONE = 'write a target file for it: docs/cores.md, "Any machine of QEMU"'

_CORES: dict[tuple[str, bool, bool], Core] = {
    ("cortex-m0", False, False): "cortex-m0",
    ("cortex-m3", False, False): "cortex-m3",
    ("cortex-m4", False, True): "cortex-m4",
    ("cortex-m4", True, True): "cortex-m4f",
    ("cortex-m7", True, True): "cortex-m7",
    ("cortex-m33", False, False): "cortex-m33-nofp",
    ("cortex-m33", True, True): "cortex-m33",
    ("cortex-m55", True, True): "cortex-m55",
}
"""Rows of firmware/cores.cmake by QEMU's core and whether it has an FPU and the DSP extension."""


@cache
def derive(name: str) -> Target:
    """Return the target for the machine of QEMU called `name`; upper and lower case do not matter.

    Raises `InputError` for a machine that is unknown, has another core, or does not say enough.
    """
    executable = find_qemu()
    known = machines(executable)
    machine = as_written(name, known)
    if machine not in known:
        raise InputError(
            f"unknown target {_name(machine)!r}: {executable} has no machine {machine!r}",
            remedy=f"{suggest(machine, _cortex_m(known))}; {QEMU} -M help lists all machines",
        )
    with halted_machine(executable, machine) as monitor:
        return _target(machine, known, monitor)


def _target(machine: str, known: dict[str, str], monitor: QemuMonitor) -> Target:
    cpu = next(iter(monitor.cpus()), "")
    core = _core(machine, known, monitor, cpu)
    vectors = monitor.property(cpu, "init-svtor")
    try:
        flash, ram = code_and_data(
            monitor.print("mtree -f"), vectors if isinstance(vectors, int) else 0
        )
    except ValueError as error:
        raise _unclear(machine, str(error)) from error
    hz = _systick_hz(monitor.print("qtree"))
    if hz is None:
        raise _unclear(machine, "`info qtree` shows no frequency of SysTick")
    file = TargetFile(
        description=f"{known[machine]}, emulated by QEMU, exact instruction counts",
        mcu=Mcu(machine, core),
        memory=Memory(flash, ram),
        port=Port("generic", options=buffer_options(ram.size)),
        counter=Counter("instructions", hz),
        board=Qemu(machine, _shift(machine, hz)),
        stack=stack_size(ram.size),
    )
    path = Path(_name(machine))
    check_rules(path, file)
    return Target(name=_name(machine), path=path, **msgspec.structs.asdict(file))


def _core(machine: str, known: dict[str, str], monitor: QemuMonitor, cpu: str) -> Core:
    """Return the row of firmware/cores.cmake for the machine's first core."""
    found = _CPU_TYPE.fullmatch(str(monitor.property(cpu, "type")))
    name = found[1] if found else ""
    if not name.startswith("cortex-m"):
        raise InputError(
            f"the machine {machine} has no Cortex-M, but {name or 'no core at all'}",
            where=_name(machine),
            remedy=f"machines with a Cortex-M: {', '.join(_cortex_m(known))}",
        )
    options = (_is_true(monitor.property(cpu, "vfp")), _is_true(monitor.property(cpu, "dsp")))
    core = _CORES.get((name, *options))
    if core is None:
        raise _unclear(machine, "the firmware has no compiler flags for its core, " + name)
    return core


def _systick_hz(text: str) -> int | None:
    """Return the frequency of the last SysTick in what `info qtree` prints; None if there is none.

    QEMU prints the first core's devices last, and a frequency with three digits.
    """
    found: list[tuple[str, str]] = _SYSTICK.findall(text)
    if not found:
        return None
    number, unit = found[-1]
    hz = round(float(number) * _UNITS[unit])
    return _counted(hz) if hz else None


def _counted(hz: int) -> int:
    """Return the frequency at which SysTick counts over many of its periods.

    QEMU cuts each period, 2^24 ticks, to whole ns. At 168 MHz, that is an instruction in 10^8.
    """
    period = (NS << _SYSTICK_BITS) // hz
    return round((NS << _SYSTICK_BITS) / period)


def _shift(machine: str, hz: int) -> int:
    """Return the least `icount_shift` with which an instruction takes enough ticks."""
    for shift in range(MAX_ICOUNT_SHIFT + 1):
        if hz << shift >= _LEAST_TICKS * NS:
            return shift
    raise _unclear(machine, f"SysTick counts at {hz:,} Hz, too slowly to count instructions")


def _is_true(value: Any) -> bool:
    return value is True


def _name(machine: str) -> str:
    return f"{KIND}:{machine}"


def _cortex_m(known: dict[str, str]) -> list[str]:
    """Return the machines whose descriptions name a Cortex-M: most of them."""
    return sorted(name for name, text in known.items() if _CORTEX_M.search(text))


def _unclear(machine: str, what: str) -> InputError:
    return InputError(
        f"no target can be derived from the machine {machine}: {what}",
        where=_name(machine),
        remedy=_WRITE_ONE,
    )
