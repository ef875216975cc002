"""`harness watch`: runs again when the model or the firmware changes, and shows what changed."""

import argparse
import os
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

from rich.text import Text

from harness.errors import HarnessError, InputError
from harness.measure.energy.meters.metering import Metering
from harness.options.idle_options import check_all
from harness.options.run_options import RunOptions, add_measuring_options
from harness.options.selection import Selection
from harness.options.watched_inputs import (
    Inputs,
    choice_of,
    combinations_of,
    files_of_selection,
    inputs_of,
    lasting_names,
)
from harness.report.watch_screen import Watching, WatchLog, WatchScreen
from harness.results.combination import Combination
from harness.results.judge.watched_run import WatchedRun
from harness.results.recording import record_of
from harness.runs.bench import bench
from harness.support.progress import Progress, is_live
from harness.support.shown import shown
from harness.support.uncaught import explained_conditions
from harness.support.watched_files import WatchedFiles, wait_for_change
from harness.workspace import Workspace


def declare(parsers: Mapping[str, argparse.ArgumentParser]) -> None:
    """Declare the options of the command, whose parser is in `parsers`."""
    watch = parsers["watch"]
    add_measuring_options(lambda title: watch.add_argument_group(title).add_argument)
    watch.set_defaults(command=_watch, store="", baseline=None)


def _watch(options: argparse.Namespace, workspace: Workspace) -> int:
    with options.progress.step("reading the targets and models"):
        first = _checked(options, workspace)
    _keep_compiled_files(workspace.caches / "ccache")
    with first.meter as metering, _view(options.progress) as view:
        watch = _Watch(options, first.selection, metering)
        while True:
            watch.update(view)
            watch.wait()


def _keep_compiled_files(folder: Path) -> None:
    """Let ccache keep compiled files, if this machine has it: of an image, few files change.

    Images build in folders of any name, which are not in them.
    """
    if shutil.which("ccache"):
        for variable in ("CMAKE_C_COMPILER_LAUNCHER", "CMAKE_CXX_COMPILER_LAUNCHER"):
            os.environ.setdefault(variable, "ccache")
        os.environ.setdefault("CCACHE_DIR", str(folder))
        os.environ.setdefault("CCACHE_NOHASHDIR", "1")


@contextmanager
def _view(progress: Progress) -> Iterator[Watching]:
    """Yield what shows the runs; a terminal shows the progress there, too."""
    if is_live(sys.stdout):
        with WatchScreen(sys.stdout) as screen, progress.shown_on(screen):
            yield screen
    else:
        yield WatchLog(sys.stdout)


def _checked(options: argparse.Namespace, workspace: Workspace) -> RunOptions:
    """Return the options; raises what is wrong with them, or with what they name."""
    run_options = RunOptions.of(options, workspace)
    selection = run_options.selection
    check_all(options, selection)
    for name in selection.targets:
        run_options.meter.check(selection.target(name))
    selection.check_vectors(run_options.quick)
    return run_options


class _Watch:
    """The watched runs. They are kept apart from Records: nothing is written."""

    def __init__(self, options: argparse.Namespace, first: Selection, metering: Metering) -> None:
        self._options = options
        self._first = first
        self._workspace = first.workspace
        self._progress: Progress = options.progress
        self._metering = metering
        self._files = WatchedFiles()
        self._inputs: Sequence[Inputs] = ()
        self._known: dict[Combination, WatchedRun] = {}  # also those of a model that is gone
        self._runs: list[WatchedRun] = []
        self._failed = False  # an error is drawn instead of the note about the newest run

    def update(self, view: Watching) -> None:
        """Run what changed, and show it; an error is shown, too."""
        self._files.digest(self._selected())  # from here on, no change is missed
        try:
            run_options = self._options_now()
        except HarnessError as error:
            self._failed = True
            view.draw(self._runs, [], Text(shown(error), "red"))
            return
        drawn = [run.names for run in self._runs]
        changed = self._changed(run_options.selection)
        here = [run.names for run in self._runs]
        if not changed and (self._failed or drawn != here):
            gone = ", ".join(str(names) for names in drawn if names not in here)
            note = f"no longer there: {gone}" if gone else "nothing needs to run again"
            view.draw(self._runs, [], Text(shown(note), "dim"))
        self._failed = False
        for run in changed:
            begin = time.monotonic()
            self._attempt(run, run_options)
            note = f"{time.strftime('%H:%M:%S')}: {run.names}: {time.monotonic() - begin:.1f} s"
            view.draw(self._runs, [run], Text(shown(note), "dim"))

    def wait(self) -> None:
        """Wait until a file changes."""
        self._files.forget_others(self._every_file())
        wait_for_change(self._every_file, self._files.stamps())

    def _options_now(self) -> RunOptions:
        """Return the options with what they name now; raises what is wrong with it."""
        run_options = RunOptions.of(self._options, self._workspace)
        if run_options.selection.bundled_models and not self._first.bundled_models:
            raise InputError("there is no model any more", where=str(self._workspace.models[0]))
        return run_options

    def _changed(self, selection: Selection) -> list[WatchedRun]:
        """Return the runs of `selection` that are made from something else than before."""
        every = combinations_of(selection)
        self._inputs = [inputs_of(selection, names) for names in every]
        self._runs = []
        changed = []
        for names, inputs in zip(every, self._inputs, strict=True):
            run = self._known.setdefault(lasting_names(selection, names), WatchedRun(names))
            self._runs.append(run)
            before, made_of = run.made_of, inputs.digest(self._files)
            run.names, run.made_of = names, made_of
            if made_of != before:
                changed.append(run)
        return changed

    def _attempt(self, run: WatchedRun, run_options: RunOptions) -> None:
        try:
            with explained_conditions(), self._progress.step(str(run.names)):
                choice = choice_of(run_options.selection, run.names)
                request = run_options.request(choice, self._progress, self._metering)
                with bench(request) as dut:
                    run.add(record_of(dut.run(), self._workspace))
        except HarnessError as error:
            run.error = str(error)

    def _selected(self) -> Iterator[Path]:
        return files_of_selection(self._options, self._workspace)

    def _every_file(self) -> Iterator[Path]:
        return chain(self._selected(), *(inputs.files() for inputs in self._inputs))
