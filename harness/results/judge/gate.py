"""The gate: compares runs with their baselines, within budgets."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.results.judge.baseline import BUDGETS, Baseline, read_baselines
from harness.results.judge.budgets import Allowance, KnownNames, read_budgets
from harness.results.judge.compare import Comparison, Delta, History, compare
from harness.results.judge.history import history_of
from harness.results.judge.metrics import known_names, metric_of
from harness.results.record import Record
from harness.workspace import Workspace

_WITHOUT_FLAG = 4  # the first parts of a combination, up to the flag
_GATE = "fail if a run is worse than its baseline in FOLDER by more than the budgets there allow"


def add_baseline_option(add: Callable[..., Any], text: str = _GATE) -> None:
    """Declare `--baseline` with the help `text` through `add`, which is argparse's or pytest's."""
    add("--baseline", type=Path, metavar="FOLDER", help=text)


@dataclass(frozen=True)
class Judgement:
    """The judgement of the gate on a run.

    Without a baseline there is no comparison. `worse` are the numbers that got worse by more than
    their budgets. `not_comparable` are numbers of the baseline that the gate has to judge and
    cannot compare. `other_model`: the network is not the accepted one. If the run `fails`, the
    gate does not let it pass.
    """

    record: Record
    baseline: Baseline | None
    comparison: Comparison | None
    worse: Sequence[tuple[Delta, Allowance]]
    not_comparable: Sequence[Delta]
    other_model: bool
    fails: bool


class Gate:
    """The baselines and budgets in `folder`, for runs of `workspace`.

    `store` is the URL of the store with the history; empty: the local index. `baselines` take the
    place of those in the folder. Raises `InputError` for an invalid file.
    """

    def __init__(
        self,
        folder: Path,
        workspace: Workspace,
        store: str = "",
        baselines: Sequence[Baseline] | None = None,
    ) -> None:
        self.folder = folder
        self._history: Callable[[Record], History] = lambda record: history_of(
            record, store, workspace
        )
        accepted = read_baselines(folder) if baselines is None else baselines
        self._baselines = {each.record.combination: each for each in accepted}
        self._budgets = read_budgets(folder / BUDGETS, self._known_names(workspace))

    def judge(self, record: Record, history: History | None = None) -> Judgement:
        """Compare a run that passed with its baseline.

        If the combination has none, a single baseline that differs only in the flag serves.
        Callers that have the `history` of the run pass it.
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
        not_comparable = [d for d in comparison.judged("not comparable") if _has_to_be_judged(d)]
        other_model = record.model.digest != baseline.record.model.digest
        fails = bool(worse or not_comparable or (other_model and self._budgets.new_fails))
        return Judgement(record, baseline, comparison, worse, not_comparable, other_model, fails)

    def _baseline_of(self, record: Record) -> Baseline | None:
        key = record.combination
        if key in self._baselines:
            return self._baselines[key]
        alike = [
            baseline
            for other, baseline in self._baselines.items()
            if other[:_WITHOUT_FLAG] == key[:_WITHOUT_FLAG]
        ]
        return alike[0] if len(alike) == 1 else None

    def _budget_of(self, delta: Delta, record: Record) -> Allowance:
        return self._budgets.of(delta, record.model.name, record.target.name)

    def _known_names(self, workspace: Workspace) -> KnownNames:
        # Late: commands without baselines need neither models nor targets.
        from harness.model.folder import list_models  # noqa: PLC0415
        from harness.target.find_target import list_targets  # noqa: PLC0415

        records = [baseline.record for baseline in self._baselines.values()]
        return KnownNames(
            metrics=known_names().union(*(record.numbers for record in records)),
            models={*list_models(workspace.models), *(r.model.name for r in records)},
            targets={*list_targets(workspace.targets), *(r.target.name for r in records)},
        )


def _has_to_be_judged(delta: Delta) -> bool:
    """Tell whether the baseline has the number, and the gate judges numbers of this name."""
    return bool(
        delta.old is not None and delta.old.kind != "estimated" and metric_of(delta.name).better
    )
