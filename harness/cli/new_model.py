"""Makes the folder of a new model, and prints what is in it; `import-mlperf`."""

import argparse
import re
from pathlib import Path

from harness.cli.keras_conversion import print_conversion
from harness.errors import ExitCode, InputError
from harness.intake.convert.convert_user_model import Converted
from harness.intake.mlperf_folder import read_folder
from harness.intake.networks.network_file import Network, read_network
from harness.intake.wakeword_folder import find_list, read_wakewords
from harness.intake.write_folder import CreatedModel, UserData, create_model
from harness.model.float_layers import float_note
from harness.model.metric import (
    Metric,
    reached,
    shown_chance,
    shown_detections,
    shown_quality,
)
from harness.model.model_file import METRICS
from harness.report.json_documents.model_documents import model_add_document
from harness.report.network_table import state_note
from harness.support.json_stream import JsonOutput
from harness.support.plural import count_of
from harness.support.printable import printable
from harness.workspace import Workspace


def import_mlperf(options: argparse.Namespace, workspace: Workspace) -> int:
    """Make a model folder from a data set of MLPerf Tiny."""
    source: Path = options.folder
    recordings = find_list(source)
    name = source.resolve().name if recordings != source else source.stem
    folder = new_folder(options.name or name, workspace)
    with options.progress.step(f"reading {source.name}"):
        network = read_network(options.model)
        data = (
            read_folder(network, source, options.bytes)
            if recordings is None
            else read_wakewords(network, recordings)
        )
    return create_folder(folder, network, data, options)


def create_folder(
    folder: Path,
    network: Network,
    data: UserData,
    options: argparse.Namespace,
    converted: Converted | None = None,
) -> int:
    """Write the model's folder, and print what is in it."""
    with options.progress.step(f"computing golden outputs of {folder.name}"):
        origin = None if converted is None else converted.origin
        created = create_model(folder, network, data, options.quality_target, origin)
    output: JsonOutput | None = options.json_output
    if output:
        output.print(model_add_document(created, network, data, converted))
    else:
        _print_created(created, network, data, converted)
    return ExitCode.PASSED


def _print_created(
    created: CreatedModel, network: Network, data: UserData, converted: Converted | None
) -> None:
    recordings = data.vectors.recordings
    of = (
        ""
        if recordings is None
        else f", windows from {count_of(len(set(recordings.tolist())), 'recording')}"
    )
    print(f"{created.path}: {count_of(created.vectors, 'vector')}{of}; {data.task}")
    print(f"  inputs: {data.preprocessing}")
    for note in data.notes:
        print(f"  {printable(note)}")
    if network.graph.variables:
        print(f"  {state_note(network.graph, recordings=recordings is not None)}")
    if floats := float_note(network.graph):
        print(f"  note: {floats}")
    print(f"  golden: computed by {created.golden_source}")
    _print_quality(METRICS[data.task], created)
    if converted is not None:
        print_conversion(converted, METRICS[data.task], created.quality)
    for doubt in created.doubts:
        print(f"  warning: {doubt}")
    print(f"  next: complete model.toml, then harness run --model {created.path.name}")


def new_folder(name: str, workspace: Workspace) -> Path:
    """Return the folder of the new model `name`; `InputError` if there cannot be one."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise InputError(
            f"{name!r} cannot be the name of a model folder",
            where="--name",
            remedy="use letters, digits, '.', '_' and '-'",
        )
    folder = workspace.root / "models" / name
    if folder.exists():
        raise InputError(
            "already exists", where=str(folder), remedy="remove it, or give another --name"
        )
    return folder


def _print_quality(metric: Metric, created: CreatedModel) -> None:
    if metric == "agreement":
        print("  no labels: runs are compared with golden; nothing is known about the quality")
        return
    quality = shown_quality(metric, created.quality)
    if metric == "detection_errors":
        quality = shown_detections(**created.details)
    name = "MAE " * (metric == "mae")
    print(f"  quality of golden: {name}{quality}; quality target: {created.quality_target:g}")
    if created.chance is not None and reached(metric, created.chance, created.quality):
        print(f"  warning: {shown_chance(metric, created.chance)} on these vectors")
