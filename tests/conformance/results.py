"""What emulators show instead of what the manuals expect, as it was last seen: results.toml."""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.conformance.expectations import Case

_FILE = Path(__file__).parent / "results.toml"
_TITLE = "# Written by `python -m docs.generate.conformance`.\n"


@dataclass(frozen=True)
class Results:
    """How an emulator of this version differs: what a case shows, if not what is expected."""

    version: str
    deviations: Mapping[str, str]


def results_of(version: str, shown: Mapping[str, str], cases: Mapping[str, Case]) -> Results:
    """Return the results of a run.

    Raises `ValueError` unless exactly `cases` ran.
    """
    if difference := set(shown) ^ set(cases):
        raise ValueError(f"cases.toml and the programs differ: {', '.join(sorted(difference))}")
    return Results(
        version, {name: shown[name] for name in cases if shown[name] != cases[name].expected}
    )


def read_results() -> dict[str, Results]:
    """Return the last results by the name of the emulator."""
    if not _FILE.is_file():
        return {}
    tables = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    return {name: Results(table["version"], table["deviations"]) for name, table in tables.items()}


def write_results(results: Mapping[str, Results]) -> None:
    """Write the results down."""
    parts = []
    for name, one in results.items():
        lines = [f"[{name}]", f"version = {json.dumps(one.version)}", "", f"[{name}.deviations]"]
        lines += [
            f"{json.dumps(case)} = {json.dumps(shown)}" for case, shown in one.deviations.items()
        ]
        parts.append("\n".join(lines))
    _FILE.write_text(_TITLE + "\n\n".join(["", *parts]).lstrip("\n") + "\n", encoding="utf-8")
