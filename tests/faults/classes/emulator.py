"""Faults of emulators: one is stopped for some seconds, at any moment of a run."""

import subprocess
import time
from collections.abc import Callable
from contextlib import suppress

import psutil

from tests.faults.case import Case
from tests.faults.fault import fault
from tests.faults.truth import BOTH, MODEL

_MOMENTS = (0.3, 3.0)  # seconds after the start of the command
_STOPPED = (4.0, 10.0)  # seconds


@fault(seeds=4, carriers=BOTH)
def qemu_is_stopped(case: Case) -> None:
    _stop_during_a_run(case, case.qemu)


@fault(seeds=4, carriers=BOTH)
def a_virtual_board_is_stopped(case: Case) -> None:
    _stop_during_a_run(case, case.virtual)


def _stop_during_a_run(case: Case, target: str) -> None:
    stop = stopped(case.random.uniform(*_MOMENTS), case.random.uniform(*_STOPPED))
    case.harness("run", f"--model={MODEL}", f"--target={target}", during=stop, records=1)


def stopped(after: float, seconds: float) -> Callable[["subprocess.Popen[bytes]"], None]:
    """Return a function that stops the emulator of a command for some seconds."""

    def stop(process: "subprocess.Popen[bytes]") -> None:
        time.sleep(after)
        owned = psutil.Process(process.pid).children(recursive=True)
        emulators = [child for child in owned if not child.children()]
        for emulator in emulators:
            with suppress(psutil.NoSuchProcess):
                emulator.suspend()
        time.sleep(seconds)
        for emulator in emulators:
            with suppress(psutil.NoSuchProcess):  # it was a tool that has ended
                emulator.resume()

    return stop
