"""The gate: runs against their baselines, within budgets."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.model.folder import list_models
from harness.results.judge.baseline import BUDGETS, Baseline, read_baselines
from harness.results.judge.budgets import Allowance, Names, read_budgets
from harness.results.judge.compare import Comparison, Delta, History, compare
from harness.results.judge.history import history_of
from harness.results.judge.metrics import known_names, metric_of
from harness.results.record import Record
from harness.target.find_target import list_targets
from harness.workspace import Workspace

_ANY_FLAG = 4  # how much of a combination is the same if a flag is not


def add_baseline_option(add: Callable[..., Any]) -> None:
    """Declare `--baseline` through `add`, which is argparse's or pytest's."""
    add(
        "--baseline",
        type=Path,
        metavar="FOLDER",
        help="fail if a run got worse than its baseline in FOLDER, beyond the budgets there",
    )


@dataclass(frozen=True)
class Judgement:
    """What the gate says of a run.

    Without a baseline there is no comparison. `worse` are the numbers that got worse beyond
    their budgets, and `unjudged` those that cannot be compared, but were in the baseline to be.
    `other_model`: the network is not the one that was accepted.
    """

    record: Record
    baseline: Baseline | None
    comparison: Comparison | None
    worse: Sequence[tuple[Delta, Allowance]]
    unjudged: Sequence[Delta]
    other_model: bool
    fails: bool


class Gate:
    """The baselines and budgets in `folder`, for runs of `workspace`.

    `store` is the URL of the store that the history is read from; empty: the local index.
    Raises `InputError` for a file that is not what it should be.
    """

    def __init__(self, folder: Path, workspace: Workspace, store: str = "") -> None:
        self.folder = folder
        self._history: Callable[[Record], History] = lambda record: history_of(
            record, store, workspace
        )
        self._baselines = {each.record.combination: each for each in read_baselines(folder)}
        self._budgets = read_budgets(folder / BUDGETS, self._names(workspace))

    def judge(self, record: Record, history: History | None = None) -> Judgement:
        """Compare a run that passed with its baseline; one with another flag will do.

        `history` is there already for who has read it.
        """
        baseline = self._baseline_of(record)
        if baseline is None:
            new_fails = self._budgets.new_fails
            return Judgement(record, None, None, (), (), other_model=False, fails=new_fails)
        comparison = compare(baseline.record, record, history or self._history(record))
        worse = [
            (delta, allowance)
            for delta in comparison.judged("worse")
            for allowance in [self._budget_of(delta, record)]
            if delta.kind != "estimated" and not allowance.covers(delta)
        ]
        unjudged = [delta for delta in comparison.judged("not comparable") if _counts(delta)]
        other_model = record.model.digest != baseline.record.model.digest
        fails = bool(worse or unjudged or (other_model and self._budgets.new_fails))
        return Judgement(record, baseline, comparison, worse, unjudged, other_model, fails)

    def _baseline_of(self, record: Record) -> Baseline | None:
        key = record.combination
        if key in self._baselines:
            return self._baselines[key]
        near = [
            baseline
            for other, baseline in self._baselines.items()
            if other[:_ANY_FLAG] == key[:_ANY_FLAG]
        ]
        return near[0] if len(near) == 1 else None

    def _budget_of(self, delta: Delta, record: Record) -> Allowance:
        return self._budgets.of(delta, record.model.name, record.target.name)

    def _names(self, workspace: Workspace) -> Names:
        records = [baseline.record for baseline in self._baselines.values()]
        return Names(
            metrics=known_names().union(*(record.numbers for record in records)),
            models={*list_models(workspace.models), *(r.model.name for r in records)},
            targets={*list_targets(workspace.targets), *(r.target.name for r in records)},
        )


def _counts(delta: Delta) -> bool:
    """Tell whether a number that cannot be compared was in the baseline to be."""
    return bool(
        delta.old is not None and delta.old.kind != "estimated" and metric_of(delta.name).better
    )
