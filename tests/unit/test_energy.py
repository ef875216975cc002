"""Energy from captures that are made up here, so that it is known."""

import dataclasses
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from harness.errors import InfrastructureError
from harness.link.host_clock import Span
from harness.measure.energy.inference_energy import VIRTUAL, Energy, energy_of, estimate_energy
from harness.measure.energy.inference_windows import Timeline
from harness.measure.energy.meters.meter import Capture
from harness.measure.number import Number
from harness.target.target_file import Power

HZ = 100_000
VOLTS = 3.0
ASLEEP, LINKING, COMPUTING = 1e-3, 5.5e-3, 6e-3
BEGAN = 1000.0
"""The host's time of the first sample."""


@dataclasses.dataclass(frozen=True)
class Bench:
    """What a meter saw of `count` inferences of `length` seconds, and what is true of it.

    Before an inference the core works for `before` seconds and after it for `after`.
    """

    count: int = 12
    length: float = 8e-3
    before: float = 0.4e-3
    after: float = 0.6e-3
    noise: float = 0.0
    late: float = 0.0
    offset: float = 0.0
    clock: float = 0.0

    def make(self, *, trigger: bool = True) -> tuple[Capture, Timeline]:
        rng = np.random.default_rng(0)
        begins = 0.4 + np.cumsum(rng.uniform(0.015, 0.03, self.count))
        size = round((begins[-1] + self.length + 0.4) * HZ)
        current, level = np.full(size, ASLEEP), np.zeros(size, np.bool_)
        spans = []
        for begin in begins:
            end = begin + self.length
            _at(current, begin - self.before, end + self.after)[:] = LINKING
            _at(current, begin, end)[:] = COMPUTING
            _at(level, begin + self.late, end + self.late)[:] = True
            spans.append((begin - self.before - 2e-4, end + self.after + rng.uniform(1e-4, 1e-3)))
        current += rng.normal(0, self.noise * COMPUTING, size)
        moments = [self.host(moment) for span in spans for moment in span]
        timeline = Timeline(
            quiet=(
                (self.host(0.05), self.host(begins[0] - 0.01)),
                (self.host(begins[-1] + self.length + 0.05), self.host(size / HZ - 0.01)),
            ),
            inferences=tuple(Span(a, b) for a, b in list(pairwise(moments))[::2]),
        )
        seen = level if trigger else None
        return Capture(HZ, current, VOLTS, seen, BEGAN + self.offset), timeline

    def host(self, moment: float) -> float:
        return BEGAN + moment * (1 + self.clock)

    @property
    def joules(self) -> float:
        return VOLTS * COMPUTING * self.length


def _at(values: Any, begin: float, end: float) -> Any:
    return values[round(begin * HZ) : round(end * HZ)]


def _without(capture: Capture, *gaps: tuple[int, int]) -> Capture:
    current = capture.current.copy()
    for begin, end in gaps:
        current[begin:end] = np.nan
    return dataclasses.replace(capture, current=current, missing=int(np.isnan(current).sum()))


def _median(energy: Energy) -> float:
    return float(energy.numbers(virtual=False)["energy_median"].value)


def test_by_trigger() -> None:
    energy = energy_of(*Bench().make())
    assert energy.found_by == "trigger"
    assert energy.joules == pytest.approx(12 * [Bench().joules])
    assert energy.seconds == pytest.approx(12 * [8e-3])
    assert energy.idle == pytest.approx(VOLTS * ASLEEP)
    assert energy.net == pytest.approx(12 * [VOLTS * (COMPUTING - ASLEEP) * 8e-3])


def test_between_inferences() -> None:
    bench = Bench()
    energy = energy_of(*bench.make())
    # What the core does before and after, and else it sleeps.
    working = VOLTS * (LINKING - ASLEEP) * (bench.before + bench.after)
    waiting = energy.transfer_seconds * energy.idle
    assert energy.transfer == pytest.approx(working + waiting, rel=0.01)


def test_numbers() -> None:
    numbers = energy_of(*Bench(noise=0.05).make()).numbers(virtual=False)
    assert {number.kind for number in numbers.values()} == {"measured"}
    assert {number.unit for number in numbers.values()} == {"J", "W"}
    assert numbers["energy_min"].value < numbers["energy_median"].value
    assert numbers["energy_median"].value < numbers["energy_max"].value
    assert numbers["energy_standard_error"].value == pytest.approx(
        numbers["energy_stdev"].value / 12**0.5
    )
    assert numbers["power_compute"].value == pytest.approx(VOLTS * COMPUTING, rel=0.01)


