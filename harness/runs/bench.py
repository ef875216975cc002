"""Sets up a device under test for a request: the image, the board, the session."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from typing import TypeVar

from harness.board.board import Board
from harness.board.provision import provision
from harness.golden import oracle
from harness.image.build import Image, Variant, build_image
from harness.image.prebuilt import PrebuiltFirmware, prebuilt_image
from harness.runs.bundle.bundled_firmware import BundledFirmware
from harness.runs.link_dut import LinkDut
from harness.runs.mlperf.mlperf_dut import MlperfDut
from harness.runs.request import RunRequest

D = TypeVar("D", LinkDut, MlperfDut)


def image_for(request: RunRequest) -> Image:
    """Return the image to run: newly built, of a bundle, or a copy of the user's prebuilt firmware.

    Raises the errors of `build_image` and `prebuilt_image`.
    """
    images = request.workspace.images
    if isinstance(request.engine, BundledFirmware):
        return request.engine.image(request.target, request.model, request.toolchain, "measured")
    link = request.protocol == "link"
    if isinstance(request.engine, PrebuiltFirmware):
        return prebuilt_image(
            request.target,
            request.engine.path,
            images,
            stamped=link,
            warn=request.progress.warn,
        )
    mlperf: Variant = "mlperf-tiny-energy" if request.metering.spec else "mlperf-tiny"
    golden = oracle.prepared(request.model, request.workspace.golden)
    with request.progress.step(f"preparing {request.model.name} for {request.target.name}"), golden:
        return build_image(
            request.target,
            request.model,
            request.engine,
            images,
            request.progress.say,
            request.toolchain,
            variant="measured" if link else mlperf,
            warn=request.progress.warn,
        )


def open_dut(
    request: RunRequest, image: Image, board: Board
) -> AbstractContextManager[LinkDut | MlperfDut]:
    """Start `image` on `board` and open a session; stop the board at the end.

    The board must have been provisioned with the request's `board_options`. The session uses
    the request's protocol.
    """
    if request.protocol == "link":
        return open_link_dut(request, image, board)
    return open_mlperf_dut(request, image, board)


def open_link_dut(
    request: RunRequest, image: Image, board: Board
) -> AbstractContextManager[LinkDut]:
    """Open a session over the link; see `open_dut`."""
    return _opened(LinkDut, request, image, board)


def open_mlperf_dut(
    request: RunRequest, image: Image, board: Board
) -> AbstractContextManager[MlperfDut]:
    """Open a session over MLPerf Tiny's protocol; see `open_dut`."""
    return _opened(MlperfDut, request, image, board)


def bench(request: RunRequest) -> AbstractContextManager[LinkDut | MlperfDut]:
    """Build the image, provision and start the board; release everything at the end.

    Raises the errors of `image_for`, `provision` and `open_dut`, and `SetAsideError` if the board
    failed too often before.
    """
    return link_bench(request) if request.protocol == "link" else mlperf_bench(request)


def link_bench(request: RunRequest) -> AbstractContextManager[LinkDut]:
    """Return the bench for a run over the link; see `bench`."""
    return _bench(LinkDut, request)


def mlperf_bench(request: RunRequest) -> AbstractContextManager[MlperfDut]:
    """Return the bench for a run over MLPerf Tiny's protocol; see `bench`."""
    return _bench(MlperfDut, request)


@contextmanager
def _opened(kind: type[D], request: RunRequest, image: Image, board: Board) -> Iterator[D]:
    try:
        with request.progress.step(f"starting {request.target.name}"):
            dut = kind(request, image, board)
        yield dut
    finally:
        board.stop()


@contextmanager
def _bench(kind: type[D], request: RunRequest) -> Iterator[D]:
    health, name = request.health, request.target.name
    health.check(name)
    image = image_for(request)
    workspace, options = request.workspace, request.board_options
    with (
        health.watch(name),
        closing(provision(request.target, workspace.logs, request.progress, options)) as board,
        _opened(kind, request, image, board) as dut,
    ):
        yield dut
