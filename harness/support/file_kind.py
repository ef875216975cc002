"""Says what kind of file some bytes are, for messages about a file of the wrong kind."""

_LFS = "a Git LFS pointer, not the file itself"
_HTML = "an HTML page"
_PAGE = (b"<!doctype html", b"<html")
# A file of each kind has these bytes at this offset.
_STARTS = (
    (0, b"\x93NUMPY", "an .npy file"),
    (0, b"PK", "a zip or .npz file"),
    (0, b"\x7fELF", "an ELF file"),
    (0, b"\x89PNG", "a PNG image"),
    (0, b"\xff\xd8\xff", "a JPEG image"),
    (0, b"GIF8", "a GIF image"),
    (0, b"BM", "a BMP image"),
    (0, b"II*\0", "a TIFF image"),
    (0, b"MM\0*", "a TIFF image"),
    (8, b"WEBP", "a WebP image"),
    (8, b"WAVE", "a WAV recording"),
    (0, b"fLaC", "a FLAC recording"),
    (0, b"OggS", "an Ogg recording"),
    (0, b"ID3", "an MP3 recording"),
    (0, b"%PDF", "a PDF document"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"BZh", "a bzip2 archive"),
    (0, b"\xfd7zXZ\0", "an xz archive"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (0, b"Rar!", "a RAR archive"),
    (257, b"ustar", "a tar archive"),
    (0, b"\x89HDF", "an HDF5 file"),
    (0, b"PAR1", "a Parquet file"),
    (0, b"MATLAB", "a MATLAB file"),
    (0, b"SQLite", "an SQLite database"),
    (0, b"RIFF", "a RIFF file"),
    (0, b"version https://git-lfs", _LFS),
)
_WORDS = {
    b"BM",
    b"PK",
    b"ID3",
    b"BZh",
    b"MATLAB",
    b"SQLite",
}  # text begins so, too: a column may be called BMI
_TFLITE = b"TFL3"
_PICKLE = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
_LOOKED_AT = 4096


def kind_of(data: bytes) -> str:
    """Return what kind of file begins with `data`, such as "a PNG image"."""
    if not data:
        return "empty"
    is_text = _is_text(data[:_LOOKED_AT])
    for offset, start, kind in _STARTS:
        if data.startswith(start, offset) and not (start in _WORDS and is_text):
            return kind
    if data[4:8] == _TFLITE:
        return "a .tflite file"
    if data.startswith(_PICKLE):
        return "a Python pickle"
    return _kind_of_text(data) if is_text else "a file of an unknown kind"


def _kind_of_text(data: bytes) -> str:
    start = data[:_LOOKED_AT].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return _HTML if start.startswith(_PAGE) else "a text file"


def remedy_for_kind(data: bytes, otherwise: str) -> str:
    """Return what to do about a file of the wrong kind that begins with `data`.

    It is `otherwise`, unless a download brought something else than the file.
    """
    kind = kind_of(data)
    if kind == _LFS:
        return "fetch the file itself: git lfs pull"
    if kind == _HTML:
        return "download the file itself, not the page that shows it"
    return otherwise


def _is_text(data: bytes) -> bool:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        if len(data) < _LOOKED_AT or error.start < _LOOKED_AT - 4:
            return False
        text = data[: error.start].decode("utf-8")  # a character is cut at the end
    return all(character.isprintable() or character.isspace() for character in text)
