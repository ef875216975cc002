"""The public Python API: run a model on a target, compare runs, and read Records.

`harness` offers these functions; `harness.__all__` lists them.
"""

import math
import sys
from contextlib import nullcontext
from os import fspath
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Unpack

from harness.board.derivations import derivations
from harness.engines.registry import DEFAULT_ENGINE, find_engine
from harness.errors import InputError
from harness.harness_toml import tflm_tree
from harness.image.toolchain import DEFAULT_OPT, default_toolchain, find_toolchain
from harness.model.folder import find_model
from harness.results.farm.keep_failure import noting_failure
from harness.results.judge.compare import Delta
from harness.results.judge.compare import compare as compare_records
from harness.results.recording import record_of, record_run
from harness.results.store.open_results import open_index, open_store
from harness.runs.bench import link_bench
from harness.runs.link_run import Run
from harness.runs.request import RunRequest
from harness.support.notebook_progress import notebook_progress
from harness.support.progress import Progress
from harness.support.uncaught import explained_conditions
from harness.target.find_target import find_target
from harness.workspace import Workspace, find_workspace

if TYPE_CHECKING:
    from pandas import DataFrame

    from harness.results.store.store import RunFilter

_COLUMNS = ("old", "new", "difference", "relative", "unit", "kind", "judged", "why")


def run(
    target: str | Path,
    model: str | Path,
    *,
    engine: str = DEFAULT_ENGINE,
    toolchain: str = "",
    opt: str = DEFAULT_OPT,
    root: Path | str = ".",
    profile: bool = False,
    record: bool = True,
) -> Run:
    """Build `model` for `target`, run it on all its vectors, and return the run.

    `target` and `model` are names, or paths if they contain a `/` or are a `Path`. `root` is the
    user's repository, or a folder in it: its targets and models come before the bundled ones, and
    images go to its `build/`.
    Without a `toolchain`, the first one on this machine compiles with the flag `opt`. With
    `profile`, the run has the ticks of each layer. The Record is written to `reports/runs`
    unless `record` is False.

    The run is returned even if the model is wrong: `Run.check` raises the `Verdict`. Raises
    `InputError` for a name or file that is wrong, `InfrastructureError` if the compiler, the
    board or the link fails, or the Record cannot be written.
    """
    with explained_conditions():
        workspace = _workspace(root)
        roots = workspace.targets
        request = RunRequest(
            target=find_target(_name(target), roots, derivations(roots=roots)),
            model=find_model(_name(model), workspace.models),
            workspace=workspace,
            engine=find_engine(engine, tflm_tree(workspace.root)),
            toolchain=find_toolchain(toolchain or default_toolchain(), opt),
            profile=profile,
            progress=Progress(sys.stderr, view=notebook_progress()),
        )
        noting = noting_failure(request) if record else nullcontext()
        with noting, link_bench(request) as dut:
            result = dut.run()
        if record:
            record_run(result, workspace)
    return result


def compare(old: Run, new: Run) -> "DataFrame":
    """Return the numbers of two runs side by side: a row for each that describes the device.

    The index is the number's name. The columns: `old`, `new`, their `difference`, and `relative`,
    the difference as a share of the old number (both NaN if a number cannot be compared); `unit`
    and `kind`; `judged`: same, better, worse, changed, unclear or not comparable; and `why`.
    A measured number needs a history, so that it is unclear here if it differs.
    """
    import pandas as pd  # noqa: PLC0415 - slow

    workspace = find_workspace()
    comparison = compare_records(record_of(old, workspace), record_of(new, workspace))
    names = [delta.name for delta in comparison.deltas]
    rows = map(_compared, comparison.deltas)
    return pd.DataFrame(rows, columns=_COLUMNS, index=pd.Index(names, name="number"))


def _compared(delta: Delta) -> tuple[object, ...]:
    """Return the values of `_COLUMNS`."""
    old, new = delta.old, delta.new
    before, after = (math.nan if number is None else number.value for number in (old, new))
    changes = (delta.difference, delta.relative)
    if delta.judged == "not comparable":
        changes = (math.nan, math.nan)
    unit = next(number.unit for number in (new, old) if number is not None)
    return (before, after, *changes, unit, delta.kind, delta.judged, delta.why)


def _workspace(root: Path | str) -> Workspace:
    """Return the workspace around the folder `root`."""
    if not Path(root).is_dir():
        raise InputError("is not a folder", where=f"root={root}")
    return find_workspace(Path(root))


def _name(thing: str | Path) -> str:
    """Return a name or path for the functions that find things; a `Path` is never a name."""
    return thing if isinstance(thing, str) else fspath(thing.absolute())


def records(
    source: Path | str | None = None, *, root: Path | str = ".", **filters: "Unpack[RunFilter]"
) -> "DataFrame":
    """Return the numbers of all runs, oldest run first: a row for each run and number.

    `source` is a folder of Records or the URL of a store; by default it is `reports/runs` of
    the repository around `root`. `filters` select runs: `target`, `model`, `engine`, `toolchain`,
    `optimize`, `commit`, `branch`, `place`, `chip_id` (str) and `since` (datetime).
    The columns:

    - `run`: str, the run's ID; `started`: datetime64[us, UTC]
    - `commit`, `branch`, `target`, `model`, `engine`, `toolchain`, `optimize`, `verdict`,
      `place`, `chip_id`, `metric`, `unit`, `kind`: category of str
    - `value`: float64
    - `estimator`: category of str, and `error`: float64: the model that an estimate comes from,
      and its relative error if known; empty and NaN for other kinds

    Files that are not Records are named on standard error and left out. Raises `InputError` if
    `source` is neither a folder nor a store, `InfrastructureError` if the database fails.
    """
    from harness.results.store.dataframes import frame_of  # noqa: PLC0415 - pandas

    if source is None or "://" in str(source):
        with open_store(str(source or ""), _workspace(root)) as store:
            return frame_of(store, **filters)
    if not Path(source).is_dir():
        raise InputError("is not a folder of Records", where=str(source))
    with (
        TemporaryDirectory(prefix="harness-") as folder,
        open_index(Path(folder) / "index.sqlite", Path(source)) as index,
    ):
        return frame_of(index, **filters)
