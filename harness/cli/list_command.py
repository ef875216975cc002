"""`harness list`, which `harness models list` and `harness target list` are, too."""

import argparse
from collections.abc import Callable, Mapping
from typing import TypeVar

from harness.cli.target_list import DERIVED, print_list, print_targets
from harness.engines.registry import ENGINES, find_engine
from harness.errors import ExitCode, HarnessError
from harness.harness_toml import tflm_tree
from harness.image.toolchain import TOOLCHAINS, find_toolchain
from harness.model.folder import list_models, load_model
from harness.options.json_option import add_json_option
from harness.options.selection import default_models
from harness.report.json_documents.list_documents import (
    engines_document,
    models_document,
    targets_document,
    toolchains_document,
)
from harness.support.json_output import Document
from harness.support.json_stream import JsonOutput
from harness.support.terminal import Terminal
from harness.target.find_target import list_targets
from harness.workspace import Workspace

T = TypeVar("T")


def declare(parsers: Mapping[str, argparse.ArgumentParser]) -> None:
    """Declare the options of the command, whose parser is in `parsers`."""
    lists = parsers["list"]
    lists.add_argument("what", choices=("targets", "models", "engines", "toolchains"))
    add_json_option(lists.add_argument)
    lists.set_defaults(command=list_command)


def list_command(options: argparse.Namespace, workspace: Workspace) -> int:
    """Print the list of `options.what`."""
    output: JsonOutput | None = options.json_output
    if output:
        output.print(_document(options.what, workspace))
        return ExitCode.PASSED
    if options.what == "targets":
        print_targets(list_targets(workspace.targets), Terminal())
        return ExitCode.PASSED
    if options.what == "models":
        _list_models(workspace, hint=not options.quiet)
        return ExitCode.PASSED
    if options.what == "engines":
        tflm = tflm_tree(workspace.root)
        rows = [
            (name, _described(lambda n: find_engine(n, tflm).version, name)) for name in ENGINES
        ]
    else:
        rows = [
            (name, _described(lambda n: find_toolchain(n).version, name)) for name in TOOLCHAINS
        ]
    print_list("", sorted(rows), Terminal())
    return ExitCode.PASSED


def _document(what: str, workspace: Workspace) -> Document:
    """Return the document with the list of `what`."""
    if what == "targets":
        return targets_document(workspace, DERIVED)
    if what == "models":
        return models_document(workspace, default_models(workspace))
    return engines_document(workspace) if what == "engines" else toolchains_document()


def _list_models(workspace: Workspace, *, hint: bool) -> None:
    """Print the models that run if none is named, and the others below them."""
    paths = list_models(workspace.models)
    default = sorted(default_models(workspace))
    others = sorted(set(paths) - set(default))
    has_own = bool(list_models(workspace.models[:1]))
    title = "" if has_own and not others else "your models" if has_own else "bundled models"
    for heading, names in ((title, default), ("bundled models", others)):
        rows = [
            (name, _described(lambda path: load_model(path).description, paths[name]))
            for name in names
        ]
        print_list(heading, rows, Terminal())
    if others and hint:
        print(f"harness run takes your models; for a bundled one: harness run --model {others[0]}")


def _described(describe: Callable[[T], str], item: T) -> str:
    """Return the description, or the error: one invalid file must not hide the rest of the list."""
    try:
        return describe(item)
    except HarnessError as error:
        return str(error)
