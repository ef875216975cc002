"""Nested loops over two tensors: `nn_loops_t` of firmware/nn/nn_loops.h."""

from collections.abc import Sequence
from typing import NamedTuple

from harness.engines.cmsis_nn.layer import Struct
from harness.engines.cmsis_nn.operator_view import Site

MAX_AXES = 6  # NN_AXES


class Axis(NamedTuple):
    """`size` positions, a step apart in each of two tensors; a step of 0 repeats."""

    size: int
    first: int
    second: int


def steps(shape: Sequence[int], unit: int = 1) -> list[int]:
    """Return how far apart neighbours lie along each axis, the last one `unit`."""
    result = []
    for size in reversed(shape):
        result.append(unit)
        unit *= size
    return result[::-1]


def merge(axes: Sequence[Axis]) -> tuple[Axis, ...]:
    """Return the fewest axes that walk as `axes` do, which go from outermost to innermost."""
    merged: list[Axis] = []
    for axis in axes:
        if axis.size == 1:
            continue
        outer = merged[-1] if merged else None
        if outer and (outer.first, outer.second) == (
            axis.size * axis.first,
            axis.size * axis.second,
        ):
            merged[-1] = Axis(outer.size * axis.size, axis.first, axis.second)
        else:
            merged.append(axis)
    return tuple(merged) or (Axis(1, 1, 1),)


def struct(site: Site, part: str, axes: Sequence[Axis]) -> Struct:
    """Return merged `axes` as a constant; `InputError` if they are too many."""
    if len(axes) > MAX_AXES:
        site.fail(
            f"needs {len(axes)} nested loops; {MAX_AXES} are supported",
            "reduce the number of dimensions",
        )
    inside_out = tuple(reversed(axes))
    columns = (
        ", ".join(str(getattr(axis, name)) for axis in inside_out)
        for name in ("size", "first", "second")
    )
    fields = (f".{name} = {{{c}}}" for name, c in zip(Axis._fields, columns, strict=True))
    return Struct("nn_loops_t", site.names.of(part), (f".rank = {len(axes)}", *fields))
