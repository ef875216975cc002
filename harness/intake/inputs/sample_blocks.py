"""Reads samples block by block and preprocesses them: the way from files to numbers."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from harness.errors import InputError
from harness.intake.inputs.input_shape import as_samples, wrong_recording
from harness.intake.inputs.preprocessing import Preprocessing
from harness.intake.inputs.samples import Samples, array_blocks, file_blocks
from harness.intake.readers.picture_file import read_picture
from harness.intake.readers.wav_file import read_wav
from harness.model.graph import Tensor
from harness.model.tensor_block import sample_shape, without_ones

Array = npt.NDArray[Any]
Layout = Literal["NHWC", "NCHW"]

_CHANNELS = {1, 3}  # of a picture: grey or RGB


@dataclass(frozen=True)
class InputOptions:
    """How a user's files are read.

    `preprocess` names the steps of `preprocessing`; None chooses them by the network. `layout` is
    the order of axes in the files. `rate` in Hz must be that of all recordings, if it is given.
    `labels` is what names the labels; a column of the same CSV file is not an input.
    """

    preprocess: str | None = None
    layout: Layout = "NHWC"
    rate: int | None = None
    labels: str | None = None


@dataclass
class Reading:
    """The samples of one input on their way into the network's `tensor`."""

    samples: Samples
    steps: Preprocessing
    tensor: Tensor
    network: str
    options: InputOptions
    rate: int | None

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one sample for the network."""
        return sample_shape(self.tensor)

    @property
    def channels_first(self) -> bool:
        """Whether channels come first in the numbers; files of pictures have them last."""
        return self.options.layout == "NCHW" and self.samples.array is not None


def count_samples(reading: Reading) -> int:
    """Return the number of samples; 0 if an array has no axis for them."""
    array = reading.samples.array
    if array is None:
        return len(reading.samples.files)
    if reading.steps.function is None:
        array = as_samples(array, reading.shape, channels_first=reading.channels_first)
    return len(array) if array.ndim else 0


def sample_blocks(reading: Reading) -> Iterator[tuple[str, Array]]:
    """Yield the place of each block of samples, and the block [n, ...], preprocessed.

    Raises `InputError` naming the file if it cannot be read or preprocessed.
    """
    samples, steps = reading.samples, reading.steps
    if samples.kind == "picture":
        yield from file_blocks(samples, lambda file: _picture(file, reading))
    elif samples.kind == "recording":
        yield from file_blocks(samples, lambda file: _recording(file, reading))
    elif samples.array is not None and steps.function is not None:
        for index, row in enumerate(samples.array):
            where = f"{samples.path}: vector {index}"
            yield where, steps.function(where, row)[None]
    elif samples.array is not None:
        array = as_samples(samples.array, reading.shape, channels_first=reading.channels_first)
        for block in array_blocks(array):
            yield str(samples.path), steps.apply(block, samples.kind)


def _picture(file: Path, reading: Reading) -> Array:
    """Return what the steps make of the picture `file`."""
    steps = reading.steps
    if steps.function is not None:
        return steps.function(str(file), read_picture(file))
    size, channels, channels_first = _form_of_pictures(reading, file)
    pixels = read_picture(file, channels or 1, size if steps.resize else None)
    if channels is None and pixels.size != reading.tensor.elements:
        pixels = read_picture(file, 3)
    scaled = steps.apply(pixels, "picture")
    return scaled.transpose(2, 0, 1) if channels_first else scaled


def _form_of_pictures(
    reading: Reading, file: Path
) -> tuple[tuple[int, int] | None, int | None, bool]:
    """Return the size (height, width) and channels of a picture, and whether channels come first.

    A flat input has neither size nor channels. Raises `InputError` if a picture cannot fit.
    """
    shape = reading.shape
    if len(shape) == 1 and not reading.steps.resize:
        return None, None, False
    if len(shape) == 2:  # noqa: PLR2004 - height and width
        return (shape[0], shape[1]), 1, False
    if len(shape) == 3 and shape[2] in _CHANNELS:  # noqa: PLR2004 - and channels
        return (shape[0], shape[1]), shape[2], False
    if len(shape) == 3 and shape[0] in _CHANNELS:  # noqa: PLR2004 - a network from PyTorch
        return (shape[1], shape[2]), shape[0], True
    raise InputError(
        f"a picture does not fit the input of {reading.network}, {list(reading.tensor.shape)}",
        where=str(file),
        remedy="give your own preprocessing: --preprocess FILE.py:FUNCTION",
    )


def _recording(file: Path, reading: Reading) -> Array:
    """Return what the steps make of the recording `file`; all must have one sample rate."""
    recording = read_wav(file)
    if reading.rate is None:
        reading.rate = recording.rate
    if recording.rate != reading.rate:
        raise InputError(
            f"has a sample rate of {recording.rate} Hz, not {reading.rate} Hz",
            where=str(file),
            remedy="resample it to the rate that the network was trained with",
        )
    samples: Array = recording.samples
    if reading.steps.function is not None:
        return reading.steps.function(str(file), samples, recording.rate)
    if reading.steps.mono and samples.ndim > 1:
        samples = samples.mean(axis=1)
    channels = int(samples.shape[1]) if samples.ndim > 1 else 1
    if channels > 1 and without_ones(reading.shape)[-1:] != [channels]:
        # In one row, the channels take turns: a flat input of this size would take them, too.
        raise wrong_recording(samples.shape, reading.tensor, reading.network, str(file))
    if reading.steps.pad:
        length = reading.tensor.elements // channels
        samples = samples[:length]
        silence = np.zeros((length - len(samples), *samples.shape[1:]), samples.dtype)
        samples = np.concatenate([samples, silence])
    return reading.steps.apply(samples, "recording")
