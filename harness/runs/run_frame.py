"""A run as a pandas table: a row for each vector."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.measure.agreement import bytes_of_each
from harness.measure.core_clock import hz_of
from harness.measure.quality import answers_of

if TYPE_CHECKING:
    from harness.runs.link_run import Run

Array = npt.NDArray[Any]

_OF_CLASSES = ("accuracy", "auc")  # the integers of other metrics are not classes


def frame_of(run: "Run") -> pd.DataFrame:
    """Return the table of `run`; see `Run.to_frame`."""
    ticks = run.target.counter.ticks
    columns = {
        **_named("label", run.vectors.labels, run),
        **_named("answer", _answers(run, run.all_outputs), run),
        **_named("golden", _answers(run, run.all_golden), run),
        "differing": bytes_of_each(run.all_outputs, run.all_golden),
        ticks: run.ticks,
    }
    hz = hz_of(run.target, run.clock)
    if hz is not None and ticks == "cycles":
        columns["latency"] = run.ticks / hz
    numbers = [run.number(index) for index in range(len(run.vectors))]
    return pd.DataFrame(columns, index=pd.Index(numbers, name="vector"))


def _answers(run: "Run", outputs: tuple[Array, ...]) -> Array | None:
    return answers_of(run.model.metric, run.vectors, outputs, run.network)


def _named(name: str, values: Array | None, run: "Run") -> Mapping[str, Array]:
    """Return `values` [N, ...] as columns: classes by their names, several values side by side."""
    if values is None:
        return {}
    classes = run.model.metric in _OF_CLASSES and np.issubdtype(values.dtype, np.integer)
    if classes and run.model.classes:
        return {name: np.array(run.model.classes, object)[values]}
    flat = values.reshape(len(values), -1)
    if flat.shape[1] == 1:
        return {name: flat[:, 0]}
    return {f"{name}_{index}": column for index, column in enumerate(flat.T)}
