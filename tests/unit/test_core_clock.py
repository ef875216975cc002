"""The core's clock, measured: its bounds, a stated one that is wrong, firmware that is silent."""

import math
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import InfrastructureError, InputError
from harness.link import frame
from harness.link.channel import Channel
from harness.link.host_clock import Reading
from harness.link.link_client import LinkClient
from harness.measure import core_clock
from harness.measure.core_clock import (
    ClockBounds,
    bounds_of,
    check_clock,
    check_waited,
    hz_of,
    measure_clock,
    with_own_clock,
)
from harness.target.find_target import load_target
from harness.target.target_file import Clock, Target
from tests.support import host
from tests.support.link_model import LinkModel
from tests.support.models import ROOT

BUILD_ID = "0" * 32
MODEL_ID = "010203".ljust(32, "0")
WRAP = 1 << 32


@pytest.fixture
def desk() -> Target:
    """A board at 16 MHz."""
    return load_target(ROOT / "targets" / "nucleo-f429zi.toml")


def clocked(target: Target, hz: int, tolerance: float = 0.04) -> Target:
    return msgspec.structs.replace(target, clock=Clock(hz, "a document", tolerance))


# The arithmetic

DELAYS = st.lists(
    st.tuples(st.floats(0, 0.02), st.floats(0, 0.02)), min_size=1, max_size=8
)  # of request and answer


@given(
    hz=st.floats(1e4, 1e9),
    start=st.integers(0, WRAP - 1),
    apart=st.floats(0.5, 3.5),
    first=DELAYS,
    last=DELAYS,
    host_error=st.floats(-9e-5, 9e-5),
)
def test_the_real_frequency_is_within_the_bounds(
    hz: float,
    start: int,
    apart: float,
    first: list[tuple[float, float]],
    last: list[tuple[float, float]],
    host_error: float,
) -> None:
    def readings(moment: float, delays: list[tuple[float, float]]) -> Iterator[Reading]:
        for to_device, to_host in delays:
            read = moment + to_device
            ends = (moment * (1 + host_error), (read + to_host) * (1 + host_error))
            yield Reading(*ends, int(start + hz * read) % WRAP)
            moment = read + to_host

    bounds = bounds_of(list(readings(7.0, first)), list(readings(7.0 + 8 * 0.04 + apart, last)))
    tick = 1 / apart  # a reading is rounded down
    assert bounds.least - tick <= hz <= bounds.most + tick
    slack = max(map(sum, first)) + max(map(sum, last))
    assert bounds.error <= slack / apart + 3e-4 + tick / hz


def test_the_luckiest_of_several_readings_count() -> None:
    lucky, slow = Reading(0.0, 0.001, 0), Reading(0.0, 0.05, 0)
    late = Reading(1.0, 1.001, 16_000_000)
    assert bounds_of([slow], [late]).error == pytest.approx(0.026, rel=0.05)
    assert bounds_of([slow, lucky, slow], [late]).error == pytest.approx(0.0011, rel=0.05)


def test_a_clock_that_is_not_constant_has_wide_bounds() -> None:
    first = [Reading(0.0, 0.001, 0), Reading(0.1, 0.101, 0)]
    last = [Reading(1.0, 1.001, 16_000_000)]
    bounds = bounds_of(first, last)
    assert bounds.least < 16.02e6
    assert bounds.most > 17.7e6


def test_bounds_are_shown_with_their_middle() -> None:
    assert str(ClockBounds(15.984e6, 16.016e6)) == "16 MHz ± 0.1 %"
    assert str(ClockBounds(31_250_000, math.inf)) == "31.25 MHz or more"


# A stated clock


def test_a_stated_clock_within_its_tolerance_is_confirmed(desk: Target) -> None:
    check_clock(ClockBounds(15.5e6, 15.6e6), desk)
    check_clock(ClockBounds(16.5e6, 16.6e6), desk)
    check_clock(ClockBounds(10e6, 20e6), desk)  # measured badly


@pytest.mark.parametrize(
    "bounds", [ClockBounds(15.2e6, 15.3e6), ClockBounds(16.7e6, 16.8e6), ClockBounds(64e6, 65e6)]
)
def test_a_stated_clock_out_of_its_tolerance_is_an_error(bounds: ClockBounds, desk: Target) -> None:
    with pytest.raises(InfrastructureError) as caught:
        check_clock(bounds, desk)
    error = caught.value
    assert error.what.startswith(f"the core runs at {bounds}, but the stated clock is 16 MHz")
    assert error.where == f"{desk.path}: clock.hz"
    assert "clock.tolerance" in error.remedy


def test_prebuilt_firmware_may_have_another_clock_than_the_harness_s_port(desk: Target) -> None:
    for measured in (None, ClockBounds(15.5e6, 15.6e6)):
        assert with_own_clock(desk, measured) == desk
    assert with_own_clock(desk, ClockBounds(179e6, 181e6)).clock is None


def test_the_target_states_the_tolerance(desk: Target) -> None:
    bounds = ClockBounds(16.01e6, 16.02e6)
    check_clock(bounds, clocked(desk, 16_000_000, tolerance=0.001))
    with pytest.raises(InfrastructureError, match=r"with a tolerance of 0\.01 %"):
        check_clock(bounds, clocked(desk, 16_000_000, tolerance=0.0001))


