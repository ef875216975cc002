"""One run from beginning to end, for those who have no pytest to keep image and board."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from harness.board import provision
from harness.board.reach import Reach
from harness.dut import open_dut
from harness.engines import Engine
from harness.image import build_image
from harness.model import Model
from harness.progress import Progress
from harness.target import Target
from harness.toolchain import Toolchain
from harness.workspace import Workspace


def bench(
    target: Target,
    model: Model,
    engine: Engine,
    toolchain: Toolchain,
    workspace: Workspace,
    progress: Progress,
    on_record: Callable[[Path], None],
    reach: Reach,
) -> None:
    """Build the image, provision the board and run all vectors; `on_record` is told the Record.

    Raises what `build_image`, `provision` and `Dut.run` raise. The verdict is in the Record.
    """
    image = build_image(target, model, engine, workspace.images, progress.say, toolchain)
    with (
        closing(provision(target, workspace.logs, progress, reach)) as board,
        open_dut(target, model, image, board, workspace, progress, on_record, reach.feed) as dut,
    ):
        dut.run()
