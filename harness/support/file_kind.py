"""Says what kind of file some bytes are, for messages about a file of the wrong kind."""

# A file of each kind begins with these bytes.
_STARTS = (
    (b"\x93NUMPY", "an .npy file"),
    (b"PK", "a zip or .npz file"),
    (b"\x7fELF", "an ELF file"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"BM", "a BMP image"),
    (b"II*\0", "a TIFF image"),
    (b"MM\0*", "a TIFF image"),
    (b"fLaC", "a FLAC recording"),
    (b"OggS", "an Ogg recording"),
    (b"ID3", "an MP3 recording"),
    (b"%PDF", "a PDF document"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x89HDF", "an HDF5 file"),
    (b"PAR1", "a Parquet file"),
    (b"MATLAB", "a MATLAB file"),
    (b"SQLite", "an SQLite database"),
)
_TFLITE = b"TFL3"
_PICKLE = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
_LOOKED_AT = 4096


def kind_of(data: bytes) -> str:
    """Return what kind of file begins with `data`, such as "a PNG image"."""
    if not data:
        return "empty"
    for start, kind in _STARTS:
        if data.startswith(start):
            return kind
    if data[4:8] == _TFLITE:
        return "a .tflite file"
    if data.startswith(b"RIFF"):
        return "a WAV recording" if data[8:12] == b"WAVE" else "a RIFF file"
    if data.startswith(_PICKLE):
        return "a Python pickle"
    return "a text file" if _is_text(data[:_LOOKED_AT]) else "a file of an unknown kind"


def _is_text(data: bytes) -> bool:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        if len(data) < _LOOKED_AT or error.start < _LOOKED_AT - 4:
            return False
        text = data[: error.start].decode("utf-8")  # a character is cut at the end
    return all(character.isprintable() or character.isspace() for character in text)
