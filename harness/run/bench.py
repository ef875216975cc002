"""One run from beginning to end, for those who have no pytest to keep image and board."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from harness.board.board_options import Reach
from harness.board.provision import provision
from harness.engines.registry import Engine
from harness.image.build import Image, build_image
from harness.image.prebuilt import OwnFirmware, image_of_elf
from harness.image.toolchain import Toolchain
from harness.measure.energy.meters.metering import Metering
from harness.model.folder import Model
from harness.run.link_dut import Dut, open_dut
from harness.support.progress import Progress
from harness.target.target_file import Target
from harness.workspace import Workspace


def image_of(
    target: Target,
    model: Model,
    engine: Engine,
    images: Path,
    say: Callable[[str], None],
    toolchain: Toolchain,
) -> Image:
    """Return the image to run, as `build_image` does; of a firmware that is there, a copy."""
    if isinstance(engine, OwnFirmware):
        return image_of_elf(target, engine.path, images)
    return build_image(target, model, engine, images, say, toolchain)


@contextmanager
def bench(
    target: Target,
    model: Model,
    engine: Engine,
    toolchain: Toolchain,
    workspace: Workspace,
    progress: Progress,
    on_record: Callable[[Path], None],
    reach: Reach,
    metering: Metering | None = None,
    *,
    profile: bool = False,
) -> Iterator[Dut]:
    """Build the image, provision the board and start it; give all back in the end.

    Raises what `image_of`, `provision` and `open_dut` raise, whose parameters these are.
    """
    image = image_of(target, model, engine, workspace.images, progress.say, toolchain)
    with (
        closing(provision(target, workspace.logs, progress, reach)) as board,
        open_dut(
            target,
            model,
            image,
            board,
            workspace,
            progress,
            on_record,
            reach.feed,
            metering,
            profile=profile,
        ) as dut,
    ):
        yield dut
