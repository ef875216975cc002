"""CSV files as spreadsheets and programs write them, and what is wrong with others."""

import csv
import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import InputError
from harness.intake.readers.csv_file import open_table, read_column, read_numbers

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("csv") / "x.csv"


def read(path: Path, text: str | bytes, wanted: str = "") -> list[list[float]]:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    table = open_table(path, wanted)
    without = table.column(wanted) if wanted else None
    kept = [column for column in range(table.columns) if column != without]
    numbers: list[list[float]] = read_numbers(table, kept).tolist()
    return numbers


ROWS = [[1.5, -2.0, 30.0], [4.0, 5.25, 6e-3]]


@pytest.mark.parametrize(
    "text",
    [
        "1.5,-2,30\n4,5.25,6e-3\n",
        "1.5,-2,30\r\n4,5.25,6e-3",
        "\ufeffx,y,z\n1.5,-2,30\n4,5.25,6e-3\n",
        ' 1.5 , -2 , "30" \n\n4,5.25,6e-3\n\n',
        "1.5,-2,30,\n4,5.25,6e-3,\n",
        "1.5;-2;30\n4;5.25;6e-3\n",
        "x;y;z\n1,5;-2;30\n4;5,25;6e-3\n",
        "1,5;-2;30,\n4;5,25;,6e-2\n",
        "1,5\t-2\t30\n4\t5,25\t6e-3\n",
        "1.5 -2  30\n4 5.25 6e-3\n",
        "# x y z\n1.5 -2 30\n4 5.25 6e-3\n",
        ",x,y,z\n0,1.5,-2,30\n1,4,5.25,6e-3\n",
        ",0,1,2\n0,1.5,-2,30\n1,4,5.25,6e-3\n",
        "0,1,2\n1.5,-2,30\n4,5.25,6e-3\n",
    ],
)
def test_a_table_has_the_same_numbers_however_it_is_written(path: Path, text: str) -> None:
    assert read(path, text) == ROWS


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("0,1\n1,0\n", [[0, 1], [1, 0]]),  # all whole: the first row is data
        ("7\n8\n", [[7], [8]]),
        ("1,2\n", [[1, 2]]),
        ("x\n7\n", [[7]]),
        ("BMI,age\n20.5,7\n", [[20.5, 7]]),  # begins as a BMP picture does
    ],
)
def test_a_header_is_recognized(path: Path, text: str, numbers: list[list[float]]) -> None:
    assert read(path, text) == numbers


def test_the_column_of_the_labels_is_left_out(path: Path) -> None:
    text = "ax,ay,label\n1,2,idle\n3,4,walk\n"
    assert read(path, text, "label") == [[1, 2], [3, 4]]
    table = open_table(path, "label")
    assert read_column(table, table.column("label")) == ["idle", "walk"]
    assert read(path, "1,2,idle\n3,4,walk\n", "-1") == [[1, 2], [3, 4]]


CHOICES = {
    "ax,ay,az": [1, 2, 3],
    "az, ax": [3, 1],
    "1-3": [1, 2, 3],
    "ax-az": [1, 2, 3],
    "time,2-3": [0, 2, 3],
    "1--2": [1, 2, 3],
    "0": [0],
    "-1": [4],
    "-4--2": [1, 2, 3],
    "label,-2": [4, 3],
}


@pytest.mark.parametrize("choice", CHOICES)
def test_columns_are_chosen_by_name_number_or_range(path: Path, choice: str) -> None:
    path.write_text("time,ax,ay,az,label\n0,1,2,3,4\n5,6,7,8,9\n")
    assert open_table(path).choose(choice) == CHOICES[choice]


def test_a_name_is_a_column_before_it_is_a_number_or_range(path: Path) -> None:
    path.write_text('a,1-2,"x,y",7\n0.5,1,2,3\n4,5,6,7\n')
    table = open_table(path, "a")
    assert [table.choose(name) for name in ("1-2", "x,y", "7", "1-3")] == [[1], [2], [3], [1, 2, 3]]


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ("ax,aw", "has no column 'aw'; it has 4 columns: time, ax, ay, az\n  -> .*1-3"),
        ("4", "has no column '4'"),
        ("1-4", "has no column '1-4'"),
        ("", "has no column ''"),
        ("ax,", "has no column ''"),
        ("az-ax", "the range az-ax ends before it begins"),
        ("1-3,ay", "names the column ay twice"),
    ],
)
def test_a_wrong_choice_of_columns_is_explained(path: Path, choice: str, message: str) -> None:
    path.write_text("time,ax,ay,az\n0,1,2,3\n")
    with pytest.raises(InputError, match=message):
        open_table(path).choose(choice)


@given(positions=st.lists(st.integers(0, 11), min_size=1, unique=True), named=st.booleans())
def test_what_a_message_shows_chooses_the_same_columns(
    path: Path, positions: list[int], named: bool
) -> None:
    header = ",".join(f"c-{number}" for number in range(12)) + "\n"
    path.write_text(header * named + ",".join(["0.5"] * 12) + "\n")
    table = open_table(path)
    shown = table.as_typed(positions)
    assert table.choose(shown.rpartition(":")[2]) == positions


