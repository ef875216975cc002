"""`harness models add`: from a user's inputs and labels to vectors for a network."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from harness.errors import InputError
from harness.intake.file_spec import assign_inputs, assign_steps
from harness.intake.inputs.read_input import InputVectors, read_input_vectors
from harness.intake.inputs.sample_blocks import InputOptions
from harness.intake.labels import (
    UserLabels,
    check_classes,
    labels_of_folder,
    order_classes,
    read_classes,
    read_user_labels,
    task_of,
)
from harness.intake.networks.network_file import Network
from harness.intake.random_inputs import random_inputs
from harness.intake.vector_doubts import class_doubts, vector_doubts
from harness.intake.write_folder import UserData
from harness.model.bad_array import format_shape
from harness.model.folder import count_classes
from harness.model.model_file import Task
from harness.model.vectors import Vectors
from harness.model.vectors_fit import check_one_piece


@dataclass(frozen=True)
class DataRequest:
    """What a user wants to read: `inputs` and `labels`, or `random` inputs with a `seed`.

    `inputs`, `preprocess`, `recordings` and `classes` are written as the options of these names
    are. Without a `task`, the labels decide.
    """

    inputs: tuple[str, ...] = ()
    preprocess: tuple[str, ...] = ()
    labels: str | None = None
    recordings: str | None = None
    classes: str | None = None
    task: Task | None = None
    options: InputOptions = field(default_factory=InputOptions)
    random: int | None = None
    seed: int = 0


def read_data(network: Network, request: DataRequest) -> UserData:
    """Return the vectors for `network` that `request` names.

    Raises `InputError` naming the file or option if they do not fit the network or each other.
    """
    check_request(request)
    options = {
        "--classes": request.classes,
        "--recordings": request.recordings,
        "--preprocess": request.preprocess,
        "--layout NCHW": request.options.layout == "NCHW",
        "--sample-rate": request.options.rate,
    }
    _check_alone(request.random, options)
    if request.random is not None:
        return _random_data(network, request.random, request.seed)
    name = network.path.name
    inputs = read_inputs(network, request)
    _check_file_options(inputs, request.options)
    labels = _labels(inputs[0], request)
    outputs = network.graph.classes
    task = request.task or task_of(labels, outputs)
    if labels is not None and task in {"classification", "anomaly-detection"}:
        check_classes(labels, task)
        named = read_classes(request.classes)
        labels = order_classes(labels, named, task, count_classes(task, outputs), name)
    elif request.classes is not None:
        raise _without_effect("--classes", f"the task {task} has no classes")
    elif labels is not None:
        labels = replace(labels, values=labels.values.astype(np.float64), note="real values")
    data = _user_data(network, task, inputs, labels)
    if request.recordings is None:
        return data
    recordings = _recordings(request.recordings, inputs[0])
    vectors = replace(data.vectors, recordings=recordings)
    check_one_piece(vectors, network.graph)
    return replace(data, vectors=vectors)


def _recordings(spec: str, first: InputVectors) -> npt.NDArray[np.int64]:
    """Return the number of each vector's recording; names become numbers."""
    samples = first.samples
    named = read_user_labels(spec, len(first.stored), samples.path.name, samples.files)
    if named.values.dtype.kind != "i" or named.values.ndim != 1:
        raise InputError(
            f"holds {named.values.dtype} of shape {format_shape(named.values.shape)}",
            where=str(named.path),
            remedy="give a whole number or a name for the recording of each vector",
        )
    return named.values.astype(np.int64)


def read_inputs(
    network: Network, request: DataRequest, option: str = "--inputs"
) -> list[InputVectors]:
    """Return the inputs that `request` names for each input of `network`; `option` gave them.

    Raises `InputError` as `read_data` does.
    """
    tensors = network.graph.input_tensors
    name = network.path.name
    specs = assign_inputs(request.inputs, tensors, name, option)
    steps = assign_steps(request.preprocess, tensors, name)
    inputs = [
        read_input_vectors(
            spec, tensor, network.graph, name, replace(request.options, preprocess=own)
        )
        for spec, tensor, own in zip(specs, tensors, steps, strict=True)
    ]
    _check_counts(inputs)
    return inputs


