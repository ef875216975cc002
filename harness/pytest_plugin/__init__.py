"""The pytest face: options, fixtures, and the table at the session's end.

A test asks for `dut` and is run for every target, model, engine, toolchain and flag asked for:

    def test_wake_word(dut):
        run = dut.run()
        run.check()
        assert run.ticks.max() < 9_000_000
"""

import sys
from collections.abc import Iterator
from contextlib import closing
from functools import partial

import pytest

from harness.board.board import Board
from harness.board.provision import provision
from harness.engines.registry import Engine
from harness.errors import HarnessError, InfrastructureError, InputError, Regression
from harness.image.build import Image
from harness.image.toolchain import Toolchain
from harness.measure.energy.meters.metering import Metering
from harness.model.folder import Model
from harness.options.run_options import RunOptions, add_run_options
from harness.options.selection import Choice
from harness.pytest_plugin.baseline_gate import GatePlugin
from harness.pytest_plugin.recorded_dut import RecordedDut
from harness.pytest_plugin.runs_summary import RunsSummary
from harness.report.junit_properties import properties
from harness.results.record import read_record
from harness.results.recording import record_run
from harness.runs.bench import image_for, open_dut
from harness.runs.device_under_test import AnyRun
from harness.runs.request import RunRequest
from harness.support.progress import Progress
from harness.target.target_file import Target
from harness.workspace import Workspace

