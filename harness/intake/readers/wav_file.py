"""Reads WAV recordings: integers of 8, 16, 24 or 32 bits, or floating point, of all channels.

The standard library's `wave` reads neither floating point nor, in Python 3.11, the extensible
header that recorders write for 24 bits.
"""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.errors import InputError
from harness.support.file_kind import kind_of, remedy_for_kind
from harness.support.input_file import read_input
from harness.support.plural import count_of
from harness.support.printable import printable

_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_COMPRESSED = {
    0x02: "Microsoft ADPCM",
    0x06: "A-law",
    0x07: "mu-law",
    0x11: "IMA ADPCM",
    0x31: "GSM 6.10",
    0x50: "MPEG",
    0x55: "MP3",
    0xFF: "AAC",
    0x161: "Windows Media Audio",
}
_GUID_TAIL = bytes.fromhex("000000001000800000aa00389b71")  # of the formats with a number
_FORMAT = struct.Struct("<HHIIHH")
_EXTENSION = struct.Struct("<HHIH14s")
_CHUNK = struct.Struct("<4sI")
_HEADER = struct.Struct("<4sI4s")
_UNKNOWN_SIZE = 0xFFFFFFFF  # of programs that write to a pipe; others leave 0
_AGAIN = "copy or download it again, or remove it"
_SAVE = "save it as uncompressed WAV, 16 bits: ffmpeg -i old.wav -c:a pcm_s16le new.wav"
_BYTES = {_PCM: {1, 2, 3, 4}, _FLOAT: {4, 8}}  # of a sample


@dataclass(frozen=True)
class Recording:
    """`samples`, float32 [frames] or [frames, channels] with full scale 1, and `rate` in Hz."""

    samples: npt.NDArray[np.float32]
    rate: int


@dataclass(frozen=True)
class _Format:
    code: int
    channels: int
    rate: int
    width: int  # bytes of a sample


def read_wav(path: Path) -> Recording:
    """Read the recording `path`.

    Raises `InputError` naming the file if it is of another kind, compressed, cut off or empty.
    """
    data = read_input(path)
    if not data or (data[:4] == b"RIFF" and len(data) < _HEADER.size):
        what = "is empty: it has 0 bytes" if not data else f"is cut short: it has {_size(data)}"
        raise InputError(what, where=str(path), remedy=_AGAIN)
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise InputError(
            f"is not a WAV recording: it is {kind_of(data)}",
            where=str(path),
            remedy=remedy_for_kind(data, _SAVE),
        )
    form, content = _find_chunks(data, path)
    frame = form.width * form.channels
    if len(content) % frame:
        raise _damaged(path, f"its {len(content):,} bytes of sound are not whole frames of {frame}")
    if not content:
        raise InputError(
            f"holds no samples: its {_size(data)} are only a header",
            where=str(path),
            remedy="record or copy it again, or remove it",
        )
    samples = _decode(content, form)
    if not np.isfinite(samples).all():
        raise InputError("holds samples that are not finite", where=str(path), remedy=_SAVE)
    return Recording(
        samples if form.channels == 1 else samples.reshape(-1, form.channels), form.rate
    )


def _find_chunks(data: bytes, path: Path) -> tuple[_Format, bytes]:
    """Return the format and the bytes of sound: chunks `fmt ` and `data`."""
    form = None
    position = _HEADER.size
    while position + _CHUNK.size <= len(data):
        name, size = _CHUNK.unpack_from(data, position)
        begin = position + _CHUNK.size
        if name == b"data":
            if form is None:
                raise _damaged(path, "its format does not stand before the sound")
            if size == _UNKNOWN_SIZE or (size == 0 and not _is_chunk(data, begin)):
                size = (len(data) - begin) // (form.width * form.channels)
                size *= form.width * form.channels
            if begin + size > len(data):
                what = f"it states {size:,} bytes of sound, but holds {len(data) - begin:,}"
                raise InputError(f"is cut short: {what}", where=str(path), remedy=_AGAIN)
            return form, data[begin : begin + size]
        if name == b"fmt " and begin + size <= len(data):
            form = _read_format(data[begin : begin + size], path)
        position = begin + size + size % 2
    missing = "no whole chunk `data`" if form else "no whole chunk `fmt `"
    stated = _HEADER.unpack_from(data)[1] + _CHUNK.size
    if len(data) < stated < _UNKNOWN_SIZE:
        what = f"is cut short: it has {_size(data)}, but its header states {stated:,}; {missing}"
        raise InputError(what, where=str(path), remedy=_AGAIN)
    raise _damaged(path, f"its {_size(data)} have {missing}")


def _is_chunk(data: bytes, position: int) -> bool:
    """Tell whether a whole chunk begins at `position`: a name of ASCII characters, and a size."""
    if position + _CHUNK.size > len(data):
        return False
    name, size = _CHUNK.unpack_from(data, position)
    is_name = all(ord(" ") <= byte <= ord("~") for byte in name)
    return is_name and position + _CHUNK.size + int(size) <= len(data)


def _read_format(chunk: bytes, path: Path) -> _Format:
    if len(chunk) < _FORMAT.size:
        raise _damaged(path, "its format is cut off")
    code, channels, rate, _, frame, _ = _FORMAT.unpack_from(chunk)
    if code == _EXTENSIBLE and len(chunk) >= _FORMAT.size + _EXTENSION.size:
        *_, number, tail = _EXTENSION.unpack_from(chunk, _FORMAT.size)
        code = number if tail == _GUID_TAIL else code
    if code not in _BYTES:
        name = _COMPRESSED.get(code, f"format {code:#06x}")
        raise InputError(f"is compressed or unusual: {name}", where=str(path), remedy=_SAVE)
    if not channels or not rate or frame % channels or frame // channels not in _BYTES[code]:
        kind = "integers" if code == _PCM else "floating point"
        raise _damaged(
            path, f"its format is {channels} channels at {rate} Hz, {frame} bytes of {kind} a frame"
        )
    return _Format(code, channels, rate, frame // channels)


def _decode(content: bytes, form: _Format) -> npt.NDArray[np.float32]:
    """Return the samples with full scale 1."""
    if form.code == _FLOAT:
        floats: npt.NDArray[Any] = np.frombuffer(content, f"<f{form.width}")
        with np.errstate(over="ignore"):  # the caller refuses infinity
            return floats.astype(np.float32)
    if form.width == 1:
        return (np.frombuffer(content, np.uint8).astype(np.float32) - 128) / np.float32(128)
    if form.width == 3:  # noqa: PLR2004 - bytes; NumPy has no such type
        wide = np.zeros((len(content) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(content, np.uint8).reshape(-1, 3)
        integers: npt.NDArray[Any] = wide.reshape(-1).view("<i4")
    else:
        integers = np.frombuffer(content, f"<i{form.width}")
    full_scale = 1 << (8 * integers.itemsize - 1)
    return integers.astype(np.float32) / np.float32(full_scale)


def _size(data: bytes) -> str:
    return count_of(len(data), "byte")


def _damaged(path: Path, what: str) -> InputError:
    return InputError(f"is damaged: {printable(what)}", where=str(path), remedy=_SAVE)
