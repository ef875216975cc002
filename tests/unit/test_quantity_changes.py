"""What changed, as a person reads it: one line for a quantity, and small changes last."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import InputError
from harness.harness_toml import small_change
from harness.measure.number import Kind, Number
from harness.results.judge.compare import Delta, Judged
from harness.results.judge.metrics import STATISTICS
from harness.results.judge.quantity_changes import is_small, quantity_changes


def changed(name: str, new: float, judged: Judged = "worse", kind: Kind = "exact") -> Delta:
    """Return a number that was 1000."""
    model = "guess" if kind == "estimated" else ""
    old, after = (Number(value, "1", kind, model) for value in (1000, new))
    return Delta(name, old, after, judged)


def names(*deltas: Delta, small: float = 0.001) -> list[list[str]]:
    changes = quantity_changes(deltas, small)
    return [[delta.name for delta in change.deltas] for change in changes]


def test_the_statistics_of_a_quantity_are_one_change_that_the_median_stands_for() -> None:
    statistics = [changed(f"cycles_{each}", 1010) for each in STATISTICS]
    assert names(*statistics) == [
        ["cycles_median", "cycles_min", "cycles_p95", "cycles_p99", "cycles_max", "cycles_first"]
    ]
    assert names(changed("cycles_max", 1010)) == [["cycles_max"]]


def test_statistics_that_are_judged_differently_are_several_changes() -> None:
    deltas = [
        changed("cycles_min", 990, "better"),
        changed("cycles_max", 1010),
        changed("cycles_estimated", 1010, kind="estimated"),
        changed("instructions_max", 1010),
    ]
    assert names(*deltas) == [
        ["instructions_max"],
        ["cycles_max"],
        ["cycles_estimated"],
        ["cycles_min"],
    ]


def test_what_matters_comes_first() -> None:
    deltas = [
        changed("counter_overhead", 2000, "changed"),
        changed("arena", 900, "better"),
        changed("flash", 1000.5),
        changed("stack", 1100),
        changed("ram", 1100),
        changed("instructions_median", 1100),
        changed("accuracy", 999),
    ]
    assert [name for (name,) in names(*deltas)] == [
        "accuracy",
        "instructions_median",
        "ram",
        "stack",
        "arena",
        "counter_overhead",
        "flash",  # small
    ]


@pytest.mark.parametrize(
    ("name", "new", "small"),
    [
        ("flash", 1000.5, True),
        ("flash", 999.5, True),
        ("flash", 1001, False),
        ("mae", 1000.5, True),
        ("accuracy", 999.5, False),
        ("bytes_differing", 1000.5, False),
    ],
)
def test_a_change_below_the_magnitude_is_small_but_an_answer_never_is(
    name: str, new: float, small: bool
) -> None:
    assert is_small(changed(name, new)) == small


def test_a_change_from_zero_is_not_small() -> None:
    delta = Delta("ram", Number(0, "byte", "exact"), Number(1, "byte", "exact"), "worse")
    assert not is_small(delta)


def test_a_quantity_is_small_only_if_all_its_numbers_are() -> None:
    median, maximum = changed("cycles_median", 1000.1), changed("cycles_max", 1500)
    (change,) = quantity_changes([median, maximum])
    assert not change.small
    assert change.main is median
    (change,) = quantity_changes([median, maximum], small=0.6)
    assert change.small


def test_equal_and_incomparable_numbers_are_no_changes() -> None:
    assert (
        quantity_changes([changed("ram", 1000, "same"), changed("ram", 1, "not comparable")]) == []
    )


@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                ["flash", "accuracy", "min", "x_y", *(f"cycles_{s}" for s in STATISTICS)]
            ),
            st.sampled_from([1000.1, 1010.0, 900.0]),
            st.sampled_from(["worse", "better", "changed", "unclear"]),
        ),
        unique_by=lambda each: each[0],
    )
)
def test_every_difference_is_in_exactly_one_change(rows: list[tuple[str, float, Judged]]) -> None:
    deltas = [changed(*row) for row in rows]
    changes = quantity_changes(deltas)
    assert sorted(d.name for c in changes for d in c.deltas) == sorted(d.name for d in deltas)
    smallness = [change.small for change in changes]
    assert smallness == sorted(smallness)


def test_harness_toml_sets_the_magnitude(tmp_path: Path) -> None:
    assert small_change(tmp_path) == 0.001
    file = tmp_path / "harness.toml"
    file.write_text('[changes]\nsmall = "2 %"\n')
    assert small_change(tmp_path) == 0.02
    for wrong in ("2", "-1%", "101%", "1e0%", "nan%", "%", ""):
        file.write_text(f'[changes]\nsmall = "{wrong}"\n')
        with pytest.raises(InputError, match="not a percentage") as caught:
            small_change(tmp_path)
        assert caught.value.where == f"{file}: changes.small"
