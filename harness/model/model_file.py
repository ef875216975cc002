"""What a `model.toml` describes, key by key."""

from typing import Annotated, Literal

import msgspec

from harness.model.metric import Metric
from harness.support.toml_file import Section

DESCRIPTION = "model.toml"

Task = Literal[
    "classification", "anomaly-detection", "regression", "wakeword-detection", "agreement"
]
METRICS: dict[Task, Metric] = {
    "classification": "accuracy",
    "anomaly-detection": "auc",
    "regression": "mae",
    "wakeword-detection": "detection_errors",
    "agreement": "agreement",
}
"""The metric of each task."""

_Text = Annotated[str, msgspec.Meta(min_length=1)]


class Provenance(Section, frozen=True):
    """Origin and licence of a model and its vectors."""

    data: _Text
    """Origin of the data."""
    licence: _Text
    """Licence of model and data."""
    split: str = ""
    """How training and test data were separated."""
    trained_by: str = ""
    """Program that trained the model."""


class Input(Section, frozen=True):
    """Preparation of the inputs."""

    preprocessing: _Text
    """How samples become the numbers in `vectors.npz`, for people: the harness does not use it."""


class ConvertedFrom(Section, frozen=True):
    """What `harness models add` converted to make the network."""

    source: _Text
    """Name of the Keras model or SavedModel."""
    sha256: _Text
    """SHA-256 of that file; of a folder, that of the names and digests of its files."""
    converter: _Text
    """What converted it: TensorFlow and Keras with their versions."""
    calibration: _Text
    """What calibrated the quantization: the number of inputs, and their file."""
    float_quality: float | None = None
    """Quality of the float network on the vectors, by the model's metric."""


class ModelFile(Section, frozen=True):
    """The schema of `model.toml`."""

    description: _Text
    """One line for `harness list models`."""
    task: Task
    """What the model does; `agreement` if there are no labels."""
    metric: Metric
    """Metric of the quality. It follows from the task: `accuracy` for classification, `auc` for
    anomaly detection, `mae` for regression, `detection_errors` for wakeword detection, `agreement`
    for agreement.
    """
    quality_target: float
    """Lowest quality that passes, from 0 to 1; for regression, the largest error that passes;
    for wakeword detection, the most misses, and the most false accepts, that pass."""
    input: Input
    """How inputs are prepared."""
    provenance: Provenance
    """Origin of the model and its data."""
    model: _Text = "model.tflite"
    """File of the network, or folder of an Edge Impulse export."""
    vectors: _Text = "vectors.npz"
    """File of the test vectors, or folder with features of an Edge Impulse project."""
    classes: tuple[_Text, ...] = ()
    """Names of the classes, in the order of the outputs."""
    conversion: ConvertedFrom | None = None
    """Origin of a network that the harness converted."""
    continuous: bool = False
    """Whether an Edge Impulse export of audio gets slices of its window, one after the other."""
    unit: str = ""
    """Unit of the labels of a regression, for example `°C`: at most 12 characters, no spaces."""
