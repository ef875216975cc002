"""`python -m tests.chips`: builds for all chips that pyOCD knows by itself; prints how many."""

import os
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from harness.errors import InputError
from harness.target.chip_target import derive_chip
from tests.chips.chip_build import Built, Refused, build, with_flash_and_ram

_LEAST = 195


def main() -> int:
    """Build for all chips, and print what was built and what was refused."""
    chips = with_flash_and_ram()
    groups: dict[str, list[str]] = {}
    for chip in chips:
        groups.setdefault(_core(chip), []).append(chip)
    longest_first = sorted(groups.values(), key=len, reverse=True)
    with (
        tempfile.TemporaryDirectory() as root,
        ThreadPoolExecutor(os.cpu_count()) as pool,
    ):
        results = [
            result
            for group in pool.map(lambda group: _build(group, Path(root)), longest_first)
            for result in group
        ]
    built = [result for result in results if isinstance(result, Built)]
    refused = [result for result in results if isinstance(result, Refused)]
    for what, count in sorted(Counter(f"{each.core}: {each.image}" for each in built).items()):
        print(f"{count:4}  {what}")
    print(f"{len(built)} of {len(chips)} chips of pyOCD with flash and RAM have an image.")
    for result in refused:
        print(f"refused: {result.chip}: {result.reason}")
    return 0 if len(built) >= _LEAST else 1


def _core(chip: str) -> str:
    try:
        return derive_chip(chip).mcu.core
    except InputError:
        return ""


def _build(chips: list[str], root: Path) -> list[Built | Refused]:
    """Build for the chips of one core, one after another: they share folders."""
    return [build(chip, root) for chip in chips]


if __name__ == "__main__":
    sys.exit(main())
