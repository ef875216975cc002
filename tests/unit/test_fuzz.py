"""That the fuzzers' harnesses fail where they should: bugs are planted into the parsers."""

import shutil
from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from harness.link import frame
from tests.fuzz.parsers import (
    FRAME,
    LINK,
    MLPERF,
    PARSERS,
    CrashedError,
    Parser,
    Replay,
    build_replay,
    find_libfuzzer,
    fuzz,
)
from tests.support import host

SECONDS = 60  # far more than the second or two that it takes


class Bug(NamedTuple):
    """A bug in a `parser`: `wrong` in place of `right`."""

    parser: Parser
    source: str
    right: str
    wrong: str


BUGS = {
    "a LOAD past the input's end": Bug(
        LINK,
        "link/link.c",
        "count > device->input_size - offset",
        "count > device->input_size - offset + 1U",
    ),
    "a frame answered twice": Bug(
        LINK,
        "link/link.c",
        "send_error(current.device, 0, ERROR_BAD_FRAME, 0);",
        "send_error(current.device, 0, ERROR_BAD_FRAME, 0), send_empty(current.device, 0x82, 0);",
    ),
    "a frame past the buffer's end": Bug(
        FRAME,
        "link/frame.c",
        "decoder->length == decoder->capacity",
        "decoder->length == decoder->capacity + 1U",
    ),
    "a db load that is too large": Bug(
        MLPERF,
        "mlperf/mlperf.c",
        "(uint32_t)size > session.device->input_size",
        "size > 27648",
    ),
    "a command past the buffer's end": Bug(
        MLPERF,
        "mlperf/mlperf.c",
        "if (session.length < MLPERF_COMMAND_SIZE)",
        "if (session.length <= MLPERF_COMMAND_SIZE + 1U)",
    ),
}
FAR = {
    "a LOAD past the input's end": LINK.seeds["a session"],
    "a frame past the buffer's end": b"\x08" + frame.encode(b"abc"),
    "a db load that is too large": MLPERF.seeds["more after the end"],
}
"""Lines from which a fuzzer has some way to go to the bug."""


def plant(bug: Bug, folder: Path) -> Path:
    """Return a copy of the parsers with the bug."""
    for name in ("link", "mlperf"):
        shutil.copytree(host.FIRMWARE / name, folder / name)
    text = (folder / bug.source).read_text()
    assert text.count(bug.right) == 1
    (folder / bug.source).write_text(text.replace(bug.right, bug.wrong))
    return folder


@pytest.mark.parametrize("parser", PARSERS, ids=lambda parser: parser.name)
def test_the_seeds_break_no_rule(parser: Parser, tmp_path: Path) -> None:
    build_replay(parser, tmp_path / "replay")
    with Replay(tmp_path / "replay") as replay:
        for line in parser.seeds.values():
            replay(line)


@pytest.mark.parametrize("case", BUGS)
def test_the_seeds_find_a_planted_bug(case: str, tmp_path: Path) -> None:
    bug = BUGS[case]
    build_replay(bug.parser, tmp_path / "replay", plant(bug, tmp_path / "firmware"))
    with (
        Replay(tmp_path / "replay") as replay,
        pytest.raises(CrashedError, match=r"AddressSanitizer|runtime error|: not "),
    ):
        deque(map(replay, bug.parser.seeds.values()))


@pytest.mark.parametrize("case", FAR)
def test_the_fuzzer_finds_a_planted_bug(case: str, tmp_path: Path) -> None:
    clang = find_libfuzzer()
    if clang is None:
        pytest.skip("no clang with libFuzzer: install clang and libclang-rt-dev, or set CLANG")
    bug = BUGS[case]
    parser = replace(bug.parser, seeds={"one": FAR[case]})
    process = fuzz(parser, clang, tmp_path, SECONDS, plant(bug, tmp_path / "firmware"))
    try:
        failed = process.wait(2 * SECONDS) != 0
    finally:
        process.kill()
        process.wait()
    log = (tmp_path / "log").read_text(errors="replace")
    assert failed, log
    assert list(tmp_path.glob("crash-*")), log
