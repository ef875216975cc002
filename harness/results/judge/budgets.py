"""Budgets: by how much a number may get worse than its baseline; a reviewed TOML file."""

import math
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from harness.errors import InputError
from harness.results.judge.change_points import LEAST_CHANGE
from harness.results.judge.compare import Delta
from harness.results.judge.metrics import metric_of
from harness.support import toml_file
from harness.support.suggestions import suggest

_ALLOWANCE = re.compile(r"(?P<value>\d+(\.\d+)?([eE]-?\d+)?)\s*(?P<unit>%|[A-Za-z]+)")


class _Budget(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much worse a number may get."""

    metric: str
    """Name of a number, or a pattern such as `energy_*`."""
    worse: float | str
    """How much worse the number may get: a share of the old number (`"2%"`), an amount with its
    unit (`"512 byte"`), or a plain number if the metric has no unit.
    """
    model: str = "*"
    """Name of a model, or a pattern."""
    target: str = "*"
    """Name of a target, or a pattern."""


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    new: Literal["fail", "tell"] = "fail"
    """What happens to a run without a baseline, or with another network than its baseline's."""
    budget: list[_Budget] = []
    """The budgets. The last one that matches counts."""


@dataclass(frozen=True)
class Allowance:
    """By how much a number may get worse: in its unit, or as a share of the old number."""

    value: float
    unit: str = ""  # empty: a share

    def covers(self, delta: Delta) -> bool:
        """Tell whether the two numbers differ by no more."""
        return abs(delta.difference if self.unit else delta.relative) <= self.value

    def __str__(self) -> str:
        if self.unit in {"", "1"}:
            return f"{self.value:g}" if self.unit else f"{100 * self.value:g} %"
        return f"{self.value:,g} {self.unit}"


NONE = Allowance(0.0)
"""The budget of exact numbers."""
LEAST = Allowance(LEAST_CHANGE)
"""The budget of measured ones, whose levels are one if they differ by less."""


@dataclass(frozen=True)
class Names:
    """What a budget may be for: what the repository has, and what its baselines hold."""

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
    """By how much numbers may get worse, and whether a run that has no baseline fails."""

    new_fails: bool = True
    rules: Sequence[_Rule] = ()

    def of(self, delta: Delta, model: str, target: str) -> Allowance:
        """Return the budget of a number; of the rules that match, the last counts."""
        for rule in reversed(self.rules):
            if all(map(fnmatchcase, (delta.name, model, target), rule[:3])):
                return rule.allowance
        return LEAST if delta.kind == "measured" else NONE


def read_budgets(path: Path, names: Names) -> Budgets:
    """Read the budgets in the file `path`; where there is none, nothing may get worse.

    Raises `InputError` naming the key for whatever does not stand for something in `names`.
    """
    if not path.exists():
        return Budgets()
    file = toml_file.read(path, _File)
    rules = [
        _rule(budget, names, f"{path}: budget[{place}]") for place, budget in enumerate(file.budget)
    ]
    return Budgets(file.new == "fail", rules)


def _rule(budget: _Budget, names: Names, where: str) -> _Rule:
    metrics = _matching("metric", budget.metric, names.metrics, where)
    _matching("model", budget.model, names.models, where)
    _matching("target", budget.target, names.targets, where)
    allowance = _allowance(budget.worse, f"{where}.worse")
    judged = [name for name in metrics if metric_of(name).better and metric_of(name).compared]
    if not judged:
        raise InputError(
            f"{budget.metric!r} is never better or worse, so there is no budget for it",
            where=f"{where}.metric",
        )
    for name in judged if allowance.unit else ():
        unit = metric_of(name).unit
        if unit != allowance.unit:
            raise InputError(
                f"{name} is counted in {_shown(unit)}, not in {_shown(allowance.unit)}",
                where=f"{where}.worse",
                remedy='a share fits all, as in worse = "2%"',
            )
    return _Rule(budget.metric, budget.model, budget.target, allowance)


def _matching(what: str, pattern: str, names: Collection[str], where: str) -> list[str]:
    """Return the `names` that a pattern stands for; `InputError` if it is for none."""
    found = [name for name in names if fnmatchcase(name, pattern)]
    if not found and pattern != "*":
        raise InputError(
            f"unknown {what} {pattern!r}", where=f"{where}.{what}", remedy=suggest(pattern, names)
        )
    return found


def _allowance(worse: float | str, where: str) -> Allowance:
    """Return what `512`, `0.01`, `"512 byte"` or `"2%"` allow."""
    if isinstance(worse, str):
        found = _ALLOWANCE.fullmatch(worse.strip())
        value, unit = (float(found["value"]), found["unit"]) if found else (math.nan, "")
    else:
        value, unit = worse, "1"
    if not 0 <= value < math.inf:
        raise InputError(
            f"{worse!r} is no budget",
            where=where,
            remedy='give a share, "2%", or a number with its unit, "512 byte"; without for counts',
        )
    return Allowance(value / 100) if unit == "%" else Allowance(value, unit)


def _shown(unit: str) -> str:
    return "numbers without a unit" if unit == "1" else unit
