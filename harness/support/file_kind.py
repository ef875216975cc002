"""Says what kind of file some bytes are, for messages about a file of the wrong kind."""

_LFS = "a Git LFS pointer, not the file itself"
_HTML = "an HTML page"
_PAGE = (b"<!doctype html", b"<html")
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
    (b"RIFF", "a RIFF file"),
    (b"version https://git-lfs.github.com/", _LFS),
)
_WORDS = {b"BM", b"PK", b"ID3"}  # text begins so, too: a column may be called BMI
_TFLITE = b"TFL3"
_PICKLE = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
_LOOKED_AT = 4096


def kind_of(data: bytes) -> str:
    """Return what kind of file begins with `data`, such as "a PNG image"."""
    if not data:
        return "empty"
    is_text = _is_text(data[:_LOOKED_AT])
    for start, kind in _STARTS:
        if data.startswith(start) and not (start in _WORDS and is_text):
            return "a WAV recording" if data[8:12] == b"WAVE" else kind
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
