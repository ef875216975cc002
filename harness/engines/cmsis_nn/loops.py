"""Nested loops over two tensors: `nn_loops_t` of firmware/nn/nn_loops.h."""

from collections.abc import Sequence
from typing import NamedTuple

from harness.engines.cmsis_nn.layer import Struct
from harness.engines.cmsis_nn.operator_view import OperatorView

MAX_AXES = 6  # NN_AXES


class LoopAxis(NamedTuple):
    """`size` positions, with a stride in each of two tensors; a stride of 0 broadcasts."""

    size: int
    first: int
    second: int


def strides_of(shape: Sequence[int], unit: int = 1) -> list[int]:
    """Return the stride of each axis of a contiguous tensor; that of the last is `unit`."""
    result = []
    for size in reversed(shape):
        result.append(unit)
        unit *= size
    return result[::-1]


def merge(axes: Sequence[LoopAxis]) -> tuple[LoopAxis, ...]:
    """Return the fewest axes with the same iteration as `axes`, from outermost to innermost."""
    merged: list[LoopAxis] = []
    for axis in axes:
        if axis.size == 1:
            continue
        outer = merged[-1] if merged else None
        if outer and (outer.first, outer.second) == (
            axis.size * axis.first,
            axis.size * axis.second,
        ):
            merged[-1] = LoopAxis(outer.size * axis.size, axis.first, axis.second)
        else:
            merged.append(axis)
    return tuple(merged) or (LoopAxis(1, 1, 1),)


def loops_struct(view: OperatorView, part: str, axes: Sequence[LoopAxis]) -> Struct:
    """Return merged `axes` as a constant; `InputError` if there are too many."""
    if len(axes) > MAX_AXES:
        view.fail(
            f"needs {len(axes)} nested loops; {MAX_AXES} are supported",
            "reduce the number of dimensions",
        )
    inside_out = tuple(reversed(axes))
    columns = (
        ", ".join(str(getattr(axis, name)) for axis in inside_out)
        for name in ("size", "first", "second")
    )
    fields = (f".{name} = {{{c}}}" for name, c in zip(LoopAxis._fields, columns, strict=True))
    return Struct("nn_loops_t", view.names.of(part), (f".rank = {len(axes)}", *fields))
