"""Faults of processes: the harness is killed, stopped or told to end, at any moment of a run."""

import signal
import subprocess
import time
from collections.abc import Callable

from tests.faults.case import Case
from tests.faults.fault import fault

_RUN = ("run", "--model=anomaly")
_LONGEST = 2.5  # seconds; a run takes about as long


def signal_after(seconds: float, number: int) -> Callable[["subprocess.Popen[bytes]"], None]:
    """Return a function that sends the signal `number` to a process after some seconds."""

    def send(process: "subprocess.Popen[bytes]") -> None:
        time.sleep(seconds)
        process.send_signal(number)

    return send


@fault(seeds=8)
def a_run_on_qemu_is_killed(case: Case) -> None:
    moment = case.random.uniform(0, _LONGEST)
    case.harness(
        *_RUN,
        "--target=qemu-stm32",
        ends=(-signal.SIGKILL, 0),
        during=signal_after(moment, signal.SIGKILL),
    )
    case.harness(*_RUN, "--target=qemu-stm32", records=1)
