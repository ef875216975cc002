"""MLPerf Tiny's four benchmarks, and how inputs and answers look on the wire.

Quality targets are those of the rules (MLPerfTiny_Rules.adoc, "Constraints for the Closed
division"), sizes and conversions those of the reference submissions of mlcommons/tiny.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from harness.model.folder import Model
from harness.model.graph import Graph
from harness.model.metric import Metric, reconstruction_error
from harness.model.quantization import dequantize
from harness.model.vectors import Vectors

Array = npt.NDArray[Any]
Reals = npt.NDArray[np.float64]
Content = Literal["int8", "uint8", "float32"]
"""What the bytes of an input are: what the model takes, that plus 128, or real values."""

_SLACK = 1e-5  # of a score that a device sums up in float32


@dataclass(frozen=True)
class Benchmark:
    """A benchmark. `id` is what a device calls it, `folder` what a submission does.

    A sample has `inputs` values and the model `outputs`; `baud` is the official runner's in
    performance mode.
    """

    id: str
    folder: str
    title: str
    inputs: int
    outputs: int
    content: Content
    metric: Metric
    quality_target: float
    baud: int


BENCHMARKS = {
    one.id: one
    for one in (
        Benchmark("kws01", "kws", "keyword spotting", 490, 12, "int8", "accuracy", 0.90, 115200),
        Benchmark("vww01", "vww", "visual wake words", 27648, 2, "uint8", "accuracy", 0.80, 115200),
        Benchmark(
            "ic01", "ic", "image classification", 3072, 10, "uint8", "accuracy", 0.85, 115200
        ),
        Benchmark("ad01", "ad", "anomaly detection", 640, 640, "float32", "auc", 0.85, 921600),
    )
}


def benchmark_of(model: Model, network: Graph) -> Benchmark | None:
    """Return the benchmark that `network` is for, by the sizes of its tensors; None: no such."""
    inputs, outputs = network.input_tensors, network.output_tensors
    if len(inputs) != 1 or len(outputs) != 1:
        return None
    sizes = (inputs[0].elements, outputs[0].elements, model.metric)
    return next(
        (one for one in BENCHMARKS.values() if (one.inputs, one.outputs, one.metric) == sizes), None
    )


def content_of(model: Model, network: Graph) -> Content:
    """Return what the bytes of an input are, for a model that need be no benchmark."""
    benchmark = benchmark_of(model, network)
    if benchmark is not None:
        return benchmark.content
    return "float32" if model.task == "anomaly-detection" else "int8"


def payload(content: Content, values: Array, network: Graph) -> bytes:
    """Return the bytes of one input whose `values` are stored as `network` takes them."""
    if content == "int8":
        return values.tobytes()
    if content == "uint8":
        return (values.view(np.uint8) ^ 0x80).tobytes()
    return dequantize(values, network.input_tensors[0]).astype("<f4").tobytes()


def expected(model: Model, vectors: Vectors, golden: Array, network: Graph) -> Reals:
    """Return what a device should answer, [N, values]: golden's in real values, or its score.

    An anomaly's score is the mean squared difference of input and output.
    """
    outputs = dequantize(golden.reshape(len(golden), -1), network.output_tensors[0])
    if model.metric == "auc":
        inputs = dequantize(vectors.inputs, network.input_tensors[0])
        return reconstruction_error(inputs, outputs)[:, np.newaxis]
    return outputs


def agrees(printed: str, golden: float) -> bool:
    """Tell whether `printed` is `golden`, cut off or rounded to the digits printed.

    The reference submissions do the one or the other. That says nothing of bytes.
    """
    unit = 10.0 ** -len(printed.partition(".")[2])
    slack = _SLACK * max(1.0, abs(golden))
    value = float(printed)
    # What is cut off is beyond the number as seen from zero.
    below = unit if value <= 0 else unit / 2
    above = unit if value >= 0 else unit / 2
    return -below - slack <= golden - value <= above + slack
