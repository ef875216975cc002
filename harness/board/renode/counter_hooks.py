"""Has Renode write to its log when the firmware reads the counter, after how many instructions.

There are two ways. A hook at the function that reads the counter works for every counter. But
Renode stops the core there, which takes milliseconds. A hook after loads of the counter's register
takes microseconds, and knows only the counters of the core. So the first inference is counted both
ways; if they agree, the first hook goes.
"""

import re
from contextlib import suppress

from harness.board.renode.monitor import Monitor, MonitorRefusedError
from harness.board.renode.renode_log import LOAD, READING
from harness.elf import Elf
from harness.target.target_file import Renode

COUNTER = "port_ticks"
"""The firmware's function that reads the counter, at both ends of a bracket."""

_COUNTERS = re.compile(r"(?P<name>\w+) \((?P<type>DWT|NVIC)\)")
_REGISTERS = {"DWT": "<0x4 0x4>", "NVIC": "<0x18 0x4>"}  # CYCCNT, SYST_CVR: offset and size

# In a load, ExecutedInstructions is the number at the beginning of the translated block, which a
# quantum may cut anywhere. Renode has no public method that says how far the load is in its block:
# only the one that restores the core's state returns that.
_FIELD = "System.Reflection.BindingFlags.NonPublic | System.Reflection.BindingFlags.Instance"
_PREPARED = (
    "import sys, clr, System; "
    "sys.harness_core = monitor.Machine['sysbus.{cpu}']; "
    "sys.harness_in_block = clr.GetClrType(Antmicro.Renode.Peripherals.CPU.TranslationCPU)"
    f".GetField('TlibRestoreContext', {_FIELD}).GetValue(sys.harness_core); "
    "assert isinstance(sys.harness_in_block, System.Func[int])"
)
_AT_LOAD = (
    "import sys; core = sys.harness_core; "
    "sysbus.GetCurrentCPU() == core and core.InfoLog("
    f"'{LOAD}', core.ExecutedInstructions + sys.harness_in_block(), core.PC)"
)
_AT_CALL = (
    "import sys; "
    f"self.InfoLog('{READING}', self.ExecutedInstructions) if sys.harness_calls "
    "else self.RemoveHooksAt(pc)"
)


def report_readings(monitor: Monitor, board: Renode, elf: Elf, peripherals: str) -> None:
    """Set both hooks; firmware without the function has only the one after loads.

    The one at the function executes no instruction of the core.

    `peripherals` is what the Monitor's command of this name lists.
    """
    counter = elf.symbols(COUNTER)
    if counter is not None:
        monitor.command('python "import sys; sys.harness_calls = True"')
        monitor.command(f'sysbus.{board.cpu} AddHook {counter[0] & ~1:#x} "{_AT_CALL}"')
    with suppress(MonitorRefusedError):  # another version of Renode: the first hook stays
        monitor.command(f'python "{_PREPARED.format(cpu=board.cpu)}"')
        for name, kind in _COUNTERS.findall(peripherals):
            loads = f'sysbus.{name} "{_AT_LOAD}" {_REGISTERS[kind]}'
            monitor.command(f"sysbus SetHookAfterPeripheralRead {loads}")


def forget_calls(monitor: Monitor) -> None:
    """Have the hook at the function remove itself at the next call.

    There the core stands still, as the Monitor's own removal would need it.
    """
    monitor.command('python "sys.harness_calls = False"')
