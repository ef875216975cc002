"""Log-mel features of audio, as MLPerf Tiny's streaming wakeword computes them.

The definition is th_compute_lfbe_f32() of the reference submission in mlcommons/tiny: pre-emphasis,
a periodic Hamming window, the power spectrum, mel filters as in TensorFlow's
linear_to_mel_weight_matrix, and decibels from -52 to 12, scaled to 0 to 1. (The training has a
symmetric window.) The reference computes in float32; this is float64.
"""

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

RATE = 16000
"""Samples per second."""
HOP = 512
"""Samples from one frame to the next."""
FILTERS = 40
"""Features of a frame."""

_FRAME = 1024  # samples
_PRE_EMPHASIS = 1 - 2**-5
_OFFSET, _RANGE = 52.0, 64.0  # dB
_LEAST = 1e-30  # prevents the logarithm of 0
_BLOCK = 4096  # frames at once: bounds the memory for long audio

Reals = npt.NDArray[np.float64]


def log_mel(audio: npt.NDArray[np.floating[Any]]) -> Reals:
    """Return the features [frames, FILTERS], 0 to 1, of `audio` [samples] with full scale 1.

    There is a frame for each whole hop. It ends with the hop; zeros precede the audio.
    """
    hops = len(audio) // HOP
    samples = audio[: hops * HOP].astype(np.float64)
    emphasized = samples - _PRE_EMPHASIS * np.concatenate([[0.0], samples[:-1]])
    padded = np.concatenate([np.zeros(_FRAME - HOP), emphasized])
    frames = np.lib.stride_tricks.sliding_window_view(padded, _FRAME)[::HOP]
    features = np.empty((hops, FILTERS))
    for begin in range(0, hops, _BLOCK):
        features[begin : begin + _BLOCK] = _of_frames(frames[begin : begin + _BLOCK])
    return features


def _of_frames(frames: npt.NDArray[Any]) -> Reals:
    spectrum = np.fft.rfft(frames * np.hamming(_FRAME + 1)[:-1])
    power = np.square(np.abs(spectrum)) / _FRAME
    decibels = 10 * np.log10(np.maximum(power @ mel_filters(), _LEAST))
    return np.clip((decibels + _OFFSET) / _RANGE, 0.0, 1.0)


@cache
def mel_filters() -> Reals:
    """Return the weight of each frequency in each filter, [frequencies, FILTERS].

    The triangles are evenly spaced on the mel scale, from 0 Hz to half the sampling rate, without
    the constant part.
    """
    mel = _mel(np.linspace(0.0, RATE / 2, _FRAME // 2 + 1))[:, np.newaxis]
    edges = np.linspace(0.0, _mel(np.array(RATE / 2)), FILTERS + 2)
    lower, center, upper = edges[:-2], edges[1:-1], edges[2:]
    rising, falling = (mel - lower) / (center - lower), (upper - mel) / (upper - center)
    weights: Reals = np.maximum(0.0, np.minimum(rising, falling))
    weights[0] = 0.0
    return weights


def _mel(hertz: npt.NDArray[Any]) -> Reals:
    mel: Reals = 1127.0 * np.log1p(hertz / 700.0)
    return mel
