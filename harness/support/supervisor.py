"""Runs one command and ends it with its owner; `owned_process` starts this file alone.

Whoever is killed or stopped, the command ends:

- The owner ends: the kernel closes the writing end of the pipe `life`. On Linux it also sends
  SIGCONT, which wakes a supervisor that somebody stopped.
- The supervisor is killed: on Linux the kernel kills the command, too. On macOS, which has no
  such signal, the command then runs on.

The command is killed together with its own children: its process group, and on Linux the whole
session, because ninja gives each compiler a group of its own.
"""

import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

_ATTEMPTS = 100
_POLL = 0.005  # seconds
_GRACE = 1.0  # seconds for the command to end in order after its owner has ended
_LAG = 1.0  # seconds between the ends of a command and of its owner that have one cause
_ENDED = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
_HANDLED = (*_ENDED, signal.SIGCONT)
_PR_SET_PDEATHSIG = 1  # of linux/prctl.h


class _EndError(Exception):
    """The command must end: `in_order` after the death of its owner, otherwise at once."""

    def __init__(self, *, in_order: bool) -> None:
        super().__init__()
        self.in_order = in_order
        for number in _HANDLED:  # nothing interrupts the end
            signal.signal(number, signal.SIG_IGN)


def supervise(life: int, scratch: str, passed: list[int], command: list[str]) -> None:
    """Run `command` with the descriptors `passed` until it ends, or its owner does.

    The folder `scratch`, if given, is removed if the owner did not do so.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, _HANDLED)  # until there is a child to end
    at_death_of_parent = _death_signals()
    at_death_of_parent(signal.SIGCONT)
    signal.signal(signal.SIGCONT, partial(_stop_orphan, os.getppid()))
    for number in _ENDED:
        signal.signal(number, _stop)
    try:
        child = subprocess.Popen(
            command,
            pass_fds=passed,
            process_group=0,
            # This process has no other thread yet that could hold a lock.
            preexec_fn=partial(_die_with, os.getpid(), at_death_of_parent),  # noqa: PLW1509
        )
    except OSError as error:
        sys.exit(f"{command[0]}: cannot be started: {error.strerror}")
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANDLED)
        _leave_to_child(passed)
        threading.Thread(target=_end_with, args=(child, life, scratch), daemon=True).start()
        _wait_for_end_of_owner(life)
    except _EndError as end:
        if end.in_order:
            _signal_group(child, signal.SIGTERM)
            time.sleep(_GRACE)  # if the command ends, so does this process
    finally:
        _kill(child)
        child.wait()
        _remove(scratch)


def _wait_for_end_of_owner(life: int) -> None:
    os.read(life, 1)  # returns when the owner closes the pipe or ends
    raise _EndError(in_order=True)


def _death_signals() -> Callable[[int], object]:
    """Return a function: the kernel sends this signal when the parent of the caller ends."""
    if sys.platform != "linux":
        return lambda _: None
    return partial(ctypes.CDLL(None).prctl, _PR_SET_PDEATHSIG)


def _die_with(parent: int, at_death_of_parent: Callable[[int], object]) -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANDLED)
    at_death_of_parent(signal.SIGKILL)
    if os.getppid() != parent:  # it ended before this was in force
        os._exit(1)


def _leave_to_child(passed: list[int]) -> None:
    """Close what only the child keeps open, so that either side sees the other's end."""
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1):
        os.dup2(null, descriptor)
    os.close(null)
    for descriptor in passed:
        os.close(descriptor)


def _stop(_: int, __: object) -> None:
    raise _EndError(in_order=False)


def _stop_orphan(owner: int, _: int, __: object) -> None:
    """End if the owner has ended, although a forked child of it may hold the pipe open."""
    if os.getppid() != owner:
        raise _EndError(in_order=True)


def _end_with(child: "subprocess.Popen[bytes]", life: int, scratch: str) -> None:
    code = child.wait()
    _kill(child)
    # The kernel closes the files of an owner that ends one by one: a command that reads from the
    # owner can end before the pipe is closed.
    if scratch and select.select([life], [], [], _LAG)[0]:
        _remove(scratch)  # the owner ended too: nobody else removes the folder
    os._exit(code if code >= 0 else 128 - code)


def _signal_group(child: "subprocess.Popen[bytes]", number: int) -> None:
    """Send a signal to the child, if it still runs, and to its own children."""
    with suppress(ProcessLookupError, PermissionError):  # macOS: EPERM if all are zombies
        os.killpg(child.pid, number)


def _kill(child: "subprocess.Popen[bytes]") -> None:
    _signal_group(child, signal.SIGKILL)
    kill_session(os.getpid())


def kill_session(leader: int) -> None:
    """Kill all processes in the session of `leader` except itself."""
    for _ in range(_ATTEMPTS):
        others = [number for number in _processes() if number != leader and _is_in(number, leader)]
        if not others:
            return
        for number in others:
            with suppress(OSError):
                os.kill(number, signal.SIGKILL)
        time.sleep(_POLL)  # until they are gone; they may have started others meanwhile


def _processes() -> list[int]:
    """Return the numbers of the running processes; none without /proc."""
    try:
        return [int(name) for name in os.listdir("/proc") if name.isdecimal()]
    except OSError:
        return []


def _is_in(number: int, session: int) -> bool:
    try:
        with open(f"/proc/{number}/stat", encoding="utf-8", errors="replace") as file:
            state, _, _, of = file.read().rpartition(") ")[2].split()[:4]
    except (OSError, ValueError):
        return False  # it has ended
    return int(of) == session and state not in {"Z", "X"}


def _remove(scratch: str) -> None:
    if scratch:
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    supervise(int(sys.argv[1]), sys.argv[2], [*map(int, sys.argv[3].split())], sys.argv[4:])
