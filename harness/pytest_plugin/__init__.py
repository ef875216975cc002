"""The pytest plugin: options, fixtures, and the table at the end of the session.

A test that uses `dut` runs for every selected target, model, engine, toolchain and flag:

    def test_wake_word(dut):
        run = dut.run()
        run.check()
        assert run.ticks.max() < 9_000_000
"""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from harness.board.board import Board
from harness.board.provision import provision
from harness.engines.registry import Engine
from harness.errors import InfrastructureError, InputError
from harness.image.build import Image
from harness.image.toolchain import Toolchain
from harness.measure.energy.meters.metering import Metering
from harness.model.folder import Model
from harness.options.run_options import RunOptions, add_run_options
from harness.options.selection import Choice
from harness.pytest_plugin.baseline_gate import GatePlugin
from harness.pytest_plugin.failures import FailuresPlugin
from harness.pytest_plugin.recorded_dut import RecordedDut
from harness.pytest_plugin.runs_summary import RunsSummary
from harness.pytest_plugin.session_signals import SignalsPlugin
from harness.pytest_plugin.tested_runs import TestedRuns
from harness.report.junit_properties import properties
from harness.results.recording import RecordElsewhereError, keep_record, record_of
from harness.runs.bench import image_for, open_dut
from harness.runs.device_under_test import AnyRun
from harness.runs.request import RunRequest
from harness.support.progress import Progress
from harness.support.terminal import shown
from harness.target.target_file import Target
from harness.workspace import Workspace, find_workspace

_AXES = ("target", "model", "engine", "toolchain", "opt")
_RECORD_PROPERTY = "harness_record"
_NOTE_PROPERTY = "harness_note"
_RUN_OPTIONS = pytest.StashKey[RunOptions]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options of a run."""
    add_run_options(lambda title: parser.getgroup(f"tinyml-harness: {title}").addoption)


def pytest_configure(config: pytest.Config) -> None:
    """Check the options before pytest collects or builds anything."""
    try:
        workspace = _workspace(config)
        config.pluginmanager.register(FailuresPlugin(workspace.logs))
        config.pluginmanager.register(SignalsPlugin())
        run_options = RunOptions.of(config.option, workspace)
        config.stash[_RUN_OPTIONS] = run_options
        config.pluginmanager.register(TestedRuns())
        # Only the main process uploads to the store; the workers of xdist report to it.
        uploads = not hasattr(config, "workerinput")
        names = (_RECORD_PROPERTY, _NOTE_PROPERTY)
        config.pluginmanager.register(RunsSummary(run_options, *names, uploads=uploads))
        if run_options.selection.prebuilt or any(config.getoption(axis) for axis in _AXES):
            run_options.selection.check()
        if run_options.gate:
            config.pluginmanager.register(
                GatePlugin(run_options.gate, _RECORD_PROPERTY, workspace.logs)
            )
    except InputError as error:
        raise pytest.UsageError(shown(error)) from error
    except InfrastructureError as error:
        pytest.exit(shown(error), returncode=error.exit_code)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test for every target, model, engine, toolchain and flag that its fixtures use."""
    selection = metafunc.config.stash[_RUN_OPTIONS].selection
    for axis in _AXES:
        if _is_ours(metafunc, axis) and not _is_parametrized(metafunc, axis):
            names = getattr(selection, f"{axis}s")
            metafunc.parametrize(axis, names, indirect=True, scope="session")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Note if the test's model is not the user's; do not try a board that is set aside."""
    run_options = item.config.stash[_RUN_OPTIONS]
    selection = run_options.selection
    callspec = getattr(item, "callspec", None)
    parameters: dict[str, Any] = callspec.params if callspec else {}
    if selection.note and parameters.get("model") in selection.models:
        item.user_properties.append((_NOTE_PROPERTY, selection.note))
    if "board" in getattr(item, "fixturenames", ()) and "target" in parameters:
        run_options.health.check(selection.target(parameters["target"]).name)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Raise a usage error if no test uses a selected target."""
    config = session.config
    if config.option.collectonly or not config.getoption("target"):
        return
    used = {_target_of(item) for item in session.items}
    unused = [name for name in config.stash[_RUN_OPTIONS].selection.targets if name not in used]
    if unused:
        raise pytest.UsageError(
            f"--target={shown(unused[0])}: no selected test uses this target\n"
            "  -> select a test with one of the fixtures target, board or dut"
        )


@pytest.fixture(scope="session")
def target(request: pytest.FixtureRequest) -> Target:
    """The selected target, read from its file and checked."""
    run_options = request.config.stash[_RUN_OPTIONS]
    return run_options.target(run_options.selection.target(request.param))


