"""Counters that cannot be right: they wrap, stand still, go back, or tell of another clock."""

import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.engines import registry
from harness.errors import ExitCode, InfrastructureError
from harness.link.messages import Result, Welcome
from harness.measure.counter import check_ticks, check_wrap
from tests.support.repository import HandMade, Repository

# What the first byte of a vector has tests/data/firmware/counting do.
BEHAVE, WRAP_SOON, TAKE_LONG, STOP, GO_BACK = range(5)

WRAP = 1 << 32

real = pytest.mark.skipif(
    not all(map(shutil.which, ("arm-none-eabi-gcc", "qemu-system-arm"))),
    reason="arm-none-eabi-gcc or qemu-system-arm is not on PATH: see `make system`",
)


@pytest.fixture
def repository(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> Repository:
    monkeypatch.setitem(registry.ENGINES, "counting", HandMade("counting"))
    return repository


@real
@pytest.mark.parametrize("target", ["qemu-stm32", "virtual-stm32"])
def test_a_counter_that_wraps_once_in_a_short_inference_is_sound(
    repository: Repository, target: str
) -> None:
    """The real register goes from near 2^32 to near 0 meanwhile."""
    repository.answers(BEHAVE, WRAP_SOON, BEHAVE, WRAP_SOON)
    assert repository.run("counting", "--target", target) == (ExitCode.PASSED, "")
    (record,) = repository.records()
    assert record.counter == {"qemu-stm32": "tim2", "virtual-stm32": "dwt"}[target]
    plain, wrapped, *again = record.ticks
    assert plain > 5000
    assert abs(wrapped - plain) < 10
    assert again == [plain, wrapped]
    assert record.numbers["instructions_first"].value == plain


WRAPPED = ["the 32-bit counter '{}' wrapped", "the range is 4,294,967,296", "a smaller model"]


@real
@pytest.mark.parametrize(
    ("target", "what", "texts"),
    [
        ("qemu-stm32", TAKE_LONG, WRAPPED),
        ("virtual-stm32", TAKE_LONG, WRAPPED),
        ("virtual-stm32", STOP, ["the counter '{}' stands still: it counted 0", "low-power mode"]),
        (
            "virtual-stm32",
            GO_BACK,
            ["the counter '{}' counted 4,29", "according to the coarse counter it took 0"],
        ),
    ],
)
def test_a_counter_that_cannot_be_right_is_no_measurement(
    repository: Repository, target: str, what: int, texts: list[str]
) -> None:
    repository.answers(BEHAVE, BEHAVE, what)
    code, text = repository.run("counting", "--target", target)
    assert code == ExitCode.INFRASTRUCTURE
    assert f"{target}: vector 2: " in text
    for expected in texts:
        assert expected.format("tim2" if target == "qemu-stm32" else "dwt") in text
    assert repository.records() == []


def welcome(overhead: int, coarse_ticks: int) -> Welcome:
    return Welcome(0, "", 2048, 0, 4, 4, 4, 8192, overhead, coarse_ticks, 0, "tim2")


def result(length: int, overhead: int, period: int, phase: int) -> Result:
    """Return what a device says of `length` ticks with a coarse tick of `period`."""
    coarse = (phase + length) // period - phase // period
    return Result((length - overhead) % WRAP, coarse, 0, 0, b"")


@given(
    length=st.one_of(st.integers(11, 1 << 20), st.integers(11, 4_000_000_000)),
    overhead=st.integers(1, 10),
    period=st.integers(1 << 10, 1 << 22),
    phase=st.integers(0, WRAP),
    off=st.floats(0.98, 1.02),
)
def test_a_sound_inference_is_never_refused(
    length: int, overhead: int, period: int, phase: int, off: float
) -> None:
    told = welcome(overhead, int(period * off))
    check_ticks(result(length, overhead, period, phase), told, "test")


@given(
    length=st.integers(WRAP, 200 * WRAP),
    overhead=st.integers(1, 10),
    period=st.integers(1 << 10, 1 << 22),
    phase=st.integers(0, WRAP),
    off=st.floats(0.98, 1.02),
)
def test_one_that_wraps_the_counter_is_always_refused(
    length: int, overhead: int, period: int, phase: int, off: float
) -> None:
    told = welcome(overhead, int(period * off))
    with pytest.raises(InfrastructureError, match="wrapped around"):
        check_ticks(result(length, overhead, period, phase), told, "test")


@pytest.mark.parametrize("coarse_ticks", [0, 65536])
@pytest.mark.parametrize("ticks", [0, WRAP - 3, WRAP - 14])
def test_no_more_than_an_empty_bracket_is_nothing(ticks: int, coarse_ticks: int) -> None:
    told = welcome(14, coarse_ticks)
    with pytest.raises(InfrastructureError, match=r"counted nothing|stands still"):
        check_ticks(Result(ticks, 0, 0, 0, b""), told, "test")


def test_without_a_coarse_counter_a_wrap_cannot_be_told() -> None:
    check_ticks(Result(1000, 0, 0, 0, b""), welcome(14, 0), "test")


def test_a_counter_that_pauses_is_noticed() -> None:
    with pytest.raises(InfrastructureError, match="stop or change its clock during the inference"):
        check_ticks(Result(1_000_000, 100, 0, 0, b""), welcome(14, 65536), "test")


def test_a_counter_that_may_have_wrapped_around_is_refused() -> None:
    check_wrap(8.0, 480e6, welcome(14, 0), "test")  # it wraps around after 8.9 s
    check_wrap(12.0, None, welcome(14, 0), "test")
    check_wrap(12.0, 480e6, welcome(14, 65536), "test")  # the coarse counter tells
    with pytest.raises(InfrastructureError, match=r"after 12 s, but .* wraps around after 8.95 s"):
        check_wrap(12.0, 480e6, welcome(14, 0), "test")
