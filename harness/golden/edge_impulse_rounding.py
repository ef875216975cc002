"""How far rounding moves the scores of an impulse.

Float code does not give the same last bits on two processors: CMSIS-DSP computes an FFT in another
order than kissfft, a Cortex-M multiplies and adds with a single rounding, and C libraries differ
in the last bit. An int8 network may then round a feature to the neighbouring step. How much that
matters depends on the impulse and the sample, so it is not guessed but tried: the host build
answers copies of each sample whose raw values are moved by as little as such arithmetic moves
them. Where all copies get the same answer, byte for byte, the device must give it, too.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.golden.edge_impulse_golden import answers
from harness.model.edge_impulse_export import Export
from harness.model.vectors import Vectors

Array = npt.NDArray[Any]

COPIES = 16
"""Moved copies of each sample."""

AMPLITUDE = 2.0**-17
"""The most that a value moves, as a share of the largest value of its axis in the sample: 64 units
in the last place of a float. An FFT of 2^11 points has an error of about 10 of them, and the
difference of two such FFTs, after a filter, of several times that."""

_SEED = 20


def rounding(
    export: Export, vectors: Vectors, golden: Sequence[Array], folder: Path
) -> list[Array]:
    """Return how far each value of `golden` moves with the copies of `vectors`: float64 arrays.

    `golden` are the host's answers to the vectors. Pixels are whole
    numbers and are not moved: an image's arithmetic begins with the same values everywhere. Raises
    the same errors as `answers`.
    """
    if export.image:
        return [np.zeros(values.shape) for values in golden]
    moved = moved_copies(vectors.inputs.reshape(len(vectors), -1, export.axes))
    starts = np.tile(vectors.starts, COPIES)
    found = answers(export, moved.reshape(-1, export.features), starts, folder)
    return [
        np.abs(np.float64(values).reshape(COPIES, *still.shape) - still).max(axis=0)
        for values, still in zip(found, golden, strict=True)
    ]


def moved_copies(samples: Array) -> npt.NDArray[np.float32]:
    """Return `COPIES` of samples [N, samples, axes], each value moved: float32 [COPIES, ...]."""
    generator = np.random.default_rng(_SEED)
    largest = np.abs(np.float64(samples)).max(axis=1, keepdims=True)
    noise = generator.uniform(-1.0, 1.0, (COPIES, *samples.shape))
    moved: npt.NDArray[np.float64] = samples + AMPLITUDE * largest * noise
    return moved.astype(np.float32)
