"""Which lines of the firmware a fuzzer's corpus reaches."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.fuzz.parsers import Parser, build_fuzzer
from tests.support import host

_INSTRUMENT = ("-fprofile-instr-generate", "-fcoverage-mapping")


def coverage(parser: Parser, clang: str, folder: Path) -> Iterator[str]:
    """Yield a line for each source of `parser`, having run the corpus in `folder` once more."""
    program, raw, merged = (folder / name for name in ("covered", "raw", "merged"))
    build_fuzzer(parser, clang, program, *_INSTRUMENT)
    _run([str(program), "-runs=0", str(folder / "corpus")], {"LLVM_PROFILE_FILE": str(raw)})
    _run([_tool(clang, "llvm-profdata"), "merge", str(raw), "-o", str(merged)])
    export = [_tool(clang, "llvm-cov"), "export", str(program), f"-instr-profile={merged}"]
    (report,) = json.loads(_run(export))["data"]
    for source in parser.sources:
        path = str(host.FIRMWARE / source)
        lines = next(f["summary"]["lines"] for f in report["files"] if f["filename"] == path)
        never = [
            f["name"] for f in report["functions"] if path in f["filenames"] and not f["count"]
        ]
        unreached = f"; never called: {', '.join(never)}" if never else ""
        yield f"{source}: {lines['covered']} of {lines['count']} lines{unreached}"


def _tool(clang: str, name: str) -> str:
    return _run([clang, f"-print-prog-name={name}"]).strip()


def _run(command: list[str], environment: dict[str, str] | None = None) -> str:
    return subprocess.run(
        command, env=environment, check=True, capture_output=True, text=True, timeout=300
    ).stdout
