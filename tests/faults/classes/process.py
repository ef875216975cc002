"""Faults of processes: the harness or its supervisor is killed, stopped or told to end."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from tests.faults.case import Case
from tests.faults.fault import fault
from tests.faults.findings import Kind
from tests.faults.truth import BOTH

_RUN = ("run", "--model=anomaly")
_LONGEST = 2.5  # seconds; a run takes about as long
_PATIENCE = 8.0  # seconds
_Action = Callable[["subprocess.Popen[bytes]"], None]


def signal_after(seconds: float, number: int) -> _Action:
    """Return a function that sends the signal `number` to a process after some seconds."""

    def send(process: "subprocess.Popen[bytes]") -> None:
        time.sleep(seconds)
        process.send_signal(number)

    return send


def signal_supervisor(seconds: float, *numbers: int, kill: bool = False) -> _Action:
    """Return a function that waits, signals the supervisor, and may then kill its owner."""

    def act(process: "subprocess.Popen[bytes]") -> None:
        time.sleep(seconds)
        for number in numbers:
            for supervisor in supervisors(process.pid):
                os.kill(supervisor, number)
        if kill:
            process.kill()

    return act


def supervisors(owner: int) -> list[int]:
    """Return the supervisors that `owner` has started."""
    try:
        return [
            child.pid
            for child in psutil.Process(owner).children()
            if any(part.endswith("supervisor.py") for part in child.cmdline())
        ]
    except psutil.Error:
        return []


def judge_registrations(case: Case) -> None:
    """Find files of virtual boards that are gone."""
    folder = Path(case.environment["XDG_RUNTIME_DIR"]) / "tinyml-harness"
    end = time.monotonic() + _PATIENCE
    while (left := [*folder.glob("*")]) and time.monotonic() < end:
        time.sleep(0.05)
    for path in left:
        case.found(Kind.ORPHAN, str(path))


@fault(seeds=8, carriers=BOTH)
def a_run_on_qemu_is_killed(case: Case) -> None:
    kill = signal_after(case.random.uniform(0, _LONGEST), signal.SIGKILL)
    case.harness(*_RUN, f"--target={case.qemu}", ends=(-signal.SIGKILL, 0), during=kill)
    case.harness(*_RUN, f"--target={case.qemu}", records=1)


@fault(seeds=8, carriers=BOTH)
def the_harness_is_told_to_end(case: Case) -> None:
    number = case.random.choice([signal.SIGTERM, signal.SIGHUP])
    tell = signal_after(case.random.uniform(0.5, _LONGEST), number)
    target = case.random.choice((case.qemu, case.virtual))
    # Before Python has loaded the harness, the signal ends it without a word.
    case.harness(*_RUN, f"--target={target}", ends=(128 + number, 0, -number), during=tell)
    judge_registrations(case)


@fault(seeds=6, carriers=BOTH)
def the_supervisor_is_killed(case: Case) -> None:
    moment = case.random.uniform(0.5, _LONGEST)
    target = case.random.choice((case.qemu, case.virtual))
    action = signal_supervisor(moment, signal.SIGKILL)
    case.harness(*_RUN, f"--target={target}", ends=(3, 0), during=action)
    judge_registrations(case)


@fault(seeds=6, carriers=BOTH)
def the_supervisor_is_stopped_and_the_harness_killed(case: Case) -> None:
    moment = case.random.uniform(0.5, _LONGEST)
    target = case.random.choice((case.qemu, case.virtual))
    action = signal_supervisor(moment, signal.SIGSTOP, kill=True)
    case.harness(*_RUN, f"--target={target}", ends=(-signal.SIGKILL, 0), during=action)
    judge_registrations(case)


@fault(seeds=4, carriers=BOTH)
def the_supervisor_is_stopped(case: Case) -> None:
    moment = case.random.uniform(0.5, _LONGEST)
    action = signal_supervisor(moment, signal.SIGSTOP)
    case.harness(*_RUN, f"--target={case.qemu}", during=action, records=1)


@fault(seeds=4, carriers=BOTH)
def both_are_killed(case: Case) -> None:
    moment = case.random.uniform(0.5, _LONGEST)
    target = case.random.choice((case.qemu, case.virtual))
    action = signal_supervisor(moment, signal.SIGKILL, kill=True)
    # The supervisor may be gone, and the harness about to report it.
    case.harness(*_RUN, f"--target={target}", ends=(-signal.SIGKILL, 3, 0), during=action)
    case.harness(*_RUN, f"--target={target}", records=1)
    judge_registrations(case)
