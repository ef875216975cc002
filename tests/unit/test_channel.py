"""The clocks of a line: whose time counts while a process is stopped, or gets no CPU."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from harness.errors import InfrastructureError
from harness.link import device_clock
from harness.link.channel import Channel
from harness.support.process_activity import Activity, ProcessTree


class Clock:
    """A clock for the channel, and the activity of an emulator."""

    def __init__(self) -> None:
        self.now = 100.0
        self.activity: Activity | None = None


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(device_clock, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


@contextmanager
def silent_line(clock: Clock) -> Iterator[Channel]:
    reading, writing = os.pipe()
    try:
        yield Channel(reading, name="test", activity=lambda: clock.activity)
    finally:
        os.close(reading)
        os.close(writing)


def waited(line: Channel, clock: Clock, asked: float, passed: float) -> tuple[float, float]:
    """Ask for bytes for `asked` seconds, in which `passed` seconds pass; return what counts."""
    before = (line.host_time, line.device_time)
    line._clock.will_wait(asked)
    clock.now += passed
    return (round(line.host_time - before[0], 6), round(line.device_time - before[1], 6))


def test_time_in_which_the_harness_was_stopped_does_not_count(clock: Clock) -> None:
    with silent_line(clock) as line:
        assert waited(line, clock, 1.0, 1.0) == (1.0, 1.0)
        assert waited(line, clock, 1.0, 60.0) == (1.25, 1.25)


def test_an_emulator_s_time_is_its_cpu_s(clock: Clock) -> None:
    clock.activity = Activity(7.0, idle=False)
    with silent_line(clock) as line:
        for cpu, idle, counted in (
            (0.6, False, 0.6),  # it shares the CPU
            (0.0, False, 0.1),  # it is stopped, or gets nothing
            (3.5, False, 1.0),  # it uses several CPUs
            (0.0, True, 1.0),  # it waits for the host
        ):
            clock.activity = Activity(clock.activity.seconds + cpu, idle=idle)
            assert waited(line, clock, 1.0, 1.0) == (1.0, counted)


def test_a_device_that_takes_a_byte_now_and_then_does_not_extend_the_deadline() -> None:
    reading, writing = os.pipe()
    line = Channel(writing, name="test")
    begin = time.monotonic()
    with pytest.raises(InfrastructureError, match=r"did not accept all bytes within 0\.2 s"):
        line.write(bytes(1 << 20), 0.2)
    assert time.monotonic() - begin < 10
    os.close(reading)
    os.close(writing)


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="needs the states of threads")
def test_a_process_is_idle_only_if_it_waits() -> None:
    code = "import sys\nsys.stdin.read(1)\nwhile True: pass"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) as process:
        try:
            tree = ProcessTree(process.pid)
            _until(lambda: _activity(tree).idle)
            process.send_signal(signal.SIGSTOP)
            _until(lambda: not _activity(tree).idle)
            process.send_signal(signal.SIGCONT)
            begin = _activity(tree).seconds
            process.communicate(b"x", timeout=0.01)
        except subprocess.TimeoutExpired:
            _until(lambda: not _activity(tree).idle and _activity(tree).seconds > begin)
        finally:
            process.kill()
            process.wait()
    assert tree.activity() is None


def _activity(tree: ProcessTree) -> Activity:
    activity = tree.activity()
    assert activity is not None
    return activity


def _until(condition: object) -> None:
    assert callable(condition)
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)
