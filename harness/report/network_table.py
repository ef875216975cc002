"""The layers of a network and the memory that it needs, for a terminal: `harness models show`."""

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from harness.engines.engine_support import CORE, EngineSupport
from harness.model.float_layers import float_note
from harness.model.graph import Graph, Operator, Tensor
from harness.report.terminal_lines import print_line
from harness.report.terminal_table import Column, TerminalTable, name_columns, number_columns
from harness.support.plural import count_of

CODE_SIZE = (14_000, 7_000)
"""Flash of the firmware without the model's constants, and its error, in bytes.

For six models, the bundled ones and MLPerf Tiny's, GCC and clang gave 7,336 to 20,368.
"""


_ANSWERS: dict[bool | None, str | Text] = {True: "yes", False: Text("NO", "bold red"), None: "-"}
"""Whether an engine runs a layer: it runs all layers of a network, or none."""


def print_network(graph: Graph, size: int, supports: list[EngineSupport], console: Console) -> None:
    """Print the layers of `graph`, a file of `size` bytes, and what each engine needs for it."""
    operators = len(graph.all_operators)
    lines = [graph.where, f"  {size:,} bytes, {operators} operators{_subgraphs(graph)}"]
    for what, indices in (("input", graph.inputs), ("output", graph.outputs)):
        lines += [f"  {what:6}  {_tensor(graph.tensors[index])}" for index in indices]
    lines += [f"  state   {_tensor(tensor)}" for tensor in graph.variables]
    if graph.variables:
        lines.append(f"  {state_note(graph)}")
    if graph.others:
        names = ", ".join(map(repr, graph.others))
        lines.append(f"  not run, as in TFLM: the subgraphs of other signatures, {names}")
    for line in lines:
        print_line(console, line)
    _layers(graph, supports).print_to(console)
    for support in supports:
        print_line(console, _summary(support), "" if support.generated else "red")
    note = float_note(graph)
    if note and any(support.generated for support in supports):
        print_line(console, f"note: {note}")


def state_note(graph: Graph, *, recordings: bool = False) -> str:
    """Return what a user of `graph`, which has a state, must know.

    With `recordings`, its vectors have them.
    """
    size = sum(tensor.nbytes for tensor in graph.variables)
    vectors = (
        "it is kept within a recording"
        if recordings
        else "without recordings (docs/vectors.md), each vector starts from zero"
    )
    return (
        f"keeps a state of {count_of(size, 'byte')} from one inference to the next: {vectors}. An "
        "application calls nn_reset() before each sequence"
    )


def _layers(graph: Graph, supports: list[EngineSupport]) -> TerminalTable:
    table = TerminalTable(
        [
            Column(right=True),
            *name_columns("operator"),
            Column("output", "text"),
            *number_columns("scale", "zero\npoint", "const.\nbytes", "MACs"),
            *(Column(support.engine.name, "text") for support in supports),
        ]
    )
    macs = macs_of(supports)
    firsts = {part.operators[0].index: part for part in graph.subgraphs if part.operators}
    for operator in graph.all_operators:
        if operator.index in firsts:
            part = firsts[operator.index]
            table.add_row(
                "", f"subgraph {part.number}", "", "", "", "", "", *("" for _ in supports)
            )
        output = graph.tensors[operator.outputs[0]] if operator.outputs else None
        table.add_row(
            str(operator.index),
            operator.kind,
            _shape(output) if output else "",
            *(_quantization(output) if output else ("", "")),
            f"{constant_bytes(graph, operator):,}" if constant_bytes(graph, operator) else "",
            f"{macs[operator.index]:,}" if macs.get(operator.index) else "",
            *(_ANSWERS[support.supports(operator)] for support in supports),
        )
    return table


def _subgraphs(graph: Graph) -> str:
    if not graph.subgraphs:
        return ""
    return f", {1 + len(graph.subgraphs)} subgraphs"


def macs_of(supports: Sequence[EngineSupport]) -> dict[int, int]:
    """Return the multiply-accumulates of each operator, as counted by the first engine."""
    for support in supports:
        if support.generated:
            return {layer.index: layer.macs for layer in support.generated.layers}
    return {}


def constant_bytes(graph: Graph, operator: Operator) -> int:
    """Return the bytes of the constants of a layer."""
    tensors = (graph.tensors[index] for index in operator.inputs if index >= 0)
    return sum(tensor.nbytes for tensor in tensors if tensor.data is not None)


def _summary(support: EngineSupport) -> str:
    name, generated = support.engine.name, support.generated
    if generated is None:
        return f"{name} cannot run it: {support.error}"
    if generated.arena_by_trial:
        return f"{generated.version} on {CORE}: the arena size is determined when an image is built"
    code, error = CODE_SIZE
    return (
        f"{generated.version} on {CORE}: {generated.macs:,} multiply-accumulates\n"
        f"  exact      arena {generated.arena_size:,} bytes of RAM{_state(generated.state_size)}, "
        f"constants {generated.weights_size:,} bytes of flash\n"
        f"  estimated  flash of the image {generated.weights_size + code:,} bytes, "
        f"± {error:,}"
    )


def _state(size: int) -> str:
    return f" (state: {size:,})" if size else ""


def _tensor(tensor: Tensor) -> str:
    scale, zero_point = _quantization(tensor)
    quantized = f", scale {scale}, zero point {zero_point}" if scale else ""
    return f"{tensor.dtype} {_shape(tensor)}{quantized}  {tensor.name[:80]!r}"


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "scalar"


def _quantization(tensor: Tensor) -> tuple[str, str]:
    if tensor.scale is None or tensor.zero_point is None:
        return "", ""
    if tensor.scale.size > 1:
        return f"{tensor.scale.size} scales", ""
    return f"{tensor.scale[0]:.4g}", str(tensor.zero_point[0])