@pytest.fixture(scope="session")
def model(request: pytest.FixtureRequest) -> Model:
    """The selected model, with its vectors."""
    return request.config.stash[_RUN_OPTIONS].selection.model(request.param)


@pytest.fixture(scope="session")
def engine(request: pytest.FixtureRequest) -> Engine:
    """The selected engine."""
    return request.config.stash[_RUN_OPTIONS].selection.engine(request.param)


@pytest.fixture(scope="session")
def opt(request: pytest.FixtureRequest) -> str:
    """The selected optimization flag."""
    flag: str = request.param
    return flag


@pytest.fixture(scope="session")
def toolchain(opt: str, request: pytest.FixtureRequest) -> Toolchain:
    """The selected toolchain, or the first one on this machine: executable, version, flag."""
    return request.config.stash[_RUN_OPTIONS].selection.toolchain(request.param, opt)


@pytest.fixture(scope="session")
def metering(request: pytest.FixtureRequest) -> Iterator[Metering]:
    """The selected meter, open for the whole session because it may supply the board."""
    with request.config.stash[_RUN_OPTIONS].meter as metering:
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
    """The request: what is run, where and how."""
    config = request.config
    choice = Choice(target, model, engine, toolchain)
    return config.stash[_RUN_OPTIONS].request(choice, _progress(config), metering)


@pytest.fixture(scope="session")
def image(run_request: RunRequest) -> Image:
    """The firmware with the model, built for the target: its ELF file and sizes."""
    return image_for(run_request)


@pytest.fixture(scope="session")
def board(
    target: Target,
    metering: Metering,  # opened before the board, because it may supply the board
    request: pytest.FixtureRequest,
) -> Iterator[Board]:
    """The board of the target, ready to start an image."""
    metering.check(target)
    run_options = request.config.stash[_RUN_OPTIONS]
    logs, progress = run_options.selection.workspace.logs, _progress(request.config)
    try:
        opened = provision(target, logs, progress, run_options.board)
    except InfrastructureError:
        run_options.health.failed(target.name, for_good=True)  # pytest keeps the error
        raise
    with closing(opened) as board:
        yield board


@pytest.fixture
def dut(
    run_request: RunRequest, image: Image, board: Board, request: pytest.FixtureRequest
) -> Iterator[RecordedDut]:
    """The device under test: the image, flashed and restarted for each test.

    `dut.run()` runs the model's vectors, writes the Record and returns a `harness.Run`;
    `dut.infer(inputs)` returns the output for one input. With `--protocol=mlperf-tiny`, `run`
    returns a `MlperfRun`, and `infer` is not available.
    """
    health, name = run_request.health, run_request.target.name
    record = partial(_record, request.node, run_request.workspace)
    with ExitStack() as stack:
        try:
            started = stack.enter_context(open_dut(run_request, image, board))
        except InfrastructureError:
            health.failed(name)
            raise
        yield RecordedDut(started, record, partial(health.watch, name))


def _workspace(config: pytest.Config) -> Workspace:
    """Return the workspace of the current folder, or of pytest's root if that lies elsewhere."""
    current, root = config.invocation_params.dir.resolve(), config.rootpath.resolve()
    start = current if current.is_relative_to(root) else root
    return find_workspace(start, root if config.inipath else None)


def _progress(config: pytest.Config) -> Progress:
    """Return progress for pytest's terminal; output capture is off while it prints."""
    capture = config.pluginmanager.getplugin("capturemanager")
    return Progress(sys.__stdout__ or sys.stderr, capture.global_and_fixture_disabled)


def _record(node: pytest.Item, workspace: Workspace, run: AnyRun) -> None:
    """Record `run`, and add the file and the numbers to the test's report."""
    record = record_of(run, workspace)
    node.user_properties += properties(record)
    try:
        path: Path | None = keep_record(record, workspace)
    except RecordElsewhereError as error:
        path = error.path
        raise
    finally:
        if path:
            node.user_properties.append((_RECORD_PROPERTY, str(path)))


def _target_of(item: pytest.Item) -> object:
    callspec = getattr(item, "callspec", None)
    return callspec.params.get("target") if callspec else None


def _is_ours(metafunc: pytest.Metafunc, axis: str) -> bool:
    """Tell whether `axis` is the fixture of this module, not one of the test suite."""
    fixtures = metafunc._arg2fixturedefs.get(axis, ())
    return bool(fixtures) and fixtures[-1].func.__module__ == __name__


def _is_parametrized(metafunc: pytest.Metafunc, axis: str) -> bool:
    """Tell whether the test itself is parametrized with `axis`."""
    return any(
        axis
        in (mark.args[0] if isinstance(mark.args[0], (list, tuple)) else mark.args[0].split(","))
        for mark in metafunc.definition.iter_markers("parametrize")
    )
