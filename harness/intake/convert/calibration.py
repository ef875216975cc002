"""The inputs from the training data that calibrate a conversion."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.intake.add_model import DataRequest, read_inputs
from harness.intake.file_spec import assign_inputs, assign_steps, short_name, split_part
from harness.intake.inputs.preprocessing import scale_of_range
from harness.intake.inputs.samples import TABLES, Samples, open_samples
from harness.intake.networks.network_file import Network
from harness.intake.readers.class_folder import kind_of_name
from harness.intake.readers.csv_file import open_table
from harness.intake.readers.table_columns import is_position
from harness.intake.write_folder import UserData
from harness.support.plural import count_of

Array = npt.NDArray[Any]

_MOST = 1000  # calibration inputs; more only take longer
_FEW = 100
_WIDE = 2  # ratio of ranges
_FLATTER = (
    "the test vectors calibrated the quantization, so that they flatter it: give --calibrate FILE "
    "with inputs from the training data"
)


@dataclass(frozen=True)
class Calibration:
    """Real values [N, *shape] for each input, and in words their `source` and `doubts`."""

    inputs: tuple[Array, ...]
    source: str
    doubts: tuple[str, ...]


@dataclass(frozen=True)
class Requests:
    """What is read as `vectors` and as `calibration`, and `notes` about their preprocessing."""

    vectors: DataRequest
    calibration: DataRequest
    notes: tuple[str, ...] = ()


def separate_steps(network: Network, specs: Sequence[str], request: DataRequest) -> Requests:
    """Return the requests for the vectors and for the `specs` of the calibration.

    Each input has the same steps in both, with one exception: beside pictures or recordings, an
    array of floats holds inputs of `network` already. It has no steps, and if nobody names the
    scale of the pictures or recordings, its range does.
    """
    calibration = replace(request, inputs=tuple(specs))
    if not specs or not request.inputs:
        return Requests(request, calibration)
    tensors, name = network.graph.input_tensors, network.path.name
    steps = assign_steps(request.preprocess, tensors, name)
    finished: list[str | None] = list(steps)
    notes = []
    given = assign_inputs(request.inputs, tensors, name)
    calibrating = assign_inputs(specs, tensors, name, "--calibrate")
    labels = _labels_in(calibrating, given, request.labels)
    calibration = replace(calibration, options=replace(request.options, labels=labels))
    for index, (spec, other) in enumerate(zip(given, calibrating, strict=True)):
        if not _are_files(spec) or _are_files(other):
            continue
        samples = open_samples(other, calibration.options.labels)
        if not _holds_floats(samples):
            continue
        file = samples.path.name
        finished[index] = None
        if steps[index] is not None:
            notes.append(
                f"calibration: {file} holds inputs of the network already: --preprocess is not "
                "applied"
            )
        if steps[index] in {None, "resize", "pad"} and (scale := _scale(spec, samples)):
            steps[index] = ",".join(filter(None, (steps[index], scale)))
            notes.append(f"preprocessing: {scale}, by the range of {file}")
    names = [""] if len(tensors) == 1 else [f"{short_name(tensor.name)}=" for tensor in tensors]
    return Requests(
        replace(request, preprocess=_named(names, steps)),
        replace(calibration, preprocess=_named(names, finished)),
        tuple(notes),
    )


def read_calibration(network: Network, request: DataRequest, data: UserData | None) -> Calibration:
    """Read the inputs that calibrate `network`; without any in `request`, those of `data`.

    `data` are the vectors, unless those are random. Raises `InputError` as `read_inputs` does.
    """
    vectors = () if data is None else data.vectors.all_inputs
    doubts = []
    if not request.inputs and data is not None:
        inputs, where = vectors, "the test vectors"
    else:
        read = read_inputs(network, request, "--calibrate")
        inputs = tuple(each.stored for each in read)
        where = " and ".join(str(each.samples) for each in read)
    if data is not None and all(map(np.array_equal, inputs, vectors)):
        doubts.append(_FLATTER)
    count = len(inputs[0])
    step = -(-count // _MOST)
    chosen = tuple(array[::step] for array in inputs)
    used = len(chosen[0])
    text = (
        f"{count_of(used, 'input')} of {where}"
        if step == 1
        else f"{used:,} of {count:,} in {where}"
    )
    if used < _FEW:
        doubts.append(
            f"only {count_of(used, 'input')} calibrated the quantization: give {_FEW} or more"
        )
    if request.inputs and data is not None:
        doubts += [doubt for pair in zip(chosen, vectors, strict=True) for doubt in _range(*pair)]
    return Calibration(chosen, text, tuple(doubts))


def _labels_in(calibrating: Sequence[str], given: Sequence[str], labels: str | None) -> str | None:
    """Return the column of labels in a table that calibrates, as `labels` names one.

    First it is sought in the table for the input whose vectors are in the table of the labels. A
    number is only the number of a column there.
    """
    file, column = split_part(labels) if labels is not None else (None, "")
    if not column or file is None:
        return None
    own = file.resolve()
    pairs = [
        (split_part(other)[0].resolve() != own, spec)
        for spec, other in zip(calibrating, given, strict=True)
    ]
    for is_other, spec in sorted(pairs):
        table, part = split_part(spec)
        if part or table.suffix.lower() not in TABLES:
            continue
        if column in open_table(table, column).names or (is_position(column) and not is_other):
            return f"{table}:{column}"
    return None


def _are_files(spec: str) -> bool:
    """Tell whether `spec` names pictures or recordings."""
    path = split_part(spec)[0]
    return path.is_dir() or kind_of_name(path) is not None


def _holds_floats(samples: Samples) -> bool:
    """Tell whether `samples` are floats; a table of whole numbers, such as pixels, has none."""
    array = samples.array
    if array is None or array.dtype.kind != "f":
        return False
    return samples.kind == "array" or bool((array % 1 != 0).any())


def _scale(spec: str, calibration: Samples) -> str | None:
    """Return the scale of the pictures or recordings `spec` that gives the calibration's range."""
    array = calibration.array
    if array is None or not array.size:
        return None
    return scale_of_range(float(array.min()), float(array.max()), open_samples(spec, None).kind)


def _named(names: Sequence[str], steps: Sequence[str | None]) -> tuple[str, ...]:
    """Return `steps` as the options `--preprocess` that give them."""
    return tuple(f"{name}{own}" for name, own in zip(names, steps, strict=True) if own is not None)


def _range(calibration: Array, inputs: Array) -> list[str]:
    """Doubt inputs that have another range than those of the calibration."""
    low, high = float(calibration.min()), float(calibration.max())
    least, most = float(inputs.min()), float(inputs.max())
    ratio = (most - least) / (high - low) if high > low else float("inf")
    if 1 / _WIDE <= ratio <= _WIDE:
        return []
    return [
        f"the calibration reaches from {low:.4g} to {high:.4g}, but the inputs from {least:.4g} to "
        f"{most:.4g}: both need the same preprocessing"
    ]
