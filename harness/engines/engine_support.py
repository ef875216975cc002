"""Which engines support a network."""

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from harness.engines.refusal import NetworkRefusedError
from harness.engines.registry import Engine, Generated
from harness.errors import InputError
from harness.model.graph import Graph, Operator

CORE = "cortex-m4f"
"""The core that C is generated for."""


@dataclass(frozen=True)
class EngineSupport:
    """The C that `engine` generates for a network, or the error that says why it cannot."""

    engine: Engine
    generated: Generated | None
    error: InputError | None = None

    def supports(self, operator: Operator) -> bool | None:
        """Tell whether the engine runs the layer; None if only other layers are refused."""
        if self.generated is not None:
            return True
        if isinstance(self.error, NetworkRefusedError) and operator.index not in self.error.layers:
            return None
        return False


def try_engines(graph: Graph, engines: Iterable[Engine]) -> list[EngineSupport]:
    """Generate C for `graph` and a Cortex-M4F with each of `engines`."""
    supports = []
    for engine in engines:
        with tempfile.TemporaryDirectory() as folder:
            try:
                generated = engine.generate(graph, Path(folder), core=CORE)
                supports.append(EngineSupport(engine, generated))
            except InputError as error:
                supports.append(EngineSupport(engine, None, error))
    return supports
