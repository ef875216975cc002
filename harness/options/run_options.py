"""The options of a run, the same for `harness run` and pytest, and the request from them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import msgspec

from harness.board.board_options import BoardOptions
from harness.errors import InputError
from harness.image.arduino.sketch import add_options as add_sketch_options
from harness.image.mlperf_header import ENERGY_BAUD
from harness.image.prebuilt import add_option as add_elf_option
from harness.link.protocol import Protocol
from harness.measure.energy.meters.metering import Metering, virtual_meter
from harness.options.selection import Choice, Selection
from harness.options.selection import add_options as add_selection_options
from harness.results.farm.keep_failure import keep_failure
from harness.results.judge.gate import Gate, add_baseline_option
from harness.results.store.open_results import add_store_option
from harness.runs.bundle.bundled_firmware import add_option as add_bundle_option
from harness.runs.health import Health
from harness.runs.mlperf.window_plan import WindowPlan
from harness.runs.quick import Quick
from harness.runs.request import RunRequest
from harness.support.numbers import number, whole_number
from harness.support.progress import Progress
from harness.target.target_file import Target
from harness.workspace import Workspace

_MOST_WINDOWS = 10_000  # more than a day
_MOST_VECTORS = 10**9
_LONGEST = 1e9  # seconds

Add = Callable[..., Any]
"""argparse's `add_argument` or pytest's `addoption`."""


def add_run_options(group: Callable[[str], Add]) -> None:
    """Declare every option of a run; `group` returns the `Add` of the group with a title."""
    add_measuring_options(group)
    results = group("results")
    add_store_option(results)
    add_baseline_option(results)


def add_measuring_options(group: Callable[[str], Add]) -> None:
    """Declare the options of a run up to its numbers; `group` as for `add_run_options`."""
    add_selection_options(group("what to run"))
    firmware = group("prebuilt firmware")
    add_bundle_option(firmware)
    add_elf_option(firmware)
    add_sketch_options(firmware)
    BoardOptions.add_options(group("the board"))
    measure = group("what to measure")
    measure(
        "--profile",
        action="store_true",
        help="also record the ticks of each layer, with a second image that has hooks between the "
        "layers (always on with several engines)",
    )
    measure(
        "--protocol",
        choices=get_args(Protocol),
        default="link",
        help="protocol between host and firmware: the harness's own link (default), or that of "
        "MLPerf Tiny (docs/mlperf.md)",
    )
    add_vectors(measure)
    add_time_limit(measure)
    add_windows(measure)
    Metering.add_options(group("energy"))


def add_windows(add: Add) -> None:
    """Declare `--windows`."""
    add(
        "--windows",
        type=whole_number(0, _MOST_WINDOWS),
        default=WindowPlan.windows,
        metavar="N",
        help="number of 10 s windows for MLPerf Tiny; the median is the performance (default: "
        f"{WindowPlan.windows}; 0: only accuracy)",
    )


def add_vectors(add: Add) -> None:
    """Declare `--vectors`."""
    add(
        "--vectors",
        type=whole_number(1, _MOST_VECTORS),
        metavar="N",
        help="run only N of the vectors, which stand for all of them (docs/vectors.md)",
    )


def add_time_limit(add: Add) -> None:
    """Declare `--time-limit`."""
    add(
        "--time-limit",
        type=number(0.001, _LONGEST),
        metavar="SECONDS",
        help="end a run after SECONDS of inferences, with the vectors that ran until then",
    )


def plan_of(options: Any) -> WindowPlan:
    """Return the plan of windows."""
    return WindowPlan(windows=options.windows)


@dataclass(frozen=True)
class RunOptions:
    """The parsed and checked options of a run; `request` adds the combination to run.

    `meter` measures energy if its `spec` is not empty. `store` is the URL of a team's store, or
    empty. Without a `gate`, runs are not compared with baselines. `health` is that of the boards.
    """

    selection: Selection
    board: BoardOptions
    protocol: Protocol
    plan: WindowPlan
    profile: bool
    meter: Metering
    store: str = ""
    gate: Gate | None = None
    health: Health = field(default_factory=Health)
    quick: Quick = field(default_factory=Quick)

    @classmethod
    def of(cls, options: Any, workspace: Workspace) -> "RunOptions":
        """Return the options from `options`, which argparse or pytest parsed.

        Raises `InputError` for a wrong value, for options that exclude each other, and for an
        option that does nothing without another one.
        """
        selection = Selection.of(options, workspace)
        _check_protocol(options)
        _check_company(options)
        _check_time_limit(options)
        gate = None
        if options.baseline:
            check_baselines(options.baseline, workspace)
            gate = Gate(options.baseline, workspace, options.store)
        return cls(
            selection=selection,
            board=board_options(options),
            protocol=options.protocol,
            plan=plan_of(options),
            profile=options.profile or selection.compares_engines,
            meter=Metering.of(options),
            store=options.store,
            gate=gate,
            quick=Quick(options.vectors, options.time_limit),
        )

    def target(self, target: Target) -> Target:
        """Return `target` as this run uses it: MLPerf Tiny's energy mode has its own baud rate."""
        if self.protocol == "link" or not self.meter.spec:
            return target
        return with_energy_baud(target)

    def request(self, choice: Choice, progress: Progress, metering: Metering) -> RunRequest:
        """Return the request for one combination; `metering` is the opened meter."""
        self.quick.check(choice.model)
        return RunRequest(
            target=self.target(choice.target),
            model=choice.model,
            workspace=self.selection.workspace,
            engine=choice.engine,
            toolchain=choice.toolchain,
            progress=progress,
            board_options=self.board,
            metering=metering,
            protocol=self.protocol,
            profile=self.profile,
            plan=self.plan,
            health=self.health,
            quick=self.quick,
            failed=keep_failure,
        )


