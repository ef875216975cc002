"""The document of `harness models show`: a network, and what each engine needs for it."""

from collections.abc import Sequence

import msgspec

from harness.engines.engine_support import CORE, EngineSupport
from harness.measure.number import Number
from harness.model.float_layers import float_note
from harness.model.graph import Graph, Operator, Tensor
from harness.report.network_table import CODE_SIZE, constant_bytes, macs_of
from harness.support.json_output import Document, Problem


class ShownTensor(msgspec.Struct, frozen=True, kw_only=True):
    """A tensor; a real value is scale * (stored value - zero point)."""

    name: str
    """Name in the file."""
    dtype: str
    """Type of the elements, such as `int8`."""
    shape: list[int]
    """Shape. It is empty for a scalar."""
    scale: list[float]
    """One scale, or one for each channel. It is empty without quantization."""
    zero_point: list[int]
    """One zero point, or one for each channel."""


class ShownLayer(msgspec.Struct, frozen=True, kw_only=True):
    """A layer, in the order in which the layers can run."""

    index: int
    """Index of the layer, as in the Records of profiled runs."""
    operator: str
    """Name of the operator."""
    output: ShownTensor | None
    """The first output."""
    constants: int
    """Bytes of its constants."""
    macs: int | None
    """Multiply-accumulates of one inference. It is null if no engine can run the network."""
    supported: dict[str, bool | None]
    """Whether each engine runs it. It is null if the engine refuses only other layers."""


class EngineUse(msgspec.Struct, frozen=True, kw_only=True):
    """What an engine needs for the network."""

    name: str
    """Name of the engine."""
    version: str
    """Its version. It is empty if it cannot run the network."""
    core: str
    """The core that C was generated for."""
    numbers: dict[str, Number]
    """`macs`, and in bytes `constants`, `arena`, `state` and the estimated `flash`. An arena whose
    size only an image shows is left out, and so is what is 0.
    """
    error: Problem | None
    """Why it cannot run the network."""


class ModelShowDocument(Document, frozen=True, tag="tinyml-harness/models-show/1"):
    """`harness models show`: a network. An export of Edge Impulse has `facts` only."""

    file: str
    """Path of the network, or of the export."""
    bytes: int
    """Size of the network. It is 0 for an export of Edge Impulse."""
    inputs: list[ShownTensor]
    """The inputs."""
    outputs: list[ShownTensor]
    """The outputs."""
    state: list[ShownTensor]
    """The tensors that are kept between inferences."""
    layers: list[ShownLayer]
    """The layers."""
    engines: list[EngineUse]
    """The engines that were tried."""
    facts: list[str]
    """Other facts, one sentence each."""


def network_document(
    graph: Graph, size: int, supports: Sequence[EngineSupport]
) -> ModelShowDocument:
    """Return `graph`, whose file has `size` bytes, and what each engine needs for it."""
    note = float_note(graph)
    others = [f"the subgraph {name!r} of another signature is not run" for name in graph.others]
    return ModelShowDocument(
        file=graph.where,
        bytes=size,
        inputs=[_tensor(graph.tensors[index]) for index in graph.inputs],
        outputs=[_tensor(graph.tensors[index]) for index in graph.outputs],
        state=list(map(_tensor, graph.variables)),
        layers=[_layer(graph, operator, supports) for operator in graph.all_operators],
        engines=list(map(_engine, supports)),
        facts=[note, *others] if note else others,
    )


def export_document(file: str, facts: Sequence[str]) -> ModelShowDocument:
    """Return the `facts` about an export, whose network only its own code knows."""
    return ModelShowDocument(
        file=file,
        bytes=0,
        inputs=[],
        outputs=[],
        state=[],
        layers=[],
        engines=[],
        facts=[fact.strip() for fact in facts],
    )


def _tensor(tensor: Tensor) -> ShownTensor:
    return ShownTensor(
        name=tensor.name,
        dtype=str(tensor.dtype),
        shape=list(tensor.shape),
        scale=[] if tensor.scale is None else [float(scale) for scale in tensor.scale],
        zero_point=[] if tensor.zero_point is None else [int(zero) for zero in tensor.zero_point],
    )


def _layer(graph: Graph, operator: Operator, supports: Sequence[EngineSupport]) -> ShownLayer:
    return ShownLayer(
        index=operator.index,
        operator=operator.kind,
        output=_tensor(graph.tensors[operator.outputs[0]]) if operator.outputs else None,
        constants=constant_bytes(graph, operator),
        macs=macs_of(supports).get(operator.index),
        supported={each.engine.name: each.supports(operator) for each in supports},
    )


def _engine(support: EngineSupport) -> EngineUse:
    generated, error = support.generated, support.error
    numbers: dict[str, Number] = {}
    if generated:
        sizes = {"constants": generated.weights_size, "state": generated.state_size}
        if not generated.arena_by_trial:
            sizes["arena"] = generated.arena_size
        code, deviation = CODE_SIZE
        flash = generated.weights_size + code
        numbers = {name: Number(size, "byte", "exact") for name, size in sizes.items() if size}
        numbers["macs"] = Number(generated.macs, "1", "exact")
        model = "constants and the usual size of the firmware"
        numbers["flash"] = Number(flash, "byte", "estimated", model, deviation / flash)
    return EngineUse(
        name=support.engine.name,
        version=generated.version if generated else "",
        core=CORE,
        numbers=numbers,
        error=Problem.of(error) if error else None,
    )
