"""What our own firmware has to know to answer MLPerf Tiny's protocol for one model."""

import re
from pathlib import Path

import numpy as np

from harness.errors import InputError
from harness.model import tflite_file
from harness.model.folder import Model
from harness.model.graph import Graph, Tensor
from harness.model.mlperf_benchmarks import benchmark_of, content_of
from harness.target.target_file import Target

ENERGY_BAUD = 9600
"""bit/s of the line in energy mode, where an isolated line may be slow (mlcommons/tiny)."""

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

    Raises `InputError` if the model has not one input and one output, no one scale for each, or
    a name that no line can hold.
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
    """Return the options of firmware/CMakeLists.txt for an image that speaks the protocol.

    Raises `InputError` if it is not known how long a tick of the target's counter is.
    """
    hz = target.counter.hz or (target.clock.hz if target.clock else None)
    if hz is None:
        raise InputError(
            "the protocol's timestamps are microseconds, and the target does not say how fast its "
            "counter counts",
            where=f"{target.path}: clock.hz",
            remedy="add a table [clock], with `hz` and `source`",
        )
    options = {"MLPERF": "energy" if energy else "performance", "TICK_HZ": str(hz)}
    return options | ({"BAUD": str(ENERGY_BAUD)} if energy else {})


def _plain_name(model: Model) -> str:
    if not _NAME.fullmatch(model.name):
        raise InputError(
            f"the protocol tells a model's name, and cannot tell {model.name!r}",
            where=str(model.path),
            remedy="rename the folder: letters, digits, blanks and . + - _",
        )
    return model.name


def _tensors(model: Model, network: Graph) -> tuple[Tensor, Tensor]:
    """Return the model's only input and only output."""
    inputs, outputs = network.input_tensors, network.output_tensors
    if (len(inputs), len(outputs)) != (1, 1):
        raise InputError(
            f"has {len(inputs)} inputs and {len(outputs)} outputs; MLPerf Tiny's protocol has one "
            "of each",
            where=str(model.tflite_path),
            remedy="run it with --protocol=link",
        )
    return inputs[0], outputs[0]


def _quantization(tensor: Tensor) -> tuple[str, int]:
    """Return scale, as C, and zero point; 1 and 0 of a tensor that stores the values themselves."""
    if tensor.scale is None or tensor.zero_point is None:
        return "1.0F", 0
    if tensor.scale.size != 1:
        raise InputError(
            f"tensor {tensor.name[:80]!r} has {tensor.scale.size} scales, so that no real value "
            "can be told from it",
            remedy="convert the model to full-integer int8",
        )
    return f"{float(tensor.scale[0]).hex()}F", int(tensor.zero_point[0])
