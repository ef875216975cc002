"""From a user's float network and data to a full-integer network with vectors."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.errors import InputError
from harness.intake.add_model import DataRequest, check_request, read_data
from harness.intake.convert.calibration import read_calibration, separate_steps
from harness.intake.convert.conversion import Conversion
from harness.intake.convert.int8_loss import LayerLoss, loses_scale, worst_layers
from harness.intake.convert.keras_source import check_parts, digest_of
from harness.intake.convert.onnx_source import saved_model_of
from harness.intake.convert.refusals import unsupported
from harness.intake.file_spec import check_exist
from harness.intake.inputs.preprocessing import parse_preprocessing
from harness.intake.inputs.sample_blocks import InputOptions
from harness.intake.labels import read_classes
from harness.intake.networks.network_file import Network
from harness.intake.write_folder import UserData, check_data
from harness.measure.quality import quality_of
from harness.model.model_file import METRICS, ConvertedFrom
from harness.model.quantization import dequantize
from harness.model.tflite_file import parse
from harness.support.plural import count_of
from harness.support.progress import Progress

Array = npt.NDArray[Any]

_UNROLLED = (
    "the LSTM layers are unrolled: a layer behind them, such as a concatenation, gives their "
    "outputs another scale than their states have. An LSTM operator would lose accuracy by this"
)


@dataclass(frozen=True)
class Converted:
    """The int8 `network` with its vectors, and what int8 costs it.

    `origin` is for `model.toml`. `worst` are the layers that lose most. `output_error` is the
    error of the first output, relative to its float values (RMS), if it is known.
    """

    network: Network
    data: UserData
    origin: ConvertedFrom
    worst: tuple[LayerLoss, ...]
    output_error: float | None


def check_conversion(source: Path, request: DataRequest, calibrate: Sequence[str]) -> None:
    """Raise `InputError` for what is wrong already without TensorFlow, whose download is large.

    The arguments are those of `convert_user_model`.
    """
    check_parts(source)
    check_request(request)
    check_exist(request.inputs, "--inputs")
    check_exist(calibrate, "--calibrate")
    if request.labels is not None:
        check_exist([request.labels], "--labels")
    read_classes(request.classes)
    for spec in request.preprocess:
        steps = spec.partition("=")[2] if "=" in spec else spec
        if parse_preprocessing(steps).scale == "stored":
            raise InputError(
                "stored is for networks that are quantized already",
                where="--preprocess",
                remedy=f"give the real values that {source.name} was trained with",
            )
    if request.random is not None and not calibrate:
        raise InputError(
            "cannot calibrate the quantization: random inputs do not have the range of real ones",
            where="--random",
            remedy="give --calibrate FILE with inputs from the training data",
        )


def convert_user_model(
    source: Path,
    request: DataRequest,
    calibrate: Sequence[str],
    python: Path,
    logs: Path,
    progress: Progress,
) -> Converted:
    """Convert `source` with the TensorFlow of `python`, and read the vectors of `request`.

    `calibrate` names inputs as `request` does; without any, the vectors themselves calibrate.
    `check_conversion` has accepted them. Raises `InputError` if the model or the data cannot be
    used.
    """
    name = source.name
    with (
        saved_model_of(source, progress) as path,
        Conversion(python, path, source, logs) as conversion,
    ):
        progress.say(f"loading {name} with TensorFlow")
        exact = _exact_network(conversion.load(), source)
        request = replace(request, inputs=by_name(request.inputs, conversion.inputs, "--inputs"))
        specs = by_name(calibrate, conversion.inputs, "--calibrate")
        requests = separate_steps(exact, specs, request)
        request = requests.vectors
        data = None if request.random is not None else read_data(exact, request)
        if data is not None:
            check_data(exact, data)
        calibration = read_calibration(exact, requests.calibration, data)
        progress.say(f"converting {name} to int8")
        network = _network(conversion.quantize(calibration.inputs), source)
        unrolled = not path.is_dir() and loses_scale(network.graph)
        if unrolled:
            progress.say(f"converting {name} to int8, with unrolled layers")
            conversion.unroll()
            network = _network(conversion.quantize(calibration.inputs), source)
        if data is None:  # these options were for the calibration
            request = replace(request, preprocess=(), options=InputOptions())
        final = read_data(network, request)
        inputs = final.vectors.all_inputs if data is None else data.vectors.all_inputs
        if data is None:
            inputs = tuple(map(_reals, inputs, network.graph.input_tensors))
        progress.say(f"comparing {name} with its float network")
        outputs, errors = conversion.compare(inputs)
        versions = conversion.versions if path == source else f"onnx2tf, {conversion.versions}"
    quality = None
    if data is not None and data.task != "agreement":
        quality = quality_of(METRICS[data.task], data.vectors, outputs, outputs, exact.graph)
    return Converted(
        network,
        replace(
            final,
            doubts=(*calibration.doubts, *final.doubts),
            notes=(*final.notes, *requests.notes, *[_UNROLLED] * unrolled),
        ),
        ConvertedFrom(name, digest_of(source), versions, calibration.source, quality),
        tuple(worst_layers(network.graph, errors)),
        errors.get(network.output.name),
    )


def by_name(specs: Sequence[str], names: Sequence[str], option: str) -> tuple[str, ...]:
    """Return `specs`, FILE in the order of `names`, as NAME=FILE: the converter sorts the inputs.

    A single input needs no name, and what already has one is left as it is. Raises `InputError` if
    `option` did not give one for each input.
    """
    named = any("=" in spec and not Path(spec).exists() for spec in specs)
    if len(names) < 2 or named or not specs:  # noqa: PLR2004 - several inputs
        return tuple(specs)
    if len(specs) != len(names):
        raise InputError(
            f"is given {count_of(len(specs), 'time')}, but the model has "
            f"{count_of(len(names), 'input')}: "
            f"{', '.join(names)}",
            where=option,
            remedy=f"give {option} once for each input, in this order, or as NAME=FILE",
        )
    return tuple(f"{name}={spec}" for name, spec in zip(names, specs, strict=True))


def _exact_network(tflite: bytes, source: Path) -> Network:
    try:
        return _network(tflite, source)
    except InputError as error:
        raise unsupported(error, source) from error


def _network(tflite: bytes, source: Path) -> Network:
    return Network(tflite, parse(tflite, where=str(source)), source)


def _reals(stored: Array, tensor: Any) -> Array:
    return dequantize(stored, tensor).astype(np.float32)