def test_a_virtual_meter_measures_nothing() -> None:
    numbers = energy_of(*Bench().make()).numbers(virtual=True)
    assert {(number.kind, number.model) for number in numbers.values()} == {("estimated", VIRTUAL)}


@pytest.mark.parametrize(
    "bench",
    [
        Bench(noise=0.05),
        Bench(late=0.7e-3),
        Bench(late=-1.2e-3),
        Bench(offset=-3.0),
        Bench(clock=500e-6),
        Bench(noise=0.05, late=1e-3, offset=0.2, clock=-300e-6),
        Bench(length=1e-3, late=0.9e-3, noise=0.02),
    ],
    ids=str,
)
def test_by_trigger_whatever_is_off(bench: Bench) -> None:
    energy = energy_of(*bench.make())
    assert _median(energy) == pytest.approx(bench.joules, rel=0.005)
    assert energy.clock == pytest.approx(bench.clock, abs=2e-3)


def test_a_late_trigger_is_measured() -> None:
    # Up to what the core works before and after: there the current is nearly the same.
    assert 0.7e-3 < energy_of(*Bench(late=1.3e-3).make()).delay <= 1.3e-3
    assert -1.3e-3 <= energy_of(*Bench(late=-1.3e-3).make()).delay < -0.9e-3
    assert energy_of(*Bench().make()).delay == 0


def test_what_draws_more_than_computing_attracts_nothing() -> None:
    capture, timeline = Bench().make()
    current = capture.current.copy()
    current[current == LINKING] = 3 * COMPUTING
    energy = energy_of(dataclasses.replace(capture, current=current), timeline)
    assert energy.delay == 0
    assert energy.joules == pytest.approx(12 * [Bench().joules])


@pytest.mark.parametrize(
    "bench",
    [Bench(), Bench(noise=0.05), Bench(offset=0.02), Bench(offset=-0.05, clock=500e-6)],
    ids=str,
)
def test_by_current(bench: Bench) -> None:
    energy = energy_of(*bench.make(trigger=False))
    assert energy.found_by == "current"
    around = VOLTS * LINKING * (bench.before + bench.after)
    assert _median(energy) == pytest.approx(bench.joules + around, rel=0.01)


def test_by_current_no_inference_is_taken_for_the_next() -> None:
    # So many that all but one would fit nearly as well a period later; every second takes more.
    bench = Bench(count=600, offset=0.015)
    capture, timeline = bench.make(trigger=False)
    current = capture.current.copy()
    for span in timeline.inferences[1::2]:
        place = round((span.end - BEGAN) * HZ)
        current[place - 600 : place - 300] *= 2
    energy = energy_of(dataclasses.replace(capture, current=current), timeline)
    assert (energy.joules[1::2] > 1.2 * np.median(energy.joules[::2])).all()


def test_by_current_and_the_devices_own_counter() -> None:
    bench = Bench(noise=0.05, after=3e-3)
    capture, timeline = bench.make(trigger=False)
    timeline = dataclasses.replace(timeline, answer=3e-3, seconds=(8e-3,) * 12)
    assert _median(energy_of(capture, timeline)) == pytest.approx(bench.joules, rel=0.01)


def test_the_devices_counter_contradicts() -> None:
    capture, timeline = Bench().make(trigger=False)
    timeline = dataclasses.replace(timeline, seconds=(0.5,) * 12)
    with pytest.raises(
        InfrastructureError, match=r"of 0.5 s, but the current shows 0.009"
    ) as error:
        energy_of(capture, timeline)
    assert "clock.hz" in error.value.remedy


def test_missing_samples_are_interpolated() -> None:
    capture, timeline = Bench().make()
    begin = np.flatnonzero(np.diff(capture.trigger.astype(int)) == 1)  # type: ignore[union-attr]
    energy = energy_of(_without(capture, (begin[0] + 100, begin[0] + 120)), timeline)
    assert energy.left_out == 0
    assert energy.missing == 20
    assert energy.joules == pytest.approx(12 * [Bench().joules])


