"""The engine: it lowers each operator, plans the arena and writes the C."""

from pathlib import Path
from typing import NoReturn

import numpy as np

from harness.engines.cmsis_nn import cmake, model_c
from harness.engines.cmsis_nn.arena import ArenaLayout, allocate
from harness.engines.cmsis_nn.cmsis_nn_sources import SourceTree, find_tree
from harness.engines.cmsis_nn.core_features import (
    KERNEL_SUMS,
    CoreFeatures,
    Extension,
    extension_of,
)
from harness.engines.cmsis_nn.layer import Layer, Names
from harness.engines.cmsis_nn.lifetimes import input_name
from harness.engines.cmsis_nn.operator_view import FULL_INTEGER, OperatorView
from harness.engines.cmsis_nn.operators import LOWERINGS, unsupported
from harness.engines.cmsis_nn.shape_folding import without_shape_arithmetic
from harness.engines.generated import Generated, LayerInfo
from harness.engines.refusal import LayerRefusedError, refused
from harness.errors import InputError
from harness.model import tensor_block
from harness.model.graph import Graph
from harness.support.whole_files import unwritable

# Operators that convert int8 to other types or back.
_CONVERSIONS = frozenset({"ARG_MAX", "ARG_MIN", "DEQUANTIZE", "QUANTIZE"})


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
        graph = without_shape_arithmetic(graph)
        addresses = _addresses(graph)
        layers, refusals = _lower(graph, addresses, features)
        try:
            _check_inputs_and_outputs(graph)
        except InputError as error:
            raise refused(graph, refusals, error) from error
        if refusals:
            raise refused(graph, refusals)
        layout = allocate(graph, layers)
        text = model_c.render(graph, layers, layout, addresses)
        files = tree.sources(model_c.functions(layers))
        kernels = sorted(set[str]().union(*(layer.kernels for layer in layers)))
        _write(directory / "model.c", text)
        count = layers[-1].operator.index + 1 if layers else 0
        _write(directory / "model.cmake", cmake.render(tree, files, kernels, count, core))
        return _generated(directory, layers, layout, files, tree)


def _kernel_sums(tree: SourceTree) -> int:
    if tree.kernel_sums not in KERNEL_SUMS:
        raise InputError(
            f"revision {tree.revision} prepares fully-connected layers in an unknown way",
            where=str(tree.root),
            remedy="use CMSIS-NN 4.0.0 to 7.0.0",
        )
    return tree.kernel_sums


def _generated(
    directory: Path, layers: list[Layer], layout: ArenaLayout, files: list[Path], tree: SourceTree
) -> Generated:
    return Generated(
        sources=(directory / "model.c", *files),
        cmake=directory / "model.cmake",
        arena_size=layout.size,
        arena_least=layout.least,
        weights_size=sum(array.values.nbytes for layer in layers for array in layer.arrays),
        layers=tuple(
            LayerInfo(layer.operator.index, layer.operator.kind, layer.macs) for layer in layers
        ),
        version=tree.version,
        headers=tuple(sorted((tree.root / "Include").glob("*.h"))),
    )


def _check_inputs_and_outputs(graph: Graph) -> None:
    """Check inputs and outputs: int8, or another type if the model converts to or from it."""
    converts = any(operator.kind in _CONVERSIONS for operator in graph.operators)

    def fail(what: str, remedy: str) -> NoReturn:
        raise InputError(what, where=graph.where, remedy=remedy)

    if not graph.inputs or not graph.outputs:
        fail(
            f"has {len(graph.inputs)} inputs and {len(graph.outputs)} outputs",
            "convert the model again",
        )
    inputs = [(tensor, "input") for tensor in graph.input_tensors]
    for tensor, what in (*inputs, *((tensor, "output") for tensor in graph.output_tensors)):
        if tensor.dtype.kind == "f" and not converts:
            fail(
                f"computes with floats: its {what} {tensor.name[:80]!r} has type {tensor.dtype}, "
                "and no layer quantizes it",
                "convert it to full integer, with a representative data set: "
                "converter.optimizations = [tf.lite.Optimize.DEFAULT] and "
                "converter.representative_dataset. Or give the "
                "Keras model to harness models add, which does this",
            )
        if tensor.dtype != np.int8 and not converts:
            fail(f"its {what} has type {tensor.dtype}; int8 is supported", FULL_INTEGER)
        if tensor.dtype.itemsize > tensor_block.ALIGNMENT:
            fail(f"its {what} has type {tensor.dtype}, which the link does not carry", FULL_INTEGER)
        if tensor.data is not None:
            fail(f"its {what} is a constant", "convert the model again")
        if tensor.elements == 0:
            fail(f"its {what} is empty", "convert the model again")


def _addresses(graph: Graph) -> dict[int, str]:
    addresses = {
        index: f"arena + {input_name(position)}" for position, index in enumerate(graph.inputs)
    }
    for operator in graph.operators:
        names = Names(operator.index)
        for position, index in enumerate(operator.outputs):
            addresses[index] = f"arena + {names.output(position)}"
    return addresses


def _lower(
    graph: Graph, addresses: dict[int, str], features: CoreFeatures
) -> tuple[list[Layer], list[LayerRefusedError]]:
    """Lower each operator, and return the layers, and the refusals of those that cannot run.

    A layer with an alias takes over the alias's address.
    """
    layers = []
    refusals = []
    for operator in graph.operators:
        view = OperatorView(graph, operator, addresses, features)
        try:
            layer = LOWERINGS.get(operator.kind, unsupported)(view)
        except LayerRefusedError as refusal:
            refusals.append(refusal)
            continue
        if layer.alias is not None:
            addresses[operator.outputs[0]] = addresses[layer.alias]
        layers.append(layer)
    return layers, refusals


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise unwritable(path, error) from error
