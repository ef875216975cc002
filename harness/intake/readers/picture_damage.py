"""What is wrong with a picture that Pillow cannot read: the place in the file, and its size."""

import struct
import zlib

from harness.support.plural import count_of

_PNG = b"\x89PNG\r\n\x1a\n"
_CHUNK = struct.Struct(">I4s")
_CHECKSUM = struct.Struct(">I")
_BMP_SIZE = struct.Struct("<2sI")
_JPEG_END = b"\xff\xd9"


def picture_damage(data: bytes) -> str:
    """Return what is wrong with the bytes of a picture; they may be cut short anywhere."""
    size = count_of(len(data), "byte")
    if not data:
        return "is empty: it has 0 bytes"
    if _PNG.startswith(data[: len(_PNG)]):
        return _png_damage(data)
    if data.startswith(b"BM") and len(data) >= _BMP_SIZE.size:
        stated = _BMP_SIZE.unpack_from(data)[1]
        if stated > len(data):
            return f"is cut short: it has {size}, but its header states {stated:,}"
    if data.startswith(b"\xff\xd8") and _JPEG_END not in data:
        return f"is cut short: it ends after {size} without JPEG's end mark"
    return f"is damaged: the pixels in its {size} cannot be decoded"


def _png_damage(data: bytes) -> str:
    """Return what is wrong with a PNG file, whose chunks state their sizes and checksums."""
    size = count_of(len(data), "byte")
    position = len(_PNG)
    while position + _CHUNK.size <= len(data):
        length, name = _CHUNK.unpack_from(data, position)
        begin = position + _CHUNK.size
        end = begin + length + _CHECKSUM.size
        if not name.isalpha():
            return f"is damaged: at byte {position:,} of {len(data):,}, no chunk of PNG begins"
        if end > len(data):
            return (
                f"is cut short: it has {size}, but the chunk {name.decode()} at byte "
                f"{position:,} ends at {end:,}"
            )
        if zlib.crc32(data[begin - 4 : end - 4]) != _CHECKSUM.unpack_from(data, end - 4)[0]:
            return f"is damaged: the chunk {name.decode()} at byte {position:,} was changed"
        if name == b"IEND":
            return f"is damaged: the pixels in its {size} cannot be decoded"
        position = end
    return f"is cut short: it ends after {size} without PNG's last chunk"
