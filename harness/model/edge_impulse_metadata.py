"""The macros of an export's `model_metadata.h`, and the impulse in its `model_variables.h`.

Both are C; only the relevant lines are parsed. Of several impulses, the macros may describe
another than the one that run_classifier() runs, so what its own definition says counts first.
"""

import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

import numpy as np

from harness.errors import InputError
from harness.model.edge_impulse_folders import DEPLOY_AGAIN, METADATA
from harness.support.input_file import MAX_TEXT, read_input

_DEFINE = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(\w+)[ \t]+(.+)$", re.MULTILINE)
_COMMENT = re.compile(r'("(?:[^"\\]|\\.)*")|//.*|/\*.*?\*/')  # skips string literals
_TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"')
_CATEGORIES = re.compile(
    r"\b(ei_classifier_inferencing_categories\w*)\s*\[[^\]]*\]\s*=\s*"
    r'\{\s*((?:"(?:[^"\\]|\\.)*"[\s,]*)*)\}'
)
_IMPULSE = re.compile(r"\bei_impulse_t\s+(?P<name>\w+)\s*=\s*\{(?P<fields>.*?)\}\s*;", re.DOTALL)
_FIELD = re.compile(r'\.(?P<name>\w+)\s*=\s*(?P<value>"(?:[^"\\]|\\.)*"|[^,"]+)')
_DEFAULT = re.compile(r"\bei_default_impulse\s*=\s*(?P<name>\w+)\s*;")
_HANDLE = r"\bei_impulse_handle_t\s+{name}\s*=[^;&]*&\s*(?P<impulse>\w+)"  # of newer SDKs
_NETWORK = re.compile(r'#[ \t]*include[ \t]+"tflite-model/(\w*(?:_learn_|_compiled)\w*)\.h"')
_MAX_EXPANSIONS = 8  # of a macro that expands to another macro's name
_MAX_COUNT = 1 << 24


class Metadata:
    """The macros of `model_metadata.h`; of several definitions, the first counts.

    The fields of an impulse that have the name of a macro count before it.
    """

    def __init__(self, folder: Path, impulse: Mapping[str, str]) -> None:
        """Read the file in the `folder` model-parameters; `InputError` if that fails."""
        self._impulse = impulse
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
        return _unescaped(literal[1])

    def word(self, name: str) -> str:
        """Return the value of EI_CLASSIFIER_`name` as it is written, without a common prefix."""
        return (self._written(name) or "").removeprefix("EI_CLASSIFIER_")

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
        value = self._written(name) or default
        if value is None:
            raise self.wrong(name, "is missing")
        for _ in range(_MAX_EXPANSIONS):
            value = self._defined.get(value, value)
        return value

    def _written(self, name: str) -> str | None:
        """Return the value of EI_CLASSIFIER_`name` as it is written; None if it is missing."""
        return self._impulse.get(name.lower(), self._defined.get(f"EI_CLASSIFIER_{name}"))

    def wrong(self, name: str, what: str, remedy: str = DEPLOY_AGAIN) -> InputError:
        """Return the error that says `what` is wrong with EI_CLASSIFIER_`name`."""
        return InputError(what, where=f"{self._path}: EI_CLASSIFIER_{name}", remedy=remedy)


class Variables:
    """The impulses in `model_variables.h`: how many, and the fields and labels of the default one.

    In SDKs from before 2022, `model_metadata.h` has the labels.
    """

    def __init__(self, folder: Path) -> None:
        """Read the file in the `folder` model-parameters; `InputError` if that fails."""
        path = folder / "model_variables.h"
        self._path = path if path.exists() else folder / Path(METADATA).name
        self._source = _read(self._path)
        self._impulses = {
            found["name"]: found["fields"] for found in _IMPULSE.finditer(self._source)
        }

    @property
    def impulses(self) -> int:
        """Number of impulses; 1 in SDKs from before there could be several."""
        return max(len(self._impulses), 1)

    @cached_property
    def default_impulse(self) -> Mapping[str, str]:
        """What the impulse that run_classifier() runs tells beyond the macros, by the field.

        That is all of its fields if there are several impulses. Of a single one, the macros tell
        more: without labels, its label_count is 1.
        """
        default = _DEFAULT.search(self._source)
        name = default["name"] if default else ""
        if handle := re.search(_HANDLE.format(name=re.escape(name)), self._source):
            name = handle["impulse"]
        found = _FIELD.finditer(self._impulses.get(name, ""))
        fields = {field["name"]: field["value"].strip() for field in found}
        if self.impulses == 1:
            return {name: fields[name] for name in ("results_type",) if name in fields}
        if "deploy_version" in fields:
            fields["project_deploy_version"] = fields["deploy_version"]
        if (labels := self._lists.get(fields.get("categories", ""))) is not None:
            fields["label_count"] = str(len(labels))
        return fields

    @cached_property
    def _lists(self) -> Mapping[str, tuple[str, ...]]:
        return {
            name: tuple(_unescaped(text) for text in _TEXT.findall(found))
            for name, found in _CATEGORIES.findall(self._source)
        }

    @property
    def network(self) -> list[str]:
        """Names of the network's sources, without their ends; none in SDKs from before 2023."""
        return _NETWORK.findall(self._source)

    def labels(self, count: int) -> tuple[str, ...]:
        """Return the labels of the default impulse, which has `count`; `InputError` if it hasn't.

        The list may be that of another impulse unless the default one names it.
        """
        lists = self._lists
        if not lists:
            raise InputError(
                "has no ei_classifier_inferencing_categories",
                where=str(self._path),
                remedy=DEPLOY_AGAIN,
            )
        named = lists.get(self.default_impulse.get("categories", ""))
        of_count = (each for each in lists.values() if len(each) == count)
        labels = named or next(of_count, next(iter(lists.values())))
        if len(labels) != count or len(set(labels)) != count:
            raise InputError(
                f"has the labels {', '.join(labels) or 'none'}, but {METADATA} has {count}",
                where=str(self._path),
                remedy="the two files come from different deployments, or were edited: "
                + DEPLOY_AGAIN,
            )
        return labels


def _unescaped(literal: str) -> str:
    return re.sub(r"\\(.)", r"\1", literal)


def _read(path: Path) -> str:
    return read_input(path, MAX_TEXT).decode("utf-8", errors="replace")
