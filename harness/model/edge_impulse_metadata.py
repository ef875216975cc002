"""The macros of an export's `model_metadata.h`, and the labels in its `model_variables.h`.

Both are C; only the relevant lines are parsed.
"""

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from harness.errors import InputError
from harness.model.edge_impulse_folders import DEPLOY_AGAIN, METADATA
from harness.support.input_file import MAX_TEXT, read_input

_DEFINE = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(\w+)[ \t]+(.+)$", re.MULTILINE)
_COMMENT = re.compile(r'("(?:[^"\\]|\\.)*")|//.*|/\*.*?\*/')  # skips string literals
_TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"')
_CATEGORIES = re.compile(
    r"\bei_classifier_inferencing_categories\w*\s*\[[^\]]*\]\s*=\s*"
    r'\{\s*((?:"(?:[^"\\]|\\.)*"[\s,]*)*)\}'
)
_IMPULSES = re.compile(r"\bei_impulse_t\s+(?!ei_default_impulse)\w+\s*=")
_MAX_EXPANSIONS = 8  # of a macro that expands to another macro's name
_MAX_COUNT = 1 << 24


class Metadata:
    """The macros of `model_metadata.h`; of several definitions, the first counts."""

    def __init__(self, folder: Path) -> None:
        """Read the file in the `folder` model-parameters; `InputError` if that fails."""
        self._path = folder / Path(METADATA).name
        self._defined: Mapping[str, str] = {
            name: _COMMENT.sub(r"\1", value).strip()
            for name, value in reversed(_DEFINE.findall(_read(self._path)))
        }

    def text(self, name: str, default: str) -> str:
        """Return the string literal of EI_CLASSIFIER_`name`; it may be missing."""
        literal = _TEXT.fullmatch(self._value(name, f'"{default}"'))
        if literal is None:
            raise self.wrong(name, "is not a string literal")
        return literal[1]

    def word(self, name: str) -> str:
        """Return the value of EI_CLASSIFIER_`name` as it is written, without a common prefix."""
        return self._defined.get(f"EI_CLASSIFIER_{name}", "").removeprefix("EI_CLASSIFIER_")

    def number(self, name: str, default: float | None = None) -> float:
        """Return the number of EI_CLASSIFIER_`name`, which may be missing if it has a default."""
        value = self._value(name, None if default is None else str(default))
        try:
            number = float(value.strip("()").rstrip("fF"))
        except ValueError:
            raise self.wrong(name, f"{value!r} is not a number") from None
        if not np.isfinite(number):
            raise self.wrong(name, f"{value!r} is not finite")
        return number

    def integer(self, name: str, default: int | None = None) -> int:
        """Return the integer of EI_CLASSIFIER_`name`."""
        number = self.number(name, default)
        if number != int(number):
            raise self.wrong(name, f"{number:g} is not an integer")
        return int(number)

    def count(self, name: str, least: int = 1, default: int | None = None) -> int:
        """Return the integer of EI_CLASSIFIER_`name`, a size."""
        number = self.integer(name, default)
        if not least <= number < _MAX_COUNT:
            raise self.wrong(name, f"{number} is out of range")
        return number

    def _value(self, name: str, default: str | None) -> str:
        """Return the value of EI_CLASSIFIER_`name`, with macros expanded."""
        value = self._defined.get(f"EI_CLASSIFIER_{name}", default)
        if value is None:
            raise self.wrong(name, "is missing")
        for _ in range(_MAX_EXPANSIONS):
            value = self._defined.get(value, value)
        return value

    def wrong(self, name: str, what: str, remedy: str = DEPLOY_AGAIN) -> InputError:
        """Return the error that says `what` is wrong with EI_CLASSIFIER_`name`."""
        return InputError(what, where=f"{self._path}: EI_CLASSIFIER_{name}", remedy=remedy)


class Variables:
    """The labels in `model_variables.h`, and how many impulses it has.

    In SDKs from before 2022, `model_metadata.h` has the labels.
    """

    def __init__(self, folder: Path) -> None:
        """Read the file in the `folder` model-parameters; `InputError` if that fails."""
        path = folder / "model_variables.h"
        self._path = path if path.exists() else folder / Path(METADATA).name
        self._source = _read(self._path)

    @property
    def impulses(self) -> int:
        """Number of impulses; 1 in SDKs from before there could be several."""
        return max(len(_IMPULSES.findall(self._source)), 1)

    def labels(self, count: int) -> tuple[str, ...]:
        """Return the labels of the impulse that has `count` of them; `InputError` if none has."""
        lists = [
            tuple(re.sub(r"\\(.)", r"\1", text) for text in _TEXT.findall(found))
            for found in _CATEGORIES.findall(self._source)
        ]
        if not lists:
            raise InputError(
                "has no ei_classifier_inferencing_categories",
                where=str(self._path),
                remedy=DEPLOY_AGAIN,
            )
        labels = next((each for each in lists if len(each) == count), lists[0])
        if len(labels) != count or len(set(labels)) != count:
            raise InputError(
                f"has the labels {', '.join(labels) or 'none'}, but {METADATA} has {count}",
                where=str(self._path),
                remedy="the two files come from different deployments, or were edited: "
                + DEPLOY_AGAIN,
            )
        return labels


def _read(path: Path) -> str:
    return read_input(path, MAX_TEXT).decode("utf-8", errors="replace")
