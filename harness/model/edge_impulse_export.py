"""Exports: the C++ library that Edge Impulse generates from a project, unchanged.

An export is a folder with `edge-impulse-sdk`, `model-parameters` and `tflite-model`.
`model_metadata.h` describes the impulse's inputs and outputs, `model_variables.h` names the
classes. Both are C; only the relevant lines are parsed.
https://docs.edgeimpulse.com/docs/run-inference/cpp-library
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from harness.errors import InputError
from harness.model.graph import Graph, Operator, Tensor
from harness.support.input_file import MAX_TEXT, read_input

METADATA = "model-parameters/model_metadata.h"
_VARIABLES = "model-parameters/model_variables.h"
_TYPES = "edge-impulse-sdk/classifier/ei_classifier_types.h"
_WHOLE = (
    "CMakeLists.txt",
    "edge-impulse-sdk/classifier/ei_run_classifier.h",
    "edge-impulse-sdk/cmake/zephyr/CMakeLists.txt",
    _TYPES,
    _VARIABLES,
    "tflite-model",
)
_BUILT = ("edge-impulse-sdk", "model-parameters", "tflite-model")
_SOURCES = {".c", ".cc", ".cpp", ".h", ".hpp", ".s", ".S", ".cmake", ".txt"}
_DEPLOY_AGAIN = "deploy the project as a C++ library, and unpack all of it there"

_DEFINE = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(\w+)[ \t]+(.+)$", re.MULTILINE)
_COMMENT = re.compile(r'("(?:[^"\\]|\\.)*")|//.*|/\*.*?\*/')  # skips string literals
_TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"')
_CATEGORIES = re.compile(
    r"\bei_classifier_inferencing_categories\w*\s*\[[^\]]*\]\s*=\s*"
    r'\{\s*((?:"(?:[^"\\]|\\.)*"[\s,]*)*)\}'
)
_MAX_EXPANSIONS = 8  # of a macro that expands to another macro's name

STAGES = ("DSP", "INFERENCE", "POSTPROCESSING")
"""The stages of an impulse as operators of its graph; `run_classifier` times each of them."""


@dataclass(frozen=True, eq=False)
class Export:
    """An impulse: `features` raw values in, a score for each of `labels` out.

    The `features` are `samples` of `axes` values each, taken at `frequency` Hz. With `anomaly`,
    an anomaly score follows those of the labels. `threshold` is the least score that counts for
    a class; it is 0 if the export names none. `network_inputs` is the number of values that the
    DSP passes to the network.
    """

    path: Path
    project: str
    deployment: int
    labels: tuple[str, ...]
    samples: int
    axes: int
    frequency: float
    anomaly: bool
    threshold: float
    network_inputs: int
    compiled: bool

    @property
    def features(self) -> int:
        """Number of raw values of one classification."""
        return self.samples * self.axes

    @cached_property
    def digest(self) -> str:
        """SHA-256, in hex, of names and contents of the sources that are built."""
        return _digest(self.path, _BUILT)

    @cached_property
    def sdk(self) -> str:
        """The SDK, identified by its contents: it does not state a version."""
        return f"edge-impulse-sdk {_digest(self.path, _BUILT[:1])[:12]}"

    @property
    def description(self) -> str:
        """One line about the project, for people."""
        runtime = "EON" if self.compiled else "interpreter"
        return f"Edge Impulse: {self.project}, deployment {self.deployment} ({runtime})"

    def facts(self) -> list[str]:
        """Return the properties of the export as lines for a terminal."""
        rule = f"score of at least {self.threshold:g}" if self.threshold else "best score"
        return [
            str(self.path),
            f"  {self.description}",
            f"  input   {self.features:,} raw features: {self.samples:,} samples of {self.axes} "
            f"values, {self.frequency:g} per second",
            f"  output  {', '.join(self.labels)}{' and an anomaly score' * self.anomaly}",
            f"  class   {rule}",
            f"  {self.sdk}, export {self.digest[:12]}",
        ]

    @cached_property
    def graph(self) -> Graph:
        """The stages as a graph; the tensors between them never leave the SDK."""
        count = len(self.labels)
        sizes = (
            ("features", self.features),
            ("network input", self.network_inputs),
            ("network output", count),
            ("scores", count),
            *((("anomaly", 1),) if self.anomaly else ()),
        )
        tensors = tuple(
            Tensor(index, name, (1, size), np.dtype(np.float32))
            for index, (name, size) in enumerate(sizes)
        )
        outputs = tuple(range(3, len(tensors)))
        connections = ((0, (1,)), (1, (2,)), (2, outputs))
        operators = tuple(
            Operator(index, kind, (source,), results)
            for index, (kind, (source, results)) in enumerate(zip(STAGES, connections, strict=True))
        )
        return Graph(tensors, operators, (0,), outputs, self.project, str(self.path))


def is_export(folder: Path) -> bool:
    """Return whether `folder` is an export, complete or not."""
    return (folder / METADATA).is_file()


def read_export(folder: Path) -> Export:
    """Read the export in `folder`.

    Raises `InputError` naming the file if the folder is not an export or incomplete, its SDK is
    too old to time its stages, or it is not a classification.
    """
    if not is_export(folder):
        raise InputError(
            f"is not an export of Edge Impulse: it has no {METADATA}",
            where=str(folder),
            remedy=_DEPLOY_AGAIN,
        )
    for name in _WHOLE:
        if not (folder / name).exists():
            raise InputError(f"the export has no {name}", where=str(folder), remedy=_DEPLOY_AGAIN)
    if "dsp_us" not in _read(folder / _TYPES):
        raise InputError(
            "the SDK is too old: it does not time its stages in microseconds",
            where=str(folder / _TYPES),
            remedy="deploy the project again; SDKs since 2021 do",
        )
    metadata = _Metadata(folder / METADATA)
    metadata.check_task()
    labels = _labels(folder / _VARIABLES, metadata.count("LABEL_COUNT"))
    return Export(
        path=folder.resolve(),
        project=metadata.text("PROJECT_NAME"),
        deployment=metadata.integer("PROJECT_DEPLOY_VERSION"),
        labels=labels,
        samples=metadata.count("RAW_SAMPLE_COUNT"),
        axes=metadata.count("RAW_SAMPLES_PER_FRAME"),
        frequency=metadata.number("FREQUENCY"),
        anomaly=metadata.integer("HAS_ANOMALY") != 0,
        threshold=metadata.number("THRESHOLD", 0.0),
        network_inputs=metadata.count("NN_INPUT_FRAME_SIZE"),
        compiled=metadata.integer("COMPILED", 0) == 1,
    )


class _Metadata:
    """The macros of `model_metadata.h`; of several definitions, the first counts."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._defined: Mapping[str, str] = {
            name: _COMMENT.sub(r"\1", value).strip()
            for name, value in reversed(_DEFINE.findall(_read(path)))
        }

    def check_task(self) -> None:
        """Reject impulses whose outputs are not class scores."""
        for name, what in (
            ("OBJECT_DETECTION", "detects objects"),
            ("HAS_VISUAL_ANOMALY", "finds anomalies in images"),
            ("FREEFORM_OUTPUT", "has free-form outputs"),
        ):
            if self.integer(name, 0) != 0:
                raise self._wrong(name, f"the impulse {what}", "give a classification")
        if self.count("LABEL_COUNT") == 1:
            raise self._wrong("LABEL_COUNT", "the impulse is a regression", "give a classification")

    def text(self, name: str) -> str:
        literal = _TEXT.fullmatch(self._value(name, None))
        if literal is None:
            raise self._wrong(name, "is not a string literal", _DEPLOY_AGAIN)
        return literal[1]

    def number(self, name: str, default: float | None = None) -> float:
        value = self._value(name, None if default is None else str(default))
        try:
            number = float(value.strip("()").rstrip("fF"))
        except ValueError:
            raise self._wrong(name, f"{value!r} is not a number", _DEPLOY_AGAIN) from None
        if not np.isfinite(number):
            raise self._wrong(name, f"{value!r} is not finite", _DEPLOY_AGAIN)
        return number

    def integer(self, name: str, default: int | None = None) -> int:
        number = self.number(name, default)
        if number != int(number):
            raise self._wrong(name, f"{number:g} is not an integer", _DEPLOY_AGAIN)
        return int(number)

    def count(self, name: str) -> int:
        number = self.integer(name)
        if not 0 < number < 1 << 24:
            raise self._wrong(name, f"{number} is out of range", _DEPLOY_AGAIN)
        return number

    def _value(self, name: str, default: str | None) -> str:
        """Return the value of EI_CLASSIFIER_`name`, with macros expanded."""
        value = self._defined.get(f"EI_CLASSIFIER_{name}", default)
        if value is None:
            raise self._wrong(name, "is missing", _DEPLOY_AGAIN)
        for _ in range(_MAX_EXPANSIONS):
            value = self._defined.get(value, value)
        return value

    def _wrong(self, name: str, what: str, remedy: str) -> InputError:
        return InputError(what, where=f"{self._path}: EI_CLASSIFIER_{name}", remedy=remedy)


def _labels(path: Path, count: int) -> tuple[str, ...]:
    categories = _CATEGORIES.search(_read(path))
    if categories is None:
        raise InputError(
            "has no ei_classifier_inferencing_categories", where=str(path), remedy=_DEPLOY_AGAIN
        )
    labels = tuple(re.sub(r"\\(.)", r"\1", text) for text in _TEXT.findall(categories[1]))
    if len(labels) != count or len(set(labels)) != count:
        raise InputError(
            f"has the labels {', '.join(labels) or 'none'}, but {METADATA} has {count}",
            where=str(path),
            remedy="the two files come from different deployments, or were edited: "
            + _DEPLOY_AGAIN,
        )
    return labels


def _read(path: Path) -> str:
    return read_input(path, MAX_TEXT).decode("utf-8", errors="replace")


def _digest(root: Path, folders: tuple[str, ...]) -> str:
    sha = hashlib.sha256()
    files = (file for folder in folders for file in (root / folder).rglob("*"))
    for file in sorted(file for file in files if file.suffix in _SOURCES and file.is_file()):
        data = read_input(file)
        sha.update(f"{file.relative_to(root).as_posix()}\0{len(data)}\0".encode())
        sha.update(data)
    return sha.hexdigest()
