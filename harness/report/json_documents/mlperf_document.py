"""The document of `harness mlperf`: the five benchmarks."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from harness.errors import ExitCode
from harness.report.mlperf_table import reasons_of
from harness.results.record import Record
from harness.runs.mlperf.suite import Outcome
from harness.support.json_output import Document, Problem

Judged = Literal["passed", "failed", "not run"]


class BenchmarkResult(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one benchmark."""

    benchmark: str
    """ID of the benchmark."""
    outcome: Judged
    """Whether it reached the quality target of the rules, and golden."""
    quality_target: float
    """The quality target of the rules."""
    reasons: list[str]
    """Why it failed or did not run, and what its numbers lack."""
    exit_code: int | None
    """Its exit code. It is null if there is no model for the benchmark."""
    record: Record | None
    """The Record of the run."""
    file: str
    """Path of the Record's file. It is empty if there is none."""


class Submission(msgspec.Struct, frozen=True, kw_only=True):
    """The folder in the format of a submission. Only the official runners make a valid one."""

    folder: str
    """Path of the folder."""
    missing: list[str]
    """What it lacks."""


class MlperfDocument(Document, frozen=True, tag="tinyml-harness/mlperf/1"):
    """`harness mlperf`: MLPerf Tiny's benchmarks on one target."""

    target: str
    """Name of the target."""
    passed: bool
    """Whether every benchmark that has a model passed."""
    benchmarks: list[BenchmarkResult]
    """The five benchmarks."""
    submission: Submission | None
    """The submission. It is null without `--submission`."""
    errors: list[Problem]
    """What failed after the runs."""
    notes: list[str]
    """What else the user should know."""


def benchmark_results(
    outcomes: Sequence[Outcome], records: Mapping[str, tuple[Record, Path | None]]
) -> list[BenchmarkResult]:
    """Return the results; `records` has the Record and its file by benchmark."""
    results = []
    for outcome in outcomes:
        record, path = records.get(outcome.benchmark.id, (None, None))
        results.append(
            BenchmarkResult(
                benchmark=outcome.benchmark.id,
                outcome=_outcome(outcome),
                quality_target=outcome.benchmark.quality_target,
                reasons=reasons_of(outcome),
                exit_code=None if outcome.code is None else int(outcome.code),
                record=record,
                file=str(path or ""),
            )
        )
    return results


def _outcome(outcome: Outcome) -> Judged:
    if outcome.run is None:
        return "not run"
    return "passed" if outcome.code is ExitCode.PASSED else "failed"
