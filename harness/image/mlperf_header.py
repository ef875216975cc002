"""Writes the model-specific header and options for firmware with MLPerf Tiny's protocol."""

import re
from pathlib import Path

import numpy as np

from harness.errors import InputError
from harness.model import tflite_file
from harness.model.folder import Model
from harness.model.graph import Graph, Tensor
from harness.model.mlperf_benchmarks import benchmark_of, content_of
from harness.support.plural import count_of
from harness.target.target_file import Target

ENERGY_BAUD = 9600
"""Line speed in bit/s in energy mode; the isolated line may be slow (mlcommons/tiny)."""

_NAME = re.compile(r"[\w .+-]+", re.ASCII)
_TEMPLATE = """\
/* Generated: what app/mlperf_main.c has to know of the model. */
#ifndef MLPERF_MODEL_H
#define MLPERF_MODEL_H

#include <stdint.h>

#define MLPERF_MODEL "{id}"

#define MLPERF_INPUTS {inputs}U
#define MLPERF_INPUT_SIZE {input_size}U /* bytes on the wire */
#define MLPERF_FLIP {flip}U /* 0x80808080: 0 to 255 become -128 to 127 */
#define MLPERF_QUANTIZES {quantizes} /* float32 on the wire, int8 in the model */
#define MLPERF_INPUT_SCALE {input_scale}
#define MLPERF_INPUT_ZERO {input_zero}

#define MLPERF_RESULTS {results}U
#define MLPERF_SCORE {score} /* the result is how far output and input differ */
#define MLPERF_CUTS_OFF {cuts_off} /* after the third decimal, instead of rounding */
#define MLPERF_OUTPUT_SCALE {output_scale}
#define MLPERF_OUTPUT_ZERO {output_zero}
typedef {output_type} mlperf_output_t;

#endif
"""


def write_model_header(model: Model, directory: Path) -> Path:
    """Write mlperf_model.h into `directory` and return its path.

    Raises `InputError` unless the model has one input and one output with at most one scale each,
    and a name that the protocol can transmit.
    """
    network = tflite_file.parse(model.tflite, where=str(model.tflite_path))
    source, result = _tensors(model, network)
    benchmark = benchmark_of(model, network)
    content = content_of(model, network)
    quantizes = content == "float32" and source.dtype != np.float32
    input_scale, input_zero = _quantization(source)
    output_scale, output_zero = _quantization(result)
    score = model.metric == "auc"
    path = directory / "mlperf_model.h"
    path.write_text(
        _TEMPLATE.format(
            id=benchmark.id if benchmark else _plain_name(model),
            inputs=source.elements,
            input_size=4 * source.elements if quantizes else source.nbytes,
            flip="0x80808080" if content == "uint8" else "0",
            quantizes=int(quantizes),
            input_scale=input_scale,
            input_zero=input_zero,
            results=1 if score else result.elements,
            score=int(score),
            cuts_off=int(benchmark is not None and benchmark.id == "kws01"),
            output_scale=output_scale,
            output_zero=output_zero,
            output_type="float" if result.dtype.kind == "f" else f"{result.dtype.name}_t",
        )
    )
    return path


def mlperf_options(target: Target, *, energy: bool) -> dict[str, str]:
    """Return the options of firmware/CMakeLists.txt for an image with this protocol.

    Raises `InputError` if the frequency of the target's counter is unknown.
    """
    hz = target.counter.hz or (target.clock.hz if target.clock else None)
    if hz is None:
        raise InputError(
            "the protocol's timestamps are in microseconds, but the target does not state the "
            "frequency of its counter",
            where=f"{target.path}: clock.hz",
            remedy="add a table [clock], with `hz` and `source`; a run over the link measures the "
            "clock of a board",
        )
    options = {"MLPERF": "energy" if energy else "performance", "TICK_HZ": str(hz)}
    return options | ({"BAUD": str(ENERGY_BAUD)} if energy else {})


def _plain_name(model: Model) -> str:
    if not _NAME.fullmatch(model.name):
        raise InputError(
            f"the protocol cannot transmit the model's name {model.name!r}",
            where=str(model.path),
            remedy="rename the folder; use letters, digits, spaces and . + - _",
        )
    return model.name


def _tensors(model: Model, network: Graph) -> tuple[Tensor, Tensor]:
    """Return the model's only input and only output."""
    inputs, outputs = network.input_tensors, network.output_tensors
    if (len(inputs), len(outputs)) != (1, 1):
        raise InputError(
            f"has {count_of(len(inputs), 'input')} and "
            f"{count_of(len(outputs), 'output')}; MLPerf Tiny's protocol supports "
            "one of each",
            where=str(model.tflite_path),
            remedy="run it with --protocol=link",
        )
    return inputs[0], outputs[0]


def _quantization(tensor: Tensor) -> tuple[str, int]:
    """Return the scale, as a C literal, and the zero point; 1 and 0 if it is not quantized."""
    if tensor.scale is None or tensor.zero_point is None:
        return "1.0F", 0
    if tensor.scale.size != 1:
        raise InputError(
            f"tensor {tensor.name[:80]!r} has {tensor.scale.size} scales; one is supported",
            remedy="convert the model to full-integer int8",
        )
    return f"{float(tensor.scale[0]).hex()}F", int(tensor.zero_point[0])
