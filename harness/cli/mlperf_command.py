"""`harness mlperf`: MLPerf Tiny's five benchmarks over their own protocol."""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

from harness.board.board_options import BoardOptions
from harness.engines.registry import Engine, find_engine
from harness.errors import ExitCode, InputError
from harness.image.prebuilt import PrebuiltFirmware
from harness.image.toolchain import Toolchain, find_toolchain
from harness.measure.energy.meters.metering import Metering
from harness.model.folder import Model
from harness.model.mlperf_benchmarks import BENCHMARKS
from harness.options.idle_options import check_all
from harness.options.json_option import add_json_option
from harness.options.run_options import add_windows, board_options, plan_of, with_energy_baud
from harness.options.selection import Selection, add_options, notes_of
from harness.report.folders_note import print_note
from harness.report.json_documents.mlperf_document import (
    MlperfDocument,
    Submission,
    benchmark_results,
)
from harness.report.mlperf_submission import check_name, write_submission
from harness.report.mlperf_table import print_outcomes
from harness.results.farm.keep_failure import noting_failure
from harness.results.record import Record
from harness.results.recording import RecordElsewhereError, keep_record, record_of
from harness.runs.bench import mlperf_bench
from harness.runs.health import Health
from harness.runs.mlperf.mlperf_run import MlperfRun
from harness.runs.mlperf.suite import Outcome, models_of, run_all
from harness.runs.request import RunRequest
from harness.support.json_output import Problem
from harness.support.json_stream import JsonOutput
from harness.support.progress import Progress
from harness.support.suggestions import suggest
from harness.support.terminal import Terminal
from harness.target.target_file import Target
from harness.workspace import Workspace

_ORGANIZATION = "organization"


def declare(parsers: Mapping[str, argparse.ArgumentParser]) -> None:
    """Declare the options of the commands, whose parsers are `parsers`."""
    parser = parsers["mlperf"]
    add_options(parser.add_argument)
    BoardOptions.add_options(parser.add_argument)
    Metering.add_options(parser.add_argument)
    add_windows(parser.add_argument)
    add = parser.add_argument
    add(
        "--elf",
        action="append",
        default=[],
        dest="firmware",
        metavar="ID=FILE",
        help="run the prebuilt firmware in FILE for the benchmark ID, which is "
        f"{', '.join(BENCHMARKS)}",
    )
    add(
        "--submission",
        type=Path,
        metavar="DIR",
        help="write a folder in the format of a submission",
    )
    add(
        "--organization",
        metavar="NAME",
        help=f"the submitter (default: {_ORGANIZATION})",
    )
    add_json_option(add)
    parser.set_defaults(command=_mlperf)


def _mlperf(options: argparse.Namespace, workspace: Workspace) -> int:
    progress: Progress = options.progress
    with progress.step("reading the targets and models"):
        selection = Selection.of(options, workspace)
        check_all(options, selection)
        target, engine, toolchain = _one(selection)
    metering = Metering.of(options)
    metering.check(target)
    if metering.spec:
        target = with_energy_baud(target)
    firmware = _firmware(options.firmware)
    _check_submission(options)
    models = models_of(map(selection.model, selection.models))
    errors: list[RecordElsewhereError] = []
    records: dict[str, tuple[Record, Path | None]] = {}

    def run(model: Model, benchmark: str) -> MlperfRun:
        request = RunRequest(
            target=target,
            model=model,
            workspace=workspace,
            engine=firmware.get(benchmark, engine),
            toolchain=toolchain,
            progress=progress,
            board_options=board_options(options),
            metering=metering,
            protocol="mlperf-tiny",
            plan=plan,
            health=health,
        )
        with (
            progress.step(request.title),
            noting_failure(request),
            mlperf_bench(request) as dut,
        ):
            result = dut.run()
        record = record_of(result, workspace)
        records[benchmark] = record, None
        try:
            records[benchmark] = record, keep_record(record, workspace)
        except RecordElsewhereError as error:  # the table shows the run all the same
            records[benchmark] = record, error.path
            errors.append(error)
        return result

    plan, health = plan_of(options), Health()
    with metering:
        outcomes = run_all(models, run)
    output: JsonOutput | None = options.json_output
    if not output:
        print_outcomes(outcomes, target.name, Terminal())
        if records and not options.quiet:
            print(f"records: {workspace.runs}")
            print_note(workspace, Terminal())
    submission = _submitted(outcomes, options)
    for error in errors:
        print(f"harness: {error}", file=sys.stderr)
    code = ExitCode.INFRASTRUCTURE if errors else _code(outcomes)
    if output:
        output.print(
            MlperfDocument(
                target=target.name,
                passed=code is ExitCode.PASSED,
                benchmarks=benchmark_results(outcomes, records),
                submission=submission,
                errors=list(map(Problem.of, errors)),
                notes=notes_of(selection),
            )
        )
    elif submission:
        print(f"submission: {submission.folder}, without", *submission.missing, sep="\n  ")
        print("Not a valid submission: the rules accept only results of the official runners.")
    return code


def _check_submission(options: argparse.Namespace) -> None:
    if options.organization is not None and options.submission is None:
        raise InputError(
            "does nothing without --submission",
            where="--organization",
            remedy="add --submission, or remove it",
        )
    check_name(options.organization or _ORGANIZATION, "--organization")
    if options.submission is not None and options.submission.exists():
        raise InputError(
            "exists already", where=str(options.submission), remedy="name a new folder"
        )


def _one(selection: Selection) -> tuple[Target, Engine, Toolchain]:
    """Return the target, engine and toolchain; a submission describes a single system."""
    for name in ("targets", "engines", "toolchains", "opts"):
        if len(getattr(selection, name)) != 1:
            raise InputError(
                f"{', '.join(getattr(selection, name))}: only one is allowed",
                where=f"--{name[:-1]}",
                remedy="name one, because the benchmarks run on one system",
            )
    toolchain = find_toolchain(selection.toolchains[0], selection.opts[0])
    return selection.target(selection.targets[0]), find_engine(selection.engines[0]), toolchain


def _firmware(values: list[str]) -> dict[str, PrebuiltFirmware]:
    """Return the prebuilt firmware by benchmark, from values ID=FILE."""
    firmware = {}
    for text in values:
        benchmark, _, file = text.partition("=")
        if benchmark not in BENCHMARKS or not file:
            raise InputError(
                f"{text!r} is not ID=FILE with the ID of a benchmark",
                where="--elf",
                remedy=suggest(benchmark, (f"{name}=FILE" for name in BENCHMARKS)),
            )
        firmware[benchmark] = PrebuiltFirmware(Path(file))
    return firmware


def _submitted(outcomes: list[Outcome], options: argparse.Namespace) -> Submission | None:
    if options.submission is None:
        return None
    missing = write_submission(outcomes, options.submission, options.organization or _ORGANIZATION)
    return Submission(folder=str(options.submission), missing=missing)


def _code(outcomes: list[Outcome]) -> ExitCode:
    """Return the exit code: errors take priority over verdicts."""
    codes = [outcome.code for outcome in outcomes if outcome.code is not None]
    if not codes:
        raise InputError(
            "there is no model for a benchmark",
            where="harness mlperf",
            remedy="make a model folder with harness models import-mlperf (docs/mlperf.md)",
        )
    errors = [code for code in codes if code not in {ExitCode.PASSED, ExitCode.FAILED}]
    if errors:
        return max(errors)
    return ExitCode.FAILED if ExitCode.FAILED in codes else ExitCode.PASSED
