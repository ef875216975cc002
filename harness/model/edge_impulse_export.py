"""Exports: the C++ library that Edge Impulse generates from a project, unchanged.

An export is the folders `edge-impulse-sdk`, `model-parameters` and `tflite-model`, alone or in an
application. `model_metadata.h` describes the impulse's inputs and outputs, `model_variables.h`
names the classes.
https://docs.edgeimpulse.com/docs/run-inference/cpp-library
"""

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np

from harness.errors import InputError
from harness.model.edge_impulse_folders import (
    FETCH_SDK,
    METADATA,
    TABLES,
    ExportFolders,
    find_folders,
    find_network,
    find_parameters,
    is_export,
)
from harness.model.edge_impulse_metadata import Metadata, Variables
from harness.model.edge_impulse_refusals import check_impulse, check_network
from harness.model.graph import Graph, Operator, Tensor
from harness.support.input_file import read_input

__all__ = ["METADATA", "STAGES", "Export", "Kind", "is_export", "read_export"]

_RUN = "classifier/ei_run_classifier.h"
_SOURCES = {".c", ".cc", ".cpp", ".h", ".hpp", ".s", ".S"}
_AUDIO = 1000.0  # Hz, the least frequency of audio
_BOX = 6  # values of a box: label, x, y, width, height, score
_BOX_RESULTS = {"TYPE_OBJECT_DETECTION", "TYPE_OBJECT_TRACKING"}
_BOXES = 10  # that an SDK reports at least, if the metadata has no count

STAGES = ("DSP", "INFERENCE", "POSTPROCESSING")
"""The stages of an impulse as operators of its graph; `run_classifier` times each of them."""

Kind = Literal["classification", "regression", "detection", "anomaly", "visual-anomaly"]
"""What the impulse's first output is: scores, a value, boxes, an anomaly score alone, or the mean
and largest anomaly of an image."""


@dataclass(frozen=True, eq=False)
class Export:
    """An impulse: `features` raw values in, the `outputs` of its `kind` out.

    The `features` are `samples` of `axes` values each, taken at `frequency` Hz; for an `image` they
    are pixels. With `anomaly`, an anomaly score follows those of the labels. `threshold` is the
    least score that counts for a class; it is 0 if the export names none. `boxes` is the most that
    a detection reports. `network_inputs` is the number of values that the DSP passes to the
    network. Of several `impulses`, this is the one that run_classifier() runs. A window has
    `slices`; if the impulse is `continuous`, it takes one of them, and keeps what it computed of
    those before.
    """

    path: Path
    project: str
    deployment: int
    kind: Kind
    labels: tuple[str, ...]
    samples: int
    axes: int
    frequency: float
    image: bool
    anomaly: bool
    boxes: int
    threshold: float
    network_inputs: int
    compiled: bool
    impulses: int
    slices: int
    continuous: bool

    @property
    def features(self) -> int:
        """Number of raw values of one inference."""
        return self.samples // (self.slices if self.continuous else 1) * self.axes

    @cached_property
    def folders(self) -> ExportFolders:
        """Where the sources are; `InputError` if they are no longer there."""
        return find_folders(self.path)

    @property
    def has_sources(self) -> bool:
        """Whether the sources are here, to build them."""
        return True

    @cached_property
    def digest(self) -> str:
        """SHA-256, in hex, of names and contents of the sources that are built."""
        folders = self.folders
        return _digest(folders.sdk, folders.parameters, folders.network)

    @cached_property
    def sdk_digest(self) -> str:
        """The same of the SDK alone."""
        return _digest(self.folders.sdk)

    @property
    def sdk(self) -> str:
        """The SDK, identified by its contents: it does not state a version."""
        return f"edge-impulse-sdk {self.sdk_digest[:12]}"

    @property
    def description(self) -> str:
        """One line about the project, for people."""
        runtime = "EON" if self.compiled else "interpreter"
        return f"Edge Impulse: {self.project}, deployment {self.deployment} ({runtime})"

    @property
    def outputs(self) -> tuple[tuple[str, int], ...]:
        """Names and sizes of the outputs, in the order in which the adapter answers them."""
        main = {
            "detection": (("boxes", self.boxes * _BOX),),
            "visual-anomaly": (("visual anomaly", 2),),
            "anomaly": (),
        }.get(self.kind, (("scores", len(self.labels)),))
        return (*main, *((("anomaly", 1),) if self.anomaly else ()))

    def facts(self) -> list[str]:
        """Return the properties of the export as lines for a terminal."""
        rule = f"score of at least {self.threshold:g}" if self.threshold else "best score"
        return [
            str(self.path),
            f"  {self.description}",
            f"  input   {self.features:,} raw features: {self._input}",
            f"  output  {self._output}",
            *([f"  class   {rule}"] if self.kind == "classification" else ()),
            *(
                [f"  impulse the default one of {self.impulses}, which run_classifier() runs"]
                if self.impulses > 1
                else ()
            ),
            *(
                [f"  lacks   {TABLES}: the tables of its FFT are computed"]
                if self.has_sources and not (self.folders.sdk / TABLES).is_file()
                else ()
            ),
            f"  {self.sdk}, export {self.digest[:12]}",
        ]

    @property
    def _input(self) -> str:
        if self.image:
            return "pixels of an image"
        if self.continuous:
            return f"one of {self.slices} slices of a window, {self.frequency:g} per second"
        return f"{self.samples:,} samples of {self.axes} values, {self.frequency:g} per second"

    @property
    def _output(self) -> str:
        main = {
            "detection": f"at most {self.boxes} boxes around {', '.join(self.labels)}",
            "visual-anomaly": "mean and largest anomaly of an image",
            "anomaly": "",
            "regression": "a value",
        }.get(self.kind, ", ".join(self.labels))
        return " and ".join([*([main] if main else ()), *["an anomaly score"] * self.anomaly])

    @cached_property
    def graph(self) -> Graph:
        """The stages as a graph; the tensors between them never leave the SDK.

        The features of earlier slices are the state of a continuous impulse.
        """
        sizes = (
            ("features", self.features),
            ("network input", self.network_inputs),
            ("network output", max(len(self.labels), 1)),
            *self.outputs,
        )
        kept = {1: 0} if self.continuous else {}
        tensors = tuple(
            Tensor(index, name, (1, size), np.dtype(np.float32), initial=kept.get(index))
            for index, (name, size) in enumerate(sizes)
        )
        outputs = tuple(range(3, len(tensors)))
        connections = ((0, (1,)), (1, (2,)), (2, outputs))
        operators = tuple(
            Operator(index, kind, (source,), results)
            for index, (kind, (source, results)) in enumerate(zip(STAGES, connections, strict=True))
        )
        return Graph(tensors, operators, (0,), outputs, self.project, str(self.path))


