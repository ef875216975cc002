"""Frames on a byte stream: COBS with a CRC-32; the device's side is firmware/link/frame.c."""

import zlib
from collections.abc import Iterator

from cobs import cobs

DELIMITER = b"\0"
CRC_SIZE = 4


def encode(payload: bytes) -> bytes:
    """Return the frame with `payload`, including the final zero."""
    crc = zlib.crc32(payload).to_bytes(CRC_SIZE, "little")
    encoded: bytes = cobs.encode(payload + crc)
    return encoded + DELIMITER


class FrameDecoder:
    """Turns received bytes, in pieces of any size, into whole frames."""

    def __init__(self) -> None:
        self._partial = bytearray()

    @property
    def within(self) -> bool:
        """Whether a frame has begun and is not complete."""
        return bool(self._partial)

    def feed(self, data: bytes) -> Iterator[bytes | None]:
        """Yield the payload of each frame that `data` completes, None for a damaged one."""
        *ended, rest = data.split(DELIMITER)
        for piece in ended:
            self._partial += piece
            block = bytes(self._partial)
            self._partial.clear()
            if block:
                yield _decode(block)
        self._partial += rest


def _decode(block: bytes) -> bytes | None:
    try:
        data: bytes = cobs.decode(block)
    except cobs.DecodeError:
        return None
    payload, crc = data[:-CRC_SIZE], data[-CRC_SIZE:]
    if not payload or zlib.crc32(payload).to_bytes(CRC_SIZE, "little") != crc:
        return None
    return payload
