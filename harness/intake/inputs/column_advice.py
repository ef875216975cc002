"""What to type if the rows of a table have more or fewer values than the input of a network."""

import numpy as np

from harness.intake.inputs.samples import Samples
from harness.support.plural import count_of

_LEAST_ROWS = 3  # that show an order


def column_advice(samples: Samples, shape: tuple[int, ...]) -> str:
    """Return what to do with a table whose rows do not fit one vector of `shape`.

    It is empty if the samples are not from a table.
    """
    table, chosen = samples.table, samples.chosen
    if table is None:
        return ""
    size = int(np.prod(shape, dtype=np.int64))
    is_window = len(shape) > 1 and shape[-1] < len(chosen) < size  # each row is one time step
    wanted = shape[-1] if is_window else size
    listed = table.listed(chosen)
    if len(chosen) < wanted:
        each = count_of(size, "value")
        return f"write one vector, {each}, into each row; the columns are {listed}"
    example = table.as_typed(_likely(samples, wanted))
    text = f"choose {wanted} of the columns {listed}: for example {example}"
    if len(chosen) == 2 * wanted and not table.names:
        text += ". A table with decimal commas needs another separator, such as semicolons"
    return text


def _likely(samples: Samples, wanted: int) -> list[int]:
    """Return the `wanted` number of columns: first those that do not increase as a time does."""
    values = np.empty((0, 0)) if samples.array is None else samples.array
    times = (np.diff(values, axis=0) > 0).all(axis=0) & (len(values) >= _LEAST_ROWS)
    order = [*np.flatnonzero(~times), *np.flatnonzero(times)]
    return sorted(samples.chosen[column] for column in order[:wanted])
