"""The pytest plugin: options, fixtures, and the table at the end of the session.

A test that uses `run` or `dut` runs for every selected target, model, engine, toolchain and flag:

    def test_wake_word(run):
        run.check()
        assert run.ticks.max() < 9_000_000
"""

import sys
from collections.abc import Generator
from contextlib import nullcontext
from typing import Any

import pytest

from harness.errors import HarnessError, InfrastructureError, InputError
from harness.options.run_options import RunOptions
from harness.options.selection import AXES
from harness.pytest_plugin.attachments import add_attachments
from harness.pytest_plugin.baseline_gate import GatePlugin
from harness.pytest_plugin.failures import FailuresPlugin, uses_our_fixtures
from harness.pytest_plugin.farm_workers import with_places
from harness.pytest_plugin.fixture_names import left_out_text, register_fixtures
from harness.pytest_plugin.fixture_values import RUN_OPTIONS, WRONG_OPTION
from harness.pytest_plugin.marks import declare_marks, deselect, no_test_text
from harness.pytest_plugin.parametrization import TestAxes
from harness.pytest_plugin.pytest_internals import make_paths_relative
from harness.pytest_plugin.run_groups import Groups, WorkerGroups
from harness.pytest_plugin.runs_summary import RunsSummary, shared_session
from harness.pytest_plugin.session_signals import SignalsPlugin, end_code
from harness.pytest_plugin.shared_options import (
    advice,
    declare_last,
    declare_options,
    given_to_both,
    own_values,
    share_values,
    unshared_flags,
    without_values,
)
from harness.pytest_plugin.shared_runs import RUNS, SharedRuns
from harness.pytest_plugin.short_ids import id_of, keywords
from harness.pytest_plugin.terminal_progress import add_progress, step_before_tests
from harness.pytest_plugin.tested_runs import RECORD_PROPERTY, TestedRuns
from harness.pytest_plugin.usage_refusal import RefusalPlugin, refuse
from harness.support.end_signals import EndSignal
from harness.support.shown import shown
from harness.target.find_target import list_targets
from harness.workspace import Workspace, find_workspace

