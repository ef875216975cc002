"""Runs the five benchmarks one after the other, and collects their outcomes."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from harness.errors import ExitCode, HarnessError, InputError
from harness.model import tflite_file
from harness.model.folder import Model
from harness.model.metric import reached
from harness.model.mlperf_benchmarks import BENCHMARKS, Benchmark, benchmark_of
from harness.runs.mlperf.mlperf_run import MlperfRun


@dataclass(frozen=True)
class Outcome:
    """The outcome of a benchmark: the run, or why there is none; `code` is its exit code.

    A benchmark without a model has no code, and is not a failure.
    """

    benchmark: Benchmark
    run: MlperfRun | None = None
    reason: str = ""
    code: ExitCode | None = None

    @property
    def reached(self) -> bool:
        """Whether the benchmark's quality target was reached."""
        return self.run is not None and _reaches(self.run, self.benchmark)


def _reaches(run: MlperfRun, benchmark: Benchmark) -> bool:
    return reached(benchmark.metric, run.quality, benchmark.quality_target)


def models_of(models: Iterable[Model]) -> dict[str, Model]:
    """Return the model of each benchmark, by ID; `InputError` if a benchmark has two models."""
    by_benchmark: dict[str, Model] = {}
    for model in models:
        benchmark = benchmark_of(model, tflite_file.parse(model.tflite, where=str(model.path)))
        if benchmark is None:
            continue
        other = by_benchmark.setdefault(benchmark.id, model)
        if other is not model:
            raise InputError(
                f"{other.name} and {model.name} are both for {benchmark.id}",
                where="--model",
                remedy="name one of them with --model",
            )
    return by_benchmark


def run_all(models: Mapping[str, Model], run: Callable[[Model, str], MlperfRun]) -> list[Outcome]:
    """Run each benchmark that has a model; a failure does not stop the others.

    `run` is called with the model and the benchmark's ID.
    """
    return [_run(each, models.get(each.id), run) for each in BENCHMARKS.values()]


def _run(
    benchmark: Benchmark, model: Model | None, run: Callable[[Model, str], MlperfRun]
) -> Outcome:
    if model is None:
        return Outcome(
            benchmark,
            reason="no model: harness models import-mlperf makes its folder, docs/mlperf.md",
        )
    try:
        result = run(model, benchmark.id)
    except HarnessError as error:
        return Outcome(benchmark, reason=str(error), code=error.exit_code)
    passed = _reaches(result, benchmark) and not result.failures()
    return Outcome(benchmark, result, code=ExitCode.PASSED if passed else ExitCode.FAILED)
