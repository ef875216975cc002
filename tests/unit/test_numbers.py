"""Numbers in options: plain digits in a range; nothing else that Python reads as a number."""

import argparse
from pathlib import Path
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.cli.main import main
from harness.errors import ExitCode, InputError
from harness.simulator.board_faults import FaultyBoard, apply
from harness.simulator.meters.meter_faults import parse
from harness.support.numbers import address, number, percentage, whole_number

NO_NUMBERS = (
    "",
    " ",
    "nan",
    "inf",
    "-inf",
    "1_000",
    "٣",
    "\uff11",
    "1e400",
    "-1e400",
    "9" * 5000,
    "x",
)


@pytest.mark.parametrize("text", [*NO_NUMBERS, "1.5", "-1", "101", "0x10", "1e1"])
def test_what_is_no_whole_number_of_the_range_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="not a whole number from 0 to 100"):
        whole_number(0, 100)(text)


@pytest.mark.parametrize("text", [*NO_NUMBERS, "-0.1", "100.1", "0x10"])
def test_what_is_no_number_of_the_range_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is not a number from 0 to 100"):
        number(0, 100)(text)


@pytest.mark.parametrize("text", [*NO_NUMBERS, "-1", "0x1ffffffff", "4294967296", "0x", "1.0"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is not an address"):
        address(text)


@pytest.mark.parametrize(
    "text", [*NO_NUMBERS, "1", "-1%", "100.1%", "1e0%", "1  %", "%", ".%", "1%%"]
)
def test_what_is_no_percentage_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is not a percentage from 0% to 100%"):
        percentage(text)


@given(st.integers(0, 100_000), st.sampled_from(["%", " %"]))
def test_a_percentage_is_read_as_a_share(thousandths: int, sign: str) -> None:
    whole, rest = divmod(thousandths, 1000)
    assert percentage(f"{whole}.{rest:03}{sign}") == pytest.approx(thousandths / 100_000)


def test_plain_numbers_are_read() -> None:
    assert whole_number(-5, 5)("-5") == -5
    assert whole_number(0, 100)("007") == 7
    assert number(0, 100)("1e2") == number(0, 100)("100.") == 100
    assert number(0, 1)(".5") == 0.5
    assert address("0x0800C000") == 0x0800_C000
    assert address("010") == 10


@pytest.mark.parametrize(
    "option",
    [
        *("--lock-timeout=nan", "--lock-timeout=inf", "--lock-timeout=-1", "--lock-timeout=1e400"),
        *("--lock-timeout=", "--lock-timeout=1_0", "--lock-timeout=٣", "--lock-timeout=9999999"),
        *("--windows=-1", "--windows=1e3", "--windows=nan", "--windows=", "--windows=99999999999"),
        *("--volts=nan", "--volts=0", "--volts=-3", "--volts=1e400", "--volts="),
    ],
)
def test_a_number_out_of_range_is_refused_before_anything_starts(
    option: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["run", "--model=digits", option]) == ExitCode.USAGE
    name = option.partition("=")[0]
    assert f"argument {name}: " in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", ["nan", "inf", "1_0", "1e400"])
def test_a_fault_with_such_a_number_is_refused(value: str) -> None:
    with pytest.raises(InputError, match="is not a number"):
        parse(f"ppk2,noise={value}")
    for fault in (f"serial-delay=to-host:0:{value}", f"brown-out={value}"):
        with pytest.raises(InputError, match="is not a valid fault"):
            apply(Mock(FaultyBoard), fault)
