"""The document of `harness profile`: ticks of each layer, cycles of each function."""

from collections.abc import Sequence

import msgspec

from harness.measure.cycles.estimate import Estimate
from harness.measure.number import Kind, Number
from harness.measure.profiled_layer import LayerProfile
from harness.report.json_documents.named_combination import NamedCombination
from harness.runs.layer_profile import Profile
from harness.support.json_output import Document
from harness.target.target_file import Target


class FunctionCycles(msgspec.Struct, frozen=True, kw_only=True):
    """The cost of a function itself, without the functions that it calls."""

    name: str
    """Name of the function."""
    file: str
    """Source file. It is empty if it is not known."""
    instructions: int
    """Instructions, exact."""
    cycles: int
    """Cycles, estimated for zero wait states."""


class ProfiledCombination(NamedCombination, frozen=True, kw_only=True):
    """The profile of one combination, for vector 0."""

    ticks: str
    """What a tick is: `instructions` or `cycles`."""
    kind: Kind
    """Kind of the ticks."""
    layers: list[LayerProfile]
    """The layers, in their order."""
    hook: int
    """Ticks of the hook that was subtracted from each layer."""
    rest: int
    """Ticks outside of all layers."""
    total: int
    """Ticks of all layers."""
    measured: int
    """Ticks of this vector in the image without hooks."""
    cycles: Number | None
    """The estimated cycles of this vector, for zero wait states."""
    functions: list[FunctionCycles]
    """The functions that were executed, the most expensive one first."""
    estimate_unavailable: str
    """Why there are no `cycles` and no `functions`."""


class ProfileDocument(Document, frozen=True, tag="tinyml-harness/profile/1"):
    """`harness profile`: the profiles of all combinations."""

    profiles: list[ProfiledCombination]
    """The profiles, in their order."""
    plot: str
    """Path of the plot. It is empty without `--plot`."""


def profiled(
    names: Sequence[str], target: Target, profile: Profile, estimate: Estimate | str
) -> ProfiledCombination:
    """Return a profile, with the estimated cycles or the reason why there are none."""
    chosen_target, model, engine, toolchain, opt = names
    unit = target.counter.ticks
    known = None if isinstance(estimate, str) else estimate
    return ProfiledCombination(
        target=chosen_target,
        model=model,
        engine=engine,
        toolchain=toolchain,
        opt=opt,
        ticks=unit,
        kind="exact" if unit == "instructions" else "measured",
        layers=list(profile.layers),
        hook=profile.hook,
        rest=profile.rest,
        total=profile.total,
        measured=profile.measured,
        cycles=_cycles(known) if known else None,
        functions=[
            FunctionCycles(
                name=each.name,
                file=each.file,
                instructions=each.instructions,
                cycles=each.cycles,
            )
            for each in (known.functions if known else ())
        ],
        estimate_unavailable=estimate if isinstance(estimate, str) else "",
    )


def _cycles(estimate: Estimate) -> Number:
    return Number(estimate.cycles, "1", "estimated", estimate.model, estimate.error)
