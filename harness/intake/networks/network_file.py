"""Reads a network: a `.tflite` file, or a C source that holds one as an array."""

import re
from dataclasses import dataclass
from pathlib import Path

from harness.errors import InputError
from harness.intake.networks.c_array import IDENTIFIER, looks_like_c, read_c_array
from harness.intake.networks.wrong_kind import is_page, wrong_folder, wrong_kind
from harness.model.graph import Graph, Tensor
from harness.model.tflite_file import MAX_NETWORK, parse
from harness.support.input_file import read_input

_MAX_FILE = 2 * MAX_NETWORK
"""Bytes of the largest file: a byte of a network takes about 6 in a C source."""

_SOURCES = {".h", ".hh", ".hpp", ".c", ".cc", ".cpp", ".cxx", ".ino", ".inc"}


@dataclass(frozen=True)
class Network:
    """A user's `.tflite`: its bytes, its graph, and the file it came from."""

    data: bytes
    graph: Graph
    path: Path

    @property
    def input(self) -> Tensor:
        """The first input tensor."""
        return self.graph.input_tensors[0]

    @property
    def output(self) -> Tensor:
        """The first output tensor."""
        return self.graph.output_tensors[0]


def read_network(path: Path, array: str | None = None) -> Network:
    """Read the network in `path`; `array` names the array of a C source that holds several.

    Raises `InputError` that says what the file is, and what to do, if it holds no network.
    """
    if path.is_dir():
        raise wrong_folder(path)
    data = read_input(path, _MAX_FILE)
    where = str(path)
    if data[4:8] != IDENTIFIER:
        if _is_source(data, path):
            data = read_c_array(data, array, where=where)
        else:
            raise wrong_kind(data, path)
    elif array is not None:
        raise InputError(
            "is given, but the network is a .tflite file", where="--array", remedy="leave it out"
        )
    return Network(data, parse(data, where=where), path)


def _is_source(data: bytes, path: Path) -> bool:
    named = path.suffix.lower() in _SOURCES
    if is_page(data) or not looks_like_c(data):
        return False
    return named or re.search(rb"=\s{0,20}\{", data) is not None
