"""`harness models`: shows networks, adds models, trains the bundled ones."""

import argparse
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from harness.cli.add_options import data_request, declare_data
from harness.cli.command_groups import add_subcommand
from harness.cli.keras_conversion import convert_keras, is_convertible
from harness.cli.list_command import list_command
from harness.cli.new_model import create_folder, import_mlperf, new_folder
from harness.engines.engine_support import EngineSupport, try_engines
from harness.engines.registry import find_engine
from harness.errors import ExitCode, InputError
from harness.harness_toml import tflm_tree
from harness.intake.add_model import read_data
from harness.intake.mlperf_folder import Bytes
from harness.intake.networks.network_file import read_network
from harness.intake.store_golden import store_golden
from harness.model.folder import find_model
from harness.model.graph import Graph
from harness.model.metric import (
    LARGEST_ERROR,
    SHOWN,
    shown_quality,
)
from harness.model.model_file import DESCRIPTION
from harness.options.json_option import add_json_option
from harness.report.json_documents.model_documents import (
    ModelConvertDocument,
    ModelGoldenDocument,
    ModelTrainDocument,
    TrainedFile,
    TrainedQuality,
)
from harness.report.json_documents.network_document import export_document, network_document
from harness.report.network_table import print_network
from harness.report.terminal_table import Column, TerminalTable, name_columns, number_columns
from harness.support.json_stream import JsonOutput
from harness.support.numbers import number
from harness.support.progress import Progress
from harness.support.terminal import Terminal
from harness.workspace import Workspace

if TYPE_CHECKING:  # needs an extra
    from harness.training.pipeline import Trained


def declare(parsers: Mapping[str, argparse.ArgumentParser]) -> None:
    """Declare the options of the commands, whose parsers are `parsers`."""
    parser = parsers["models"]
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    listed = add_subcommand(commands, "list", "list the models, as harness list models does")
    listed.set_defaults(command=list_command, what="models")
    show = add_subcommand(
        commands, "show", "show layers, quantization, sizes, and the engines that support a network"
    )
    show.add_argument(
        "model", metavar="MODEL", help="a model's name or folder, or a network's file"
    )
    _add_array(show)
    show.set_defaults(command=_show)
    add = add_subcommand(commands, "add", "make a model folder from a network and your data")
    add.add_argument(
        "network",
        type=Path,
        metavar="FILE",
        help="the network: a .tflite file, a C source that holds one as an array, a .keras or .h5 "
        "file, a SavedModel folder, or an ONNX network (.onnx, through onnx2tf where it is "
        "installed)",
    )
    _add_array(add)
    declare_data(add)
    add.add_argument("--name", help="name of the model (default: that of the file)")
    _add_quality_target(add)
    add.set_defaults(command=_add)
    mlperf = add_subcommand(
        commands, "import-mlperf", "make a model folder from a data set of MLPerf Tiny"
    )
    mlperf.add_argument(
        "folder",
        type=Path,
        metavar="DIR",
        help="folder with .bin files and y_labels.csv; or, for the streaming wakeword, the .json "
        "file that lists WAV recordings and their wakewords, or its folder",
    )
    mlperf.add_argument(
        "--model", type=Path, required=True, metavar="FILE.tflite", help="the network"
    )
    mlperf.add_argument(
        "--bytes", choices=get_args(Bytes), help="meaning of the bytes in the .bin files"
    )
    mlperf.add_argument("--name", help="name of the model (default: that of the folder)")
    _add_quality_target(mlperf)
    mlperf.set_defaults(command=import_mlperf)
    golden = add_subcommand(
        commands, "golden", "add golden outputs to the vectors of a model that has none"
    )
    golden.add_argument("model", metavar="MODEL", help="a model's name or folder")
    golden.add_argument(
        "--replace",
        action="store_true",
        help="compute golden outputs again, after the network was trained again",
    )
    golden.set_defaults(command=_golden)
    train = add_subcommand(
        commands, "train", "train a bundled model from scratch (needs the extra train)"
    )
    convert = add_subcommand(
        commands, "convert", "convert a bundled model again from its stored weights"
    )
    for command, function in ((train, _train), (convert, _convert)):
        command.add_argument("model", metavar="MODEL", help="a model's name or folder")
        command.add_argument(
            "--out",
            type=Path,
            metavar="DIR",
            help="output folder (default: build/models/MODEL)",
        )
        command.set_defaults(command=function)
    for command in (listed, show, add, mlperf, golden, train, convert):
        add_json_option(command.add_argument)


def _add_array(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--array", metavar="NAME", help="name of the array, if a C source holds several networks"
    )


def _add_quality_target(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--quality-target",
        type=number(0, LARGEST_ERROR),
        metavar="Q",
        help="worst quality that passes, 0 to 1; of a regression, the largest error (default: that "
        "of golden, rounded)",
    )


def _show(options: argparse.Namespace, workspace: Workspace) -> int:
    output: JsonOutput | None = options.json_output
    name = options.model
    if _is_file(name):
        network = read_network(Path(name), options.array)
        graph, data = network.graph, network.data
    else:
        model = find_model(name, workspace.models)
        if model.export is not None:
            facts = model.export.facts()
            if output:
                output.print(export_document(str(model.export.path), facts))
            else:
                print("\n".join(facts))
            return ExitCode.PASSED
        graph, data = model.graph, model.tflite
    supports = _try_engines(graph, workspace)
    if output:
        output.print(network_document(graph, len(data), supports))
    else:
        print_network(graph, len(data), supports, Terminal())
    return ExitCode.PASSED


