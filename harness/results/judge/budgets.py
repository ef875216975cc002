"""Budgets: how much worse than its baseline a number may get. They are a reviewed TOML file."""

import math
import os
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from harness.errors import InputError
from harness.results.judge.change_points import MIN_CHANGE
from harness.results.judge.compare import Delta
from harness.results.judge.metrics import metric_of
from harness.support import toml_file
from harness.support.suggestions import suggest
from harness.support.toml_file import Section

_ALLOWANCE = re.compile(r"(?P<value>\d+(\.\d+)?([eE]-?\d+)?)\s*(?P<unit>%|[A-Za-z]+)")


class _Budget(Section, frozen=True):
    """How much worse a number may get."""

    metric: str
    """Name of a number, or a pattern such as `energy_*`."""
    worse: float | str
    """How much worse the number may get: a share of the old number (`"2%"`), an amount with its
    unit (`"512 byte"`), or a plain number if the metric has no unit or that of the labels.
    """
    model: str = "*"
    """Name of a model, or a pattern."""
    target: str = "*"
    """Name of a target, or a pattern."""


class BudgetsFile(Section, frozen=True):
    """The whole file."""

    new: Literal["fail", "report"] = "fail"
    """What happens to a run without a baseline, or with another network than its baseline's: it
    fails, or it is only reported.
    """
    budget: list[_Budget] = msgspec.field(default_factory=list)
    """The budgets. If several match a number, the last one applies."""


@dataclass(frozen=True)
class Allowance:
    """How much worse a number may get: in its unit, or as a share of the old number."""

    value: float
    unit: str = ""  # empty for a share

    def covers(self, delta: Delta) -> bool:
        """Tell whether the change is within the allowance."""
        return abs(delta.difference if self.unit else delta.relative) <= self.value

    def __str__(self) -> str:
        if self.unit in {"", "1"}:
            return f"{self.value:g}" if self.unit else f"{100 * self.value:g} %"
        return f"{self.value:,g} {self.unit}"


_EXACT_DEFAULT = Allowance(0.0)
_MEASURED_DEFAULT = Allowance(MIN_CHANGE)  # levels that differ by less count as equal


@dataclass(frozen=True)
class KnownNames:
    """The names that a budget may have: those in the repository and in its baselines."""

    metrics: Collection[str]
    models: Collection[str]
    targets: Collection[str]


class _Rule(NamedTuple):
    metric: str
    model: str
    target: str
    allowance: Allowance


@dataclass(frozen=True)
class Budgets:
    """How much worse numbers may get, and whether a run without a baseline fails."""

    new_fails: bool = True
    rules: Sequence[_Rule] = ()

    def of(self, delta: Delta, model: str, target: str) -> Allowance:
        """Return the budget of a number. If several rules match, the last one applies."""
        for rule in reversed(self.rules):
            if all(map(fnmatchcase, (delta.name, model, target), rule[:3])):
                return rule.allowance
        return _MEASURED_DEFAULT if delta.kind == "measured" else _EXACT_DEFAULT


def read_budgets(path: Path, names: KnownNames) -> Budgets:
    """Read the budgets in the file `path`; without a file, every number has its default budget.

    Raises `InputError` with the key if a pattern matches nothing in `names`, or a value is wrong.
    """
    if not os.path.lexists(path):
        return Budgets()
    file = toml_file.read(path, BudgetsFile)
    rules = [
        _rule(budget, names, f"{path}: budget[{index}]") for index, budget in enumerate(file.budget)
    ]
    return Budgets(file.new == "fail", rules)


def _rule(budget: _Budget, names: KnownNames, where: str) -> _Rule:
    metrics = _matching("metric", budget.metric, names.metrics, where)
    _matching("model", budget.model, names.models, where)
    _matching("target", budget.target, names.targets, where)
    allowance = _allowance(budget.worse, f"{where}.worse")
    judged = [name for name in metrics if metric_of(name).better and metric_of(name).compared]
    if not judged:
        raise InputError(
            f"{budget.metric!r} has no better or worse, so it cannot have a budget",
            where=f"{where}.metric",
        )
    for name in judged if allowance.unit else ():
        unit = metric_of(name).unit
        if (unit or "1") != allowance.unit:
            plain = "" if unit else ", as a plain number"
            raise InputError(
                f"{name} is in {_unit_text(unit)}, not in {_unit_text(allowance.unit)}",
                where=f"{where}.worse",
                remedy=f'use the unit of the metric{plain}, or a share: worse = "2%"',
            )
    return _Rule(budget.metric, budget.model, budget.target, allowance)


def _matching(what: str, pattern: str, names: Collection[str], where: str) -> list[str]:
    """Return the `names` that match a pattern; raises `InputError` if none does."""
    matching = [name for name in names if fnmatchcase(name, pattern)]
    if not matching and pattern != "*":
        raise InputError(
            f"unknown {what} {pattern!r}", where=f"{where}.{what}", remedy=suggest(pattern, names)
        )
    return matching


def _allowance(worse: float | str, where: str) -> Allowance:
    """Return the allowance for a value such as `512`, `0.01`, `"512 byte"` or `"2%"`."""
    if isinstance(worse, str):
        match = _ALLOWANCE.fullmatch(worse.strip())
        value, unit = (float(match["value"]), match["unit"]) if match else (math.nan, "")
    else:
        value, unit = worse, "1"
    if not 0 <= value < math.inf:
        raise InputError(
            f"{worse!r} is not a budget",
            where=where,
            remedy='give a share ("2%"), an amount with its unit ("512 byte"), or a plain number',
        )
    return Allowance(value / 100) if unit == "%" else Allowance(value, unit)


def _unit_text(unit: str) -> str:
    return {"1": "numbers without a unit", "": "the unit of the labels"}.get(unit, unit)