@pytest.mark.parametrize("trigger", [True, False])
def test_an_inference_with_too_many_missing_is_left_out(trigger: bool) -> None:
    capture, timeline = Bench().make(trigger=trigger)
    middle = round((timeline.inferences[3].begin - BEGAN) * HZ) + 400
    energy = energy_of(_without(capture, (middle - 60, middle + 60)), timeline)
    assert np.flatnonzero(np.isnan(energy.joules)).tolist() == [3]
    assert energy.left_out == 1


def test_too_many_are_left_out() -> None:
    capture, timeline = Bench().make()
    gaps = [round((span.begin - BEGAN) * HZ) for span in timeline.inferences[:2]]
    with pytest.raises(InfrastructureError, match="2 of 12 inferences were disturbed, or lack"):
        energy_of(_without(capture, *((gap + 300, gap + 500) for gap in gaps)), timeline)


def test_a_disturbed_inference_is_left_out() -> None:
    capture, timeline = Bench().make()
    spans = list(timeline.inferences)
    spans[5] = spans[5]._replace(disturbed=True)
    energy = energy_of(capture, dataclasses.replace(timeline, inferences=tuple(spans)))
    assert np.flatnonzero(np.isnan(energy.joules)).tolist() == [5]


def test_trigger_never_seen() -> None:
    capture, timeline = Bench().make()
    silent = dataclasses.replace(capture, trigger=np.zeros(len(capture.current), np.bool_))
    with pytest.raises(InfrastructureError, match="never seen, for 12 inferences") as error:
        energy_of(silent, timeline)
    assert "trigger pin" in error.value.remedy


def test_trigger_seen_too_seldom() -> None:
    capture, timeline = Bench().make()
    extra = Span(timeline.inferences[-1].end + 0.01, timeline.inferences[-1].end + 0.02)
    with pytest.raises(InfrastructureError, match="seen 12 times, for 13 inferences"):
        energy_of(capture, dataclasses.replace(timeline, inferences=(*timeline.inferences, extra)))


def test_a_single_damaged_sample_is_no_trigger() -> None:
    capture, timeline = Bench().make()
    level = capture.trigger.copy()  # type: ignore[union-attr]
    level[2000], level[60_000] = True, not level[60_000]
    energy = energy_of(dataclasses.replace(capture, trigger=level), timeline)
    assert energy.joules == pytest.approx(12 * [Bench().joules])


@pytest.mark.parametrize("trigger", [True, False])
def test_reversed_leads(trigger: bool) -> None:
    capture, timeline = Bench().make(trigger=trigger)
    turned = dataclasses.replace(capture, current=-capture.current)
    with pytest.raises(InfrastructureError, match="energy cannot be negative") as error:
        energy_of(turned, timeline)
    assert "leads" in error.value.remedy


def test_no_sample_at_all() -> None:
    capture, timeline = Bench().make()
    with pytest.raises(InfrastructureError, match="all of the meter's"):
        energy_of(_without(capture, (0, len(capture.current))), timeline)


def test_samples_lost_without_a_trace() -> None:
    capture, timeline = Bench(count=40, clock=0.1).make()
    with pytest.raises(InfrastructureError, match=r"host measured 1\.(10|09)\d times the meter"):
        energy_of(capture, timeline)


def test_nothing_of_the_quiet() -> None:
    capture, timeline = Bench().make()
    never = ((0.0, 0.1), (0.2, 0.3))
    with pytest.raises(InfrastructureError, match="in which the device waits"):
        energy_of(capture, dataclasses.replace(timeline, quiet=never))


@pytest.mark.parametrize("current", [ASLEEP, COMPUTING])
def test_a_current_that_shows_nothing(current: float) -> None:
    capture, timeline = Bench().make(trigger=False)
    flat = np.random.default_rng(1).normal(current, current / 20, len(capture.current))
    with pytest.raises(InfrastructureError, match="does not show where the 12 inferences are"):
        energy_of(dataclasses.replace(capture, current=flat), timeline)


def test_estimate() -> None:
    cycles = Number(1_000_000, "1", "estimated", "M4 cycle model", 0.1)
    energy = estimate_energy(cycles, Power(volts=3.0, ua_per_mhz=100.0, source="a datasheet"))
    # 1 s at 1 MHz, 100 µA and 3 V.
    assert energy.value == pytest.approx(300e-6)
    assert (energy.unit, energy.kind) == ("J", "estimated")
    assert energy.model == "M4 cycle model times datasheet current"
    assert energy.error is None
