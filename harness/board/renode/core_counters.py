"""Has the counters of a core count its instructions, in a running machine or in its platform."""

import re

from harness.board.renode.hardware import parse_tree
from harness.board.renode.monitor import Monitor
from harness.board.renode.renode_log import INTERRUPT
from harness.target.target_file import Core, Renode

_MIPS = 100  # an instruction takes 10 ns, which Renode calculates with exactly
_HZ = _MIPS * 1_000_000
_DWT = re.compile(r"(\w+) \(DWT\)")
_NVIC = re.compile(r"(\w+) \(NVIC\)")
_WITHOUT_DWT = ("cortex-m0", "cortex-m0plus", "cortex-m23")  # it has no cycle counter there


def count_instructions(monitor: Monitor, board: Renode, core: Core) -> None:
    """Set up the machine for the generic port: a tick of the core's counters is an instruction.

    The platform's own values are those of the chip. Other cores do not run: they have no image.
    """
    tree = monitor.command("peripherals")
    monitor.command(f"sysbus.{board.cpu} PerformanceInMips {_MIPS}")
    for nvic in _NVIC.findall(tree):
        monitor.command(f"sysbus.{nvic} Frequency {_HZ}")  # of SysTick
    for own in _DWT.findall(tree):
        monitor.command(f"sysbus Unregister sysbus.{own}")  # its frequency cannot be changed
    if core not in _WITHOUT_DWT:
        # For this core alone: a platform may have something else for all cores at this address.
        place = f"new Bus.BusPointRegistration {{ address: 0xE0001000; cpu: {board.cpu} }}"
        dwt = f"harness_dwt: Miscellaneous.DWT @ sysbus {place} {{ frequency: {_HZ} }}"
        monitor.command(f'machine LoadPlatformDescriptionFromString "{dwt}"')
    for other in parse_tree(tree).cores:
        if other != board.cpu:
            monitor.command(f"sysbus.{other} IsHalted true")


def report_interrupts(monitor: Monitor, board: Renode) -> None:
    """Have Renode write to its log where interrupts begin and end.

    The generic port has a single interrupt, that of SysTick. Renode gives SysTick a period that is
    one tick shorter than a chip does (Renode 1.16.1: RELOAD, not RELOAD + 1).
    """
    for edge, when in (("Begin", "begins"), ("End", "ends")):
        hook = f"self.InfoLog('{INTERRUPT}', self.ExecutedInstructions, '{when}')"
        monitor.command(f'sysbus.{board.cpu} AddHookAtInterrupt{edge} "{hook}"')


def counting_remedy(peripherals: str, board: Renode) -> str:
    """Return what to write so that the DWT counts one tick for each instruction.

    `peripherals` is what the Monitor's command of this name lists.
    """
    dwt = _DWT.search(peripherals)
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
