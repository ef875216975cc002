"""Engines whose model is C that a test has at hand, four bytes in and four out."""

from dataclasses import dataclass
from pathlib import Path

from harness.engines.registry import Generated
from harness.model.graph import Graph

_MODEL_C = """\
#include "nn.h"

{includes}

static int8_t tensor[4];
{declarations}

int nn_init(void) {{
    return 0;
}}

nn_tensor_t nn_input(void) {{
    return (nn_tensor_t){{tensor, sizeof(tensor)}};
}}

nn_tensor_t nn_output(void) {{
    return (nn_tensor_t){{tensor, sizeof(tensor)}};
}}

int nn_invoke(void) {{
    {invoke}
    return 0;
}}

uint32_t nn_arena_size(void) {{
    return sizeof(tensor);
}}
"""


@dataclass
class HandMade:
    """An engine whose model is the C it holds, whatever the graph."""

    source: str
    name: str = "hand-made"
    operators: frozenset[str] = frozenset()
    version: str = "1"

    def generate(self, graph: Graph, directory: Path, *, core: str) -> Generated:
        (directory / "model.c").write_text(self.source)
        (directory / "model.cmake").write_text(
            'set(NN_SOURCES "${CMAKE_CURRENT_LIST_DIR}/model.c")\n'
            "set(NN_KERNELS)\nset(NN_INCLUDES)\nset(NN_DEFINITIONS)\n"
        )
        return Generated((directory / "model.c",), directory / "model.cmake", 4, 0, (), "1")


def hand_made(invoke: str = "", declarations: str = "", includes: str = "") -> HandMade:
    """Return an engine that makes `invoke` the body of the inference."""
    return HandMade(_MODEL_C.format(invoke=invoke, declarations=declarations, includes=includes))
