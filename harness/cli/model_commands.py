"""`harness models`: look at networks, bring them, train the bundled ones."""

import argparse
import re
from pathlib import Path
from typing import get_args

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from harness.cli.command_groups import CommandGroup
from harness.engines.registry import find_engine
from harness.errors import ExitCode, InputError
from harness.harness_toml import tflm_tree
from harness.intake.add_model import read_arrays
from harness.intake.mlperf_folder import Bytes, read_folder
from harness.intake.write_folder import Network, create_model, read_network
from harness.intake.write_folder import UserData as Brought
from harness.model.folder import Task, find_model
from harness.model.metric import SHOWN
from harness.model.tflite_file import parse
from harness.report.network_table import print_network, try_engines
from harness.workspace import Workspace


def add_command(group: CommandGroup) -> None:
    """Declare `harness models` and its commands in `group`."""
    parser = group.add("models", "show networks, add models, train the bundled ones")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    show = commands.add_parser("show", help="layers, quantization, sizes, and which engine runs it")
    show.add_argument("model", metavar="MODEL", help="a model's name or folder, or a .tflite file")
    show.set_defaults(command=_show)
    add = commands.add_parser("add", help="make a model folder of a network and NumPy files")
    add.add_argument("network", type=Path, metavar="FILE.tflite")
    add.add_argument("--inputs", type=Path, required=True, metavar="X.npy", help="[N, *shape]")
    add.add_argument("--labels", type=Path, required=True, metavar="Y.npy", help="integers, [N]")
    add.add_argument("--task", choices=get_args(Task), default="classification")
    add.add_argument("--name", help="of the model (default: the file's)")
    add.set_defaults(command=_add)
    mlperf = commands.add_parser("import-mlperf", help="make one of a folder of MLPerf Tiny's")
    mlperf.add_argument("folder", type=Path, metavar="DIR", help=".bin files and y_labels.csv")
    mlperf.add_argument("--model", type=Path, required=True, metavar="FILE.tflite")
    mlperf.add_argument("--bytes", choices=get_args(Bytes), help="what files of bytes hold")
    mlperf.add_argument("--name", help="of the model (default: the folder's)")
    mlperf.set_defaults(command=_import_mlperf)
    train = commands.add_parser("train", help="train a model from nothing; needs the extra train")
    convert = commands.add_parser("convert", help="convert again from the stored weights")
    for command, function in ((train, _train), (convert, _convert)):
        command.add_argument("model", metavar="MODEL", help="a model's name or folder")
        command.add_argument(
            "--out",
            type=Path,
            metavar="DIR",
            help="folder to write to (default: build/models/MODEL)",
        )
        command.set_defaults(command=function)


def _show(options: argparse.Namespace, workspace: Workspace) -> int:
    name = options.model
    if name.endswith(".tflite"):
        try:
            data = Path(name).read_bytes()
        except OSError as error:
            raise InputError(f"cannot be read: {error.strerror}", where=name) from error
        graph = parse(data, where=name)
    else:
        model = find_model(name, workspace.models)
        if model.export is not None:
            print("\n".join(model.export.facts()))
            return ExitCode.PASSED
        graph, data = model.graph, model.tflite
    engines = [find_engine("cmsis-nn")]
    if tree := tflm_tree(workspace.root):
        engines.append(find_engine("tflm", tree))
    print_network(graph, len(data), try_engines(graph, engines), Console())
    return ExitCode.PASSED


def _add(options: argparse.Namespace, workspace: Workspace) -> int:
    network = read_network(options.network)
    brought = read_arrays(network, options.task, options.inputs, options.labels)
    return _create(options.name or options.network.stem, network, brought, workspace)


def _import_mlperf(options: argparse.Namespace, workspace: Workspace) -> int:
    network = read_network(options.model)
    brought = read_folder(network, options.folder, options.bytes)
    return _create(options.name or options.folder.resolve().name, network, brought, workspace)


def _create(name: str, network: Network, brought: Brought, workspace: Workspace) -> int:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise InputError(
            f"{name!r} is no name for a folder",
            where="--name",
            remedy="use letters, digits, '.', '_' and '-'",
        )
    created = create_model(workspace.root / "models" / name, network, brought)
    recordings = brought.vectors.recordings
    of = "" if recordings is None else f", windows of {len(set(recordings.tolist()))} recordings"
    print(f"{created.path}: {created.vectors} vectors{of}; {brought.task}")
    print(f"  inputs: {brought.preprocessing}")
    print(
        f"  golden reaches {created.quality:.4f}; the quality target is {created.quality_target:g}"
    )
    print(f"  complete model.toml, then: harness run --model {name}")
    return ExitCode.PASSED


def _train(options: argparse.Namespace, workspace: Workspace) -> int:
    from harness.training.pipeline import train_model  # noqa: PLC0415 - needs an extra

    model = find_model(options.model, workspace.models)
    folder: Path = options.out or workspace.trained / model.name
    trained = train_model(model, folder, lambda text: print(text, flush=True))
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("network", "metric", "quality", "samples", "of"):
        table.add_column(heading, justify="right" if heading in {"quality", "samples"} else "left")
    for row in trained.qualities:
        values = (row.kind, SHOWN[row.metric], f"{row.value:.4f}", str(row.count), row.where)
        table.add_row(*values)
    Console().print(table)
    print(f"{trained.seconds:.0f} s; in {folder}:")
    for name, data in trained.files.items():
        same = model.path / name
        known = same.is_file() and same.read_bytes() == data
        print(f"  {name:14} {len(data):>9,} bytes  {'as' if known else 'not as'} in {model.path}")
    return ExitCode.PASSED


def _convert(options: argparse.Namespace, workspace: Workspace) -> int:
    from harness.training.pipeline import convert_model  # noqa: PLC0415 - needs an extra

    model = find_model(options.model, workspace.models)
    folder: Path = options.out or workspace.trained / model.name
    converted = convert_model(model, folder)
    print(f"{folder / model.tflite_path.name}: {len(converted.tflite):,} bytes")
    print(f"  SHA-256 {converted.digest}")
    if converted.digest == converted.expected:
        print(f"  the same as {model.tflite_path}")
        return ExitCode.PASSED
    print(f"  NOT the same as {model.tflite_path}: {converted.expected}")
    print("  -> another version of TensorFlow, weights of another training, or a changed network")
    return ExitCode.FAILED
