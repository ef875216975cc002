"""pytest-xdist on a farm: each worker has a place of its own, and long models come first.

xdist distributes the tests, and the coordinator lends the places.
"""

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.board.provision import provision
from harness.board.shared_board import SharedBoard
from harness.engines.macs import macs_of
from harness.errors import InfrastructureError, InputError
from harness.options.farm_places import farm_targets, noting_places
from harness.options.run_options import RunOptions
from harness.options.selection import DEFAULT_TARGET
from harness.pytest_plugin.terminal_progress import progress_of
from harness.support.plural import count_of
from harness.support.shown import shown
from harness.target.target_file import Target

_FOLDER = "harness_places"  # what the main process tells its workers


def with_places(config: pytest.Config, options: RunOptions) -> RunOptions:
    """Return `options` with the folder in which the processes of the session note places."""
    if tuple(options.selection.targets) == (DEFAULT_TARGET,):
        return options  # without --target, the session may not even be for us: read nothing
    if hasattr(config, "workerinput"):
        if not farm_targets(options.selection, options.board):
            return options
        config.pluginmanager.register(LongModelsFirst(options))
        board = replace(options.board, places=Path(config.workerinput[_FOLDER]))
    else:
        stack = ExitStack()
        board = stack.enter_context(noting_places(options.selection, options.board))
        config.add_cleanup(stack.close)
        if board.places:
            config.pluginmanager.register(_MainProcess(options, board.places))
    return replace(options, board=board)


class _MainProcess:
    """Starts no more workers than there are places, and gives them a folder in common."""

    def __init__(self, options: RunOptions, folder: Path) -> None:
        self._options, self._folder = options, folder

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Leave out workers for which there is no place; they would hold tests, and wait."""
        config = session.config
        targets = farm_targets(self._options.selection, self._options.board)
        if not getattr(config.option, "tx", None):
            return  # no xdist
        if config.option.maxschedchunk is None:
            config.option.maxschedchunk = 1  # a test takes longer than a message to a worker
        if len(targets) < len(self._options.selection.targets):
            return  # the others need no place
        workers = config.option.tx
        try:
            places = max(self._free_places(config, target) for target in targets)
        except InfrastructureError:
            return  # the workers say it, or wait
        except InputError as error:  # no place can ever fit
            raise pytest.UsageError(shown(error)) from error
        if places < len(workers):
            config.option.tx = workers[: max(places, 1)]
            self._say(config, places)

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker the folder."""
        node.workerinput[_FOLDER] = str(self._folder)

    def _free_places(self, config: pytest.Config, target: Target) -> int:
        options = self._options
        logs = options.selection.workspace.logs
        board = provision(target, logs, progress_of(config), options.board)
        return board.free_places() if isinstance(board, SharedBoard) else 0

    def _say(self, config: pytest.Config, places: int) -> None:
        if reporter := config.pluginmanager.getplugin("terminalreporter"):
            free = count_of(places, "free place") if places else "no free place"
            workers = count_of(len(config.option.tx), "worker")
            reporter.write_line(f"harness: {free} in the farm: {workers}")


class LongModelsFirst:
    """Sorts the tests of a worker, so that no long one is left when the others have ended."""

    def __init__(self, options: RunOptions) -> None:
        self._options = options
        self._work: dict[str, int] = {}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Sort by target, and then by work; tests of one model stay together."""
        parameters = [getattr(getattr(item, "callspec", None), "params", {}) for item in items]
        targets = [each.get("target") for each in parameters]
        work = [self._work_of(each.get("model")) for each in parameters]
        order = sorted(
            range(len(items)), key=lambda index: (targets.index(targets[index]), -work[index])
        )
        items[:] = [items[index] for index in order]

    def _work_of(self, name: object) -> int:
        """Return the multiply-accumulates of a run of the model `name`, or 0 without a name."""
        if not isinstance(name, str):
            return 0
        if name not in self._work:
            model = self._options.selection.model(name)
            macs = sum(macs_of(model.graph, operator) for operator in model.graph.operators)
            self._work[name] = macs * (self._options.quick.vectors or len(model.vectors))
        return self._work[name]
