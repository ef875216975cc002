"""Groups of tests that pytest-xdist gives to one worker: those of one run, or of one board.

The tests of a combination share its run, if one worker has them all. A board on the desk is for one
process at a time. xdist groups tests by what follows the last `@` of an id, with
`--dist=loadgroup`. The ids have it only while the workers send them: in reports, in JUnit's XML and
for `--lf`, a test has one id.
"""

from collections.abc import Generator, Sequence
from importlib import import_module
from typing import Any

import pytest

from harness.board.board_options import is_of_farm
from harness.errors import HarnessError
from harness.options.selection import AXES
from harness.pytest_plugin.failures import uses_our_fixtures
from harness.pytest_plugin.fixture_values import RUN_OPTIONS
from harness.pytest_plugin.pytest_internals import renamed
from harness.pytest_plugin.short_ids import id_of
from harness.target.target_file import Pyocd

_ON = "harness_groups"  # what the main process tells its workers
_SIGN = "@harness:"
_PARTS = 32  # for each worker, in how many parts it gets the other tests


class Groups:
    """In the main process: distributes groups with `--dist=load`, the default, and `loadgroup`."""

    def __init__(self, config: pytest.Config) -> None:
        self._is_on = config.getoption("dist", "no") in {"load", "loadgroup"}

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker whether it marks the groups."""
        node.workerinput[_ON] = self._is_on

    @pytest.hookimpl(optionalhook=True, tryfirst=True)
    def pytest_handlecrashitem(self, report: pytest.TestReport) -> None:
        """Report a test that ended its worker under its own id."""
        plain = report.nodeid.partition(_SIGN)[0]
        report.longrepr = str(report.longrepr).replace(report.nodeid, plain)
        report.nodeid = plain

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Any:
        """Return a scheduler that knows groups; None if xdist's own one does it."""
        return _GroupScheduling(config, log) if config.getoption("dist") == "load" else None


class WorkerGroups:
    """In a worker: marks the groups."""

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_finish(self, session: pytest.Session) -> Generator[None, object, object]:
        """Send the ids with their groups; then they are as before."""
        if not getattr(session.config, "workerinput", {}).get(_ON):
            return (yield)
        items = list(session.items)  # a session that is refused has none at the end
        groups = [_group_of(item) for item in items]
        with renamed(items, [f"{_SIGN}{group}" if group else "" for group in groups]):
            return (yield)


class _GroupScheduling:
    """xdist's scheduler for `load`, or the one for groups if there are some."""

    def __init__(self, config: pytest.Config, log: Any) -> None:
        self._config, self._log = config, log
        self._chosen: Any = _schedulers().LoadScheduling(config, log)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._chosen, name)

    def schedule(self) -> None:
        """Distribute the tests; all workers have sent their ids."""
        first = self._chosen
        collections = getattr(first, "node2collection", None)
        if collections and any(_SIGN in nodeid for nodeid in next(iter(collections.values()))):
            self._chosen = _grouping(self._config, self._log)
            for node in first.nodes:
                self._chosen.add_node(node)
            for node, ids in collections.items():
                self._chosen.add_node_collection(node, ids)
        self._chosen.schedule()


def _schedulers() -> Any:
    return import_module("xdist.scheduler")  # only a session with xdist needs it


def _grouping(config: pytest.Config, log: Any) -> Any:
    class Grouping(_schedulers().LoadGroupScheduling):  # type: ignore[misc]
        """Keeps the order of the tests, and neighbours together, which often share fixtures."""

        def add_node_collection(self, node: Any, collection: Sequence[str]) -> None:
            size = max(1, len(collection) // (_PARTS * self.numnodes))
            self._parts = {
                nodeid: f"{nodeid.partition('::')[0]}:{index // size}"
                for index, nodeid in enumerate(collection)
            }
            super().add_node_collection(node, collection)

        def remove_node(self, node: Any) -> str | None:
            """Remove a worker; a test that ended it is not tried again, as with `load`."""
            units = self.assigned_work[node].values()
            crashed = next((name for unit in units for name in unit if not unit[name]), None)
            if crashed:
                next(unit for unit in units if crashed in unit)[crashed] = True
            self.assigned_work[node] = {
                scope: unit
                for scope, unit in self.assigned_work[node].items()
                if not all(unit.values())
            }
            super().remove_node(node)
            return crashed

        def _split_scope(self, nodeid: str) -> str:
            scope = super()._split_scope(nodeid)
            return self._parts[nodeid] if scope == nodeid else scope

    config.option.loadscopereorder = False
    return Grouping(config, log)


def _group_of(item: pytest.Item) -> str:
    """Return the group of a test; empty if any worker may have it."""
    callspec = getattr(item, "callspec", None)
    if callspec is None or not uses_our_fixtures(item):
        return ""
    if item.config.getoption("loadgroup", False) and any(item.iter_markers("xdist_group")):
        return ""  # the test has its own
    parameters, names = callspec.params, getattr(item, "fixturenames", ())
    if "board" in names and "target" in parameters and _is_on_desk(item, parameters["target"]):
        return id_of("target", parameters["target"])
    if "run" not in names:
        return ""
    return "-".join(id_of(axis, parameters[axis]) for axis in AXES if axis in parameters)


def _is_on_desk(item: pytest.Item, name: Any) -> bool:
    """Tell whether the target's board is one that exists once, such as the one on the desk."""
    run_options = item.config.stash[RUN_OPTIONS]
    try:
        target = run_options.selection.target(name) if isinstance(name, str) else name
    except HarnessError:  # its tests will say it
        return False
    is_ours = isinstance(target.board, Pyocd)
    return is_ours and not is_of_farm(target, vars(run_options.board))
