"""Hardware-in-the-loop tests and benchmarks for TinyML models on Cortex-M.

    import harness

    run = harness.run("virtual-stm32", "models/wake")
    run.check()  # bytes equal golden, quality reaches its target
    run.numbers["flash"].value  # run.to_frame() has a row for each vector
    table = harness.records(model="wake")

`__all__` lists the public Python API; everything else may change without notice.
"""

import sys

if sys.platform == "win32":  # before what may fail there without saying why
    raise ImportError(
        "tinyml-harness runs on Linux and macOS. On Windows, install it in WSL 2 and use it there."
    )

from importlib import import_module

from harness.errors import HarnessError, InfrastructureError, InputError, Regression, Verdict

TYPE_CHECKING = False  # as in `typing`, whose import takes longer than all else here
if TYPE_CHECKING:
    from harness.measure.number import Number
    from harness.model.folder import Model
    from harness.python_api import compare, records, run
    from harness.runs.link_run import Run
    from harness.target.target_file import Target

    __version__: str

__all__ = [
    "HarnessError",
    "InfrastructureError",
    "InputError",
    "Model",
    "Number",
    "Regression",
    "Run",
    "Target",
    "Verdict",
    "compare",
    "records",
    "run",
]

# Loaded at first use: pyOCD imports this package to find virtual boards, and must not wait long.
_HOMES = {
    "Model": "harness.model.folder",
    "Number": "harness.measure.number",
    "Run": "harness.runs.link_run",
    "Target": "harness.target.target_file",
    "compare": "harness.python_api",
    "records": "harness.python_api",
    "run": "harness.python_api",
}


def __getattr__(name: str) -> object:
    """Return a name of the API from the module that defines it."""
    if name == "__version__":
        return import_module("harness.support.version").VERSION
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """Return the names that a person may use."""
    return [*__all__, "__version__"]
