"""ONNX networks become SavedModels, with onnx2tf where it is installed."""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.errors import InputError
from harness.intake.convert.long_command import run_long
from harness.support.owned_temporary import temporary_folder
from harness.support.progress import Progress

# onnx2tf leaves files in the current folder.
_IN_FOLDER = "import os, sys; os.chdir(sys.argv[1]); os.execv(sys.argv[2], sys.argv[2:])"
_REMEDY = "convert it by hand (docs/adding.md#networks), and give the SavedModel folder"


def find_onnx2tf() -> str | None:
    """Return the path of onnx2tf in this environment or on PATH; None if it is missing."""
    here = Path(sys.executable).parent / "onnx2tf"
    return str(here) if here.is_file() else shutil.which("onnx2tf")


def is_onnx(path: Path) -> bool:
    """Tell whether `path` is named like an ONNX network."""
    return path.suffix == ".onnx" and path.is_file()


@contextmanager
def saved_model_of(source: Path, progress: Progress) -> Iterator[Path]:
    """Yield the SavedModel that onnx2tf makes of the ONNX network `source`.

    Yields another `source` itself. Raises `InfrastructureError` if onnx2tf fails, and `InputError`
    if it makes no SavedModel.
    """
    program = find_onnx2tf()
    if not is_onnx(source) or program is None:
        yield source
        return
    with temporary_folder(Path(tempfile.gettempdir())) as folder:
        made = folder / "saved"
        options = ["-i", str(source.resolve()), "-o", str(made), "-osd"]
        command = [sys.executable, "-I", "-S", "-c", _IN_FOLDER, str(folder), program, *options]
        run_long(command, f"converting {source.name} with onnx2tf", _REMEDY, progress)
        if not (made / "saved_model.pb").is_file():
            raise InputError(
                "makes no SavedModel of it: versions before 2 do",
                where=f"{program}: {source}",
                remedy="pip install 'onnx2tf<2'",
            )
        yield made
