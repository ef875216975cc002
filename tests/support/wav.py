"""Writes WAV recordings, also of formats that the standard library does not write."""

import struct
from collections.abc import Sequence


def riff(chunks: Sequence[tuple[bytes, bytes]]) -> bytes:
    """Return a RIFF file with these chunks."""
    body = b"".join(
        name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
        for name, data in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WAVE" + body


def wav_bytes(
    content: bytes,
    *,
    code: int = 1,
    width: int = 2,
    channels: int = 1,
    rate: int = 16000,
    extension: bytes = b"",
) -> bytes:
    """Return a recording with the samples `content`, each of `width` bytes."""
    frame = width * channels
    form = struct.pack("<HHIIHH", code, channels, rate, rate * frame, frame, 8 * width)
    return riff([(b"fmt ", form + extension), (b"data", content)])
