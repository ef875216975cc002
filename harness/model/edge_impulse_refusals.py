"""What no Cortex-M can run of an export: networks for accelerators; and outputs without meaning."""

import re
from collections.abc import Sequence
from pathlib import Path

from harness.errors import InputError
from harness.model.edge_impulse_folders import DEPLOY_AGAIN
from harness.model.edge_impulse_metadata import Metadata
from harness.support.input_file import read_input

_ENGINES = {2, 255}  # TensorFlow Lite, and none: only anomaly detection
_SYNTIANT = re.compile(r"\bextract_\w+_syntiant_features\b")
# How an EON-compiled network and an interpreter's resolver name the operator that Vela makes.
_ETHOS_U = re.compile(rb"\bRegister_ETHOSU\b|\bAddEthosU\b")
_HEADERS = {".h", ".hpp"}
_SOURCES = {".c", ".cc", ".cpp", *_HEADERS}
_DEPLOY = "deploy the project as a C++ library with TensorFlow Lite or the EON compiler"


def check_impulse(metadata: Metadata, parameters: Path) -> None:
    """Raise `InputError` unless the impulse runs on a Cortex-M and its outputs can be compared.

    `parameters` is the folder model-parameters. The export may lack its network.
    """
    if metadata.integer("FREEFORM_OUTPUT", 0) != 0:
        raise metadata.wrong(
            "FREEFORM_OUTPUT",
            "the impulse has free-form outputs, which have no meaning to compare",
            "give an impulse with labels, values, boxes or an anomaly score",
        )
    if metadata.integer("INFERENCING_ENGINE") not in _ENGINES:
        raise metadata.wrong(
            "INFERENCING_ENGINE",
            f"the network runs on {metadata.word('INFERENCING_ENGINE')}, not on a Cortex-M",
            _DEPLOY,
        )
    for path in sorted(parameters.glob("*.h")):  # exports before 2023 do not name this engine
        found = _SYNTIANT.search(read_input(path).decode("utf-8", errors="replace"))
        if found:
            raise InputError(
                f"the network runs on Syntiant's NDP chip, not on a Cortex-M: {found[0]} makes "
                "its input",
                where=str(path),
                remedy="use another processing block for audio or motion, and " + _DEPLOY,
            )


def check_network(network: Path, names: Sequence[str]) -> None:
    """Raise `InputError` if the folder `network` lacks a source, or its sources need an Ethos-U.

    `names` are those of the sources that an impulse uses, without their ends.
    """
    sources = [path for path in sorted(network.rglob("*")) if path.suffix in _SOURCES]
    for name in names:
        if not any(path.stem == name and path.suffix not in _HEADERS for path in sources):
            raise InputError(
                f"the export has no {name}.cpp, the network itself",
                where=str(network),
                remedy=f"a .gitignore or a limit for large files may leave it out: {DEPLOY_AGAIN}",
            )
    for path in sources:
        if _ETHOS_U.search(read_input(path)):
            raise InputError(
                "the network is compiled for an Ethos-U, an accelerator that no target here has",
                where=str(path),
                remedy="deploy the project as a C++ library, without a library for Ethos-U",
            )
