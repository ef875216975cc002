"""How the report shows numbers and text, and the geometry of its drawings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.measure.number import Number
from harness.measure.shown_number import error_of, percent, quantity, show
from harness.report import figures
from harness.report.plain_text import short
from harness.support.printable import printable

VALUES = st.floats(-1e12, 1e12, allow_subnormal=False)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (4_379_312.0, "1", "4,379,312"),
        (0.98, "1", "0.9800"),
        (1, "1", "1.000"),
        (0, "1", "0"),
        (34_892, "byte", "34,892 B"),
        (0.0026052, "s", "2.605 ms"),
        (12.34567, "s", "12.35 s"),
        (0, "s", "0 s"),
        (3.163e-5, "J", "31.63 µJ"),
        (1e-15, "J", "0.001000 pJ"),
        (7, "µV", "7 µV"),
        (10**400, "byte", "more than 2^53"),
        (16_012_345.6, "Hz", "16.01 MHz"),
    ],
)
def test_a_quantity_has_its_unit_and_four_digits(value: float, unit: str, text: str) -> None:
    assert quantity(value, unit) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.08, "+8.0 %"),
        (-0.01234, "-1.2 %"),
        (0.0003, "+0.030 %"),
        (1.5, "+150.0 %"),
        (1e-10, "+0.000000010 %"),
        (float("inf"), "from 0"),
    ],
)
def test_a_small_change_is_not_rounded_to_none(share: float, text: str) -> None:
    assert percent(share) == text


@given(VALUES, st.sampled_from(["1", "byte", "s", "J", "W", "Hz"]))
def test_kinds_can_be_told_apart(value: float, unit: str) -> None:
    exact, measured = (str(show(Number(value, unit, kind))) for kind in ("exact", "measured"))
    estimated = str(show(Number(value, unit, "estimated", "a model", 0.3)))
    assert measured == f"{exact} measured"
    assert estimated == f"≈ {exact} ± 30 %, estimated"
    uncertain = str(show(Number(value, unit, "measured", error=0.0012)))
    assert uncertain == f"{exact} ± 0.12 %, measured"


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (None, "error unknown"),
        (0.0, "± 0 %"),
        (0.0125, "± 1.2 %"),
        (0.11, "± 11 %"),
        (2, "± 200 %"),
    ],
)
def test_an_error_has_two_digits(error: float | None, text: str) -> None:
    assert error_of(error) == text


@given(st.lists(st.integers(0, 0x10FFFF).map(chr)).map("".join))
def test_text_is_printable_and_short(text: str) -> None:
    assert printable(text).isprintable()
    assert len(short(text)) <= 60 * len("⟨10FFFF⟩")
    if printable(text) == text and len(text) <= 60:
        assert short(text) == text


@given(st.lists(st.tuples(st.floats(0, 1e9), VALUES), min_size=1, max_size=600))
def test_a_thinned_line_keeps_its_ends_and_extremes(points: list[tuple[float, float]]) -> None:
    points.sort(key=lambda point: point[0])
    kept = figures.thin(points)
    assert len(kept) <= 210
    assert (kept[0], kept[-1]) == (points[0], points[-1])
    for extreme in (min, max):
        assert extreme(v for _, v in kept) == extreme(v for _, v in points)
    assert set(kept) <= set(points)


@given(st.lists(st.integers(0, 1 << 60), min_size=1, max_size=200))
def test_what_is_drawn_stays_in_its_box(values: list[int]) -> None:
    line = figures.line(list(enumerate(values)), steps=True)
    assert line is not None
    assert 0 <= line.last[1] <= figures.HEIGHT
    found = figures.histogram(values)
    if found is None:
        assert len(set(values)) == 1 or max(values) > 1 << 53
        return
    assert all(box.y >= 0 and box.x + box.width <= figures.WIDTH for box in found.boxes)
    assert max(box.height for box in found.boxes) == figures.HEIGHT


def test_a_step_line_holds_its_value_until_it_changes() -> None:
    line = figures.line([(0, 5), (1, 5), (2, 5), (3, 9), (4, 9)], steps=True)
    assert line is not None
    assert line.path == "M0 45H150H225V3H300"


def test_parts_fill_the_whole() -> None:
    boxes = figures.stack([10, 30, 60], 100)
    assert [box.width for box in boxes] == [30, 90, 180]
    assert boxes[-1].x + boxes[-1].width == figures.WIDTH
