"""`make fuzz-protocol`: libFuzzer on every parser of the firmware, all at the same time.

What it found worth keeping stays in build/fuzz and is where the next time begins.
"""

import re
import subprocess
import sys
from pathlib import Path

from tests.fuzz.coverage import coverage
from tests.fuzz.parsers import PARSERS, Parser, build_fuzzer, find_libfuzzer

BUILD = Path(__file__).parents[2] / "build" / "fuzz"
LONGEST = 4096  # bytes of a line; the link's largest frame is a fourth of it
_GRACE = 60  # seconds to start, and to end


def main(seconds: int) -> int:
    """Fuzz for so many seconds; return how many parsers failed."""
    clang = find_libfuzzer()
    if clang is None:
        sys.exit(
            "Fuzzing needs a clang with libFuzzer, on PATH or named by CLANG:\n"
            "    Debian, Ubuntu: sudo apt-get install clang libclang-rt-dev\n"
            "    macOS:          brew install llvm; Apple's own clang has no libFuzzer\n"
            "Without it `make test` gives the parsers the seeds and random lines, under the\n"
            "sanitizers of cc."
        )
    print(f"{seconds} s of libFuzzer on each of {', '.join(p.name for p in PARSERS)}", flush=True)
    started = [(parser, start(parser, clang, BUILD / parser.name, seconds)) for parser in PARSERS]
    failed = 0
    for parser, process in started:
        try:
            failed += process.wait(seconds + _GRACE) != 0
        finally:
            process.kill()
            process.wait()
        tell(parser, clang, BUILD / parser.name)
    return failed


def start(parser: Parser, clang: str, folder: Path, seconds: int) -> "subprocess.Popen[bytes]":
    """Start a fuzzer in `folder`, from the seeds and what it found before."""
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, line in enumerate(parser.seeds.values()):
        (corpus / f"seed-{number}").write_bytes(line)
    command = [str(folder / "fuzzer"), str(corpus), f"-artifact_prefix={folder}/"]
    command += [f"-max_total_time={seconds}", f"-max_len={LONGEST}", "-print_final_stats=1"]
    if parser.words:
        words = folder / "words"
        words.write_text("".join(f'"{word}"\n' for word in parser.words))
        command.append(f"-dict={words}")
    build_fuzzer(parser, clang, folder / "fuzzer")
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(command, stdout=log, stderr=log)


def tell(parser: Parser, clang: str, folder: Path) -> None:
    """Print what a fuzzer did: how often, what it found, and which lines it reached."""
    log = (folder / "log").read_text(errors="replace")
    count = re.search(r"number_of_executed_units: (\d+)", log)
    executed = f"{int(count[1]):,}" if count else "unknown"
    found = re.search(r"Test unit written to (\S+)", log)
    print(f"{parser.name}: {executed} executions, {'a finding' if found else 'no finding'}")
    if found:
        print(
            f"    {_reason(log)}\n    see {folder / 'log'}; again: {folder / 'fuzzer'} {found[1]}"
        )
    for line in coverage(parser, clang, folder):
        print(f"    {line}", flush=True)


def _reason(log: str) -> str:
    reasons = [
        line for line in log.splitlines() if re.search(r"ERROR: |runtime error:|: not ", line)
    ]
    return reasons[0] if reasons else "see the log"


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
