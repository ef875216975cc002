"""The engines by name, and their interface."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from harness.engines.cmsis_nn import CmsisNN
from harness.engines.default_engine import DEFAULT_ENGINE
from harness.engines.edge_impulse import EdgeImpulse
from harness.engines.generated import Generated
from harness.engines.tflm import Tflm
from harness.errors import InputError
from harness.model.graph import Graph
from harness.support.suggestions import suggest

__all__ = ["DEFAULT_ENGINE", "ENGINES", "Engine", "Generated", "find_engine"]


class Engine(Protocol):
    """Turns a graph into `model.c` and `model.cmake`, which implement `firmware/nn/nn.h`."""

    name: str

    @property
    def operators(self) -> frozenset[str]:
        """The supported kinds of operators, such as "CONV_2D"."""

    @property
    def version(self) -> str:
        """The version of the engine's library, such as "cmsis-nn 4.0.0 (bakenn 1.0.0)"."""

    def generate(self, graph: Graph, directory: Path, *, core: str) -> Generated:
        """Write the sources for `graph` on `core` ("cortex-m4f") into `directory`.

        Raises `InputError` if the engine does not support the graph.
        """


ENGINES: Mapping[str, Engine] = {
    engine.name: engine for engine in (CmsisNN(), Tflm(), EdgeImpulse())
}


def find_engine(name: str, tflm: Path | None = None) -> Engine:
    """Return the engine called `name`; `InputError` with similar names if there is none.

    `tflm` is the TFLM tree for engine tflm.
    """
    if name == Tflm.name:
        return Tflm(tflm)
    try:
        return ENGINES[name]
    except KeyError:
        raise InputError(f"unknown engine {name!r}", remedy=suggest(name, ENGINES)) from None
