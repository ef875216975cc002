"""Renode's own scripts without the firmware that they download."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.board.renode.script import without_downloads

URL = b"@https://example.org/zephyr.elf-s_408460-78d9"
OTHERS = st.sampled_from(
    [b"mach create $name", b"$app?=" + URL, b"sysbus LoadELF $bin", b"#$bin?=" + URL, b"\xff", b""]
)
DOWNLOADS = st.sampled_from(
    [b"$bin?=" + URL, b"$elf ?= " + URL, b"\t$bin?=\t" + URL + b" ", b"$bin?=@http://example.org/a"]
)


def text_of(script: bytes, folder: Path) -> bytes:
    path = folder / "board.resc"
    path.write_bytes(script)
    found = without_downloads(path, folder)
    assert path.read_bytes() == script
    return found.read_bytes()


@given(st.lists(st.tuples(OTHERS, st.none() | DOWNLOADS)))
def test_only_lines_that_would_download_unused_firmware_are_left_out(
    tmp_path_factory: pytest.TempPathFactory, lines: list[tuple[bytes, bytes | None]]
) -> None:
    whole = [line for pair in lines for line in pair if line is not None]
    kept = [line for line, _ in lines]
    text = text_of(b"\n".join(whole), tmp_path_factory.getbasetemp())
    assert [line for line in text.split(b"\n") if line] == [line for line in kept if line]


@pytest.mark.parametrize(
    "line",
    [
        b"$bin=" + URL,  # it replaces the firmware of the harness
        b"$bin?=@my.elf",
        b"$bin?=" + URL + b"\ni $ORIGIN/more.resc",  # beside the script, not beside a copy
    ],
)
def test_other_scripts_stay_as_they_are(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "board.resc"
    path.write_bytes(line)
    assert without_downloads(path, tmp_path) == path


def test_a_script_in_renodes_folder_is_renodes_to_find(tmp_path: Path) -> None:
    relative = Path("scripts/single-node/nowhere.resc")
    assert without_downloads(relative, tmp_path) == relative
