"""Runs the tutorial from top to bottom: `make tutorial`.

The run must succeed, and its figures must be about those on the page. With `--write`, the outputs
go into the notebook. It runs in a home folder of its own, which is removed.
"""

import argparse
import os
import re
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from docs.generate.notebook_page import cells, printed

NOTEBOOK = Path(__file__).with_name("tutorial.ipynb")
MARGIN = 0.06
"""The part by which a figure may differ: processors round differently, in training, too."""

_SECONDS = 900  # for one cell
_INSTALL = "install"
"""The tag of cells that do not run: `make tutorial` has installed what they install."""
_STYLE = re.compile(r"\x1b\[[0-9;]*m")
_BUILT = re.compile(r"^built with .*$", re.MULTILINE)
_OF_THE_NETWORK = ("float", "int8")  # with any compiler
_FIGURES = {
    "float": re.compile(r"quality: float (\S+), int8"),
    "int8": re.compile(r"quality: float \S+, int8 ([\d.]+)"),
    "instructions": re.compile(r"^passed  virtual-stm32 .* ([\d,]+)  [\d,]+  \S+ s$", re.M),
    "flash": re.compile(r"^passed  virtual-stm32 .*  ([\d,]+)  \S+ s$", re.M),
}


def run(path: Path) -> nbformat.NotebookNode:
    """Run the notebook `path`, and return it with the outputs of this run.

    Raises `CellExecutionError` if a cell fails.
    """
    notebook = nbformat.read(path, as_version=4)
    kept = notebook.cells
    notebook.cells = [cell for cell in kept if _INSTALL not in cell.metadata.get("tags", ())]
    place = {"metadata": {"path": str(path.parent)}}
    with tempfile.TemporaryDirectory() as home:
        os.environ["HOME"] = home
        client = NotebookClient(notebook, timeout=_SECONDS, resources=place, record_timing=False)
        client.execute()
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs = _plain(cell, home)
    notebook.cells = kept
    notebook.metadata.language_info = {"name": "python"}  # no version: any will do
    return notebook


def figures(text: str) -> Mapping[str, float]:
    """Return the figures that the notebook `text` shows, by name.

    Raises `LookupError` if one is missing.
    """
    output = _output(text)
    found = {name: pattern.search(output) for name, pattern in _FIGURES.items()}
    if missing := [name for name, match in found.items() if not match]:
        raise LookupError(f"the notebook does not show {', '.join(missing)}")
    return {name: float(match[1].replace(",", "")) for name, match in found.items() if match}


def compiler(text: str) -> str:
    """Return the line that names the compiler in the notebook `text`, or nothing."""
    built = _BUILT.search(_output(text))
    return built[0] if built else ""


def _output(text: str) -> str:
    return "\n".join(printed(cell) for cell in cells(text))


def _plain(cell: nbformat.NotebookNode, home: str) -> list[nbformat.NotebookNode]:
    """Return what `cell` printed, without colours, progress, logs, and the name of `home`."""
    text = _STYLE.sub("", printed(cell)).replace(os.path.realpath(home), "~").replace(home, "~")
    return [nbformat.v4.new_output("stream", name="stdout", text=text)] if text else []


def main() -> int:
    """Run the tutorial, and return the exit code."""
    parser = argparse.ArgumentParser(prog="make tutorial", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the outputs into the notebook")
    options = parser.parse_args()
    try:
        notebook = run(NOTEBOOK)
    except CellExecutionError as error:
        print(error, file=sys.stderr)
        return 1
    ran, page = nbformat.writes(notebook), NOTEBOOK.read_text()
    new = figures(ran)
    if options.write:
        nbformat.write(notebook, NOTEBOOK)
        return 0
    old = figures(page)
    compared = old if compiler(ran) == compiler(page) else _OF_THE_NETWORK
    far = {name for name in compared if abs(new[name] / old[name] - 1) > MARGIN}
    for name, value in new.items():
        print(f"{name}: {value:g}, on the page {old[name]:g}" + "  <- differs" * (name in far))
    return int(bool(far))


if __name__ == "__main__":
    sys.exit(main())
