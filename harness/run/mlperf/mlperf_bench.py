"""One run over MLPerf Tiny's protocol from beginning to end."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any, get_args

import msgspec

from harness.board.board_options import Reach
from harness.board.provision import provision
from harness.engines.registry import Engine
from harness.errors import InputError
from harness.image.build import Image, Variant, build_image
from harness.image.mlperf_header import ENERGY_BAUD
from harness.image.prebuilt import OwnFirmware, image_of_elf
from harness.image.toolchain import Toolchain
from harness.measure.energy.meters.metering import Metering
from harness.model.folder import Model
from harness.results.record import Protocol
from harness.run.bench import bench
from harness.run.link_dut import Dut
from harness.run.mlperf.mlperf_dut import MlperfDut, open_mlperf_dut
from harness.run.mlperf.runner import Plan
from harness.support.progress import Progress
from harness.target.target_file import Target
from harness.workspace import Workspace


def add_options(add: Callable[..., Any]) -> None:
    """Declare `--protocol` and `--windows` through `add`, which is argparse's or pytest's."""
    add(
        "--protocol",
        choices=get_args(Protocol),
        default="link",
        help="what host and firmware speak: our link (default), or MLPerf Tiny's; docs/mlperf.md",
    )
    add_windows(add)


def add_windows(add: Callable[..., Any]) -> None:
    """Declare `--windows`."""
    add(
        "--windows",
        type=int,
        default=Plan.windows,
        metavar="N",
        help="windows of 10 s that MLPerf Tiny's performance is the median of (default: "
        f"{Plan.windows}; 0: accuracy alone)",
    )


def speaks_mlperf(options: Any) -> bool:
    """Tell whether `options` ask for MLPerf Tiny's protocol.

    Raises `InputError` if they also ask for what only our link can.
    """
    if options.protocol == "link":
        return False
    for asked, option in (
        (options.profile, "--profile"),
        (options.feed == "debug", "--feed=debug"),
    ):
        if asked:
            raise InputError(
                f"is not part of {options.protocol}", where=option, remedy="use --protocol=link"
            )
    return True


def plan_of(options: Any) -> Plan:
    """Return the windows that `options` ask for; `InputError` if they are no number of them."""
    if options.windows < 0:
        raise InputError(f"{options.windows} is no number of windows", where="--windows")
    return Plan(windows=options.windows)


def build_mlperf(
    target: Target,
    model: Model,
    engine: Engine,
    toolchain: Toolchain,
    workspace: Workspace,
    progress: Progress,
    *,
    energy: bool,
) -> Image:
    """Build our own firmware that answers MLPerf Tiny's protocol, as `build_image` does.

    Of a firmware that is there it is a copy.
    """
    if isinstance(engine, OwnFirmware):
        return image_of_elf(target, engine.path, workspace.images, stamped=False)
    variant: Variant = "mlperf-tiny-energy" if energy else "mlperf-tiny"
    return build_image(
        target, model, engine, workspace.images, progress.say, toolchain, variant=variant
    )


def with_baud(target: Target, options: Any) -> Target:
    """Return `target` with the baud rate of energy mode, if `options` ask for a meter."""
    if options.protocol == "link" or not options.meter:
        return target
    slow = msgspec.structs.replace(target.port, baud=ENERGY_BAUD)
    return msgspec.structs.replace(target, port=slow)


def bench_of(
    options: Any,
    target: Target,
    model: Model,
    engine: Engine,
    toolchain: Toolchain,
    workspace: Workspace,
    progress: Progress,
    on_record: Callable[[Path], None],
    reach: Reach,
    metering: Metering,
    *,
    profile: bool,
) -> AbstractContextManager[Dut | MlperfDut]:
    """Return the bench for the protocol that `options` ask for; `profile` is for the link's."""
    if not speaks_mlperf(options):
        return bench(
            target,
            model,
            engine,
            toolchain,
            workspace,
            progress,
            on_record,
            reach,
            metering,
            profile=profile,
        )
    target, energy = with_baud(target, options), bool(options.meter)
    image = build_mlperf(target, model, engine, toolchain, workspace, progress, energy=energy)
    return mlperf_bench(
        target, model, image, workspace, progress, on_record, reach, metering, plan_of(options)
    )


@contextmanager
def mlperf_bench(
    target: Target,
    model: Model,
    image: Image,
    workspace: Workspace,
    progress: Progress,
    on_record: Callable[[Path], None],
    reach: Reach,
    metering: Metering,
    plan: Plan,
) -> Iterator[MlperfDut]:
    """Provision the board and start `image` on it; give it back in the end.

    Raises what `provision` and `open_mlperf_dut` raise, whose parameters these are.
    """
    with (
        closing(provision(target, workspace.logs, progress, reach)) as board,
        open_mlperf_dut(
            target, model, image, board, workspace, progress, on_record, metering, plan=plan
        ) as dut,
    ):
        yield dut
