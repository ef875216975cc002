"""The pytest face: options, fixtures, and the table at the session's end.

A test asks for `dut` and is run for every target, model, engine, toolchain and flag asked for:

    def test_wake_word(dut):
        run = dut.run()
        run.check()
        assert run.ticks.max() < 9_000_000
"""

import io
import sys
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from rich.console import Console

from harness.board.board_options import Reach
from harness.board.provision import Board, provision
from harness.engines.registry import Engine
from harness.errors import HarnessError, InfrastructureError, InputError, Regression
from harness.image.arduino.sketch import add_options as add_sketch_options
from harness.image.build import Image
from harness.image.prebuilt import add_option as add_elf_option
from harness.image.toolchain import Toolchain
from harness.measure.energy.meters.metering import Metering
from harness.model.folder import Model
from harness.options.selection import Selection, add_options
from harness.pytest_plugin.baseline_gate import GatePlugin
from harness.report.engines_table import print_side_by_side
from harness.report.junit_properties import properties
from harness.report.runs_table import print_table
from harness.results.judge.gate import Gate, add_baseline_option
from harness.results.judge.history import history_of
from harness.results.judge.side_by_side import side_by_side
from harness.results.record import read_record
from harness.results.store.open_results import add_store_option
from harness.results.store.upload import Sharing
from harness.run.bench import image_of
from harness.run.layer_profile import add_option as add_profile_option
from harness.run.link_dut import Dut, open_dut
from harness.run.mlperf.mlperf_bench import add_options as add_protocol_options
from harness.run.mlperf.mlperf_bench import build_mlperf, plan_of, speaks_mlperf, with_baud
from harness.run.mlperf.mlperf_dut import MlperfDut, open_mlperf_dut
from harness.support.progress import Progress
from harness.target.target_file import Target
from harness.workspace import Workspace

_AXES = ("target", "model", "engine", "toolchain", "opt")
_RECORD = "harness_record"
_STORE_FAILED = 3  # as `harness run` ends where infrastructure fails
_selection = pytest.StashKey[Selection]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare what is run, on which board, and what is measured of it."""
    group = parser.getgroup("tinyml-harness", "int8 models on Cortex-M")
    add_options(group.addoption)
    add_elf_option(group.addoption)
    add_sketch_options(group.addoption)
    Reach.add_options(group.addoption)
    add_profile_option(group.addoption)
    add_protocol_options(group.addoption)
    Metering.add_options(group.addoption)
    add_store_option(group.addoption)
    add_baseline_option(group.addoption)


def pytest_configure(config: pytest.Config) -> None:
    """Look at what is asked for before anything is collected, let alone built."""
    try:
        selection = Selection.of(config.option, Workspace(config.rootpath))
        config.stash[_selection] = selection
        Metering.of(config.option)
        speaks_mlperf(config.option)
        plan_of(config.option)
        # xdist's workers report to the main process, which alone shares.
        shares = not hasattr(config, "workerinput")
        config.pluginmanager.register(_Summary(config.option.store if shares else ""))
        if selection.own or any(config.getoption(axis) for axis in _AXES):
            selection.check()
        if config.option.baseline:
            gate = Gate(config.option.baseline, selection.workspace, config.option.store)
            config.pluginmanager.register(GatePlugin(gate, _RECORD))
    except InputError as error:
        raise pytest.UsageError(str(error)) from error
    except InfrastructureError as error:
        pytest.exit(str(error), returncode=_STORE_FAILED)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test for every target, model, engine, toolchain and flag its fixtures depend on."""
    selection = metafunc.config.stash[_selection]
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
    unused = [name for name in config.stash[_selection].targets if name not in used]
    if unused:
        raise pytest.UsageError(
            f"--target={unused[0]}: no test that was selected uses it\n"
            "  -> a test uses targets through the fixtures target, board or dut"
        )


@pytest.fixture(scope="session")
def target(request: pytest.FixtureRequest) -> Target:
    """The target asked for, read from its file and checked."""
    found = request.config.stash[_selection].target(request.param)
    return with_baud(found, request.config.option)


@pytest.fixture(scope="session")
def model(request: pytest.FixtureRequest) -> Model:
    """The model asked for, with its vectors."""
    return request.config.stash[_selection].model(request.param)


@pytest.fixture(scope="session")
def engine(request: pytest.FixtureRequest) -> Engine:
    """The engine asked for."""
    return request.config.stash[_selection].engine(request.param)


@pytest.fixture(scope="session")
def opt(request: pytest.FixtureRequest) -> str:
    """The optimization flag asked for."""
    flag: str = request.param
    return flag


