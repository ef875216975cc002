"""Imports a user's Python file by its path."""

import importlib.util
import sys
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