def _try_engines(graph: Graph, workspace: Workspace) -> list[EngineSupport]:
    """Try the engines that are installed with the harness or named in its settings."""
    engines = [find_engine("cmsis-nn")]
    if tree := tflm_tree(workspace.root):
        engines.append(find_engine("tflm", tree))
    return try_engines(graph, engines)


def _is_file(name: str) -> bool:
    """Tell whether `name` is a network's file, not a model."""
    path = Path(name)
    return path.suffix == ".tflite" or (path.is_file() and path.name != DESCRIPTION)


def _add(options: argparse.Namespace, workspace: Workspace) -> int:
    request = data_request(options)
    folder = new_folder(options.name or options.network.resolve().stem, workspace)
    if is_convertible(options.network):
        converted = convert_keras(options, request, workspace.logs)
        _check_engines(converted.network.graph, workspace)
        return create_folder(folder, converted.network, converted.data, options, converted)
    with options.progress.step(f"reading {options.network.name}"):
        network = read_network(options.network, options.array)
        if options.calibrate:
            raise InputError(
                f"is given, but {options.network.name} is converted already",
                where="--calibrate",
                remedy="leave it out; it is for Keras models, SavedModels and ONNX networks",
            )
        _check_engines(network.graph, workspace)
        data = read_data(network, request)
    return create_folder(folder, network, data, options)


def _check_engines(graph: Graph, workspace: Workspace) -> None:
    """Raise the first engine's refusal if no engine supports the network."""
    supports = _try_engines(graph, workspace)
    refusals = [support.error for support in supports if support.error]
    if len(refusals) == len(supports):
        raise refusals[0]


def _golden(options: argparse.Namespace, workspace: Workspace) -> int:
    model = find_model(options.model, workspace.models)
    source = store_golden(
        model, workspace.golden, partial(print, flush=True), replace=options.replace
    )
    output: JsonOutput | None = options.json_output
    if output:
        document = ModelGoldenDocument(
            file=str(model.vectors_path), vectors=len(model.vectors), golden_source=source
        )
        output.print(document)
        return ExitCode.PASSED
    print(f"{model.vectors_path}: golden of {len(model.vectors)} vectors, computed by {source}")
    return ExitCode.PASSED


def _train(options: argparse.Namespace, workspace: Workspace) -> int:
    model = find_model(options.model, workspace.models)
    folder: Path = options.out or workspace.trained / model.name
    progress: Progress = options.progress
    with progress.step(f"training {model.name}: loading TensorFlow"):
        from harness.training.pipeline import train_model  # noqa: PLC0415 - needs an extra

        def say(text: str) -> None:
            progress.say(f"training {model.name}: {text}")
            print(text, flush=True)

        trained = train_model(model, folder, say)
    files = [
        TrainedFile(name=name, bytes=len(data), equal=_is_equal(model.path / name, data))
        for name, data in trained.files.items()
    ]
    output: JsonOutput | None = options.json_output
    if output:
        output.print(_train_document(trained, files, folder))
        return ExitCode.PASSED
    columns = number_columns("quality", "samples")
    table = TerminalTable(
        [*name_columns("network", "metric"), *columns, Column("source", "detail")]
    )
    for row in trained.qualities:
        value = shown_quality(row.metric, row.value)
        values = (row.kind, SHOWN[row.metric], value, str(row.count), row.where)
        table.add_row(*values)
    table.print_to(Terminal())
    print(f"{trained.seconds:.0f} s; in {folder}:")
    for file in files:
        comparison = "equal to" if file.equal else "different from"
        print(f"  {file.name:14} {file.bytes:>9,} bytes  {comparison} the file in {model.path}")
    return ExitCode.PASSED


def _is_equal(original: Path, data: bytes) -> bool:
    return original.is_file() and original.read_bytes() == data


def _train_document(
    trained: "Trained", files: list[TrainedFile], folder: Path
) -> ModelTrainDocument:
    return ModelTrainDocument(
        folder=str(folder),
        seconds=trained.seconds,
        qualities=[
            TrainedQuality(
                network=row.kind,
                metric=row.metric,
                value=row.value,
                samples=row.count,
                source=row.where,
            )
            for row in trained.qualities
        ],
        files=files,
    )


def _convert(options: argparse.Namespace, workspace: Workspace) -> int:
    model = find_model(options.model, workspace.models)
    folder: Path = options.out or workspace.trained / model.name
    with options.progress.step(f"converting {model.name}"):
        from harness.training.pipeline import convert_model  # noqa: PLC0415 - needs an extra

        converted = convert_model(model, folder)
    path = folder / model.tflite_path.name
    equal = converted.digest == converted.expected
    code = ExitCode.PASSED if equal else ExitCode.FAILED
    output: JsonOutput | None = options.json_output
    if output:
        document = ModelConvertDocument(
            file=str(path),
            bytes=len(converted.tflite),
            digest=converted.digest,
            expected=converted.expected,
        )
        output.print(document)
        return code
    print(f"{path}: {len(converted.tflite):,} bytes")
    print(f"  SHA-256 {converted.digest}")
    if equal:
        print(f"  equal to {model.tflite_path}")
    else:
        print(f"  DIFFERENT from {model.tflite_path}: {converted.expected}")
        print("  -> possible causes: another TensorFlow version, other weights, a changed network")
    return code
