"""Damaged files of every kind: a parser returns, or says what is wrong; it never gives up.

`MUTATIONS=1000` tries as many of each kind; `make faults` tries many more, too.
"""

import os
from pathlib import Path

import pytest

from harness.errors import HarnessError
from tests.support.mutations import PARSERS, Parser, built, try_mutation

MUTATIONS = int(os.environ.get("MUTATIONS", "100"))


def check(name: str, parser: Parser, folder: Path) -> None:
    original = parser.original()
    for seed in range(MUTATIONS):
        try:
            try_mutation(parser, original, folder, f"{name}/{seed}")
        except BaseException as error:
            error.add_note(f"{name}, seed {seed}: {folder / parser.name}")
            raise


@pytest.mark.timeout(300 + MUTATIONS)
@pytest.mark.parametrize("name", PARSERS)
def test_a_damaged_file_is_read_or_refused(name: str, tmp_path: Path) -> None:
    check(name, PARSERS[name], tmp_path)


@pytest.mark.timeout(300 + MUTATIONS)
@pytest.mark.parametrize("name", ["ELF", "static library"])
def test_a_damaged_program_is_read_or_refused(name: str, tmp_path: Path) -> None:
    parsers = built(tmp_path)
    if not parsers:
        pytest.skip("arm-none-eabi-gcc is not on PATH: see `make system`")
    check(name, parsers[name], tmp_path / "damaged")


@pytest.mark.parametrize("name", PARSERS)
def test_the_undamaged_file_is_read(name: str, tmp_path: Path) -> None:
    """Otherwise the damage would not be what is tested."""
    parser = PARSERS[name]
    for file, content in {**parser.beside, parser.name: parser.original}.items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_bytes(content())
    parser.read(tmp_path / parser.name)


def test_the_undamaged_program_is_read(tmp_path: Path) -> None:
    for parser in built(tmp_path).values():
        path = tmp_path / parser.name
        path.write_bytes(parser.original())
        try:
            parser.read(path)
        except HarnessError as error:
            pytest.fail(str(error))
