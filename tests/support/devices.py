"""Devices under test for tests that build their images themselves."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from harness.board.provision import provision
from harness.image.build import Image
from harness.model.folder import Model
from harness.runs.bench import open_link_dut
from harness.runs.link_dut import LinkDut
from harness.runs.request import RunRequest
from harness.target.target_file import Target
from harness.workspace import Workspace


@contextmanager
def opened(
    target: Target, model: Model, image: Image, root: Path, **more: Any
) -> Iterator[LinkDut]:
    """A session with `image` on a board of its own; `more` are fields of the request."""
    request = RunRequest(target, model, Workspace(root), **more)
    logs, options = request.workspace.logs, request.board_options
    with (
        closing(provision(target, logs, request.progress, options)) as board,
        open_link_dut(request, image, board) as dut,
    ):
        yield dut
