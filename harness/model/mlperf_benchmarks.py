"""The five benchmarks of MLPerf Tiny, and the format of inputs and outputs on the wire.

The quality targets come from the rules (MLPerfTiny_Rules.adoc, "Constraints for the Closed
division"), sizes and conversions from the reference submissions in mlcommons/tiny.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from harness.model.folder import Model
from harness.model.graph import Graph
from harness.model.metric import Metric
from harness.model.metric_arrays import reconstruction_error
from harness.model.quantization import dequantize
from harness.model.vectors import Vectors

Array = npt.NDArray[Any]
Reals = npt.NDArray[np.float64]
Content = Literal["int8", "uint8", "float32"]
"""Format of an input on the wire: the model's int8, the same plus 128, or real values."""

_TOLERANCE = 1e-5  # relative; a device sums a score in float32


@dataclass(frozen=True)
class Benchmark:
    """A benchmark. `id` is its name on the device, `folder` its folder in a submission.

    A sample has `inputs` values, the model `outputs` values. `baud` is the line speed of the
    official runner in performance mode.
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
    benchmark.id: benchmark
    for benchmark in (
        Benchmark("kws01", "kws", "keyword spotting", 490, 12, "int8", "accuracy", 0.90, 115200),
        Benchmark("vww01", "vww", "visual wake words", 27648, 2, "uint8", "accuracy", 0.80, 115200),
        Benchmark(
            "ic01", "ic", "image classification", 3072, 10, "uint8", "accuracy", 0.85, 115200
        ),
        Benchmark("ad01", "ad", "anomaly detection", 640, 640, "float32", "auc", 0.85, 921600),
        Benchmark(
            "sww01", "sww", "streaming wakeword", 1200, 3, "int8", "detection_errors", 8, 115200
        ),
    )
}


def benchmark_of(model: Model, network: Graph) -> Benchmark | None:
    """Return the benchmark that matches the sizes of `network`; None if there is none."""
    inputs, outputs = network.input_tensors, network.output_tensors
    if len(inputs) != 1 or len(outputs) != 1:
        return None
    sizes = (inputs[0].elements, outputs[0].elements, model.metric)
    return next(
        (
            benchmark
            for benchmark in BENCHMARKS.values()
            if (benchmark.inputs, benchmark.outputs, benchmark.metric) == sizes
        ),
        None,
    )


def content_of(model: Model, network: Graph) -> Content:
    """Return the format of an input on the wire; the model need not be a benchmark."""
    benchmark = benchmark_of(model, network)
    if benchmark is not None:
        return benchmark.content
    return "float32" if model.task == "anomaly-detection" else "int8"


def payload(content: Content, values: Array, network: Graph) -> bytes:
    """Return the bytes on the wire of one input; `values` are in the input type of `network`."""
    if content == "int8":
        return values.tobytes()
    if content == "uint8":
        return (values.view(np.uint8) ^ 0x80).tobytes()
    return dequantize(values, network.input_tensors[0]).astype("<f4").tobytes()


def expected(model: Model, vectors: Vectors, golden: Array, network: Graph) -> Reals:
    """Return the expected answers, float64 [N, values]: golden's real values, or its score.

    The score of an anomaly is the mean squared difference of input and output.
    """
    outputs = dequantize(golden.reshape(len(golden), -1), network.output_tensors[0])
    if model.metric == "auc":
        inputs = dequantize(vectors.inputs, network.input_tensors[0])
        return reconstruction_error(inputs, outputs)[:, np.newaxis]
    return outputs


def agrees(printed: str, golden: float) -> bool:
    """Return whether `printed` is `golden`, truncated or rounded to the printed digits.

    The reference submissions do either. It does not prove that the output bytes are equal.
    """
    unit = 10.0 ** -len(printed.partition(".")[2])
    tolerance = _TOLERANCE * max(1.0, abs(golden))
    value = float(printed)
    # Truncation moves a number towards zero.
    below = unit if value <= 0 else unit / 2
    above = unit if value >= 0 else unit / 2
    return -below - tolerance <= golden - value <= above + tolerance
