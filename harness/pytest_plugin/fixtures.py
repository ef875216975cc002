"""The fixtures: what is run, the board, and the device under test."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from harness.board.board import Board
from harness.board.provision import provision
from harness.engines.registry import Engine
from harness.errors import InfrastructureError
from harness.image.build import Image
from harness.image.toolchain import Toolchain
from harness.measure.energy.meters.metering import Metering
from harness.model.folder import Model
from harness.options.selection import Choice
from harness.pytest_plugin.fixture_values import RUN_OPTIONS, checked, selected
from harness.pytest_plugin.pytest_internals import asking_item, definitions_used
from harness.pytest_plugin.recorded_dut import RecordedDut
from harness.pytest_plugin.shared_runs import RUNS
from harness.pytest_plugin.terminal_progress import progress_of
from harness.runs.bench import image_for
from harness.runs.device_under_test import AnyRun
from harness.runs.movable_dut import MovableDut
from harness.runs.request import RunRequest
from harness.target.target_file import Target


@pytest.fixture(scope="session")
def target(request: pytest.FixtureRequest) -> Target:
    """The selected target, read from its file and checked."""
    found: Target = selected(request, "target")
    return found


@pytest.fixture(scope="session")
def model(request: pytest.FixtureRequest) -> Model:
    """The selected model, with its vectors."""
    found: Model = selected(request, "model")
    return found


@pytest.fixture(scope="session")
def engine(request: pytest.FixtureRequest) -> Engine:
    """The selected engine."""
    found: Engine = selected(request, "engine")
    return found


@pytest.fixture(scope="session")
def opt(request: pytest.FixtureRequest) -> str:
    """The selected optimization flag."""
    flag: str = selected(request, "opt")
    return flag


@pytest.fixture(scope="session")
def toolchain(opt: str, request: pytest.FixtureRequest) -> Toolchain:  # noqa: ARG001 - ran first
    """The selected toolchain, or the first one on this machine: executable, version, flag."""
    found: Toolchain = selected(request, "toolchain")
    return found


@pytest.fixture(scope="session")
def metering(request: pytest.FixtureRequest) -> Iterator[Metering]:
    """The selected meter, open for the whole session because it may supply the board."""
    with request.config.stash[RUN_OPTIONS].meter as metering:
        yield metering


@pytest.fixture(scope="session")
def run_request(
    target: Target,
    model: Model,
    engine: Engine,
    toolchain: Toolchain,
    opt: str,  # noqa: ARG001 - a test that names its own toolchains runs for every flag, too
    metering: Metering,
    request: pytest.FixtureRequest,
) -> RunRequest:
    """The request: what is run, where and how."""
    config = request.config
    choice = Choice(
        checked(request, "target", target),
        checked(request, "model", model),
        checked(request, "engine", engine),
        checked(request, "toolchain", toolchain),
    )
    metering = checked(request, "metering", metering)
    return config.stash[RUN_OPTIONS].request(choice, progress_of(config), metering)


@pytest.fixture(scope="session")
def image(run_request: RunRequest, request: pytest.FixtureRequest) -> Image:
    """The firmware with the model, built for the target: its ELF file and sizes."""
    return image_for(checked(request, "run_request", run_request))


@pytest.fixture(scope="session")
def board(
    target: Target,
    metering: Metering,  # opened before the board, because it may supply the board
    request: pytest.FixtureRequest,
) -> Iterator[Board]:
    """The board of the target, ready to start an image."""
    target = checked(request, "target", target)
    checked(request, "metering", metering).check(target)
    run_options = request.config.stash[RUN_OPTIONS]
    logs, progress = run_options.selection.workspace.logs, progress_of(request.config)
    try:
        opened = provision(target, logs, progress, run_options.board)
    except InfrastructureError as error:
        run_options.health.failed(target.name, error, for_good=True)  # pytest keeps the error
        raise
    with closing(opened) as board:
        yield board


@pytest.fixture(scope="session")
def run(
    run_request: RunRequest, image: Image, board: Board, request: pytest.FixtureRequest
) -> AnyRun:
    """One run of the model's vectors, which all tests of its combination share.

    It is a `harness.Run`, or a `MlperfRun` with `--protocol=mlperf-tiny`. It has one Record. An
    infrastructure error is one of each test that uses it.
    """
    run_request = checked(request, "run_request", run_request)
    image, board = checked(request, "image", image), checked(request, "board", board)
    maker = definitions_used(asking_item(request), "board")[-1]
    return request.config.stash[RUNS].run_of(run_request, image, board, maker)


@pytest.fixture
def dut(
    run_request: RunRequest, image: Image, board: Board, request: pytest.FixtureRequest
) -> Iterator[RecordedDut]:
    """The device under test: the image, flashed and restarted for each test.

    `dut.run()` runs the model's vectors, writes the Record and returns a `harness.Run`;
    `dut.infer(inputs)` returns the output for one input. With `--protocol=mlperf-tiny`, `run`
    returns a `MlperfRun`, and `infer` is not available.
    """
    run_request = checked(request, "run_request", run_request)
    image, board = checked(request, "image", image), checked(request, "board", board)
    runs = request.config.stash[RUNS]
    with MovableDut(run_request, image, board) as movable:
        yield RecordedDut(movable, lambda run, moves: runs.record(run, run_request, moves))
