"""The four benchmarks, one after the other: which are there, and what came of each."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from harness.errors import ExitCode, HarnessError, InputError
from harness.model import tflite_file
from harness.model.folder import Model
from harness.model.mlperf_benchmarks import BENCHMARKS, Benchmark, benchmark_of
from harness.runs.mlperf.mlperf_run import MlperfRun


@dataclass(frozen=True)
class Outcome:
    """What came of a benchmark: the run, or why there is none; `code` as the command's exit code.

    A benchmark for which no model is there has none, and is no failure.
    """

    benchmark: Benchmark
    run: MlperfRun | None = None
    reason: str = ""
    code: ExitCode | None = None

    @property
    def reached(self) -> bool:
        """Whether the quality target of the rules was reached."""
        return self.run is not None and self.run.quality >= self.benchmark.quality_target


def models_of(models: Iterable[Model]) -> dict[str, Model]:
    """Return the model of each benchmark, by its ID; `InputError` if there are two of one."""
    found: dict[str, Model] = {}
    for model in models:
        benchmark = benchmark_of(model, tflite_file.parse(model.tflite, where=str(model.path)))
        if benchmark is None:
            continue
        other = found.setdefault(benchmark.id, model)
        if other is not model:
            raise InputError(
                f"{other.name} and {model.name} are both for {benchmark.id}",
                where="--model",
                remedy="name one of them with --model",
            )
    return found


def run_all(models: Mapping[str, Model], run: Callable[[Model, str], MlperfRun]) -> list[Outcome]:
    """Run each benchmark that a model is there for; what fails does not end the others.

    `run` takes the model and the benchmark's ID.
    """
    return [_run(one, models.get(one.id), run) for one in BENCHMARKS.values()]


def _run(
    benchmark: Benchmark, model: Model | None, run: Callable[[Model, str], MlperfRun]
) -> Outcome:
    if model is None:
        return Outcome(
            benchmark,
            reason="no model: harness models import-mlperf makes its folder, docs/mlperf.md",
        )
    try:
        found = run(model, benchmark.id)
    except HarnessError as error:
        return Outcome(benchmark, reason=str(error), code=error.exit_code)
    passed = found.quality >= benchmark.quality_target and not found.failures()
    return Outcome(benchmark, found, code=ExitCode.PASSED if passed else ExitCode.FAILED)
