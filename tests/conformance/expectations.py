"""What the manuals expect of the cases: cases.toml."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_FILE = Path(__file__).parent / "cases.toml"
_ABSENT = "absent"


@dataclass(frozen=True)
class Case:
    """A case: what it must show, and the section of a manual that says so."""

    program: str
    expected: str
    section: str

    def deviates(self, shown: str) -> bool:
        """Whether `shown` is neither what is expected, nor the lack of a whole device."""
        return shown not in {self.expected, _ABSENT}


def titles() -> Mapping[str, str]:
    """Return the titles of the programs by their names."""
    return {name: program["title"] for name, program in _read().items()}


def cases() -> Mapping[str, Case]:
    """Return the cases by their names, in the order of the file.

    Raises `ValueError` for a section of a case that does not exist.
    """
    found = {}
    for program, table in _read().items():
        sections = table.get("sections", {})
        if unknown := set(sections) - set(table["expected"]):
            raise ValueError(f"{_FILE}: {program} has no case {', '.join(sorted(unknown))}")
        for name, expected in table["expected"].items():
            section = sections.get(name, table["manual"])
            found[f"{program}.{name}"] = Case(program, expected, section)
    return found


def is_absent(shown: str) -> bool:
    """Whether a case shows that the emulator lacks the device."""
    return shown == _ABSENT


def _read() -> dict[str, Any]:
    return tomllib.loads(_FILE.read_text(encoding="utf-8"))