@pytest.mark.parametrize(("wanted", "labels"), [("0", ["0", "1", "0"]), ("-1", ["1", "1", "0"])])
def test_the_number_of_a_column_is_no_header(path: Path, wanted: str, labels: list[str]) -> None:
    path.write_text("0,-1,1\n1,5,1\n0,7,0\n")
    table = open_table(path, wanted)
    assert not table.names
    assert read_column(table, table.column(wanted)) == labels


def test_a_note_names_what_is_unusual(path: Path) -> None:
    for text in ("x;y\n1,5;2\n", "1;2\n3;4\n5;6\n7;8,5\n"):
        path.write_text(text)
        table = open_table(path)
        read_numbers(table)
        assert table.note == (
            "x.csv is separated by semicolons; decimal commas are read as decimal points"
        )
    read(path, ",x\n0,5\n")
    assert "the unnamed first column of x.csv counts rows" in open_table(path).note
    read(path, "1,2\n")
    assert not open_table(path).note


BAD: dict[str, tuple[str | bytes, str]] = {
    "text": ("x,y\n1,2\n3,four\n", "line 3, column 2 (y): 'four' is not a number"),
    "empty cell": ("1,2\n3,\n", "line 2, column 2: is empty"),
    "NaN": ("1,2\nnan,4\n", "line 2, column 1: nan is not a finite number"),
    "infinite": ("1,2\n3,1e999\n", "line 2, column 2: 1e999 is not a finite number"),
    "underscore": ("1,2\n3,1_000\n", "'1_000' is not a number"),
    "ragged": ("1,2\n3,4,5\n", "line 2: has 3 cells, but the first row has 2"),
    "short": ("1,2\n3\n", "line 2: has 1 cell, but the first row has 2"),
    "decimal comma": ('1.5,2\n"2,5",3\n', "'2,5' has a decimal comma"),
    "points, too": (
        "1.5;2\n3;1,234\n",
        "has a decimal comma in line 2, but a decimal point in line 1",
    ),
    "thousands": ("1,5\t2\n3\t1,234,567\n", "'1,234,567' is not a number"),
    "long line": ("1,2\n" + "0," * (1 << 21) + "0\n", "line 2: has more than 4,194,304 characters"),
    "empty": ("", "is empty"),
    "blank": ("\n \n", "is empty"),
    "only a header": ("x,y\n", "has a header, but no rows"),
    "not text": (b"1,2\n\xff\xfe,3\n", "is not UTF-8 text"),
    "UTF-16": ("1,2\n".encode("utf-16"), "is not UTF-8 text"),
    "quote": ('1,2\n"' + "3" * 200_000, "is not a CSV file: field larger than field limit"),
    "LFS": ("version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
    "page": ("<!DOCTYPE html>\n<p>1,2", "download the file itself"),
    "spreadsheet": (b"PK\3\4" + bytes(30), "it is a zip or .npz file"),
}


@pytest.mark.parametrize("rule", BAD)
def test_what_is_wrong_is_named_with_its_place(path: Path, rule: str) -> None:
    text, message = BAD[rule]
    with pytest.raises(InputError) as caught:
        read(path, text)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


def test_an_unknown_column_is_named_with_the_others(path: Path) -> None:
    path.write_text("ax,ay\n1,2\n")
    table = open_table(path)
    with pytest.raises(InputError, match="has no column 'az'; it has 2 columns: ax, ay"):
        table.column("az")
    with pytest.raises(InputError):
        table.column("2")


@given(st.lists(st.lists(NUMBERS, min_size=3, max_size=3), min_size=1, max_size=5))
def test_what_csv_writes_is_read(path: Path, rows: list[list[float]]) -> None:
    file = io.StringIO()
    csv.writer(file).writerows([["x", "y", "z"], *rows])
    assert read(path, file.getvalue()) == rows


@given(
    st.lists(st.lists(NUMBERS, min_size=2, max_size=4), min_size=2, max_size=4).filter(
        lambda rows: len({len(row) for row in rows}) == 1
    ),
    st.booleans(),
    st.sampled_from([(",", "."), (";", ","), (";", "."), ("\t", ",")]),
)
def test_what_pandas_writes_is_read(
    path: Path, rows: list[list[float]], index: bool, form: tuple[str, str]
) -> None:
    names = [f"c{number}" for number in range(len(rows[0]))]
    frame = pd.DataFrame(rows, columns=names)
    frame.to_csv(path, index=index, sep=form[0], decimal=form[1])
    assert np.allclose(read_numbers(open_table(path)), rows, rtol=1e-12, atol=0)


@given(st.one_of(st.text(max_size=200), st.binary(max_size=200)))
def test_any_text_is_read_or_refused(path: Path, text: str | bytes) -> None:
    content = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    try:
        numbers, message = read(path, content), str(path)
    except InputError as error:
        numbers, message = [], str(error)
    assert str(path) in message
    assert all(line.isprintable() for line in message.splitlines())
    assert np.isfinite(numbers).all()
