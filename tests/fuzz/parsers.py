"""The firmware's parsers and what builds them for a fuzzer, or to replay lines to them."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.support import host, mlperf_cases
from tests.support.link_cases import FRAMES, LINES

HERE = Path(__file__).parent
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
_FLAGS = ("-std=c11", "-g", "-O1", "-Wall", "-Wextra", "-Wshadow", "-Werror", *SANITIZERS)
_LONGEST = 4096  # bytes of a line; the link's largest frame is a fourth of it
_LINK = ("link/frame.c", "link/link.c")


@dataclass(frozen=True)
class Parser:
    """A parser of the firmware.

    `sources` in firmware/ are what is tested, `harness` in tests/fuzz runs and checks it,
    `mutator` there changes lines for libFuzzer, which has `words` to try; `seeds` are the lines
    to begin with.
    """

    name: str
    sources: tuple[str, ...]
    harness: str
    seeds: Mapping[str, bytes]
    options: tuple[str, ...] = ()
    mutator: str = ""
    words: tuple[str, ...] = ()


FRAME = Parser(
    name="frame",
    sources=("link/frame.c",),
    harness="fuzz_frame.c",
    seeds={name: b"\xff" + line for name, (line, _) in FRAMES.items()},
)
LINK = Parser(
    name="link",
    sources=_LINK,
    harness="fuzz_link.c",
    seeds=LINES,
    options=("-DLINK_TRACE", "-DLINK_PROFILE", "-DLINK_STATE"),
    mutator="mutate_link.c",
)
MEASURED_LINK = Parser(name="measured link", sources=_LINK, harness="fuzz_link.c", seeds=LINES)
"""The link as it is where neither TRACE nor PROFILE is known: in the measured image."""

MLPERF = Parser(
    name="mlperf",
    sources=("mlperf/mlperf.c", "mlperf/text.c"),
    harness="fuzz_mlperf.c",
    seeds=mlperf_cases.LINES,
    words=mlperf_cases.WORDS,
)

PARSERS = (FRAME, LINK, MLPERF)


class CrashedError(AssertionError):
    """A parser broke one of its rules, or a sanitizer stopped it."""


def find_libfuzzer() -> str | None:
    """Return a clang that has libFuzzer: $CLANG, or clang on PATH; None if it has not."""
    clang = os.environ.get("CLANG", "clang")
    if shutil.which(clang) is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "empty.c"
        source.write_text(
            "int LLVMFuzzerTestOneInput(const unsigned char *data, unsigned long size) {\n"
            "    return data == 0 && size;\n"
            "}\n"
        )
        command = [clang, "-fsanitize=fuzzer,address,undefined", str(source)]
        found = subprocess.run(
            [*command, "-o", str(source.with_suffix(""))],
            capture_output=True,
            check=False,
            timeout=60,
        )
    return clang if found.returncode == 0 else None


def build_fuzzer(
    parser: Parser, clang: str, program: Path, *options: str, firmware: Path = host.FIRMWARE
) -> None:
    """Build `program`, which is libFuzzer around the parser in `firmware`."""
    mutator = [HERE / parser.mutator] if parser.mutator else []
    _compile([clang, "-fsanitize=fuzzer", *options], parser, firmware, mutator, program)


def fuzz(
    parser: Parser, clang: str, folder: Path, seconds: int, firmware: Path = host.FIRMWARE
) -> "subprocess.Popen[bytes]":
    """Start libFuzzer on the parser in `firmware`; the caller owns the process.

    It begins with the seeds and what it found before in `folder`, which gets its log and the line
    that breaks a rule.
    """
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, line in enumerate(parser.seeds.values()):
        (corpus / f"seed-{number}").write_bytes(line)
    build_fuzzer(parser, clang, folder / "fuzzer", firmware=firmware)
    command = [str(folder / "fuzzer"), str(corpus), f"-artifact_prefix={folder}/"]
    if parser.words:
        words = folder / "words"
        words.write_text("".join(f'"{word}"\n' for word in parser.words))
        command.append(f"-dict={words}")
    command += [f"-max_total_time={seconds}", f"-max_len={_LONGEST}", "-print_final_stats=1"]
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(command, stdout=log, stderr=log)


def build_replay(parser: Parser, program: Path, firmware: Path = host.FIRMWARE) -> None:
    """Build `program`, which gives the parser in `firmware` what a `Replay` sends."""
    _compile([host.compiler()], parser, firmware, [HERE / "replay.c"], program)


def _compile(
    compiler: list[str], parser: Parser, firmware: Path, others: list[Path], program: Path
) -> None:
    folders = sorted({str((firmware / source).parent) for source in parser.sources})
    command = [*compiler, *_FLAGS, *parser.options, f"-I{HERE}", *(f"-I{path}" for path in folders)]
    command += [str(path) for path in (HERE / parser.harness, *others)]
    command += [str(firmware / source) for source in parser.sources]
    subprocess.run([*command, "-o", str(program)], check=True, timeout=120)


class Replay:
    """A `program` of build_replay, to give lines to: each to a device started anew.

    To be used in a `with`, which ends it.
    """

    def __init__(self, program: Path) -> None:
        self._program = program
        self._log = program.with_suffix(".log")
        self._process = self._start()

    def _start(self) -> "subprocess.Popen[bytes]":
        with self._log.open("wb") as log:
            return subprocess.Popen(
                [str(self._program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        with suppress(BrokenPipeError):
            self._process.communicate()

    def __call__(self, line: bytes) -> bytes:
        """Return what the device sends when `line` comes.

        Raises `CrashedError` if that ends the program, which is started again.
        """
        process = self._process
        assert process.stdin
        assert process.stdout
        with suppress(BrokenPipeError):  # then nothing is read
            process.stdin.write(len(line).to_bytes(4, sys.byteorder) + line)
            process.stdin.flush()
        size = process.stdout.read(4)
        if len(size) < 4:
            self.__exit__()
            why = self._log.read_text()
            self._process = self._start()
            raise CrashedError(f"on the line was {line.hex(' ')}\n{why}")
        return process.stdout.read(int.from_bytes(size, sys.byteorder))
