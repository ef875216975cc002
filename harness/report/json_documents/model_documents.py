"""The documents of `harness models`, except `show`."""

import msgspec

from harness.intake.convert.convert_user_model import Converted
from harness.intake.networks.network_file import Network
from harness.intake.write_folder import CreatedModel, UserData
from harness.model.float_layers import float_note
from harness.model.metric import Labelled, Metric, reached, shown_chance
from harness.model.model_file import METRICS, ConvertedFrom, Task
from harness.support.json_output import Document


class ModelAddDocument(Document, frozen=True, tag="tinyml-harness/models-add/1"):
    """`harness models add` and `import-mlperf`: the model folder that was written."""

    name: str
    """What `--model` takes."""
    folder: str
    """Path of the folder."""
    task: Task
    """What the model does."""
    vectors: int
    """How many vectors it has."""
    recordings: int | None
    """From how many recordings they are. It is null if the vectors do not follow each other."""
    preprocessing: str
    """What happens to an input before the network."""
    golden_source: str
    """The interpreter that computed the golden outputs."""
    metric: Metric
    """Metric of the quality. `agreement`: there are no labels, so the quality is not known."""
    quality: float
    """Quality of golden."""
    quality_target: float
    """The worst quality that passes."""
    chance: float | None
    """The quality that guesses reach. It is null if it is not known."""
    conversion: ConvertedFrom | None
    """From what the network was converted. It is null if it was given as int8."""
    output_error: float | None
    """Error of the int8 outputs, relative to the float ones (RMS), if it was measured."""
    notes: list[str]
    """Facts about the files and the network."""
    warnings: list[str]
    """Doubts about the vectors."""


class ModelGoldenDocument(Document, frozen=True, tag="tinyml-harness/models-golden/1"):
    """`harness models golden`: the golden outputs that were added."""

    file: str
    """Path of the vectors."""
    vectors: int
    """How many vectors there are."""
    golden_source: str
    """The interpreter that computed the golden outputs."""


class TrainedQuality(msgspec.Struct, frozen=True, kw_only=True):
    """The quality of a network on some samples."""

    network: str
    """`float` or `int8`."""
    metric: Labelled
    """Metric of the quality."""
    value: float
    """Value of the metric."""
    samples: int
    """How many samples there were."""
    source: str
    """Where the samples are from: `test` or `vectors.npz`."""


class TrainedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was written."""

    name: str
    """Name of the file."""
    bytes: int
    """Its size."""
    equal: bool
    """Whether it is equal to the file of the bundled model."""


class ModelTrainDocument(Document, frozen=True, tag="tinyml-harness/models-train/1"):
    """`harness models train`: what was trained."""

    folder: str
    """Path of the folder that was written."""
    seconds: float
    """How long it took."""
    qualities: list[TrainedQuality]
    """The quality of each network."""
    files: list[TrainedFile]
    """The files in the folder."""


class ModelConvertDocument(Document, frozen=True, tag="tinyml-harness/models-convert/1"):
    """`harness models convert`: the network that was converted again."""

    file: str
    """Path of the network that was written."""
    bytes: int
    """Its size."""
    digest: str
    """Its SHA-256 in hexadecimal digits."""
    expected: str
    """That of the model's own network: they are equal, or the command fails."""


def model_add_document(
    created: CreatedModel, network: Network, data: UserData, converted: Converted | None
) -> ModelAddDocument:
    """Return the model folder that was `created` from a `network` and the user's `data`."""
    metric = METRICS[data.task]
    recordings = data.vectors.recordings
    floats = float_note(network.graph)
    warnings = list(created.doubts)
    if created.chance is not None and reached(metric, created.chance, created.quality):
        warnings.append(f"{shown_chance(metric, created.chance)} on these vectors")
    return ModelAddDocument(
        name=created.path.name,
        folder=str(created.path),
        task=data.task,
        vectors=created.vectors,
        recordings=None if recordings is None else len(set(recordings.tolist())),
        preprocessing=data.preprocessing,
        golden_source=created.golden_source,
        metric=metric,
        quality=created.quality,
        quality_target=created.quality_target,
        chance=created.chance,
        conversion=converted.origin if converted else None,
        output_error=converted.output_error if converted else None,
        notes=[*data.notes, floats] if floats else list(data.notes),
        warnings=warnings,
    )
