"""Model folders: a network, its test vectors, and the provenance of both.

A model folder holds `model.toml` (`ModelFile` is its schema), the int8 network as `.tflite`
and the test vectors as `.npz`. Loading reads and checks the description and reads the network's
bytes. The vectors are read at first use, because building an image does not need them.

`Model.graph` holds the operators and tensors. `Model.check` checks that vectors and classes
match them.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from harness.errors import InputError
from harness.model import tflite_file
from harness.model.description_rules import check_description, check_export
from harness.model.edge_impulse_export import Export, continuous, is_export, read_export
from harness.model.edge_impulse_features import load_features
from harness.model.graph import Graph
from harness.model.label_arrays import check_one_class
from harness.model.metric import SHOWN, Metric, shown_target
from harness.model.metric_arrays import check_both_labels
from harness.model.model_file import DESCRIPTION, METRICS, ModelFile, Provenance, Task
from harness.model.vectors import Vectors, load_vectors
from harness.model.vectors_fit import (
    check_finite,
    check_labels,
    check_real_labels,
    check_unlabelled,
    check_vectors,
    check_wakewords,
)
from harness.support import bundled_files, toml_file
from harness.support.file_name import check_name
from harness.support.input_file import read_input
from harness.support.plural import count_of
from harness.support.printable import printable
from harness.support.suggestions import suggest

_MOST_NAMED = 8


@dataclass(frozen=True, eq=False)
class Model:
    """A model folder that was read and checked.

    `quality_target` is the worst quality that passes: the lowest share (0 to 1), the largest
    error, in the `unit` of the labels ("1" if they have none), or how many misses and how many
    false accepts pass. `classes` names the classes in order and may be empty. `tflite` holds the
    bytes of the network's file. If the model is an `export` of Edge Impulse, `tflite` is empty
    and `tflite_path` is the export's folder.
    """

    name: str
    path: Path
    description: str
    task: Task
    metric: Metric
    quality_target: float
    classes: tuple[str, ...]
    preprocessing: str
    provenance: Provenance
    tflite: bytes = field(repr=False)
    tflite_path: Path
    vectors_path: Path
    export: Export | None = None
    unit: str = "1"

    def __repr__(self) -> str:
        target = shown_target(self.metric, self.quality_target, self.unit)
        return printable(f"<Model {self.name}: {self.task}, {SHOWN[self.metric]} {target}>")

    @cached_property
    def digest(self) -> str:
        """SHA-256, in hex, of the network's file, or of the export's sources."""
        if self.export is not None:
            return self.export.digest
        return hashlib.sha256(self.tflite).hexdigest()

    @cached_property
    def graph(self) -> Graph:
        """The network's operators and tensors, read at first use; `InputError` if damaged."""
        if self.export is not None:
            return self.export.graph
        return tflite_file.parse(self.tflite, where=str(self.tflite_path))

    @cached_property
    def vectors(self) -> Vectors:
        """The test vectors, read from `vectors_path` at first use."""
        if self.vectors_path.is_dir() or (self.export and not self.vectors_path.suffix):
            labels = self.classes if self.task == "classification" else ()
            slices = self.export.slices if self.export and self.export.continuous else 1
            return load_features(self.vectors_path, labels, slices)
        vectors = load_vectors(self.vectors_path)
        if self.classes and self.task in {"classification", "anomaly-detection"}:
            check_labels(vectors, len(self.classes), f"{DESCRIPTION} names")
        return vectors

    def check(self, graph: Graph) -> None:
        """Check task, classes, labels and vectors against the network.

        Raises `InputError` naming the file and the key or array that does not fit.
        """
        source, result = graph.input_tensors[0], graph.output_tensors[0]
        if self.task == "anomaly-detection" and result.elements != source.elements:
            raise InputError(
                f"anomaly detection needs an autoencoder, but {self.tflite_path.name} "
                f"has {count_of(source.elements, 'input')} and "
                f"{count_of(result.elements, 'output')}",
                where=f"{self.path / DESCRIPTION}: task",
                remedy="give an autoencoder, or another task",
            )
        outputs = graph.classes
        classes = count_classes(self.task, outputs)
        if self.classes and len(self.classes) != classes:
            raise InputError(
                f"names {count_of(len(self.classes), 'class')}, but {self.tflite_path.name} "
                f"has {count_of(outputs, 'output')}",
                where=f"{self.path / DESCRIPTION}: classes",
                remedy="name every class once, in order, or remove `classes`",
            )
        check_task_labels(self.task, self.vectors, graph, "the model has")
        check_vectors(self.vectors, graph)
        check_finite(self.vectors)


def count_classes(task: Task, outputs: int) -> int:
    """Return the number of classes of a model with `outputs` output values.

    A single output is the probability of the second of two classes. An autoencoder always has
    two: normal and abnormal.
    """
    return 2 if task == "anomaly-detection" else max(outputs, 2)