def board_options(options: Any) -> BoardOptions:
    """Return the options of the board, with the virtual meter if `--meter` names one."""
    return BoardOptions.of(options, virtual_meter(getattr(options, "meter", "")))


def with_energy_baud(target: Target) -> Target:
    """Return `target` with the baud rate of MLPerf Tiny's energy mode."""
    slow = msgspec.structs.replace(target.port, baud=ENERGY_BAUD)
    return msgspec.structs.replace(target, port=slow)


def _check_company(options: Any) -> None:
    """Raise `InputError` for an option that does nothing without another one."""
    timed = options.windows != WindowPlan.windows
    for alone, option, other in (
        (options.arduino_cli and not options.sketch, "--arduino-cli", "--sketch"),
        (timed and options.protocol == "link", "--windows", "--protocol=mlperf-tiny"),
    ):
        if alone:
            raise InputError(
                f"does nothing without {other}", where=option, remedy=f"add {other}, or remove it"
            )


def _check_protocol(options: Any) -> None:
    """Raise `InputError` if the protocol does not support an option."""
    if options.protocol == "link":
        return
    for used, option in (
        (options.profile, "--profile"),
        (options.input_via == "debug", "--input-via=debug"),
        (options.vectors is not None, "--vectors"),
        (options.time_limit is not None, "--time-limit"),
        (options.bundle, "--bundle"),
    ):
        if used:
            raise InputError(
                f"{options.protocol} does not support it",
                where=option,
                remedy="use --protocol=link",
            )


def check_baselines(folder: Path, workspace: Workspace) -> None:
    """Raise `InputError` if `folder` does not exist, unless it is where baselines are put."""
    if not folder.is_dir() and folder.absolute() != workspace.baselines.absolute():
        what = "is a file, not a folder" if folder.exists() else "there is no such folder"
        raise InputError(
            what,
            where=f"--baseline={folder}",
            remedy="name the folder of the baselines; harness baseline accept makes a new one",
        )


def _check_time_limit(options: Any) -> None:
    """Raise `InputError` for a time limit with what needs the same vectors in each run."""
    if options.time_limit is None:
        return
    for used, why in (
        (options.meter, "a meter measures a whole run"),
        (options.baseline, "a run is compared only with a baseline of the same vectors"),
    ):
        if used:
            raise InputError(why, where="--time-limit", remedy="use --vectors=N for a shorter run")
