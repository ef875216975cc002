"""Brings samples into the shape of a network's input, where there is only one way to do so."""

import shlex
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.errors import InputError
from harness.model.bad_array import format_shape
from harness.model.graph import Tensor
from harness.model.tensor_block import sample_shape, without_ones
from harness.support.plural import count_of

Array = npt.NDArray[Any]
_LONG = 1.5  # times the input: a recording that is cut rather than shortened
Shape = tuple[int, ...]


def fit_shape(values: Array, shape: Shape, *, channels_first: bool) -> Array | None:
    """Return samples [N, ...] as [N, *shape]; None if they do not fit.

    Axes of length 1 may be missing or too many, and either side may be flat, in the order of the
    other. With `channels_first`, the second axis of the samples becomes the last, and flat
    samples are in the order of [channels, ...].
    """
    if channels_first and len(shape) > 1:
        if values.shape[1:] == (int(np.prod(shape)),):
            values = values.reshape(len(values), shape[-1], *shape[:-1])
        if values.ndim > 2:  # noqa: PLR2004 - N, channels and at least one more
            values = np.moveaxis(values, 1, -1)
    given = values.shape[1:]
    is_flat = 1 in (len(given), len(shape)) and _size(given) == _size(shape)
    if is_flat or without_ones(given) == without_ones(shape):
        return values.reshape(len(values), *shape)
    return None


def as_samples(values: Array, shape: Shape, *, channels_first: bool) -> Array:
    """Return `values` as samples [N, ...]: a single sample without N gets N = 1."""
    fits = values.ndim and fit_shape(values[:1], shape, channels_first=channels_first) is not None
    if not fits and fit_shape(values[None], shape, channels_first=channels_first) is not None:
        return values[None]
    return values


def wrong_shape(
    values: Shape, tensor: Tensor, network: str, where: str, advice: str = ""
) -> InputError:
    """Return the error for samples of a shape [N, ...] that does not fit the input `tensor`.

    `advice` is the remedy for a table.
    """
    shape = sample_shape(tensor)
    sample = np.empty((1, *values[1:]), np.bool_)
    if values and not values[0]:
        remedy = "save at least one vector"
    elif fit_shape(sample, shape, channels_first=False) is not None:
        remedy = "the channels come last in the file: leave out --layout NCHW"
    elif fit_shape(sample, shape, channels_first=True) is not None:
        remedy = "if the channels come first in the file, add --layout NCHW"
    elif len(shape) > 1 and values[1:] == shape[1:]:
        remedy = (
            f"if it is one recording, cut it into windows of {shape[0]}, for example "
            f"x[: len(x) // {shape[0]} * {shape[0]}].reshape({', '.join(map(str, (-1, *shape)))})"
        )
    elif advice:
        remedy = advice
    else:
        remedy = f"save one input after the other: {['N', *shape]}".replace("'", "")
    return InputError(
        f"has shape {format_shape(values)}, but the input of {network} has "
        f"{format_shape(tensor.shape)}",
        where=where,
        remedy=remedy,
    )


def wrong_recording(samples: Shape, tensor: Tensor, network: str, where: str) -> InputError:
    """Return the error for a recording of [frames] or [frames, channels] that does not fit."""
    frames, channels = samples[0], samples[1] if len(samples) > 1 else 1
    length = tensor.elements
    steps = ["mono"] * (channels > 1) + ["pad"] * (frames != length)
    does = {
        "mono": "take the mean of the channels",
        "pad": "add silence or cut the end",
        "mono,pad": "take the mean of the channels, and add silence or cut the end",
    }
    step = ",".join(steps)
    remedy = f"to {does[step]}, --preprocess {step}; "
    if frames > _LONG * length:
        remedy += (
            f"to cut it into parts of {length:,} samples, with SoX: sox {shlex.quote(where)} "
            f"part.wav trim 0 {length}s : newfile : restart; "
        )
    of = f" in {channels} channels" if channels > 1 else ""
    return InputError(
        f"has {count_of(frames, 'sample')}{of}, but the input of {network} has "
        f"{format_shape(tensor.shape)}",
        where=where,
        remedy=remedy + "to compute features, --preprocess FILE.py:FUNCTION",
    )


def _size(shape: Shape) -> int:
    return int(np.prod(shape, dtype=np.int64))
