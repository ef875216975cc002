"""What commands do not import: packages that they do not need, and that are slow to load."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.year import write_year

# Each command in one process: what an earlier one imports, a later one must not need either.
_PROGRAM = """
import json, sys
from harness.cli.main import main
for command in json.loads(sys.argv[1]):
    try:
        code = main(command)
    except SystemExit as error:
        code = error.code
    print(json.dumps([code, sorted(sys.modules)]), file=sys.stderr)
"""
_OF_A_RUN = (
    "capstone",
    "elftools",
    "harness.engines.registry",
    "harness.golden",
    "harness.image.build",
    "harness.link.link_client",
    "harness.simulator",
    "harness.target.target_file",
    "pyocd",
    "serial",
    "tflite",
    "unicorn",
)
_OF_TABLES = ("matplotlib", "pandas", "ruptures", "scipy")
_OF_FARMS = ("grpc", "google.protobuf", "harness.board.labgrid.coordinator")
_OF_RESULTS = ("jinja2", "numpy", "sqlalchemy")
_NEVER = {
    "--help": (*_OF_RESULTS, *_OF_A_RUN, *_OF_TABLES, *_OF_FARMS),
    "trend": ("jinja2", *_OF_A_RUN, *_OF_TABLES, *_OF_FARMS),
    "compare": ("jinja2", *_OF_A_RUN, *_OF_TABLES, *_OF_FARMS),
    "report": (*_OF_A_RUN, *_OF_TABLES, *_OF_FARMS),
    "list": ("sqlalchemy", "pyocd", "unicorn", *_OF_TABLES, *_OF_FARMS),
}


def imported(folder: Path, *commands: list[str]) -> list[set[str]]:
    """Return the modules that were imported after each of `commands`."""
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, json.dumps(commands)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("[")]
    assert [code for code, _ in lines] == [0] * len(commands), done.stderr
    return [set(modules) for _, modules in lines]


def test_commands_do_not_import_what_they_do_not_need(tmp_path: Path) -> None:
    pytest.importorskip("grpc")  # otherwise nothing could import it
    (tmp_path / "harness.toml").touch()
    write_year(tmp_path / "reports" / "runs", nights=2)
    number = ["--metric=instructions", "--model=digits", "--target=virtual-stm32"]
    commands = (
        ["--help"],
        ["trend", *number],
        ["compare", "last", "last"],
        ["report"],
    )
    found = imported(tmp_path, *commands)
    found += imported(tmp_path, ["list", "targets"])
    for command, modules in zip(_NEVER, found, strict=True):
        assert modules.intersection(_NEVER[command]) == set(), command
