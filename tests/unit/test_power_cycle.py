"""The command that power cycles a board."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from tests.support.processes import until

# The switch is off for a moment. It says so, and then waits for the test.
_SWITCH = """
import pathlib, sys, time
folder = pathlib.Path(sys.argv[1])
(folder / "off").touch()
while not (folder / "go").exists():
    time.sleep(0.02)
(folder / "on").touch()
"""
_CYCLE = """
import sys
from harness.board.pyocd.power_cycle import PowerCycle
from harness.support.end_signals import raised_signals
with raised_signals():
    PowerCycle([sys.executable, "-c", sys.argv[1], sys.argv[2]], "desk")()
"""


def test_a_session_that_is_ended_does_not_leave_the_board_without_power(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _CYCLE, _SWITCH, str(tmp_path)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as session:
        until((tmp_path / "off").exists, 20)
        os.kill(session.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            session.wait(0.3)
        (tmp_path / "go").touch()
        session.wait(20)
    assert (tmp_path / "on").exists()