_AXES = ("target", "model", "engine", "toolchain", "opt")
_RECORD = "harness_record"
_asked = pytest.StashKey[RunOptions]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare what is run, on which board, and what is measured."""
    group = parser.getgroup("tinyml-harness", "int8 models on Cortex-M")
    add_run_options(group.addoption)


def pytest_configure(config: pytest.Config) -> None:
    """Check the options before anything is collected, let alone built."""
    try:
        asked = RunOptions.of(config.option, Workspace(config.rootpath))
        config.stash[_asked] = asked
        # xdist's workers report to the main process, which alone uploads to the store.
        uploads = not hasattr(config, "workerinput")
        config.pluginmanager.register(RunsSummary(asked, _RECORD, uploads=uploads))
        if asked.selection.prebuilt or any(config.getoption(axis) for axis in _AXES):
            asked.selection.check()
        if asked.gate:
            config.pluginmanager.register(GatePlugin(asked.gate, _RECORD))
    except InputError as error:
        raise pytest.UsageError(str(error)) from error
    except InfrastructureError as error:
        pytest.exit(str(error), returncode=error.exit_code)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test for every target, model, engine, toolchain and flag its fixtures depend on."""
    selection = metafunc.config.stash[_asked].selection
    for axis in _AXES:
        if _is_ours(metafunc, axis) and not _is_parametrized(metafunc, axis):
            names = getattr(selection, f"{axis}s")
            metafunc.parametrize(axis, names, indirect=True, scope="session")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Refuse to pass for a target that no test runs on."""
    config = session.config
    if config.option.collectonly or not config.getoption("target"):
        return
    used = {_target_of(item) for item in session.items}
    unused = [name for name in config.stash[_asked].selection.targets if name not in used]
    if unused:
        raise pytest.UsageError(
            f"--target={unused[0]}: no test that was selected uses it\n"
            "  -> a test uses targets through the fixtures target, board or dut"
        )


@pytest.fixture(scope="session")
def target(request: pytest.FixtureRequest) -> Target:
    """The target asked for, read from its file and checked."""
    asked = request.config.stash[_asked]
    return asked.target(asked.selection.target(request.param))


@pytest.fixture(scope="session")
def model(request: pytest.FixtureRequest) -> Model:
    """The model asked for, with its vectors."""
    return request.config.stash[_asked].selection.model(request.param)


@pytest.fixture(scope="session")
def engine(request: pytest.FixtureRequest) -> Engine:
    """The engine asked for."""
    return request.config.stash[_asked].selection.engine(request.param)


@pytest.fixture(scope="session")
def opt(request: pytest.FixtureRequest) -> str:
    """The optimization flag asked for."""
    flag: str = request.param
    return flag


@pytest.fixture(scope="session")
def toolchain(opt: str, request: pytest.FixtureRequest) -> Toolchain:
    """The toolchain asked for, or the first one on this machine: executable, version, flag."""
    return request.config.stash[_asked].selection.toolchain(request.param, opt)


@pytest.fixture(scope="session")
def metering(request: pytest.FixtureRequest) -> Iterator[Metering]:
    """The meter asked for, open for the whole session: it may supply the board."""
    with request.config.stash[_asked].meter as metering:
        yield metering


@pytest.fixture(scope="session")
def run_request(
    target: Target,
    model: Model,
    engine: Engine,
    toolchain: Toolchain,
    metering: Metering,
    request: pytest.FixtureRequest,
) -> RunRequest:
    """What is run, where and how."""
    config = request.config
    choice = Choice(target, model, engine, toolchain)
    return config.stash[_asked].request(choice, _progress(config), metering)


@pytest.fixture(scope="session")
def image(run_request: RunRequest) -> Image:
    """The firmware with the model in it, built for the target; sizes and the ELF."""
    return image_for(run_request)


@pytest.fixture(scope="session")
def board(
    target: Target,
    metering: Metering,  # before the board, which it may supply
    request: pytest.FixtureRequest,
) -> Iterator[Board]:
    """The board of the target, ready to be started with an image."""
    metering.check(target)
    asked = request.config.stash[_asked]
    logs, progress = asked.selection.workspace.logs, _progress(request.config)
    with closing(provision(target, logs, progress, asked.board)) as board:
        yield board


@pytest.fixture
def dut(
    run_request: RunRequest, image: Image, board: Board, request: pytest.FixtureRequest
) -> Iterator[RecordedDut]:
    """The device under test: the image, flashed and started anew for each test.

    `dut.run()` runs the model's vectors, writes the Record and returns a `harness.Run`;
    `dut.infer(inputs)` returns the output for one input. With `--protocol=mlperf-tiny`, `run`
    returns a `MlperfRun`, and `infer` is not available.
    """
    remember = partial(_remember, request.node, run_request.workspace)
    with open_dut(run_request, image, board) as started:
        yield RecordedDut(started, remember)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,  # noqa: ARG001 - pytest's name
    call: pytest.CallInfo[None],
) -> Iterator[None]:
    """Show what was wrong and what to do, without our own call stack before it."""
    report = yield
    if call.excinfo is not None and isinstance(call.excinfo.value, (HarnessError, Regression)):
        report.longrepr = str(call.excinfo.value)  # type: ignore[attr-defined]
    return report


def _progress(config: pytest.Config) -> Progress:
    """Return progress on pytest's terminal, whose capture lets go while it shows."""
    capture = config.pluginmanager.getplugin("capturemanager")
    return Progress(sys.__stdout__ or sys.stderr, capture.global_and_fixture_disabled)


def _remember(node: pytest.Item, workspace: Workspace, run: AnyRun) -> None:
    """Record `run`, and let the test's report name the file and the numbers."""
    path = record_run(run, workspace)
    node.user_properties += [(_RECORD, str(path)), *properties(read_record(path))]


def _target_of(item: pytest.Item) -> object:
    callspec = getattr(item, "callspec", None)
    return callspec.params.get("target") if callspec else None


def _is_ours(metafunc: pytest.Metafunc, axis: str) -> bool:
    """Tell the fixture of this module from one that a test suite calls the same."""
    fixtures = metafunc._arg2fixturedefs.get(axis, ())
    return bool(fixtures) and fixtures[-1].func.__module__ == __name__


def _is_parametrized(metafunc: pytest.Metafunc, axis: str) -> bool:
    """Tell whether the test itself says which `axis` it is for."""
    return any(
        axis
        in (mark.args[0] if isinstance(mark.args[0], (list, tuple)) else mark.args[0].split(","))
        for mark in metafunc.definition.iter_markers("parametrize")
    )
