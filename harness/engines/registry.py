"""The engines by name, and what each of them does."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from harness.engines.cmsis_nn import CmsisNN
from harness.engines.edge_impulse import EdgeImpulse
from harness.engines.generated import Generated
from harness.engines.tflm import Tflm
from harness.errors import InputError
from harness.model.graph import Graph
from harness.support.suggestions import suggest

__all__ = ["DEFAULT_ENGINE", "ENGINES", "Engine", "Generated", "find_engine"]

DEFAULT_ENGINE = "cmsis-nn"


class Engine(Protocol):
    """Turns a graph into `model.c` and `model.cmake`, the contract of `firmware/nn/nn.h`."""

    name: str

    @property
    def operators(self) -> frozenset[str]:
        """The kinds of operators that it has, such as "CONV_2D"."""

    @property
    def version(self) -> str:
        """What the engine is made of, such as "cmsis-nn 4.0.0 (bakenn 1.0.0)"."""

    def generate(self, graph: Graph, directory: Path, *, core: str) -> Generated:
        """Write the sources for `graph` on `core` ("cortex-m4f") into `directory`.

        Raises `InputError` if the engine does not support what the graph holds.
        """


ENGINES: Mapping[str, Engine] = {
    engine.name: engine for engine in (CmsisNN(), Tflm(), EdgeImpulse())
}


def find_engine(name: str, tflm: Path | None = None) -> Engine:
    """Return the engine called `name`; `InputError` with the near names otherwise.

    `tflm` is the tree that engine tflm takes.
    """
    if name == Tflm.name:
        return Tflm(tflm)
    try:
        return ENGINES[name]
    except KeyError:
        raise InputError(f"unknown engine {name!r}", remedy=suggest(name, ENGINES)) from None
