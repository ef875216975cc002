"""Reads the vectors of one input of a network from what a user has."""

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from harness.errors import InputError
from harness.intake.input_doubts import GivenValues, quantized_tensor, range_of, stored_doubts
from harness.intake.inputs.column_advice import column_advice
from harness.intake.inputs.input_shape import fit_shape, wrong_recording, wrong_shape
from harness.intake.inputs.preprocessing import (
    HOW_TO_SCALE,
    Preprocessing,
    check_kind,
    guess_scale,
    parse_preprocessing,
)
from harness.intake.inputs.sample_blocks import InputOptions, Reading, count_samples, sample_blocks
from harness.intake.inputs.samples import Samples, open_samples
from harness.intake.inputs.store_values import (
    check_finite,
    describe_quantization,
    empty_inputs,
    store,
    store_integers,
)
from harness.model.graph import Graph, Tensor

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class InputVectors:
    """The vectors of one input, `stored` [N, *shape] in its type, and what to say about them."""

    stored: Array
    samples: Samples
    preprocessing: str
    doubts: tuple[str, ...]


def read_input_vectors(
    spec: str, tensor: Tensor, graph: Graph, network: str, options: InputOptions
) -> InputVectors:
    """Read the vectors of the input `tensor` from what `spec` names, for the network `network`.

    Numbers of the input's type are stored unchanged; all others are real values, which are
    quantized. Raises `InputError` naming the file and what does not fit.
    """
    samples = open_samples(spec, options.labels)
    steps = parse_preprocessing(options.preprocess)
    check_kind(steps, samples.kind, samples.path)
    quantized = quantized_tensor(graph, tensor)
    if steps.function is None and steps.scale is None:
        limits = range_of(quantized)
        steps = replace(steps, scale=_choose_scale(samples, tensor, limits, network))
    rate = _required_rate(steps, options)
    reading = Reading(samples, steps, tensor, network, options, rate)
    return _read(reading, GivenValues(quantized, count_samples(reading) * tensor.elements))


def _required_rate(steps: Preprocessing, options: InputOptions) -> int | None:
    """Return the sample rate that recordings must have, or None; a function may require one."""
    own = None if steps.function is None else steps.function.rate
    if steps.function is not None and None not in {own, options.rate} and own != options.rate:
        raise InputError(
            f"is {options.rate} Hz, but SAMPLE_RATE in {steps.function.path} is {own} Hz",
            where="--sample-rate",
            remedy="leave it out",
        )
    return options.rate if own is None else own


def _choose_scale(
    samples: Samples, tensor: Tensor, limits: tuple[float, float] | None, network: str
) -> Literal["unit", "signed", "raw", "stored"] | None:
    """Return the scale for samples for which the user names none; None leaves them unchanged."""
    dtype = samples.dtype
    if samples.kind in {"array", "table"}:
        if dtype == tensor.dtype or dtype.kind == "f":
            return None
        if tensor.scale is None and tensor.dtype.kind in "iu" and dtype.kind in "iu":
            return "stored"
        guess = guess_scale(limits, samples.kind) if dtype == np.uint8 else None
        what = f"has type {dtype}, but the input of {network} has {tensor.dtype}"
        if dtype.kind not in "biu":
            raise InputError(what, where=str(samples.path), remedy="save numbers")
    else:
        guess = guess_scale(limits, samples.kind)
        what = f"it is not clear how a {samples.kind} becomes the input of {network}"
        if limits is not None:
            what += f", which holds {limits[0]:.4g} to {limits[1]:.4g}"
    if guess is None:
        raise InputError(what, where=str(samples.path), remedy=HOW_TO_SCALE[samples.kind])
    return guess


def _read(reading: Reading, given: GivenValues) -> InputVectors:
    """Fill an array with the vectors, block by block."""
    tensor, steps, samples = reading.tensor, reading.steps, reading.samples
    count = count_samples(reading)
    if not count:
        shape = () if samples.array is None else samples.array.shape
        raise wrong_shape(shape, tensor, reading.network, str(samples.path))
    stored = empty_inputs(count, tensor, reading.shape, str(samples.path))
    done = 0
    are_real = False
    for where, values in sample_blocks(reading):
        fitted = fit_shape(values, reading.shape, channels_first=reading.channels_first)
        if fitted is None:
            raise _misfit(reading, values, where)
        check_finite(fitted, done, where)
        if steps.scale == "stored":
            block = store_integers(fitted, tensor.dtype, where)
        else:
            block = store(fitted, tensor, where)
            if fitted.dtype != tensor.dtype or tensor.dtype.kind == "f":
                are_real = True
                given.add(fitted)
        stored[done : done + len(block)] = block
        done += len(block)
    doubts = given.doubts() if are_real else stored_doubts(stored)
    return InputVectors(stored, samples, _describe(reading, are_real=are_real), tuple(doubts))


def _misfit(reading: Reading, values: Array, where: str) -> InputError:
    """Return the error for a block of samples in a wrong shape."""
    samples, steps, shape = reading.samples, reading.steps, values.shape[1:]
    if steps.function is None and samples.array is not None:
        whole = (count_samples(reading), *shape)
        advice = column_advice(samples, reading.shape)
        return wrong_shape(whole, reading.tensor, reading.network, where, advice)
    wanted = f"the input of {reading.network} has {list(reading.tensor.shape)}"
    if steps.function is not None:
        place = f"{steps.function.path}:{steps.function.name}"
        what = f"returns the shape {list(shape)} for {where}, but {wanted}"
        return InputError(what, where=place, remedy=f"return the shape {list(reading.shape)}")
    if samples.kind == "picture":
        what = f"has {shape[1]}x{shape[0]} pixels, but {wanted}"
        return InputError(
            what, where=where, remedy="to resize all pictures bilinearly, add --preprocess resize"
        )
    return wrong_recording(shape, reading.tensor, reading.network, where)


def _describe(reading: Reading, *, are_real: bool) -> str:
    """Return how the samples became the input, for `model.toml`."""
    samples, tensor = reading.samples, reading.tensor
    parts = []
    if samples.kind == "recording":
        parts.append(f"recordings of {reading.rate} Hz")
    elif samples.kind == "picture":
        parts.append("pictures")
    if steps := reading.steps.describe(samples.kind, samples.dtype):
        parts.append(steps)
    if reading.channels_first:
        parts.append("channels moved from first to last")
    parts.append(describe_quantization(tensor) if are_real else f"{tensor.dtype} as given")
    return "; ".join(parts)
