"""The engine: it lowers each operator, plans the arena and writes the C."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import numpy as np

from harness.engines.cmsis_nn import cmake, model_c
from harness.engines.cmsis_nn.arena import allocate
from harness.engines.cmsis_nn.cmsis_nn_sources import SourceTree, find_tree
from harness.engines.cmsis_nn.core_features import (
    KERNEL_SUMS,
    CoreFeatures,
    Extension,
    extension_of,
)
from harness.engines.cmsis_nn.layer import Call, Layer
from harness.engines.cmsis_nn.lifetimes import buffer_names
from harness.engines.cmsis_nn.operator_checks import QUANTIZED
from harness.engines.cmsis_nn.operator_view import OperatorView
from harness.engines.cmsis_nn.operators import LOWERINGS, find_lowering
from harness.engines.cmsis_nn.shape_folding import without_shape_arithmetic
from harness.engines.cmsis_nn.subgraphs import without_idle_calls
from harness.engines.cmsis_nn.variables import assigned_directly, may_share, resources
from harness.engines.generated import Generated, LayerInfo
from harness.engines.refusal import LayerRefusedError, refused
from harness.errors import InputError
from harness.model import tensor_block
from harness.model.graph import Graph
from harness.model.network_kind import FULL_INTEGER
from harness.support.plural import count_of
from harness.support.whole_files import unwritable

# Operators that convert int8 to other types or back.
_CONVERSIONS = frozenset({"ARG_MAX", "ARG_MIN", "CAST", "DEQUANTIZE", "QUANTIZE"})
# The engine has these for int8, int16 and float32 alone.
_WITH_WEIGHTS = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV"})
_WITHOUT_SCALE = tuple(np.dtype(name) for name in ("bool", "int32", "float32"))


class CmsisNN:
    """Ahead-of-time code on CMSIS-NN from `directory`, $CMSIS_NN_DIR or the bakenn wheel."""

    name = "cmsis-nn"
    operators = frozenset(LOWERINGS)

    def __init__(self, directory: Path | None = None) -> None:
        self._directory = directory

    @property
    def version(self) -> str:
        """The library's release and its origin."""
        return find_tree(self._directory).version

    def generate(self, graph: Graph, directory: Path, *, core: str) -> Generated:
        """Write `model.c` and `model.cmake` for `graph` on `core` into `directory`.

        The same graph, core and library give the same bytes. Raises `InputError` if the engine
        does not support the graph, or if the library is not usable.
        """
        tree = find_tree(self._directory)
        extension = extension_of(core)
        features = CoreFeatures(extension, _kernel_sums(tree) if extension is Extension.MVE else 0)
        graph = assigned_directly(without_shape_arithmetic(without_idle_calls(graph)))
        addresses = _addresses(graph)
        layers, refusals = _lower(graph, addresses, features)
        try:
            _check_inputs_and_outputs(graph)
        except InputError as error:
            raise refused(graph, refusals, error) from error
        if refusals:
            raise refused(graph, refusals)
        layout = allocate(graph, layers)
        _write(directory / "model.c", model_c.render(graph, layers, layout, addresses))
        files = tree.sources(model_c.functions(layers))
        kernels = sorted(set[str]().union(*(layer.kernels for layer in layers)))
        count = graph.operators[-1].index + 1 if graph.operators else 0
        state = bool(layout.state)
        text = cmake.render(tree, files, kernels, core, layers=count, state=state)
        _write(directory / "model.cmake", text)
        main = layers[: len(graph.operators)]
        weights = sum(array.values.nbytes for array in model_c.constants(layers))
        return Generated(
            sources=(directory / "model.c", *files),
            cmake=directory / "model.cmake",
            arena_size=layout.size,
            arena_least=layout.least,
            state_size=sum(state.size for state in layout.state),
            weights_size=weights,
            layers=tuple(
                LayerInfo(layer.operator.index, layer.operator.kind, layer.macs)
                for layer in main
                if layer.operator.outputs
            ),
            version=tree.version,
            headers=tuple(sorted((tree.root / "Include").glob("*.h"))),
        )


