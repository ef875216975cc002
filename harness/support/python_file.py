"""Imports a user's Python file by its path, and explains what its code raises."""

import importlib.util
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from harness.errors import InputError


def import_file(path: Path, name: str) -> ModuleType:
    """Run the Python file `path` as the module `name` and return it.

    Raises `InputError` if it is not a Python file, and whatever its code raises.
    """
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise InputError(
            "is not a Python file", where=str(path), remedy="give a file whose name ends with .py"
        )
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # its dataclasses look it up there
    spec.loader.exec_module(module)
    return module


@contextmanager
def explained_code(path: Path, what: str, remedy: str) -> Iterator[None]:
    """Raise `InputError` with the line of the file `path` for whatever a user's code raises in it.

    `what` is what failed. Ctrl-C remains an interruption.
    """
    try:
        yield
    except InputError:
        raise
    except (Exception, SystemExit) as error:
        message = traceback.format_exception_only(error)[-1].strip().splitlines()[-1]
        raise InputError(f"{what}: {message}", where=_place(error, path), remedy=remedy) from error


def _place(error: BaseException, path: Path) -> str:
    """Return the line of the file `path` in which `error` arose, or the file."""
    resolved = str(path.resolve())
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if str(Path(frame.filename).resolve()) == resolved
    ]
    if isinstance(error, SyntaxError) and error.lineno:
        lines = [error.lineno]
    return f"{path}: line {lines[-1]}" if lines else str(path)
