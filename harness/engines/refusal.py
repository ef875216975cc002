"""Why an engine cannot run a network: all layers that it refuses, in one error."""

from collections.abc import Mapping, Sequence

from harness.errors import InputError
from harness.model.file_facts import OperatorFacts, TensorFacts
from harness.model.graph import Graph, Operator
from harness.model.network_kind import explain

REPLACE_ONLY = "replace the layer in the model by operators that the engine has: docs/engines.md"
"""The remedy for a layer that TFLM has no kernel for."""

REPLACE = f"{REPLACE_ONLY}. Or run it with engine tflm"
"""The remedy for a layer that no conversion makes runnable, but that TFLM runs."""

_SHOWN = 6  # reasons; more help nobody
_NAMED = 8  # layers with the same reason
_NAME = 80  # characters of a tensor's name


class LayerRefusedError(InputError):
    """An engine refuses one layer, `operator`, for the `reason`.

    It is `unknown` if the engine has the operator for no type, and refused `by_type` if the engine
    has it, but not for the types of this layer.
    """

    def __init__(
        self,
        graph: Graph,
        operator: Operator,
        reason: str,
        remedy: str,
        *,
        unknown: bool = False,
        by_type: bool = False,
    ) -> None:
        output = graph.tensors[operator.outputs[0]] if operator.outputs else None
        title = f"{operator.kind}, {output.name[:_NAME]!r}" if output else operator.kind
        super().__init__(
            f"layer {operator.index} ({title}): {reason}", where=graph.where, remedy=remedy
        )
        self.operator = operator
        self.reason = reason
        self.unknown = unknown
        self.by_type = by_type


class NetworkRefusedError(InputError):
    """An engine cannot run a network; `layers` are the reasons by the indices of its layers."""

    def __init__(self, what: str, layers: Mapping[int, str], *, where: str, remedy: str) -> None:
        super().__init__(what, where=where, remedy=remedy)
        self.layers = layers


def refused(
    graph: Graph, refusals: Sequence[LayerRefusedError], whole: InputError | None = None
) -> NetworkRefusedError:
    """Return the error of an engine with these `refusals` of layers; it tells the true cause.

    `whole` is what is wrong with the network as a whole.
    """
    layers = "" if whole else _lines(graph, refusals)
    remedies = dict.fromkeys(each.remedy for each in refusals)
    error = NetworkRefusedError(
        whole.what if whole else layers,
        {each.operator.index: each.reason for each in refusals},
        where=graph.where,
        remedy=whole.remedy if whole else "; ".join([*remedies][:_SHOWN]),
    )
    # The others are refused for what they are, such as a divisor of 0.
    concerned = [each.operator for each in refusals if each.unknown or each.by_type]
    if not refusals:
        concerned = [*graph.all_operators]
    unknown = sorted({each.operator.kind for each in refusals if each.unknown})
    facts = [_facts(graph, operator) for operator in concerned]
    of_types = explain(error, graph.source, facts, unknown)
    if unknown and (of_types or (whole and error.what == whole.what)):
        error.what += f"; and it has operators that the engine lacks: {', '.join(unknown)}"
    return error


def _facts(graph: Graph, operator: Operator) -> OperatorFacts:
    def tensors(indices: Sequence[int]) -> tuple[TensorFacts, ...]:
        return tuple(
            TensorFacts(
                name=tensor.name,
                type=tensor.dtype.name.upper(),
                constant=tensor.data is not None,
                quantized=tensor.scale is not None,
            )
            for tensor in (graph.tensors[index] for index in indices if index >= 0)
        )

    custom = operator.kind.startswith("CUSTOM:")
    return OperatorFacts(
        operator.kind.removeprefix("CUSTOM:"),
        custom,
        tensors(operator.inputs),
        tensors(operator.outputs),
    )


def _lines(graph: Graph, refusals: Sequence[LayerRefusedError]) -> str:
    """Return the reasons: one sentence for one layer, or a line for each kind and reason."""
    if len(refusals) == 1:
        return refusals[0].what
    grouped: dict[tuple[str, str], list[LayerRefusedError]] = {}
    for each in refusals:
        grouped.setdefault((each.operator.kind, each.reason), []).append(each)
    lines = [f"{len(refusals)} of its {len(graph.all_operators)} layers cannot run:"]
    for (kind, reason), same in [*grouped.items()][:_SHOWN]:
        indices = [str(each.operator.index) for each in same]
        more = f" and {len(indices) - _NAMED} more" if len(indices) > _NAMED else ""
        layers = f"layers {', '.join(indices[:_NAMED])}{more} ({kind}): {reason}"
        lines.append(f"  {same[0].what if len(same) == 1 else layers}")
    if len(grouped) > _SHOWN:
        lines.append(f"  and {len(grouped) - _SHOWN} other reasons")
    return "\n".join(lines)
