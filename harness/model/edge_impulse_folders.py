"""Finds the three folders of an export, wherever an application has them."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import InputError

METADATA = "model-parameters/model_metadata.h"
DEPLOY_AGAIN = "deploy the project as a C++ library, and unpack all of it there"

FETCH_SDK = (
    "if the application takes it from a submodule or from its build system, copy it there: "
    f"github.com/edgeimpulse/inferencing-sdk-cpp has the SDK alone. Otherwise {DEPLOY_AGAIN}"
)

TABLES = "CMSIS/DSP/Source/CommonTables/arm_common_tables.c"
"""The file of an SDK with CMSIS-DSP's tables; many public copies lack it."""

_SDK = "edge-impulse-sdk"
_PARAMETERS = "model-parameters"
_NETWORK = "tflite-model"
_DEEPEST = 9  # levels below the folder that is given


@dataclass(frozen=True)
class ExportFolders:
    """The folders of an export: its SDK, `model-parameters` and `tflite-model`."""

    sdk: Path
    parameters: Path
    network: Path


def is_export(folder: Path) -> bool:
    """Return whether an export is in `folder`, complete or not."""
    return bool(_found(folder, _PARAMETERS))


def find_folders(folder: Path) -> ExportFolders:
    """Return the folders of the export that `folder` is, or else of the only one in it.

    Raises `InputError` if there is none, or more than one, or a part of it is missing.
    """
    parameters = find_parameters(folder)
    beside = parameters.parent
    return ExportFolders(
        sdk=_part(folder, beside, _SDK).resolve(),
        parameters=parameters.resolve(),
        network=find_network(folder),
    )


def find_network(folder: Path) -> Path:
    """Return the tflite-model of that export; its SDK may be missing."""
    return _part(folder, find_parameters(folder).parent, _NETWORK).resolve()


def find_parameters(folder: Path) -> Path:
    """Return the model-parameters of that export; its other parts may be missing."""
    found = _found(folder, _PARAMETERS)
    if not found:
        raise InputError(
            f"is not an export of Edge Impulse: there is no {METADATA} in it, down to "
            f"{_DEEPEST} levels",
            where=str(folder),
            remedy=DEPLOY_AGAIN,
        )
    if folder / _PARAMETERS in found:
        return folder / _PARAMETERS
    if len(found) > 1:
        names = ", ".join(str(path.parent) for path in found)
        raise InputError(
            f"holds {len(found)} exports of Edge Impulse: {names}",
            where=str(folder),
            remedy="name the folder of one of them",
        )
    return found[0]


def _part(folder: Path, beside: Path, name: str) -> Path:
    """Return the folder `name` in `beside`, or else the only one in `folder`."""
    found = [beside / name] if (beside / name).is_dir() else _found(folder, name)
    if not found:
        remedy = FETCH_SDK if name == _SDK else DEPLOY_AGAIN
        raise InputError(f"the export has no {name}", where=str(beside), remedy=remedy)
    if len(found) > 1:
        raise InputError(
            f"there are {len(found)} folders {name}: {', '.join(map(str, found))}",
            where=str(folder),
            remedy=f"put the right one beside {beside / _PARAMETERS}",
        )
    return found[0]


def _found(folder: Path, name: str) -> Sequence[Path]:
    """Return the folders `name` in `folder`; of the parameters, those with the metadata."""
    found = [path for path in _below(folder, _DEEPEST) if path.name == name]
    if name == _PARAMETERS:
        found = [path for path in found if (path.parent / METADATA).is_file()]
    return found


def _below(folder: Path, levels: int) -> Iterator[Path]:
    """Yield the folders in `folder`, sorted; none in a part of an export, and no hidden ones."""
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    except OSError:  # it is not a folder, or may not be read: nothing is found in it
        return
    for name in names:
        path = folder / name
        yield path
        if levels and not name.startswith(".") and name not in {_SDK, _PARAMETERS, _NETWORK}:
            yield from _below(path, levels - 1)