def read_export(folder: Path) -> Export:
    """Read the only export in `folder`.

    Raises `InputError` naming the file if there is none, or more than one, if it is incomplete, or
    its impulse answers in a form that cannot be compared.
    """
    parameters = find_parameters(folder)
    variables = Variables(parameters)
    metadata = Metadata(parameters, variables.default_impulse)
    check_impulse(metadata, parameters)
    check_network(find_network(folder), variables.network)
    folders = find_folders(folder)
    if not (folders.sdk / _RUN).is_file():
        raise InputError(f"the export has no {_RUN}", where=str(folders.sdk), remedy=FETCH_SDK)
    labels = metadata.count("LABEL_COUNT", 0)
    anomaly = metadata.integer("HAS_ANOMALY") != 0
    kind = _kind(metadata, labels)
    if kind == "anomaly" and not anomaly:
        raise metadata.wrong("LABEL_COUNT", "the impulse has neither labels nor an anomaly score")
    samples = metadata.count("RAW_SAMPLE_COUNT")
    pixels = metadata.integer("INPUT_WIDTH", 0) * metadata.integer("INPUT_HEIGHT", 0)
    return Export(
        path=folder.resolve(),
        project=metadata.text("PROJECT_NAME", "unnamed project"),  # SDKs from before 2021
        deployment=metadata.integer("PROJECT_DEPLOY_VERSION", 0),
        kind=kind,
        labels=variables.labels(labels) if labels else (),
        samples=samples,
        axes=metadata.count("RAW_SAMPLES_PER_FRAME"),
        frequency=metadata.number("FREQUENCY"),
        image=pixels == samples,
        anomaly=anomaly and kind != "visual-anomaly",
        boxes=metadata.count("OBJECT_DETECTION_COUNT", default=_BOXES)
        if kind == "detection"
        else 0,
        threshold=metadata.number("THRESHOLD", 0.0),
        network_inputs=metadata.count("NN_INPUT_FRAME_SIZE"),
        compiled=metadata.integer("COMPILED", 0) == 1,
        impulses=variables.impulses,
        slices=metadata.count("SLICES_PER_MODEL_WINDOW", default=1),
        continuous=False,
    )


def continuous(export: Export, where: str) -> Export:
    """Return `export` with slices as its input; `InputError` unless it can take them."""
    if export.image or export.frequency < _AUDIO or export.samples % export.slices:
        raise InputError(
            "the export does not classify audio, and takes no slices",
            where=where,
            remedy="remove `continuous`",
        )
    return replace(export, continuous=True)


def _kind(metadata: Metadata, labels: int) -> Kind:
    anomaly = metadata.integer("HAS_ANOMALY") != 0
    if anomaly and metadata.integer("HAS_VISUAL_ANOMALY", 0) != 0:
        return "visual-anomaly"
    results = metadata.word("RESULTS_TYPE")  # SDKs since 2025
    if results in _BOX_RESULTS or (not results and _detects(metadata)):
        return "detection"
    if labels == 0:
        return "anomaly"
    if results:
        return "regression" if results == "TYPE_REGRESSION" else "classification"
    return "regression" if labels == 1 else "classification"


def _detects(metadata: Metadata) -> bool:
    """Return whether the impulse detects objects, by what SDKs from before 2025 tell of it."""
    most = metadata.integer("OBJECT_DETECTION_COUNT", _BOXES)
    return metadata.integer("OBJECT_DETECTION", 0) != 0 and most > 0


def _digest(*folders: Path) -> str:
    sha = hashlib.sha256()
    for folder in folders:
        files = (file for file in folder.rglob("*") if file.suffix in _SOURCES and file.is_file())
        for file in sorted(files):
            data = read_input(file)
            name = f"{folder.name}/{file.relative_to(folder).as_posix()}"
            sha.update(f"{name}\0{len(data)}\0".encode())
            sha.update(data)
    return sha.hexdigest()
