"""The objects of the harness that reference pages are generated from.

This is the only module of the generator that knows where they are.
"""

import argparse
import inspect
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import NamedTuple

import harness
from harness import harness_toml
from harness.cli.command_groups import CommandGroup, CommandParser
from harness.cli.command_line import command_parser
from harness.errors import ExitCode
from harness.model.model_file import ModelFile
from harness.options.run_options import add_run_options
from harness.pytest_plugin import fixtures
from harness.report import json_documents
from harness.results.judge import budgets
from harness.results.judge.metrics import METRICS, Metric
from harness.results.record import Record
from harness.support.json_output import Document
from harness.target.target_file import TargetFile

REPOSITORY = Path(__file__).parents[2]

C_HEADERS = (
    "firmware/link/link.h",
    "firmware/nn/nn.h",
    "firmware/ports/port.h",
    "firmware/mlperf/mlperf.h",
)
MESSAGES_HEADER = "firmware/link/message.h"

RECORD: type = Record
NUMBERS: Sequence[Metric] = METRICS
PLUGIN: ModuleType = fixtures


class TomlFile(NamedTuple):
    """A kind of TOML file: how it is called, what it is for, and its schema."""

    name: str
    purpose: str
    schema: type


TOML_FILES = (
    TomlFile(
        "targets/NAME.toml",
        'A target: a chip, and how to reach it. With `base = "OTHER"` the file has only the keys '
        "that differ from the target OTHER.",
        TargetFile,
    ),
    TomlFile(
        "models/NAME/model.toml",
        "A model: what it is, and the quality that it must reach.",
        ModelFile,
    ),
    TomlFile(
        "harness.toml",
        "Settings of a repository. The file lies in its root folder.",
        harness_toml.Settings,
    ),
    TomlFile(
        "budgets.toml",
        "Budgets: how much worse than its baseline a number may get. "
        "The file lies beside the baselines.",
        budgets.BudgetsFile,
    ),
)

EXIT_CODES: Mapping[ExitCode, str] = {
    ExitCode.PASSED: "Everything ran, and every check passed.",
    ExitCode.FAILED: "A verdict: outputs differ from golden, or the quality target is missed.",
    ExitCode.USAGE: "The input is wrong: an option, a file or a key.",
    ExitCode.INFRASTRUCTURE: "A compiler, emulator, board or link failed; nothing was judged.",
    ExitCode.REGRESSION: "A verdict: a number is worse than its baseline allows, or has none.",
    ExitCode.DEFECT: "The harness itself is wrong; a file that it names has the traceback.",
    ExitCode.HANGUP: "The terminal was closed (SIGHUP).",
    ExitCode.INTERRUPTED: "Ctrl-C ended the command (SIGINT).",
    ExitCode.PIPE_CLOSED: "The reader of the output ended early (SIGPIPE).",
    ExitCode.TERMINATED: "SIGTERM ended the command.",
}


def command_line() -> CommandParser:
    """Return the parser of the command `harness`."""
    parser = command_parser()
    parser.declare_all()
    return parser


def command_groups() -> Sequence[CommandGroup]:
    """Return the groups of commands, as `harness --help` shows them."""
    return command_parser().groups


def pytest_options() -> argparse.ArgumentParser:
    """Return a parser with the options that the harness adds to pytest."""
    parser = argparse.ArgumentParser(prog="pytest", add_help=False)
    add_run_options(lambda _: parser.add_argument)
    return parser


def documents() -> Sequence[type[Document]]:
    """Return what commands print with `--json`, by name."""
    for module in iter_modules(json_documents.__path__):
        import_module(f"{json_documents.__name__}.{module.name}")
    import_module("harness.review.review_document")
    import_module("harness.simulator.serve_document")  # its room knows no other
    return sorted(Document.__subclasses__(), key=document_name)


def document_name(document: type[Document]) -> str:
    """Return the name in the tag of `document`, "tinyml-harness/NAME/VERSION"."""
    return str(document.__struct_config__.tag).split("/")[1]


def about_the_package() -> str:
    """Return what the package says of itself."""
    return inspect.getdoc(harness) or ""


def exported_names() -> Sequence[str]:
    """Return the names of the public Python API."""
    return harness.__all__


def exported(name: str) -> object:
    """Return the object behind a name of the public Python API."""
    return getattr(harness, name)
