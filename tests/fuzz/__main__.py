"""`make fuzz-protocol`: libFuzzer on every parser of the firmware, all at the same time.

What it found worth keeping stays in build/fuzz and is where the next time begins.
"""

import re
import sys
from pathlib import Path

from tests.fuzz.coverage import coverage
from tests.fuzz.parsers import PARSERS, Parser, find_libfuzzer, fuzz

BUILD = Path(__file__).parents[2] / "build" / "fuzz"
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
    started = [(parser, fuzz(parser, clang, BUILD / parser.name, seconds)) for parser in PARSERS]
    failed = 0
    for parser, process in started:
        try:
            ended_well = process.wait(seconds + _GRACE) == 0
        finally:
            process.kill()
            process.wait()
        failed += not ended_well
        tell(parser, clang, BUILD / parser.name, ended_well)
    return failed


def tell(parser: Parser, clang: str, folder: Path, ended_well: bool) -> None:
    """Print what a fuzzer did: how often, what it found, and which lines it reached."""
    log = (folder / "log").read_text(errors="replace")
    count = re.search(r"number_of_executed_units: (\d+)", log)
    executed = f"{int(count[1]):,}" if count else "unknown"
    print(f"{parser.name}: {executed} executions, {'no finding' if ended_well else 'it failed'}")
    if not ended_well:
        line = re.search(r"Test unit written to (\S+)", log)
        again = f"; again: {folder / 'fuzzer'} {line[1]}" if line else ""
        print(f"    {_reason(log)}\n    see {folder / 'log'}{again}")
    for text in coverage(parser, clang, folder):
        print(f"    {text}", flush=True)


def _reason(log: str) -> str:
    reasons = [
        line for line in log.splitlines() if re.search(r"ERROR: |runtime error:|: not ", line)
    ]
    return reasons[0] if reasons else "see the log"


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
