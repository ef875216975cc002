"""The numbers of many runs as one pandas table, and as files for other tools."""

import csv
from pathlib import Path
from typing import Unpack

import pandas as pd
from sqlalchemy import ColumnElement, select

from harness.errors import InfrastructureError
from harness.results.store.database import reading
from harness.results.store.database_tables import numbers, runs
from harness.results.store.store import RunFilter, Store, filtered
from harness.support.whole_files import replace_files

_OF_RUN = (
    *("commit", "branch", "target", "model", "engine", "toolchain", "optimize", "verdict"),
    *("place", "chip_id"),
)
_COLUMNS = ("run", "started", *_OF_RUN, "metric", "value", "unit", "kind", "estimator", "error")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # the first characters of a formula
_TEXT = (pd.CategoricalDtype, pd.StringDtype)
_TYPES = dict.fromkeys((*_OF_RUN, "metric", "unit", "kind", "estimator"), "category") | {
    "run": "str",
    "started": "datetime64[us, UTC]",
    "value": "float64",
    "error": "float64",
}


def frame_of(store: Store, **filters: Unpack[RunFilter]) -> pd.DataFrame:
    """Return the numbers in `store`; see `harness.records`."""
    if unknown := sorted(filters.keys() - RunFilter.__annotations__.keys()):
        raise TypeError(f"there is no filter {', '.join(map(repr, unknown))}")
    of_run = [runs.c.run.label("key"), runs.c.id.label("run"), runs.c.started]
    of_run += [runs.c[name] for name in _OF_RUN]
    of_number: list[ColumnElement[object]] = [numbers.c.run.label("key")]
    of_number += [numbers.c.name.label("metric"), numbers.c.value, numbers.c.unit, numbers.c.kind]
    of_number += [numbers.c.estimator, numbers.c.error]
    # Two queries: with one, the database sends the texts of a run again for each number.
    run_query = filtered(select(*of_run), filters).order_by(runs.c.started, runs.c.id)
    number_query = filtered(select(*of_number).join_from(runs, numbers), filters)
    number_query = number_query.order_by(numbers.c.name)
    with reading(store.engine) as connection:
        left, right = (
            pd.DataFrame(map(tuple, result), columns=list(result.keys()))
            for result in map(connection.execute, (run_query, number_query))
        )
    joined = left.merge(right, on="key")  # in the order of runs, then of names
    return joined[list(_COLUMNS)].astype(_TYPES)


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write `table` as CSV in UTF-8.

    Spreadsheets run a text that looks like a formula, so it gets an apostrophe in front. Numbers
    stay as they are. Raises the errors of `replace_files`.
    """
    texts = [str(name) for name in table if isinstance(table[name].dtype, _TEXT)]
    guarded = table.assign(**{name: table[name].map(_guarded) for name in texts})
    # By default, pandas does not quote a text with a carriage return, which then ends the row.
    returns = any(table[name].str.contains("\r", regex=False).any() for name in texts)
    text = (
        guarded.to_csv(index=False, quoting=csv.QUOTE_NONNUMERIC)
        if returns
        else guarded.to_csv(index=False)
    )
    replace_files(path.parent, {path.name: text.encode()})


def _guarded(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


def write_parquet(table: pd.DataFrame, path: Path) -> None:
    """Write `table` as Parquet.

    Raises the errors of `replace_files`, and `InfrastructureError` without pyarrow.
    """
    try:
        data = table.to_parquet(index=False)
    except ImportError as error:
        raise InfrastructureError(
            "Parquet files need pyarrow, which is not installed",
            where=str(path),
            remedy="pip install 'tinyml-harness[parquet]', or use --csv",
        ) from error
    replace_files(path.parent, {path.name: data})
