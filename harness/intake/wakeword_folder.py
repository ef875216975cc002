"""`harness models import-mlperf` for the streaming wakeword: WAV recordings and their wakewords.

The list of recordings is a JSON file of mlcommons/tiny (benchmark/runner/sww_data_dir). For each
recording it has the windows of time, in seconds, in which a wakeword is heard.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from harness.errors import InputError
from harness.intake.inputs.log_mel import FILTERS, HOP, RATE, log_mel
from harness.intake.inputs.store_values import empty_inputs
from harness.intake.mlperf_folder import LABELS
from harness.intake.networks.network_file import Network
from harness.intake.readers.wav_file import read_wav
from harness.intake.write_folder import UserData
from harness.model.bad_array import frozen
from harness.model.vectors import Vectors
from harness.support.input_file import MAX_TEXT, read_input

Array = npt.NDArray[Any]
Labels = npt.NDArray[np.int64]

_OFFICIAL = "sww_long_test.json"
_CLASSES = ("wakeword", "silence", "other")
_MILLISECONDS = 1000 * HOP // RATE  # from vector to vector
_LATE = 2.0  # s after a window in which a detection still belongs to its wakeword
_EXAMPLE = '[{"wav_file": "a.wav", "sample_rate": 16000, "detection_windows": [[1.0, 1.6]]}]'


class _Recording(msgspec.Struct, frozen=True):
    """An entry of the list; `detection_windows` are from a first to a last second."""

    wav_file: str
    detection_windows: list[tuple[float, float]]
    sample_rate: int = RATE


def find_list(path: Path) -> Path | None:
    """Return the list of recordings that `path` is or holds; None if it is of another benchmark.

    A folder with several lists needs the one that the rules name. Raises `InputError` otherwise.
    """
    if path.suffix == ".json":
        return path
    lists = sorted(path.glob("*.json"))
    if (path / LABELS).exists() or not lists:
        return None
    if len(lists) == 1:
        return lists[0]
    official = path / _OFFICIAL
    if official not in lists:
        raise InputError(
            f"has several lists: {', '.join(file.name for file in lists)}",
            where=str(path),
            remedy="give one of them in place of the folder",
        )
    return official


def read_wakewords(network: Network, path: Path) -> UserData:
    """Read the recordings that `path` lists as sliding windows of features for `network`.

    There is a vector for each hop of 32 ms: the newest features come last, and until there are
    enough, zeros of the network's type precede them, as in the reference submission. Raises
    `InputError` naming the file.
    """
    frames = _frames(network)
    recordings = _read_list(path)
    features, labels, counts, numbered = [], [], [], 0
    for recording in recordings:
        file = path.parent / recording.wav_file
        features.append(_quantized(log_mel(_samples(file, path)), network))
        counts.append(len(features[-1]))
        labels.append(_labels(recording, counts[-1], numbered, f"{path}: {recording.wav_file}"))
        numbered += len(recording.detection_windows)
    if not numbered:
        raise InputError("names no wakeword", where=str(path), remedy=f"write {_EXAMPLE}")
    inputs = empty_inputs(sum(counts), network.input, network.input.shape[1:], str(path))
    begins = np.cumsum([0, *counts])
    for begin, part in zip(begins.tolist(), features, strict=False):
        _slide(part, frames, inputs[begin : begin + len(part)])
    vectors = Vectors(
        path=path,
        all_inputs=(frozen(inputs),),
        labels=np.concatenate(labels),
        recordings=np.repeat(np.arange(len(counts)), counts),
    )
    seconds = sum(counts) * _MILLISECONDS / 1000
    return UserData(
        "wakeword-detection",
        vectors,
        f"log-mel features every {_MILLISECONDS} ms, the last {frames}; cut off to int8",
        f"MLPerf Tiny's recordings in {path.name}",
        classes=_CLASSES if network.output.elements == len(_CLASSES) else (),
        notes=(f"{numbered} wakeword{'s' * (numbered > 1)} in {seconds:,.1f} s of sound",),
    )


def _frames(network: Network) -> int:
    """Return how many frames the network sees at once."""
    source = network.input
    is_int8 = source.dtype == np.int8 and source.scale is not None
    if not is_int8 or source.elements % FILTERS or network.graph.arg_max is not None:
        raise InputError(
            f"does not take int8 windows of {FILTERS} features a frame and give probabilities",
            where=str(network.path),
            remedy="give the network of the streaming wakeword, str_ww_ref_model.tflite",
        )
    return source.elements // FILTERS


def _read_list(path: Path) -> Sequence[_Recording]:
    data = read_input(path, MAX_TEXT)
    try:
        recordings = msgspec.json.decode(data, type=list[_Recording])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(
            f"is not a list of recordings: {error}", where=str(path), remedy=f"write {_EXAMPLE}"
        ) from error
    for recording in recordings:
        name, rate = recording.wav_file, recording.sample_rate
        if not name or "\0" in name or name != Path(name).name:
            raise InputError(
                f"{name!r} is not the name of a file",
                where=f"{path}: wav_file",
                remedy="give a file in the folder of the list",
            )
        if rate != RATE:
            raise InputError(
                f"{rate} is not {RATE}",
                where=f"{path}: {name}: sample_rate",
                remedy=f"give recordings with {RATE} samples per second",
            )
    return recordings


def _samples(file: Path, path: Path) -> npt.NDArray[np.float32]:
    """Return the samples of the first channel, as the reference submission takes them."""
    if not file.exists():
        raise InputError(
            f"lists {file.name}, which is not there",
            where=str(path),
            remedy="put it beside the list, or give another list",
        )
    recording = read_wav(file)
    if recording.rate != RATE or len(recording.samples) < HOP:
        raise InputError(
            f"has {len(recording.samples):,} samples at {recording.rate} Hz",
            where=str(file),
            remedy=f"give at least {HOP} samples at {RATE} Hz",
        )
    return recording.samples.reshape(len(recording.samples), -1)[:, 0]


def _quantized(features: npt.NDArray[np.float64], network: Network) -> npt.NDArray[np.int8]:
    """Return the features as the reference stores them: cut off towards zero, not rounded."""
    scale, zero_point = network.input.scale, network.input.zero_point
    if scale is None or zero_point is None:
        raise TypeError("the input has no scale")
    steps = np.trunc(features / scale[0] + zero_point[0])
    limits = np.iinfo(np.int8)
    stored: npt.NDArray[np.int8] = np.clip(steps, limits.min, limits.max).astype(np.int8)
    return stored


def _slide(features: npt.NDArray[np.int8], frames: int, inputs: Array) -> None:
    """Fill `inputs` [N, ...] with the last `frames` of `features` [N, FILTERS] at each of N."""
    before = np.zeros((frames - 1, FILTERS), np.int8)
    padded = np.concatenate([before, features]).ravel()
    windows = np.lib.stride_tricks.sliding_window_view(padded, frames * FILTERS)[::FILTERS]
    inputs[...] = windows.reshape(inputs.shape)


def _labels(recording: _Recording, count: int, numbered: int, where: str) -> Labels:
    """Return the wakeword that a detection at each of `count` vectors belongs to, from 1, or 0.

    `numbered` wakewords come before those of this recording. A detection belongs to the first
    wakeword whose window it is in, or at most 2 s after (the runner adds its second twice).
    """
    labels = np.zeros(count, np.int64)
    seconds = np.arange(count) * _MILLISECONDS / 1000
    for number, (first, last) in enumerate(recording.detection_windows, 1):
        window = (seconds >= first) & (seconds <= last + _LATE) & (labels == 0)
        if last < first or not window.any():
            raise InputError(
                f"no detection could belong to the wakeword at {first:g} to {last:g} s",
                where=f"{where}: detection_windows",
                remedy=f"give windows within the {count * _MILLISECONDS / 1000:,.1f} s of sound, "
                "each [first second, last second], that do not cover each other",
            )
        labels[window] = numbered + number
    return labels
