"""`harness mlperf`: MLPerf Tiny's four benchmarks over their own protocol."""

import argparse
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from harness.board.board_options import Reach
from harness.engines.registry import Engine, find_engine
from harness.errors import InputError
from harness.image.prebuilt import OwnFirmware
from harness.image.toolchain import Toolchain, find_toolchain
from harness.measure.energy.meters.metering import Metering
from harness.model.folder import Model
from harness.model.mlperf_benchmarks import BENCHMARKS
from harness.options.selection import Selection, add_options
from harness.report.mlperf_submission import check_name, write_submission
from harness.report.mlperf_table import print_outcomes
from harness.run.mlperf.mlperf_bench import (
    add_windows,
    build_mlperf,
    mlperf_bench,
    plan_of,
    with_baud,
)
from harness.run.mlperf.mlperf_run import MlperfRun
from harness.run.mlperf.suite import Outcome, models_of, run_all
from harness.support.exit_codes import FAILED, PASSED
from harness.support.progress import Progress
from harness.support.suggestions import suggest
from harness.target.target_file import Target
from harness.workspace import Workspace


def add_command(commands: Any) -> None:
    """Declare the command among those of `harness`, which argparse's subparsers are."""
    parser = commands.add_parser("mlperf", help="run MLPerf Tiny's four benchmarks")
    add_options(parser.add_argument)
    Reach.add_options(parser.add_argument)
    Metering.add_options(parser.add_argument)
    add_windows(parser.add_argument)
    add = parser.add_argument
    add(
        "--elf",
        action="append",
        default=[],
        dest="firmware",
        metavar="ID=FILE",
        help="run the firmware in FILE for the benchmark ID, instead of building ours: "
        f"{', '.join(BENCHMARKS)}",
    )
    add("--submission", type=Path, metavar="DIR", help="write a folder shaped as a submission")
    add("--organization", default="organization", metavar="NAME", help="whose (%(default)s)")
    parser.set_defaults(command=_mlperf, protocol="mlperf-tiny")


def _mlperf(options: argparse.Namespace, workspace: Workspace) -> int:
    selection = Selection.of(options, workspace)
    selection.check()
    target, engine, toolchain = _one(selection)
    target = with_baud(target, options)
    plan, reach = plan_of(options), Reach.of(options)
    firmware = _firmware(options.firmware)
    check_name(options.organization, "--organization")
    if options.submission is not None and options.submission.exists():
        raise InputError("is there already", where=str(options.submission))
    models = models_of(map(selection.model, selection.models))
    progress = Progress(sys.stderr)
    records: list[Path] = []

    def run(model: Model, benchmark: str) -> MlperfRun:
        made = firmware.get(benchmark, engine)
        energy = bool(metering.spec)
        image = build_mlperf(target, model, made, toolchain, workspace, progress, energy=energy)
        with mlperf_bench(
            target, model, image, workspace, progress, records.append, reach, metering, plan
        ) as dut:
            return dut.run()

    metering = Metering.of(options)
    metering.check(target)
    with metering:
        outcomes = run_all(models, run)
    print_outcomes(outcomes, target.name, Console())
    if records:
        print(f"records: {records[0].parent}")
    if options.submission is not None:
        _submit(outcomes, options)
    return _code(outcomes)


def _one(selection: Selection) -> tuple[Target, Engine, Toolchain]:
    """Return the target, engine and toolchain, one of each: a submission is of one system."""
    for name in ("targets", "engines", "toolchains", "opts"):
        if len(getattr(selection, name)) != 1:
            raise InputError(
                f"{', '.join(getattr(selection, name))} are several",
                where=f"--{name[:-1]}",
                remedy="name one: the four benchmarks are of one system",
            )
    toolchain = find_toolchain(selection.toolchains[0], selection.opts[0])
    return selection.target(selection.targets[0]), find_engine(selection.engines[0]), toolchain


def _firmware(asked: list[str]) -> dict[str, OwnFirmware]:
    """Return the ELF of each benchmark that has one."""
    found = {}
    for text in asked:
        benchmark, _, file = text.partition("=")
        if benchmark not in BENCHMARKS or not file:
            raise InputError(
                f"{text!r} names no benchmark and file",
                where="--elf",
                remedy=suggest(benchmark, (f"{one}=FILE" for one in BENCHMARKS)),
            )
        found[benchmark] = OwnFirmware(Path(file))
    return found


def _submit(outcomes: list[Outcome], options: argparse.Namespace) -> None:
    missing = write_submission(outcomes, options.submission, options.organization)
    print(f"submission: {options.submission}, without", *missing, sep="\n  ")
    print("The rules accept the official runners' results; this is what they would look like.")


def _code(outcomes: list[Outcome]) -> int:
    """Return the command's exit code: what could not run first, then verdicts."""
    codes = [one.code for one in outcomes if one.code is not None]
    if not codes:
        raise InputError(
            "there is no model of a benchmark",
            where="harness mlperf",
            remedy="harness models import-mlperf makes its folder: docs/mlperf.md",
        )
    others = [code for code in codes if code not in {PASSED, FAILED}]
    return max(others) if others else (FAILED if FAILED in codes else PASSED)
