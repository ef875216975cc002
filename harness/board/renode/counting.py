"""Has the counters of a core count its instructions, in a running machine or in its platform."""

import re

from harness.board.renode.hardware import parse_tree
from harness.board.renode.monitor import Monitor
from harness.target.target_file import Core, Renode

COUNTER = "port_ticks"
"""The firmware's function that reads the counter, at both ends of a bracket."""

_MIPS = 100  # an instruction takes 10 ns, which Renode calculates with exactly
_HZ = _MIPS * 1_000_000
_DWT = re.compile(r"(\w+) \(DWT\)")
_NVIC = re.compile(r"(\w+) \(NVIC\)")
_NEW_DWT = f"Miscellaneous.DWT @ sysbus 0xE0001000 {{ frequency: {_HZ} }}"
_WITHOUT_DWT = ("cortex-m0", "cortex-m0plus", "cortex-m23")  # it has no cycle counter there


def count_instructions(monitor: Monitor, board: Renode, core: Core) -> None:
    """Set up the machine for the generic port: a tick of the core's counters is an instruction.

    The platform's own values are those of the chip. Other cores do not run: they have no image.
    """
    tree = monitor.command("peripherals")
    monitor.command(f"sysbus.{board.cpu} PerformanceInMips {_MIPS}")
    for nvic in _NVIC.findall(tree):
        monitor.command(f"sysbus.{nvic} Frequency {_HZ}")  # of SysTick
    for dwt in _DWT.findall(tree):
        monitor.command(f"sysbus Unregister sysbus.{dwt}")  # its frequency cannot be changed
    if core not in _WITHOUT_DWT:
        monitor.command(f'machine LoadPlatformDescriptionFromString "harness_dwt: {_NEW_DWT}"')
    for other in parse_tree(tree).cores:
        if other != board.cpu:
            monitor.command(f"sysbus.{other} IsHalted true")


def counting_remedy(monitor: Monitor, board: Renode) -> str:
    """Return what to write so that the DWT counts one tick for each instruction."""
    dwt = _DWT.search(monitor.command("peripherals"))
    frequency = f"frequency: {_MIPS}000000"
    if not board.platform.endswith(".resc"):
        entry = dwt[1] if dwt else "dwt: Miscellaneous.DWT @ sysbus 0xE0001000"
        entry = entry if ":" in entry else f"{entry}:"
        return (
            "name a .repl file with these lines in board.overlay of the target file "
            '(docs/renode.md, "Counting"):\n'
            f"{board.cpu}:\n    PerformanceInMips: {_MIPS}\n{entry}\n    {frequency}"
        )
    speed = f"sysbus.{board.cpu} PerformanceInMips {_MIPS}"
    if dwt:
        return (
            f"write this line into the script, and `{frequency}` into {dwt[1]} of the platform "
            f'that it loads (docs/renode.md, "Counting"):\n{speed}'
        )
    return (
        'write these lines into the script (docs/renode.md, "Counting"):\n'
        f"{speed}\nmachine LoadPlatformDescriptionFromString "
        f'"dwt: Miscellaneous.DWT @ sysbus 0xE0001000 {{ {frequency} }}"'
    )
