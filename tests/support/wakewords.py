"""A streaming wakeword made by hand: tones as sound, and a network that hears one of them."""

import json
import wave
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from harness.intake.inputs.log_mel import FILTERS, RATE, mel_filters
from tests.support.graphs import Builder

Sound = npt.NDArray[np.int16]

HEARD, OTHER = 1000, 3000  # Hz
_SCALE = 0.0037


def detector(frames: int = 30) -> bytes:
    """Return a network with three outputs: it hears `HEARD` in the newest of `frames`."""
    b = Builder()
    source = b.activation((1, frames, 1, FILTERS), _SCALE, -128)
    weights = np.zeros((3, frames * FILTERS), np.int8)
    loudest = int(np.argmax(mel_filters()[HEARD * 1024 // RATE]))
    weights[0, -FILTERS + loudest] = 100
    weights[0, -FILTERS + int(np.argmax(mel_filters()[OTHER * 1024 // RATE]))] = -100
    held = b.tensor(weights.shape, scale=[0.2], zero_point=[0], data=weights)
    bias = b.tensor(
        (3,), scale=[0.2 * _SCALE], zero_point=[0], data=np.array([0, 3500, 0], np.int32)
    )
    scores = b.activation((1, 3), 0.2, 0)
    b.operator("FULLY_CONNECTED", [source, held, bias], [scores], "FullyConnectedOptions")
    return b.build([source], [b.softmax(scores)])


def sound(seconds: float, *tones: tuple[float, float, int]) -> Sound:
    """Return silence with `tones`, each from one second to another at a frequency."""
    time = np.arange(int(seconds * RATE)) / RATE
    held = np.zeros(len(time))
    for begin, end, hertz in tones:
        held += np.sin(2 * np.pi * hertz * time) * ((time >= begin) & (time < end))
    return (8000 * held).astype(np.int16)


def save_wav(path: Path, channels: Sequence[Sound], rate: int = RATE) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(len(channels))
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.stack(channels, axis=1).tobytes())


def save_list(path: Path, **windows: Sequence[tuple[float, float]]) -> None:
    """Write the list of recordings, each `NAME.wav` with the windows of its wakewords."""
    entries = [
        {"wav_file": f"{name}.wav", "sample_rate": RATE, "detection_windows": each}
        for name, each in windows.items()
    ]
    path.write_text(json.dumps(entries))