@pytest.fixture(scope="session")
def toolchain(opt: str, request: pytest.FixtureRequest) -> Toolchain:
    """The toolchain asked for, else the first that is there: executable, version and flag."""
    return request.config.stash[_selection].toolchain(request.param, opt)


@pytest.fixture(scope="session")
def image(
    target: Target,
    model: Model,
    engine: Engine,
    toolchain: Toolchain,
    request: pytest.FixtureRequest,
) -> Image:
    """The firmware with the model in it, built for the target; sizes and the ELF."""
    workspace = request.config.stash[_selection].workspace
    if speaks_mlperf(request.config.option):
        progress = _progress(request.config)
        energy = bool(request.config.option.meter)
        return build_mlperf(target, model, engine, toolchain, workspace, progress, energy=energy)
    say = _progress(request.config).say
    return image_of(target, model, engine, workspace.images, say, toolchain)


@pytest.fixture(scope="session")
def metering(request: pytest.FixtureRequest) -> Iterator[Metering]:
    """The meter asked for, open for the whole session: it may supply the board."""
    with Metering.of(request.config.option) as metering:
        yield metering


@pytest.fixture(scope="session")
def board(
    target: Target,
    metering: Metering,  # before the board, which it may supply
    request: pytest.FixtureRequest,
) -> Iterator[Board]:
    """The board of the target, ready to be started with an image."""
    config = request.config
    metering.check(target)
    logs = config.stash[_selection].workspace.logs
    with closing(provision(target, logs, _progress(config), Reach.of(config.option))) as board:
        yield board


@pytest.fixture
def dut(
    target: Target,
    model: Model,
    image: Image,
    board: Board,
    metering: Metering,
    request: pytest.FixtureRequest,
) -> Iterator[Dut | MlperfDut]:
    """The device under test: the image flashed and started anew for each test.

    `dut.run()` gives a `harness.run.link_run.Run` over the model's vectors and records it;
    `dut.infer(inputs)` gives the output for one input. With `--protocol=mlperf-tiny` it gives a
    `harness.run.mlperf.mlperf_run.MlperfRun`, and there is no `infer`.
    """
    selection = request.config.stash[_selection]
    workspace = selection.workspace
    on_record = partial(_remember, request.node)
    progress = _progress(request.config)
    if speaks_mlperf(request.config.option):
        plan = plan_of(request.config.option)
        with open_mlperf_dut(
            target, model, image, board, workspace, progress, on_record, metering, plan=plan
        ) as mlperf_dut:
            yield mlperf_dut
        return
    feed = Reach.of(request.config.option).feed
    profile = request.config.option.profile or selection.compares_engines
    with open_dut(
        target, model, image, board, workspace, progress, on_record, feed, metering, profile=profile
    ) as dut:
        yield dut


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


class _Summary:
    """Collects the session's records in the main process, whoever ran the tests."""

    def __init__(self, store: str) -> None:
        self._paths: list[Path] = []
        self._sharing = Sharing(store)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when != "call":
            return
        for name, path in report.user_properties:
            if name == _RECORD:
                self._paths.append(Path(str(path)))
                self._sharing.add(self._paths[-1])

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self._sharing.errors and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = _STORE_FAILED

    def pytest_terminal_summary(
        self, terminalreporter: pytest.TerminalReporter, config: pytest.Config
    ) -> None:
        if not self._paths:
            return
        writer = terminalreporter._tw
        text = io.StringIO()
        console = Console(
            file=text,
            width=writer.fullwidth,
            force_terminal=writer.hasmarkup,
            color_system="standard" if writer.hasmarkup else None,
        )
        records = [read_record(path) for path in self._paths]
        selection, store = config.stash[_selection], config.option.store
        history = partial(history_of, url=store, workspace=selection.workspace)
        print_table(records, console)
        print_side_by_side(side_by_side(records, selection.engines, history), console)
        terminalreporter.section("runs")
        terminalreporter.write(text.getvalue())
        terminalreporter.write_line(f"records: {self._paths[0].parent}")
        for error in self._sharing.errors:
            terminalreporter.write_line(error, red=True)


def _progress(config: pytest.Config) -> Progress:
    """Return progress on pytest's terminal, whose capture lets go while it shows."""
    capture = config.pluginmanager.getplugin("capturemanager")
    return Progress(sys.__stdout__ or sys.stderr, capture.global_and_fixture_disabled)


def _remember(node: pytest.Item, path: Path) -> None:
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