def check_task_labels(task: Task, vectors: Vectors, graph: Graph, who: str) -> None:
    """Raise `InputError` unless the labels of `vectors` are what `task` needs.

    `who`, with its verb, has the outputs of `graph`, or as many classes: "the model has".
    """
    if task == "agreement":
        check_unlabelled(vectors)
    elif task == "wakeword-detection":
        check_wakewords(vectors)
    elif task == "regression":
        check_real_labels(vectors, graph.output_tensors[0], who)
    else:
        if task == "anomaly-detection":
            check_both_labels(vectors.class_labels, str(vectors.path))
            if vectors.recordings is not None:
                check_one_class(vectors.recordings, vectors.class_labels, vectors.path)
        check_labels(vectors, count_classes(task, graph.classes), who)


def load_model(folder: Path) -> Model:
    """Load and check the model in `folder`.

    Raises `InputError` if the folder, its description or its network is missing or invalid.
    The vectors are checked when `Model.vectors` is first used.
    """
    check_name(folder.resolve().name, "model", str(folder))
    description = folder / DESCRIPTION
    if not description.exists():
        if _held_models(folder) or not is_export(folder):
            raise _not_a_model(folder)
        return _bare_export(folder)
    file = toml_file.read(description, ModelFile)
    check_description(file, description)
    tflite_path = folder / file.model
    export = read_export(tflite_path) if tflite_path.is_dir() else None
    if export is not None:
        check_export(file, export, description)
        if file.continuous:
            export = continuous(export, f"{description}: continuous")
    return Model(
        name=folder.resolve().name,
        path=folder,
        description=file.description,
        task=file.task,
        metric=file.metric,
        quality_target=file.quality_target,
        classes=_classes(export, file.task) if export is not None else file.classes,
        unit=file.unit or "1",
        preprocessing=file.input.preprocessing,
        provenance=file.provenance,
        tflite=b"" if export is not None else _read_network(tflite_path, description),
        tflite_path=tflite_path,
        vectors_path=folder / file.vectors,
        export=export,
    )


def _bare_export(folder: Path) -> Model:
    """Return a model for an export without `model.toml`: its quality target is 0.

    Its vectors lie in the same folder: in `vectors.npz`, or in the folder `features`. Only a
    classification has labels, the names of the files; all else is compared with golden alone.
    """
    export = read_export(folder)
    vectors = folder / "vectors.npz"
    task: Task = "classification" if export.kind == "classification" else "agreement"
    return Model(
        name=folder.resolve().name,
        path=folder,
        description=export.description,
        task=task,
        metric=METRICS[task],
        quality_target=0.0,
        classes=_classes(export, task),
        preprocessing="raw features",
        provenance=Provenance(data="the project's", licence="the export's"),
        tflite=b"",
        tflite_path=folder,
        vectors_path=vectors if vectors.is_file() else folder / "features",
        export=export,
    )


def _classes(export: Export, task: Task) -> tuple[str, ...]:
    return export.labels if task == "classification" else ()


def find_model(name_or_path: str, roots: Sequence[Path]) -> Model:
    """Load a model by name, from the first of `roots` that has it, or by path.

    A string with a path separator is the path of a folder or its description, and so is the name
    of a folder that is not that of a model. Raises `InputError` with similar names if there is no
    such model, and as `load_model` does.
    """
    if bundled_files.is_path(name_or_path):
        path = Path(name_or_path)
        return load_model(path.parent if path.name == DESCRIPTION else path)
    known = list_models(roots)
    if name_or_path not in known:
        if name_or_path and Path(name_or_path).is_dir():
            return load_model(Path(name_or_path))
        raise InputError(f"unknown model {name_or_path!r}", remedy=suggest(name_or_path, known))
    return load_model(known[name_or_path])


def list_models(roots: Sequence[Path]) -> dict[str, Path]:
    """Return the model folders in `roots` by name; if two have the same name, the first wins."""
    folders = (file.parent for root in roots for file in sorted(root.glob(f"*/{DESCRIPTION}")))
    return bundled_files.first_by_name(folders, lambda folder: folder.name)


def _held_models(folder: Path) -> dict[str, Path]:
    """Return the models in `folder`: its own folders, or those of a repository."""
    return list_models([folder]) or list_models([folder / "models"])


def _not_a_model(folder: Path) -> InputError:
    """Return the error that says why `folder` is not a model."""
    if held := _held_models(folder):
        names = [str(path) for path in held.values()]
        more = ["..."] if len(names) > _MOST_NAMED else []
        return InputError(
            f"is not a model, but holds {count_of(len(held), 'model')}",
            where=str(folder),
            remedy=f"name one of them: {', '.join([*names[:_MOST_NAMED], *more])}",
        )
    if folder.is_dir():
        what = f"is not a model: it has no {DESCRIPTION}"
    elif folder.exists():
        what = "is a file, not a model folder"
    else:
        what = "no such model folder"
    return InputError(what, where=str(folder), remedy=f"give a folder that holds {DESCRIPTION}")


def _read_network(path: Path, description: Path) -> bytes:
    data = read_input(
        path,
        tflite_file.MAX_NETWORK,
        where=f"{description}: model",
        remedy="put the network there, or set `model` to its file",
    )
    if not data:
        raise InputError(f"{path} is empty", where=f"{description}: model")
    return data