def _kernel_sums(tree: SourceTree) -> int:
    if tree.kernel_sums not in KERNEL_SUMS:
        raise InputError(
            f"revision {tree.revision} prepares fully-connected layers in an unknown way",
            where=str(tree.root),
            remedy="use CMSIS-NN 4.0.0 to 7.0.0",
        )
    return tree.kernel_sums


def _check_inputs_and_outputs(graph: Graph) -> None:
    """Check inputs and outputs: int8, int16, float32, or another type that the model converts."""
    kinds = {operator.kind for operator in graph.all_operators}
    converts = bool(kinds & _CONVERSIONS) or not kinds & _WITH_WEIGHTS
    converts = converts and bool(kinds)

    def fail(what: str, remedy: str) -> NoReturn:
        raise InputError(what, where=graph.where, remedy=remedy)

    if not graph.inputs or not graph.outputs:
        fail(
            f"has {count_of(len(graph.inputs), 'input')} and "
            f"{count_of(len(graph.outputs), 'output')}",
            "convert the model again",
        )
    inputs = [(tensor, "input") for tensor in graph.input_tensors]
    for tensor, what in (*inputs, *((tensor, "output") for tensor in graph.output_tensors)):
        if tensor.dtype not in {*QUANTIZED, *_WITHOUT_SCALE} and not converts:
            fail(
                f"its {what} has type {tensor.dtype}; int8, int16 and float32 are supported",
                FULL_INTEGER,
            )
        if tensor.dtype.itemsize > tensor_block.ALIGNMENT:
            fail(
                f"its {what} {tensor.name[:80]!r} has type {tensor.dtype}, which the link does not "
                "carry",
                f"give this {what} another type in the model: int32 in the place of int64",
            )
        if tensor.data is not None:
            fail(f"its {what} is a constant", "convert the model again")
        if tensor.elements == 0:
            fail(f"its {what} is empty", "convert the model again")


def _addresses(graph: Graph) -> dict[int, str]:
    return {index: f"arena + {name}" for index, name in buffer_names(graph).items()}


def _lower(
    graph: Graph, addresses: dict[int, str], features: CoreFeatures
) -> tuple[list[Layer], list[LayerRefusedError]]:
    """Lower each operator, and return the layers, or the refusals of those that cannot run.

    A layer with an alias takes over the alias's address.
    """
    layers: dict[int, Layer] = {}
    refusals = []
    # The variables that tensors share their bytes with.
    roots = {tensor.index: tensor.index for tensor in graph.variables}
    shared = resources(graph)
    inner = [operator for part in graph.subgraphs for operator in part.operators]
    for operator in (*inner, *graph.operators):  # a subgraph's addresses before what runs it
        view = OperatorView(graph, operator, addresses, features)
        try:
            layer = find_lowering(graph, operator)(view)
        except LayerRefusedError as refusal:
            refusals.append(refusal)
            continue
        if layer.alias is not None:
            source, output = layer.alias, operator.outputs[0]
            root = roots.get(source)
            shares = root in shared and root is not None and may_share(graph, operator, root)
            constant = graph.tensors[source].data is not None
            if output in roots or constant or (root is not None and not shares):
                size = graph.tensors[output].nbytes
                address = view.address(graph.tensors[source])
                call = Call("memcpy", (addresses[output], address, str(size)))
                layer = replace(layer, alias=None, call=call, status=False)
            else:
                addresses[output] = addresses[source]
                if root is not None:
                    roots[output] = root
        layer = view.with_constants(layer)
        layers[operator.index] = replace(layer, macs=layer.macs + _inner_macs(view, layers))
    if refusals:
        return [], sorted(refusals, key=lambda refusal: refusal.operator.index)
    return [layers[operator.index] for operator in graph.all_operators], []


def _inner_macs(view: OperatorView, layers: Mapping[int, Layer]) -> int:
    """Return the multiply-accumulates of the larger branch of IF, or of one pass of WHILE.

    Those of layers that are refused do not count.
    """
    parts = [view.graph.subgraph(number).operators for number in view.operator.calls]
    macs = [sum(layers[each.index].macs for each in part if each.index in layers) for part in parts]
    if view.operator.kind == "IF":
        return max(macs)
    return sum(macs) if view.operator.kind == "WHILE" else 0


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise unwritable(path, error) from error
