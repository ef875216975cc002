"""Frames on a byte stream: COBS with a CRC-32; the device's side is firmware/link/frame.c."""

import zlib
from collections.abc import Iterator

from cobs import cobs

DELIMITER = b"\0"
CRC_SIZE = 4
LONGEST = 1 << 24
"""Bytes of a frame on the line; whatever is longer comes from no device."""


def encode(payload: bytes) -> bytes:
    """Return the frame with `payload`, including the final zero."""
    crc = zlib.crc32(payload).to_bytes(CRC_SIZE, "little")
    encoded: bytes = cobs.encode(payload + crc)
    return encoded + DELIMITER


class FrameDecoder:
    """Turns received bytes, in pieces of any size, into whole frames."""

    def __init__(self) -> None:
        self._partial = bytearray()
        self._too_long = False

    @property
    def within(self) -> bool:
        """Whether a frame has begun and is not complete."""
        return bool(self._partial) or self._too_long

    def feed(self, data: bytes) -> Iterator[bytes | None]:
        """Yield the payload of each frame that `data` completes, None for a damaged one."""
        *ended, rest = data.split(DELIMITER)
        for piece in ended:
            self._take(piece)
            block, too_long = bytes(self._partial), self._too_long
            self._partial.clear()
            self._too_long = False
            if too_long:
                yield None
            elif block:
                yield _decode(block)
        self._take(rest)

    def _take(self, piece: bytes) -> None:
        """Add `piece` to the unfinished frame, unless the frame gets too long."""
        self._too_long = self._too_long or len(self._partial) + len(piece) > LONGEST
        if self._too_long:
            self._partial.clear()
        else:
            self._partial += piece


def _decode(block: bytes) -> bytes | None:
    try:
        data: bytes = cobs.decode(block)
    except cobs.DecodeError:
        return None
    payload, crc = data[:-CRC_SIZE], data[-CRC_SIZE:]
    if not payload or zlib.crc32(payload).to_bytes(CRC_SIZE, "little") != crc:
        return None
    return payload
