"""`harness calibrate`: programs made by hand whose cycles are known, and what it refuses."""

from pathlib import Path

import pytest

from harness.cli.main import main
from harness.errors import ExitCode
from harness.measure.cycles.calibrate import Calibration, Comparison, read_reference
from tests.support.documents import printed_document
from tests.support.programs import program

# movs r0,#100; bx-free loop between two functions: subs r0,#1; bne .-2
LOOP = {"reset": "6420", "start": "0138 fdd1", "stop": "fee7"}
CYCLES = 100 * (1 + 1) + 99 * 2  # P = 2


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "loop.elf").write_bytes(program(LOOP))
    (tmp_path / "high").write_bytes(program(LOOP, base=0x800_0000))
    return tmp_path


def calibrate(folder: Path, reference: str, *more: str) -> int:
    table = folder / "reference.csv"
    table.write_text(reference)
    arguments = ["--elf-dir", str(folder), "--reference", str(table)]
    return main(["calibrate", *arguments, "--start", "start", "--stop", "stop", *more])


def test_a_table_is_printed(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    reference = f"program,ms,hz\nloop,{CYCLES / 16000},16000000\nhigh,{CYCLES / 8000},16e6\n"
    assert calibrate(folder, reference) == ExitCode.PASSED
    output = capsys.readouterr().out
    rows = [line.split() for line in output.splitlines()]
    assert ["loop", "200", str(CYCLES), str(CYCLES), "+0.0%"] in rows
    assert ["high", "200", str(CYCLES), str(2 * CYCLES), "-50.0%"] in rows
    assert calibrate(folder, reference, "--json") == ExitCode.PASSED
    document = printed_document(capsys)
    assert [each["error"] for each in document["programs"]] == pytest.approx([0, -0.5])
    assert document["within_10_percent"] == 1
    assert "mean absolute error 25.0%" in output
    assert "1 of 2 within 10 %" in " ".join(output.split())
    assert max(map(len, output.splitlines())) <= 80


def test_another_core_takes_other_cycles(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        calibrate(folder, "program,cycles\nloop,400\n", "--core", "cortex-m0plus")
        == ExitCode.PASSED
    )
    assert f" {100 * 2 + 99} " in capsys.readouterr().out


def test_a_core_without_timings_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert calibrate(folder, "program,cycles\nloop,400\n", "--core", "cortex-m7") == ExitCode.USAGE
    assert "--core: there is no cycle model of 'cortex-m7'" in capsys.readouterr().err


def test_the_summary_is_what_it_says() -> None:
    found = Calibration.of([Comparison("a", 1, 50, 100), Comparison("b", 1, 200, 100)])
    assert (found.mean_error, found.within) == (0.75, 0)
    assert found.geometric_mean == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "its first line must name the columns"),
        ("program\nloop\n", "its first line must name the columns"),
        ("program,ms\nloop,4\n", "its first line must name the columns"),
        ("program,cycles\n", "has no programs"),
        ("program,cycles\nloop,many\n", "line 2: cycles is 'many', not a number above 0"),
        ("program,cycles\nloop,-4\n", "line 2: cycles is '-4', not a number above 0"),
        ("program,cycles\nloop,nan\n", "line 2: cycles is 'nan', not a number above 0"),
        ("program,cycles\nloop\n", "line 2: cycles is None, not a number above 0"),
        ("program,ms,hz\nloop,4,0\n", "line 2: hz is '0', not a number above 0"),
        ("program,cycles\n,4\n", "line 2: names no program"),
        ("program,cycles\nloop,4\nloop,5\n", "line 3: 'loop' is listed twice"),
        ('program,cycles\n"loop,4\n', "is not CSV"),
        ("program,cycles\nother,4\nloop,4\nmore,1\n", "no ELF for other, more"),
    ],
)
def test_a_table_that_is_wrong_is_refused(
    folder: Path, text: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert calibrate(folder, text) == ExitCode.USAGE
    assert message in capsys.readouterr().err


def test_a_table_that_is_missing_or_no_text_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--elf-dir", str(folder), "--start", "a", "--stop", "b"]
    assert (
        main(["calibrate", *arguments, "--reference", str(folder / "none.csv")]) == ExitCode.USAGE
    )
    assert "none.csv: cannot be read" in capsys.readouterr().err
    assert (
        main(["calibrate", *arguments, "--reference", str(folder / "loop.elf")]) == ExitCode.USAGE
    )
    assert "loop.elf: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("functions", "code", "message"),
    [
        ({"reset": "00bf", "stop": "fee7"}, ExitCode.USAGE, "has no symbol start"),
        (
            {"reset": "fee7", "start": "00bf", "stop": "fee7"},
            ExitCode.INFRASTRUCTURE,
            "start (0x0000000a) was not reached within 1,000 instructions; the program is at reset",
        ),
        (
            {"reset": "00bf", "start": "fee7", "stop": "fee7"},
            ExitCode.INFRASTRUCTURE,
            "stop (0x0000000c) was not reached within 1,000 instructions; the program is at start",
        ),
        (
            {"reset": "00bf", "start": "4ff08040 0168", "stop": "fee7"},  # ldr r1,[0x40000000]
            ExitCode.INFRASTRUCTURE,
            "the program accesses 0x40000000",
        ),
        (
            {"reset": "00bf", "start": "00de", "stop": "fee7"},  # udf
            ExitCode.INFRASTRUCTURE,
            "the bare core stops at start",
        ),
    ],
)
def test_a_program_that_cannot_be_compared_is_named(
    folder: Path,
    functions: dict[str, str],
    code: int,
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (folder / "bad.elf").write_bytes(program(functions))
    table = "program,cycles\nbad,100\n"
    assert calibrate(folder, table, "--budget", "1000") == code
    error = capsys.readouterr().err
    assert message in error
    assert "bad.elf" in error


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"no ELF at all", "cannot be read as ELF"),
        (program(LOOP, loads=False), "has nothing to load"),
        (program(LOOP)[:60], "cannot be read as ELF"),
    ],
)
def test_a_file_that_is_no_program_is_refused(
    folder: Path, data: bytes, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "bad.elf").write_bytes(data)
    assert calibrate(folder, "program,cycles\nbad,100\n") == ExitCode.USAGE
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("ram", ["", "0x20000000", "0x20000000:0", "0xF0000000:0x20000000", "x:y"])
def test_ram_that_is_none_is_refused(
    folder: Path, ram: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert calibrate(folder, "program,cycles\nloop,1\n", "--ram", ram) == ExitCode.USAGE
    assert "--ram: " in capsys.readouterr().err


def test_a_byte_order_mark_and_blank_lines_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("\ufeffprogram,cycles\n\na,1e3\n", encoding="utf-8")
    assert read_reference(path) == {"a": 1000.0}
