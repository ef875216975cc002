"""The document of `harness run`: Records, what could not run, and the gate's judgement."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from harness.errors import ExitCode, HarnessError
from harness.report.json_documents.compared_number import ComparedNumber, keys_of
from harness.report.json_documents.named_combination import NamedCombination
from harness.results.judge.gate import Judgement
from harness.results.outcome import Outcome, outcome_of
from harness.results.record import Record
from harness.support.json_output import Document, Problem


class RecordedRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run and its Record."""

    outcome: Outcome
    """The Record's verdict; `ran` if only some vectors ran, too few for a verdict."""
    file: str
    """Path of the Record's file. It is empty if the file could not be written."""
    record: Record
    """The Record."""


class FailedRun(NamedCombination, frozen=True, kw_only=True):
    """A run that an infrastructure error ended, or that was not tried after one."""

    error: Problem
    """What happened."""


class JudgedNumber(ComparedNumber, frozen=True, kw_only=True):
    """A number that is worse than its baseline, or that cannot be compared with it."""

    budget: str = ""
    """How much worse it may get, such as `1 %`. It is empty if it cannot be compared."""


class GateJudgement(msgspec.Struct, frozen=True, kw_only=True):
    """The judgement of the gate on a run that passed."""

    run: str
    """Id of the Record."""
    passes: bool
    """Whether the gate lets the run pass."""
    baseline: str = ""
    """Id of the baseline's Record. It is empty if the combination has no baseline."""
    accepted: str = ""
    """The day when the baseline was accepted."""
    other_model: bool = False
    """Whether the network is another one than the accepted one."""
    numbers: list[JudgedNumber]
    """The numbers that keep the run from passing."""


class RunDocument(Document, frozen=True, tag="tinyml-harness/run/1"):
    """`harness run`: every run, with its Record."""

    passed: bool
    """Whether everything ran and passed, as the exit code 0 says."""
    selected: int
    """How many runs the options select."""
    complete: bool
    """Whether each of them ran or failed. An interruption leaves some out."""
    runs: list[RecordedRun]
    """The runs, in their order."""
    not_run: list[FailedRun]
    """The runs that infrastructure errors ended."""
    gate: list[GateJudgement] | None
    """With `--baseline`, the judgement on each run. It is null without, and if a run failed."""
    errors: list[Problem]
    """What else failed: the upload to a store, or what ended the runs early."""
    notes: list[str]
    """What the numbers do not show."""


@dataclass
class RunResults:
    """What came out of the runs until now; `selected` are the runs that the options select."""

    selected: int
    records: list[Record] = field(default_factory=list)
    paths: list[Path] = field(default_factory=list)
    not_run: list[FailedRun] = field(default_factory=list)
    judgements: list[Judgement] | None = None
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether each of the selected runs ran or failed."""
        return len(self.records) + len(self.not_run) == self.selected

    @property
    def code(self) -> ExitCode:
        """The exit code, if nothing interrupted the runs."""
        if any(record.verdict != "passed" for record in self.records):
            return ExitCode.FAILED
        if any(judgement.fails for judgement in self.judgements or ()):
            return ExitCode.REGRESSION
        return ExitCode.INFRASTRUCTURE if self.problems or self.not_run else ExitCode.PASSED


def run_document(results: RunResults) -> RunDocument:
    """Return `results` as a document."""
    judgements = results.judgements
    files = [str(path) for path in results.paths]
    files += [""] * (len(results.records) - len(files))  # a Record could not be written
    return RunDocument(
        passed=results.complete and results.code is ExitCode.PASSED,
        selected=results.selected,
        complete=results.complete,
        runs=[
            RecordedRun(outcome=outcome_of(record), file=file, record=record)
            for record, file in zip(results.records, files, strict=True)
        ],
        not_run=results.not_run,
        gate=None if judgements is None else list(map(gate_judgement, judgements)),
        errors=results.problems,
        notes=results.notes,
    )


def failed_run(names: Sequence[str], error: HarnessError) -> FailedRun:
    """Return that `error` ended the run of the combination with these `names`."""
    target, model, engine, toolchain, opt = names
    return FailedRun(
        target=target,
        model=model,
        engine=engine,
        toolchain=toolchain,
        opt=opt,
        error=Problem.of(error),
    )


def gate_judgement(judgement: Judgement) -> GateJudgement:
    """Return `judgement` for a document."""
    baseline = judgement.baseline
    judged = [(delta, str(allowance)) for delta, allowance in judgement.worse]
    judged += [(delta, "") for delta in judgement.not_comparable]
    return GateJudgement(
        run=judgement.record.id,
        passes=not judgement.fails,
        baseline=baseline.record.id if baseline else "",
        accepted=baseline.accepted if baseline else "",
        other_model=judgement.other_model,
        numbers=[JudgedNumber(**keys_of(delta), budget=budget) for delta, budget in judged],
    )
