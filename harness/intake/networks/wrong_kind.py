"""What a file is that holds no network in a known format, and what its owner can do."""

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path

from harness.errors import InputError
from harness.support.file_kind import kind_of, remedy_for_kind

_FULL_INTEGER = "convert it to a full-integer int8 .tflite file"
_BYTES = 4096  # of the start of a file

_ADD = "convert it: harness models add {} --calibrate train.npy --inputs x.npy --labels y.npy"
_SAVE_KERAS = (
    "save the whole model in the program that trained it, model.save('model.keras'), and give that "
    "file to harness models add, which converts it"
)
_CONVERT_ONNX = (
    "make a SavedModel of it, which harness models add converts: pip install 'onnx2tf<2', then "
    "onnx2tf -i {} -o saved -osd, and give the folder saved. For networks with pictures, onnx2tf "
    "downloads sample data from GitHub"
)
_CONVERT_TORCH = (
    "in the program that trained it: torch.onnx.export(model.eval(), (sample,), 'net.onnx'), then "
    "pip install 'onnx2tf<2', onnx2tf -i net.onnx -o saved -osd, and give the folder saved to "
    "harness models add; or convert it to a full-integer .tflite file with litert-torch"
)
_CONVERT_GRAPH = (
    f"{_FULL_INTEGER}: tf.compat.v1.lite.TFLiteConverter.from_frozen_graph with the names of its "
    "inputs and outputs"
)
_DATA = "give the network as FILE, and this file as --inputs"
_DOWNLOAD = "download the file itself"

_UNPACK = "unpack it"

# What to do with a file, by a word in its kind.
_REMEDIES = {
    "HDF5": _ADD,
    "ELF": "to run firmware, see docs/firmware.md",
    ".npy": _DATA,
    "image": _DATA,
    "recording": _DATA,
    "archive": _UNPACK,
    "Parquet": _DATA,
    "MATLAB": _DATA,
    "PDF": _DOWNLOAD,
}

# Files in zip archives by the ends of their names.
_PACKED: Sequence[tuple[str, str, str]] = (
    ("data.pkl", "is a PyTorch file", _CONVERT_TORCH),
    ("serialized_exported_program.json", "is a program exported by PyTorch", _CONVERT_TORCH),
    ("models/model.json", "is a program exported by PyTorch", _CONVERT_TORCH),
    (".npy", "holds NumPy arrays", _DATA),
)


def is_page(data: bytes) -> bool:
    """Return whether `data` are a web page or a pointer of Git LFS, downloaded by mistake."""
    return remedy_for_kind(data[:_BYTES], "") != ""


def wrong_kind(data: bytes, path: Path) -> InputError:
    """Return the error for the file `path`; its bytes `data` hold no network that can be read."""
    what, remedy = _kind(data, path)
    return InputError(what, where=str(path), remedy=remedy)


def wrong_folder(path: Path) -> InputError:
    """Return the error for the folder `path`, given instead of a network's file."""
    if (path / "saved_model.pb").is_file():
        what, remedy = "is a SavedModel of TensorFlow", _ADD.format(path)
    elif (path / "model.toml").is_file():
        what, remedy = "is a model folder already", f"run it: harness run --model {path}"
    else:
        found = sorted(file.name for file in path.glob("*.tflite"))
        what = "is a folder, not a file"
        remedy = f"give its file {found[0]}" if found else "give a .tflite file"
    return InputError(what, where=str(path), remedy=remedy)


def _kind(data: bytes, path: Path) -> tuple[str, str]:
    if not data:
        return "is empty", "convert or download it again"
    if data[4:8] == b"ET12":
        return "is a program of ExecuTorch", _CONVERT_TORCH
    if data.startswith(b"GGUF"):
        return "is a language model (GGUF)", "give a network for microcontrollers"
    for found in (_zip_kind, _protobuf_kind, _text_kind, _pickle_kind):
        if known := found(data, path):
            return known
    kind = kind_of(data[:_BYTES])
    for word, remedy in _REMEDIES.items():
        if word in kind:
            return f"is {kind}", remedy.replace("{}", str(path))
    return (
        "is not a .tflite file: the identifier TFL3 is missing",
        "give a file from the converter of LiteRT (TensorFlow Lite), or a C source with its bytes",
    )


def _zip_kind(data: bytes, path: Path) -> tuple[str, str] | None:
    if not data.startswith(b"PK\x03\x04"):
        return None
    try:
        names = zipfile.ZipFile(io.BytesIO(data)).namelist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError):
        return "is a damaged zip archive", _DOWNLOAD
    if any(name.endswith("model.weights.h5") for name in names):
        named = path.with_suffix(".keras")
        rename = "" if path == named else f"rename it to {named.name}, and "
        return "is a Keras model", rename + _ADD.format(named)
    for ending, what, remedy in _PACKED:
        if any(name.endswith(ending) for name in names):
            return what, remedy
    inside = [name for name in names if name.endswith((".tflite", ".keras", ".onnx", ".h5"))]
    give = f" and give {inside[0]}" if inside else ""
    return "is a zip archive", f"unpack {path.name}{give}"


def _protobuf_kind(data: bytes, path: Path) -> tuple[str, str] | None:
    """Tell ONNX and TensorFlow's graphs apart by their first fields, or by the file's name."""
    onnx = (
        data[:1] == b"\x08" and data[1:2] < b"\x20" and data[2:3] in {b"\x12", b"\x3a", b"\x42"}
    )  # ir_version, then producer, graph or opset
    if path.suffix == ".onnx" or (onnx and path.suffix != ".pb"):
        return "is an ONNX network", _CONVERT_ONNX.format(path)
    if path.name == "saved_model.pb":
        return "is a part of a SavedModel of TensorFlow", _ADD.format(path.parent)
    if path.suffix == ".pb":
        return "is a graph of TensorFlow 1", _CONVERT_GRAPH
    return None


def _text_kind(data: bytes, path: Path) -> tuple[str, str] | None:
    start = data[:_BYTES].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    kind = kind_of(data[:_BYTES])
    if remedy := remedy_for_kind(data[:_BYTES], ""):
        return f"is {kind}", remedy
    if start.startswith((b"<?xml", b"<svg")):
        return "is an XML file", _DOWNLOAD
    if b'"format"' in start and b"tfjs" in data[: 1 << 16]:
        return "is a network of TensorFlow.js", _SAVE_KERAS
    if start.startswith(b"{") and b'"class_name"' in data[: 1 << 16]:
        return "is the configuration of a Keras model, without its weights", _SAVE_KERAS
    if path.suffix.lower() == ".csv" and kind == "a text file":
        return "is a CSV file", _DATA
    return None


def _pickle_kind(data: bytes, path: Path) -> tuple[str, str] | None:
    pickled = data[:1] == b"\x80" and data[1:2] in {b"\x02", b"\x03", b"\x04", b"\x05"}
    if path.suffix in {".pt", ".pth"}:
        return "is a PyTorch file", _CONVERT_TORCH
    if pickled or path.suffix in {".pkl", ".pickle", ".joblib"}:
        return (
            "holds pickled Python objects, which are never read: they can run any code",
            f"{_FULL_INTEGER} with the program that made it",
        )
    return None
