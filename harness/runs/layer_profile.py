"""Ticks per layer: a profiled image runs one vector, and is compared with the measured image."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from harness.engines.generated import Hook
from harness.errors import InfrastructureError
from harness.image.build import Image
from harness.link.link_client import LinkClient
from harness.link.messages import LayerTicks, Welcome
from harness.measure.counter import whole_ticks
from harness.measure.instructions import instructions, of_ticks
from harness.measure.profiled_layer import LayerProfile
from harness.model.graph import Graph
from harness.model.tensor_block import pack, unpack
from harness.runs.divergence import check_same_answer
from harness.target.target_file import Target

if TYPE_CHECKING:
    from pandas import DataFrame

Array = np.ndarray[Any, Any]

# Allowed instructions outside the layers: entering and leaving nn_invoke(), and copying outputs.
_PER_OUTPUT_BYTE = 1
# In cycles the limits are larger, because flash wait states and prefetch depend on the code's
# address: a factor, and a share of the inference.
_CYCLES = 8
_CYCLES_OF_WHOLE = 0.02

_HALF_WRAP = 1 << 31  # ticks; more are not outside the layers, so a layer's counter wrapped around


@dataclass(frozen=True)
class Profile:
    """The distribution of one inference's ticks, in the target's unit.

    The profiled image took `whole`: its `layers`, a `hook` before the first layer and after each
    layer, and the `rest`. The measured image took `measured` for the same vector.
    """

    layers: tuple[LayerProfile, ...]
    hook: int
    rest: int
    whole: int
    measured: int

    @property
    def total(self) -> int:
        """The ticks of all layers."""
        return sum(layer.ticks for layer in self.layers)

    def __repr__(self) -> str:
        return f"<Profile of {len(self.layers)} layers: {self.total:,} ticks>"

    def to_frame(self) -> "DataFrame":
        """Return the layers as a pandas table, a row for each; the index is their number."""
        import pandas as pd  # noqa: PLC0415 - slow

        rows = [msgspec.structs.asdict(layer) for layer in self.layers]
        return pd.DataFrame(rows, columns=LayerProfile.__struct_fields__).set_index("layer")


def profile_of(
    link: LinkClient,
    welcome: Welcome,
    image: Image,
    graph: Graph,
    target: Target,
    inputs: Sequence[Array],
    answer: Sequence[Array],
    measured: int,
) -> Profile:
    """Return the ticks of each layer of `graph` for one vector.

    `link` is a session with `image`, a profiled image. `inputs` has an array for each input of the
    vector; `answer` and `measured` are the outputs and ticks of the measured image for it.
    Raises `InfrastructureError` if the layers do not add up to the measured ticks.
    """
    data = pack(graph.input_tensors, inputs)
    link.infer(data)  # to warm up
    if graph.variables:
        link.begin_recording()
    result = whole_ticks(link.infer(data), welcome, target.name)
    outputs = unpack(graph.output_tensors, result.output)
    check_same_answer(outputs, answer, "profiled", target.name)
    counted = link.profile()
    _check_wrap(counted, result.ticks, target)
    one = target.instruction_ticks
    hook = of_ticks(counted.hook, one)
    layers = []
    for info in image.layers:
        ticks = counted.layers[info.index] if info.index < len(counted.layers) else 0
        if ticks == 0:
            raise InfrastructureError(
                f"layer {info.index} ({info.kind}) did not mark its end",
                where=target.name,
                remedy="the engine must call the hook of firmware/nn/nn.h after every layer",
            )
        outputs_of = graph.operators[info.index].outputs
        name, shape = "", []
        if outputs_of:
            tensor = graph.tensors[outputs_of[0]]
            name, shape = tensor.name, list(tensor.shape)
        own = of_ticks(ticks, one) - hook
        layers.append(LayerProfile(info.index, info.kind, name, shape, info.macs, own))
    whole = instructions(result.ticks, welcome.counter_overhead, one)
    rest = whole - sum(layer.ticks for layer in layers) - hook * (len(layers) + 1)
    profile = Profile(tuple(layers), hook, rest, whole, measured)
    _reconcile(profile, welcome.output_size, image.hook, target)
    return profile


def _check_wrap(counted: LayerTicks, ticks: int, target: Target) -> None:
    """Raise `InfrastructureError` if the `ticks` of the inference exceed the layers' by a wrap."""
    if ticks - sum(counted.layers) < _HALF_WRAP:
        return
    raise InfrastructureError(
        f"a layer takes more than 2^32 ticks, where its 32-bit counter wraps around: the inference "
        f"takes {ticks:,}, but the layers together {sum(counted.layers):,}",
        where=target.name,
        remedy="profile a model with smaller layers; harness run measures the whole inference",
    )


def _reconcile(profile: Profile, output_size: int, allowed: Hook, target: Target) -> None:
    """Check that the layers add up to the inference, in this image and in the measured one."""
    outside = allowed.around + _PER_OUTPUT_BYTE * output_size
    between = outside + allowed.per_layer * len(profile.layers)
    if target.counter.ticks == "cycles":
        slack = int(_CYCLES_OF_WHOLE * profile.measured)
        outside, between = _CYCLES * outside + slack, _CYCLES * between + slack
    unit = target.counter.ticks
    if abs(profile.rest) > outside:
        raise InfrastructureError(
            f"the layers do not add up: {profile.rest:,} of the profiled image's "
            f"{profile.whole:,} {unit} are outside all layers; the limit is {outside:,}",
            where=target.name,
            remedy="does the engine mark the end of a layer before the layer is finished?",
        )
    if abs(profile.total - profile.measured) > between:
        raise InfrastructureError(
            f"the layers do not add up: together they take {profile.total:,} {unit}, but the "
            f"measured image takes {profile.measured:,}; the limit of the difference is "
            f"{between:,}",
            where=target.name,
            remedy="measure again; if it persists, the hook changes the code that the compiler "
            "generates",
        )
