"""What is written down of runs, and how it is found again."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Unpack

from harness.errors import InputError

if TYPE_CHECKING:
    from pandas import DataFrame

    from harness.results.store.store import Which


def frame(source: Path | str | None = None, **which: "Unpack[Which]") -> "DataFrame":
    """Return the numbers of runs, oldest run first: a row for each run and number.

    `source` is a folder of records or the URL of a store; without, it is `reports/runs` of the
    current folder. `which` are the filters of `Store.find`. The columns:

    - `run`: str, the run's id; `started`: datetime64[us, UTC]
    - `commit`, `branch`, `target`, `model`, `engine`, `toolchain`, `optimize`, `verdict`,
      `metric`, `unit`, `kind`: category of str
    - `value`: float64
    - `estimator`: category of str, and `error`: float64: which model an estimate comes from,
      and its relative error where that is known; empty and NaN for other kinds

    Files that are no records are named on standard error and left out. Raises `InputError` for
    a source that is none, and `InfrastructureError` if the database fails.
    """
    # Imported late: pandas and sqlalchemy.
    from harness.results.store.dataframes import frame_of  # noqa: PLC0415
    from harness.results.store.open_results import open_index, open_store  # noqa: PLC0415
    from harness.workspace import Workspace  # noqa: PLC0415

    if source is None or "://" in str(source):
        with open_store(str(source or ""), Workspace(Path.cwd())) as store:
            return frame_of(store, **which)
    if not Path(source).is_dir():
        raise InputError("is no folder of records", where=str(source))
    with (
        TemporaryDirectory(prefix="harness-") as folder,
        open_index(Path(folder) / "index.sqlite", Path(source)) as index,
    ):
        return frame_of(index, **which)
