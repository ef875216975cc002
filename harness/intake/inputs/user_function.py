"""A user's own preprocessing: a function in a Python file."""

import hashlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.errors import InputError
from harness.support.input_file import MAX_TEXT, read_input
from harness.support.python_file import explained_code, import_file
from harness.support.suggestions import suggest


@dataclass(frozen=True)
class UserFunction:
    """`function` of the file `path`, whose content has the SHA-256 `digest`.

    `rate` is the file's `SAMPLE_RATE` in Hz, or None.
    """

    path: Path
    name: str
    digest: str
    rate: int | None
    function: Callable[..., Any]

    def __str__(self) -> str:
        return f"{self.path.name}:{self.name} (SHA-256 {self.digest})"

    def __call__(self, where: str, *arguments: Any) -> npt.NDArray[Any]:
        """Return what the function makes of one sample, which `where` names.

        Raises `InputError` with the line of the user's code if the function fails, or returns
        something else than finite numbers.
        """
        with explained_code(self.path, f"{self.name} fails on {where}", "mend the function"):
            result = np.asarray(self.function(*arguments))
        if result.dtype.kind not in "biuf":
            raise InputError(
                f"returns values of type {result.dtype} for {where}",
                where=f"{self.path}:{self.name}",
                remedy="return one input of the network as a NumPy array of numbers",
            )
        if not np.isfinite(result).all():
            raise InputError(
                f"returns values that are not finite for {where}",
                where=f"{self.path}:{self.name}",
                remedy="return finite numbers, for example log(x + 1e-6) for log(x)",
            )
        return result


def load_function(path: Path, name: str) -> UserFunction:
    """Import the function `name` from the Python file `path`.

    Raises `InputError` if the file cannot be read or run, or has no such function.
    """
    digest = hashlib.sha256(read_input(path, MAX_TEXT)).hexdigest()
    folder = str(path.resolve().parent)
    sys.path.insert(0, folder)  # as for a script: it may import the modules beside it
    try:
        with explained_code(path, "cannot be imported", "mend the file"):
            module = import_file(path, f"preprocess_{path.stem}")
    finally:
        sys.path.remove(folder)
    function = getattr(module, name, None)
    if not callable(function):
        names = [key for key, value in vars(module).items() if callable(value) and key[0] != "_"]
        raise InputError(f"has no function {name!r}", where=str(path), remedy=suggest(name, names))
    rate = getattr(module, "SAMPLE_RATE", None)
    if rate is not None and not (isinstance(rate, int) and rate > 0):
        raise InputError(
            f"is {rate!r}", where=f"{path}: SAMPLE_RATE", remedy="give hertz, such as 16000"
        )
    return UserFunction(path, name, digest, rate, function)
