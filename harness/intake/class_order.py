"""Whether the names of classes stand in the order of the network's outputs."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.model.graph import Graph
from harness.model.metric_arrays import Labels
from harness.model.quantization import dequantize

_BETTER = 0.1  # of the accuracy


def order_doubt(
    names: Sequence[str], labels: Labels, outputs: npt.NDArray[Any], network: Graph
) -> str:
    """Return a sentence if another order of the `names` fits golden far better; otherwise "".

    `labels` [N] are positions in `names`; `outputs` [N, ...] is golden's first output.
    """
    count = len(names)
    answers = _answers(outputs, network)
    if not ((labels < count) & (answers < count)).all():
        return ""
    table = np.zeros((count, count), np.int64)
    np.add.at(table, (labels, answers), 1)
    best = table.argmax(axis=1)
    if sorted(best.tolist()) != list(range(count)) or not table.any(axis=1).all():
        return ""
    now, then = (
        float(table[range(count), order].sum() / len(labels)) for order in (range(count), best)
    )
    if then < now + _BETTER:
        return ""
    ordered = ",".join(names[index] for index in np.argsort(best).tolist())
    return (
        f"another order of the classes fits the network better: with --classes '{ordered}', golden "
        f"reaches {then:.4f} instead of {now:.4f}"
    )


def _answers(outputs: npt.NDArray[Any], network: Graph) -> Labels:
    """Return the class that each of N outputs stands for, as the metric accuracy does."""
    values = outputs.reshape(len(outputs), -1)
    if network.arg_max is not None:
        return values[:, 0].astype(np.int64)
    real = dequantize(values, network.output_tensors[0])
    answers: Labels = real.argmax(axis=1)
    # A single output is the probability of class 1.
    return answers if real.shape[1] > 1 else (real[:, 0] >= 0.5).astype(np.int64)  # noqa: PLR2004