def test_cycles_that_take_longer_than_the_host_waited_are_of_another_clock(desk: Target) -> None:
    check_waited(1_600_000, 0.1, desk)
    check_waited(1_600_000, 0.097, desk)  # HSI may be off
    check_waited(1_600_000, 3.0, desk)  # a slow line
    with pytest.raises(InfrastructureError, match="the core runs at 32 MHz or more"):
        check_waited(1_600_000, 0.05, desk)


def test_instructions_are_never_time(desk: Target) -> None:
    target = load_target(ROOT / "targets" / "virtual-stm32.toml")
    assert target.clock is not None
    check_waited(1 << 31, 0.0, target)
    assert hz_of(target, None) is None
    silent = msgspec.structs.replace(desk, clock=None)
    check_waited(1 << 31, 0.0, silent)
    assert hz_of(silent, None) is None
    assert hz_of(silent, ClockBounds(15.9e6, 16.1e6)) == 16e6
    assert hz_of(silent, ClockBounds(12e6, 20e6)) is None, "so vague a clock gives no time"
    assert hz_of(desk, ClockBounds(15.9e6, 16.1e6)) == 16e6


@pytest.mark.parametrize("value", ["0", "1", "-0.1", '"small"'])
def test_a_tolerance_is_a_share(value: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(f'base = "nucleo-f429zi"\nclock.tolerance = {value}\n')
    with pytest.raises(InputError) as caught:
        load_target(file)
    assert caught.value.where == f"{file}: clock.tolerance"


# Devices


@pytest.fixture(scope="module")
def firmware(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return host.build_firmware(tmp_path_factory.mktemp("identity"), "identity")


@contextmanager
def started(firmware: Path) -> Iterator[LinkClient]:
    """The firmware as a process; its counter counts nanoseconds."""
    ours, theirs = socket.socketpair()
    with (
        ours,
        subprocess.Popen([str(firmware)], stdin=theirs.fileno(), stdout=theirs.fileno()) as process,
    ):
        theirs.close()
        try:
            link = LinkClient(Channel(ours.fileno(), name="test"), baud=1_000_000)
            link.hello(BUILD_ID)
            yield link
        finally:
            process.kill()


@contextmanager
def unaware() -> Iterator[LinkClient]:
    """A device whose firmware does not know CLOCK."""
    ours, theirs = socket.socketpair()
    device = LinkModel(talking=False)

    def serve() -> None:
        while data := theirs.recv(4096):
            for answer in device.receive(data):
                theirs.sendall(frame.encode(answer))

    thread = threading.Thread(target=serve)
    with ours, theirs:
        thread.start()
        link = LinkClient(Channel(ours.fileno(), name="test"), baud=1_000_000)
        link.hello(MODEL_ID)
        yield link
        ours.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_the_clock_of_a_process_is_that_of_the_system(
    firmware: Path, desk: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core_clock, "APART", 0.2)
    with started(firmware) as link:
        bounds = measure_clock(link.count, clocked(desk, 1_000_000_000))
        assert link.retries == 0
        data = bytes(5000)
        assert link.infer(data).output == data
    assert bounds is not None
    assert bounds.least < 1e9 < bounds.most


def test_a_device_at_another_clock_than_stated_is_refused(
    firmware: Path, desk: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core_clock, "APART", 0.2)
    with started(firmware) as link, pytest.raises(InfrastructureError, match="the stated clock is"):
        measure_clock(link.count, desk)


def test_firmware_that_does_not_know_the_question_is_not_measured(desk: Target) -> None:
    with unaware() as link:
        assert link.count() is None
        assert measure_clock(link.count, desk) is None


def test_a_process_that_was_stopped_in_between_measures_again(
    desk: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The counter may have wrapped around since the first reading."""
    monkeypatch.setattr(core_clock, "APART", 0.01)
    monkeypatch.setattr(core_clock, "_READINGS", 1)
    late = iter([0.0, 5.0, 5.1, 6.1])

    def count() -> Reading:
        moment = next(late)
        return Reading(moment, moment + 0.001, round(moment * 16e6) % WRAP)

    assert str(measure_clock(count, desk)) == "16 MHz ± 0.11 %"
    assert next(late, None) is None


def test_a_process_that_gets_no_time_measures_nothing(
    desk: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core_clock, "APART", 0.0)
    monkeypatch.setattr(core_clock, "_READINGS", 1)
    late = iter(range(0, 1000, 5))
    assert measure_clock(lambda: Reading(at := next(late), at + 0.1, 0), desk) is None


def test_a_counter_that_stands_still_is_an_error(
    desk: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As SysTick's on a chip that has none."""
    monkeypatch.setattr(core_clock, "APART", 0.0)
    monkeypatch.setattr(core_clock, "_READINGS", 1)
    for target in (desk, msgspec.structs.replace(desk, clock=None)):
        readings = iter([Reading(0.0, 0.1, 7), Reading(1.0, 1.1, 7)])
        with pytest.raises(InfrastructureError, match="the device's counter stands still"):
            measure_clock(readings.__next__, target)