def check_request(request: DataRequest) -> None:
    """Raise `InputError` if `request` names no inputs, or what excludes each other."""
    if request.random is not None:
        _check_alone(request.random, {"--inputs": request.inputs, "--labels": request.labels})
        if request.task not in {None, "agreement"}:
            raise InputError(
                f"{request.task} needs labels, which random inputs do not have",
                where="--task",
                remedy="give --inputs and --labels, or leave out --task",
            )
    elif not request.inputs:
        raise InputError(
            "is missing",
            where="--inputs",
            remedy="give a file or folder with inputs, or --random N to make N inputs without data",
        )
    elif request.task == "agreement" and request.labels is not None:
        raise InputError(
            "the task agreement has no labels",
            where="--labels",
            remedy="leave out --labels or --task",
        )


def _check_alone(random: int | None, given: Mapping[str, object]) -> None:
    """Raise `InputError` if an option of `given` has a value beside `random` inputs."""
    for option in (name for name, value in given.items() if value and random is not None):
        raise InputError(
            "cannot be combined with --random",
            where=option,
            remedy=f"leave out {option} or --random",
        )


def _labels(first: InputVectors, request: DataRequest) -> UserLabels | None:
    """Return the labels that the user names, or those of the first input's folders, or None."""
    folder = first.samples.folder
    of_folder = None if folder is None else labels_of_folder(folder)
    if request.task == "agreement":
        return None
    if of_folder is not None and request.labels is not None:
        raise InputError(
            f"is given, but the folders in {first.samples.path} name the classes already",
            where="--labels",
            remedy="leave it out, or give a folder of files without folders",
        )
    if request.labels is not None:
        return read_user_labels(
            request.labels,
            len(first.stored),
            first.samples.path.name,
            first.samples.files,
            real=request.task == "regression",
        )
    if of_folder is None and request.task is not None:
        raise InputError(
            f"is missing for the task {request.task}",
            where="--labels",
            remedy="give a file with one label for each vector",
        )
    return of_folder


def _user_data(
    network: Network, task: Task, inputs: list[InputVectors], labels: UserLabels | None
) -> UserData:
    arrays = tuple(vectors.stored for vectors in inputs)
    sources = [str(vectors.samples) for vectors in inputs]
    notes = [note for vectors in inputs for note in vectors.samples.notes]
    doubts = [doubt for vectors in inputs for doubt in vectors.doubts]
    doubts += vector_doubts(arrays, None if labels is None else labels.values)
    if labels is not None:
        if labels.file_note and labels.file_note not in notes:  # the inputs may be in the same file
            notes.append(labels.file_note)
        if labels.note:
            notes.append(f"labels: {labels.note}")
        if labels.path not in [vectors.samples.path for vectors in inputs]:
            sources.append(labels.path.name)
        if task in {"classification", "anomaly-detection"}:
            classes = count_classes(task, network.graph.classes)
            doubts += class_doubts(labels.values, labels.classes, classes)
    path = inputs[0].samples.path if labels is None else labels.path
    return UserData(
        task,
        Vectors(path, arrays, None if labels is None else labels.values),
        "; ".join(dict.fromkeys(vectors.preprocessing for vectors in inputs)),
        " and ".join(sources),
        tuple(doubts),
        () if labels is None else labels.classes,
        tuple(notes),
    )


def _check_counts(inputs: list[InputVectors]) -> None:
    first = inputs[0]
    for other in inputs[1:]:
        if len(other.stored) != len(first.stored):
            raise InputError(
                f"holds {len(other.stored):,} vectors, but {first.samples.path} holds "
                f"{len(first.stored):,}",
                where=str(other.samples.path),
                remedy="give the same number of vectors for each input",
            )


def _check_file_options(inputs: list[InputVectors], options: InputOptions) -> None:
    """Raise `InputError` for an option that is for another kind of file than the `inputs`."""
    kinds = {vectors.samples.kind for vectors in inputs}
    shown = " and ".join(f"{kind}s" for kind in sorted(kinds))
    if options.layout == "NCHW" and not kinds & {"array", "table"}:
        raise _without_effect("--layout NCHW", f"it is for arrays and tables, not for {shown}")
    if options.rate is not None and "recording" not in kinds:
        raise _without_effect("--sample-rate", f"it is for recordings, not for {shown}")


def _without_effect(option: str, why: str) -> InputError:
    return InputError(f"has no effect: {why}", where=option, remedy=f"leave out {option}")


def _random_data(network: Network, count: int, seed: int) -> UserData:
    rng = np.random.default_rng(seed)
    made = [
        random_inputs(count, tensor, network.graph, rng) for tensor in network.graph.input_tensors
    ]
    ranges = "; ".join(dict.fromkeys(text for _, text in made))
    return UserData(
        "agreement",
        Vectors(Path("--random"), tuple(inputs for inputs, _ in made), None),
        f"random: {ranges}",
        f"{count:,} random inputs, seed {seed}",
    )