_NOTE_PROPERTY = "harness_note"
_PARSER = pytest.StashKey[pytest.Parser]()


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Declare the options of a run, but after those of all others."""
    config: pytest.Config = pluginmanager.getplugin("pytestconfig")
    config.stash[_PARSER] = parser
    declare_last(parser, config)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(
    early_config: pytest.Config, parser: pytest.Parser, args: list[str]
) -> None:
    """Keep the values of our options apart from the folders where pytest looks for conftest.py."""
    paths = without_values(parser, args, early_config)
    early_config.known_args_namespace.file_or_dir = paths


def pytest_configure(config: pytest.Config) -> None:
    """Check the options before pytest collects or builds anything."""
    declare_options(config.stash[_PARSER], config)  # if pytest loaded this plugin late
    declare_marks(config)
    make_paths_relative(config)
    try:
        workspace = _workspace(config)
        config.pluginmanager.register(FailuresPlugin(workspace.logs))
        config.pluginmanager.register(SignalsPlugin(config))
        config.pluginmanager.register(RefusalPlugin())
        run_options = with_places(config, _run_options(config, workspace))
        config.stash[RUN_OPTIONS] = run_options
        tested = TestedRuns()
        config.pluginmanager.register(tested)
        config.stash[RUNS] = SharedRuns(tested)
        add_attachments(config)
        is_worker = hasattr(config, "workerinput")
        config.pluginmanager.register(WorkerGroups() if is_worker else Groups(config))
        # Only the main process uploads to the store; the workers of xdist report to it.
        uploads = not is_worker
        names = (RECORD_PROPERTY, _NOTE_PROPERTY)
        session = shared_session(config)
        summary = RunsSummary(run_options, *names, session=session, uploads=uploads)
        config.pluginmanager.register(summary)
        if run_options.gate:
            config.pluginmanager.register(
                GatePlugin(run_options.gate, RECORD_PROPERTY, workspace.logs)
            )
    except InputError as error:
        raise pytest.UsageError(shown(error)) from error
    except InfrastructureError as error:
        pytest.exit(shown(error), returncode=error.exit_code)


@pytest.hookimpl(wrapper=True)
def pytest_cmdline_main(config: pytest.Config) -> Generator[None, int, int]:
    """End with the exit code of the signal that ended the session, however early."""
    try:
        code = yield
    except EndSignal as signal:  # during the summary
        print(f"harness: {signal}", file=sys.stderr)
        return signal.exit_code
    return end_code(config, code)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> Generator[None, None, None]:
    """Register the fixtures after all plugins, before pytest looks at them; show progress."""
    config = session.config
    register_fixtures(config)
    selection = config.stash[RUN_OPTIONS].selection
    targets = [id_of("target", name) for name in selection.targets]
    targets += list_targets(selection.workspace.targets)  # marks may name them
    add_progress(config, targets, _NOTE_PROPERTY)
    yield


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> Generator[None, None, None]:
    """Run a test for every target, model, engine, toolchain and flag that its fixtures use."""
    axes = TestAxes(metafunc)
    metafunc.parametrize = axes.parametrize  # type: ignore[method-assign]
    yield
    axes.parametrize_others()


def pytest_itemcollected(item: pytest.Item) -> None:
    """Tell `-k` all names of what a test runs for."""
    if uses_our_fixtures(item):
        item.extra_keyword_matches.update(keywords(item))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the tests whose marks name other things than the options select."""
    deselect(config, items)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Note what a reader of the table must know; do not try a board that is set aside."""
    run_options = item.config.stash[RUN_OPTIONS]
    selection = run_options.selection
    parameters = _parameters(item)
    notes = unshared_flags(item.config) if uses_our_fixtures(item) else []
    if selection.note and parameters.get("model") in selection.models:
        notes.append(selection.note)
    item.user_properties += [(_NOTE_PROPERTY, note) for note in notes]
    target = parameters.get("target")
    if "board" in getattr(item, "fixturenames", ()) and isinstance(target, str):
        run_options.health.check(selection.target(target).name)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Raise a usage error if an option is wrong, or if no test uses a selected target."""
    config = session.config
    uses_ours = any(uses_our_fixtures(item) for item in session.items)
    if uses_ours and WRONG_OPTION in config.stash:
        refuse(session, f"{shown(config.stash[WRONG_OPTION])}\n  {advice(config)}")
        return
    is_for_others = "--target" in given_to_both(config) and not uses_ours
    if config.option.collectonly or not own_values(config).target or is_for_others:
        return
    is_part = config.getoption("lf", False) or config.getoption("stepwise", False)
    if is_part or session.testsfailed:  # with errors of the collection, tests are missing
        return
    used = [_parameters(item).get("target") for item in session.items]
    selected = config.stash[RUN_OPTIONS].selection.targets
    unused = [name for name in selected if name not in used]
    if unused:
        refuse(
            session,
            f"--target={shown(unused[0])}: no selected test uses this target\n"
            "  -> select a test with the fixture target, board, run or dut, and no mark for others",
        )


def pytest_report_collectionfinish(config: pytest.Config) -> list[str]:
    """Say why no test is left, and which fixtures are another plugin's."""
    return [text for text in (no_test_text(config), left_out_text(config)) if text]


def _run_options(config: pytest.Config, workspace: Workspace) -> RunOptions:
    """Return the options, checked if they select something.

    What another plugin's option of the same name says may not be for us: if that is wrong, it is
    an error only in a session with tests that use our fixtures.
    """
    before = own_values(config)
    try:
        share_values(config)
        values = own_values(config)
        building = step_before_tests(config, "building the sketch")
        with building if values.sketch else nullcontext():
            run_options = RunOptions.of(values, workspace)
        selection = run_options.selection
        if selection.prebuilt or selection.bundle or any(getattr(values, axis) for axis in AXES):
            selection.check()
    except HarnessError as error:
        if not given_to_both(config):
            raise
        config.stash[WRONG_OPTION] = error
        return RunOptions.of(before, workspace)
    return run_options


def _workspace(config: pytest.Config) -> Workspace:
    """Return the workspace of the current folder, or of pytest's root if that lies elsewhere."""
    current, root = config.invocation_params.dir.resolve(), config.rootpath.resolve()
    start = current if current.is_relative_to(root) else root
    return find_workspace(start, root if config.inipath else None)


def _parameters(item: pytest.Item) -> dict[str, Any]:
    """Return what a test is parametrized with."""
    callspec = getattr(item, "callspec", None)
    return callspec.params if callspec else {}
