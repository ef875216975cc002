"""Counters that cannot be right: they wrap, stand still, go back, or tell of another clock."""

import shutil
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from harness.engines import registry
from harness.errors import ExitCode, InfrastructureError
from harness.link.messages import Result, Welcome
from harness.measure.counter import check_wrap, nearest_ticks, whole_ticks
from harness.support.bundled_files import bundled
from harness.target.find_target import find_target
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


@real
@pytest.mark.parametrize("target", ["qemu-stm32", "virtual-stm32"])
def test_the_coarse_counter_tells_how_often_the_counter_wraps(
    repository: Repository, target: str
) -> None:
    repository.answers(BEHAVE, TAKE_LONG)
    assert repository.run("counting", "--target", target) == (ExitCode.PASSED, "")
    (record,) = repository.records()
    plain, long = record.ticks[:2]
    assert 0 <= long - WRAP - plain < 30
    assert record.numbers["instructions_max"].value == long


@real
@pytest.mark.parametrize(
    ("what", "texts"),
    [
        (
            STOP,
            [
                "the counter 'dwt' stands still: it counted 0",
                "low-power mode",
                "In QEMU, the DWT always stands still",
            ],
        ),
        (
            GO_BACK,
            ["the counter 'dwt' counted 4,29", "according to the coarse counter it took 0"],
        ),
    ],
)
def test_a_counter_that_cannot_be_right_is_no_measurement(
    repository: Repository, what: int, texts: list[str]
) -> None:
    repository.answers(BEHAVE, BEHAVE, what)
    code, text = repository.run("counting", "--target", "virtual-stm32")
    assert code == ExitCode.INFRASTRUCTURE
    assert "virtual-stm32: vector 2: " in text
    for expected in texts:
        assert expected in text
    assert repository.records() == []


def welcome(overhead: int, coarse_ticks: int) -> Welcome:
    return Welcome(0, "", 2048, 0, 4, 4, 4, 8192, overhead, coarse_ticks, 0, "tim2")


def result(length: int, overhead: int, period: int, phase: int) -> Result:
    """Return what a device says of `length` ticks with a coarse tick of `period`."""
    coarse = (phase + length) // period - phase // period
    return Result((length - overhead) % WRAP, coarse, 0, 0, b"")


@given(
    length=st.one_of(st.integers(11, 1 << 20), st.integers(11, 9 * WRAP)),
    overhead=st.integers(1, 10),
    period=st.integers(1 << 10, 1 << 22),
    phase=st.integers(0, WRAP),
    off=st.floats(0.98, 1.02),
)
def test_every_tick_is_counted_however_often_the_counter_wraps(
    length: int, overhead: int, period: int, phase: int, off: float
) -> None:
    assume(length % WRAP > overhead)
    told = welcome(overhead, int(period * off))
    whole = whole_ticks(result(length, overhead, period, phase), told, "test")
    assert whole.ticks == length - overhead


@given(
    length=st.integers(0, 1000 * WRAP),
    overhead=st.integers(1, 10),
    period=st.integers(1 << 10, 1 << 24),
    phase=st.integers(0, WRAP),
    off=st.floats(0.955, 1.045),
)
def test_a_count_is_right_or_refused(
    length: int, overhead: int, period: int, phase: int, off: float
) -> None:
    told = welcome(overhead, int(period * off))
    try:
        whole = whole_ticks(result(length, overhead, period, phase), told, "test")
    except InfrastructureError:
        assert length % WRAP <= overhead or length > 9 * WRAP
    else:
        assert whole.ticks == length - overhead


def test_the_limit_is_named_if_the_coarse_counter_cannot_tell() -> None:
    with pytest.raises(InfrastructureError, match=r"up to about 42,949,672,960 ticks") as caught:
        whole_ticks(result(30 * WRAP + 1000, 5, 65536, 0), welcome(14, 65536), "test")
    assert "icount_shift" in caught.value.remedy


@given(length=st.integers(0, 1000 * WRAP), off=st.integers(-100_000, 100_000))
def test_an_emulator_knows_how_often_the_counter_wraps(length: int, off: int) -> None:
    short = Result(length % WRAP, 0, 0, 0, b"")
    assert nearest_ticks(short, Fraction(length + off)).ticks == length


@pytest.mark.parametrize("coarse_ticks", [0, 65536])
@pytest.mark.parametrize("ticks", [0, WRAP - 3, WRAP - 14])
def test_no_more_than_an_empty_bracket_is_nothing(ticks: int, coarse_ticks: int) -> None:
    told = welcome(14, coarse_ticks)
    with pytest.raises(InfrastructureError, match=r"counted nothing|stands still"):
        whole_ticks(Result(ticks, 0, 0, 0, b""), told, "test")


def test_a_counter_that_pauses_is_noticed() -> None:
    with pytest.raises(InfrastructureError, match="stop or change its clock during the inference"):
        whole_ticks(Result(1_000_000, 100, 0, 0, b""), welcome(14, 65536), "test")


def test_a_counter_that_may_have_wrapped_around_is_refused() -> None:
    """At 480 MHz, it wraps around after 8.9 s."""
    board = find_target("nucleo-l4r5zi", [bundled("targets")])
    emulator = find_target("virtual-nrf91", [bundled("targets")])
    none, coarse = welcome(14, 0), welcome(14, 65536)
    check_wrap(1000, 8.0, 480e6, none, board, "vector 3")
    check_wrap(int(0.99 * WRAP), 12.0, 480e6, none, board, "vector 3")  # the counted time is long
    check_wrap(1000, 12.0, 480e6, coarse, board, "vector 3")  # the coarse counter tells
    check_wrap(1_000_000_000, 4.5, None, none, emulator, "vector 3")
    for hz, waited, where, text in (
        (480e6, 12.0, board, "after 12 s, .* wraps around after 8.95 s at 480 MHz"),
        (None, 5.0, board, "wraps around after 4.29 s if it counts 1,000,000,000 ticks a second"),
        (None, 5.0, emulator, "wraps around after 4.29 s"),
    ):
        with pytest.raises(InfrastructureError, match=text) as caught:
            check_wrap(1000, waited, hz, none, where, "vector 3")
        assert caught.value.where == f"{where.name}: vector 3"
        assert ("clock.hz" in caught.value.remedy) == (hz is None and where is board)
