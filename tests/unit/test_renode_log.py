"""Renode's log: what is counted in it, and what is not, however it is cut."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.board.renode.readings import Counts, Inference, Interrupts
from harness.board.renode.renode_log import INTERRUPT, LOAD, READING, RenodeLog

CODE = [range(0x0800_0000, 0x0801_0000)]
READ = "[WARNING] sysbus: [cpu: 0x8000ABC] ReadDoubleWord from non existing peripheral at {}."


def reading(count: int, core: str = "cpu") -> str:
    return f"[INFO] {core}: {READING.format(count)}"


def load(count: int, at: int = 0x8001CC0, core: str = "cpu") -> str:
    return f"[INFO] {core}: {LOAD.format(count, hex(at))}"


def interrupt(edge: str, count: int, core: str = "cpu") -> str:
    return f"[INFO] {core}: {INTERRUPT.format(count, edge)}"


def append(folder: Path, *lines: str) -> None:
    with (folder / "renode.log").open("a") as file:
        file.writelines(f"20:24:00.2822 {line}\n" for line in lines)


def log_of(folder: Path, *lines: str) -> RenodeLog:
    path = folder / "renode.log"
    path.unlink(missing_ok=True)
    append(folder, *lines)
    log = RenodeLog(path, "cpu", CODE)
    log.update()
    return log


def test_an_inference_lies_between_the_last_two_readings(tmp_path: Path) -> None:
    log = log_of(tmp_path, *map(reading, (100, 110, 500, 900, 1000, 2500)))
    assert log.brackets() == Counts((Inference(1500, Interrupts()),), 10)
    assert log.brackets() is None, "it is counted once"


def test_readings_of_another_core_do_not_count(tmp_path: Path) -> None:
    lines = [reading(5), reading(7), reading(9, "cpu1"), reading(20), reading(11, "cpu1")]
    assert log_of(tmp_path, *lines).brackets() == Counts((Inference(13, Interrupts()),), 2)


def test_firmware_without_the_function_is_counted_from_load_to_load(tmp_path: Path) -> None:
    """Its compiler puts the two loads of an inference into `run`, at two addresses."""
    log_of(tmp_path)
    append(tmp_path, load(5, 0x10), load(8, 0x12), load(100, 0x20), load(1600, 0x30))
    log = RenodeLog(tmp_path / "renode.log", "cpu", CODE, calls=False)
    log.update()
    assert log.brackets() == Counts((Inference(1500, Interrupts()),), None)
    assert not log.has_load
    append(tmp_path, load(2000, 0x20), load(2001, 0x20, "cpu1"))
    log.update()
    assert log.brackets() is None, "one load is no inference"


def test_interrupts_within_an_inference_are_told_apart(tmp_path: Path) -> None:
    lines = [reading(0), reading(4), interrupt("begins", 5), interrupt("ends", 10), reading(20)]
    lines += [interrupt("begins", 30), interrupt("begins", 31, "cpu1"), interrupt("ends", 35)]
    lines += [interrupt("begins", 40), interrupt("ends", 46), reading(100)]
    log = log_of(tmp_path, *lines)
    assert log.brackets() == Counts((Inference(80, Interrupts(2, 11)),), 4)
    assert log.excerpt() == [], "they do not help a person"


START = [load(1, 0x8000100), reading(10), load(12), reading(15), load(17)]  # an empty bracket


def test_loads_of_the_register_count_once_they_agree_with_the_calls(tmp_path: Path) -> None:
    log = log_of(tmp_path, *START, reading(100), load(102), reading(200), load(202))
    assert not log.has_load
    assert log.brackets() == Counts((Inference(100, Interrupts()),), 5)
    assert log.has_load
    lines = [load(302), load(350, 0x8000100), load(402), load(502), load(662)]
    append(tmp_path, *lines)
    log.update()
    assert log.brackets(2) == Counts(
        (Inference(100, Interrupts()), Inference(160, Interrupts())), 5
    )
    assert log.brackets() is None, "it is counted once"


@pytest.mark.parametrize(
    "loads",
    [
        [],
        [load(102), load(201)],  # another number
        [load(202)],
        [load(102), load(103), load(202), load(203)],  # the function reads the register twice
        [load(102), load(202, 0x8001CC4)],  # at two places
        [load(102, core="cpu1"), load(202, core="cpu1")],
    ],
)
def test_loads_that_do_not_agree_with_the_calls_never_count(
    tmp_path: Path, loads: list[str]
) -> None:
    """Such as those of firmware that reads the register elsewhere, or another counter."""

    def at(line: str) -> int:
        return int(line.partition(" after ")[2].partition(" ")[0])

    lines = sorted([reading(100), reading(200), *loads], key=at)
    log = log_of(tmp_path, *map(reading, (10, 15)), *lines)
    assert log.brackets() == Counts((Inference(100, Interrupts()),), 5)
    assert not log.has_load


def test_interrupts_and_accesses_between_loads_count(tmp_path: Path) -> None:
    log = log_of(tmp_path, *START, reading(100), load(102), reading(200), load(202))
    log.brackets()
    lines = [load(302), interrupt("begins", 310), interrupt("ends", 316)]
    lines += [READ.format("0x40028014"), load(402), READ.format("0x40028014")]
    append(tmp_path, *lines)
    log.update()
    assert log.brackets() == Counts((Inference(100, Interrupts(1, 6)),), 5)
    assert log.unmapped.count == 1


def test_the_name_of_the_machine_may_precede_a_source(tmp_path: Path) -> None:
    lines = [reading(5, "dut/cpu"), READ.format("0x70000000").replace("sysbus", "dut/sysbus")]
    log = log_of(tmp_path, *lines, reading(8, "dut/cpu"))
    assert log.brackets() == Counts((Inference(3, Interrupts()),), 3)
    assert log.unmapped.count == 1


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (READ.format("0x70000000"), "a read of 4 bytes at 0x70000000"),
        (READ.format("0x0"), "a read of 4 bytes at 0x00000000"),
        (READ.format("0x70000001").replace("DoubleWord", "Byte"), "a read of 1 byte at 0x70000001"),
        (READ.format("0x2").replace("DoubleWord", "Word"), "a read of 2 bytes at 0x00000002"),
        (READ.format("0x8").replace("DoubleWord", "QuadWord"), "a read of 8 bytes at 0x00000008"),
        (
            "[WARNING] sysbus: [cpu: 0x8000ABC] WriteWord to non existing peripheral at "
            "0x90000000, value 0x1.",
            "a write of 2 bytes at 0x90000000",
        ),
    ],
)
def test_accesses_of_every_kind_and_width_count(tmp_path: Path, line: str, text: str) -> None:
    log = log_of(tmp_path, line, line)
    assert log.unmapped.count == 2
    assert str(log.unmapped.first) == text
    assert log.unmapped.first is not None
    assert log.unmapped.first.pc == 0x0800_0ABC


@pytest.mark.parametrize(
    "line",
    [
        # by the Monitor or a DMA controller, another core, and code that is not the image's
        READ.format("0x70000000").replace("[cpu: 0x8000ABC] ", ""),
        READ.format("0x70000000").replace("[cpu:", "[cpu1:"),
        READ.format("0x70000000").replace("0x8000ABC", "0x1FFF0ABC"),
        # a tag stands for a peripheral of the chip
        "[WARNING] sysbus: [cpu: 0x8000ABC] (tag: 'USB:RESET') ReadDoubleWord from non existing "
        "peripheral at 0x50000010, returning 0x80000000.",
        "[WARNING] uart0: Unhandled write to offset 0x4. Unhandled bits: [3].",
    ],
)
def test_other_lines_do_not_count(tmp_path: Path, line: str) -> None:
    assert log_of(tmp_path, reading(0), line, reading(1)).unmapped.count == 0


@pytest.mark.parametrize("address", ["0x40028014", "0x50000000", "0xE0001004"])
def test_a_peripheral_that_the_platform_lacks_counts_in_an_inference_alone(
    tmp_path: Path, address: str
) -> None:
    line = READ.format(address)
    log = log_of(tmp_path, line, reading(0), reading(2), line, reading(5), reading(9), line)
    log.brackets()
    assert log.unmapped.count == 0
    log = log_of(tmp_path, line, reading(0), reading(2), line, reading(5), line, reading(9), line)
    log.brackets()
    assert log.unmapped.count == 1
    assert log.brackets() is None


def test_a_core_that_renode_stopped_is_noticed(tmp_path: Path) -> None:
    line = "[ERROR] cpu: CPU abort [PC=0x90000000]: Trying to execute code outside RAM or ROM."
    assert log_of(tmp_path, reading(0)).abort is None
    assert log_of(tmp_path, line).abort == (
        0x9000_0000,
        "Trying to execute code outside RAM or ROM.",
    )


def test_an_excerpt_has_the_last_warnings_without_readings(tmp_path: Path) -> None:
    lines = [f"[WARNING] uart0: {number}" for number in range(20)]
    log = log_of(tmp_path, *lines, *map(reading, range(50)), *map(load, range(50)))
    assert [line.split(": ")[1] for line in log.excerpt()] == [str(n) for n in range(10, 20)]
    assert log_of(tmp_path, "[INFO] System bus created.", reading(1)).excerpt() == [
        "20:24:00.2822 [INFO] System bus created."
    ]


@given(st.lists(st.integers(0, 300), max_size=8))
def test_a_log_that_grows_is_read_as_a_whole(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int]
) -> None:
    lines = [reading(0), reading(4), READ.format("0x70000000"), reading(7), reading(12)]
    data = "".join(f"20:24:00.2822 {line}\n" for line in lines).encode()
    path = tmp_path_factory.mktemp("log") / "renode.log"
    log = RenodeLog(path, "cpu", CODE)
    log.update()  # there is no file yet
    for begin, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(data)], strict=True):
        with path.open("ab") as file:
            file.write(data[begin:end])
        log.update()
    assert log.unmapped.count == 1
    assert log.brackets() == Counts((Inference(5, Interrupts()),), 4)


@given(st.binary(max_size=200))
def test_any_bytes_are_read(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("log") / "renode.log"
    path.write_bytes(data)
    log = RenodeLog(path, "cpu", CODE)
    log.update()
    log.excerpt()
