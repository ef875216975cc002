"""Files that are no network for us: each kind has its own hint."""

import io
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harness.errors import InputError
from harness.intake.networks.network_file import read_network


def zipped(*names: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name in names:
            archive.writestr(name, b"")
    return made.getvalue()


def npy() -> bytes:
    made = io.BytesIO()
    np.save(made, np.zeros(3))
    return made.getvalue()


class Trap:
    """Fails the test if it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return pytest.fail, ("was unpickled",)


KINDS = {
    "net.h5": (b"\x89HDF\r\n\x1a\n" + bytes(50), "HDF5", "harness models add"),
    "net.keras": (zipped("config.json", "model.weights.h5"), "Keras", "harness models add"),
    "saved_model.pb": (b"\x08\x01\x12\x05" + bytes(50), "SavedModel", "harness models add"),
    "frozen.pb": (b"\x0a\x20\x0a\x05input" + bytes(50), "TensorFlow 1", "from_frozen_graph"),
    "net.onnx": (b"\x08\x08\x12\x07pytorch" + bytes(50), "ONNX", "onnx2tf"),
    "network": (b"\x08\x0a\x12\x05keras" + bytes(50), "ONNX", "onnx2tf"),
    "net.pt": (zipped("net/data.pkl", "net/version"), "PyTorch", "litert-torch"),
    "net.pth": (pickle.dumps(Trap()), "PyTorch", "litert-torch"),
    "net.pt2": (zipped("net/models/model.json"), "PyTorch", "litert-torch"),
    "net.pte": (b"\x1c\0\0\0ET12" + bytes(50), "ExecuTorch", "litert-torch"),
    "net.pkl": (pickle.dumps(Trap()), "never read", "full-integer"),
    "model.json": (b'{"format": "layers-model", "generatedBy": "tfjs"}', "TensorFlow.js", "keras"),
    "config.json": (b'{"class_name": "Sequential"}', "without its weights", "keras"),
    "pointer.tflite": (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS", "git lfs pull"),
    "page.tflite": (b"\n<!DOCTYPE html><html></html>", "HTML", "not the page"),
    "net.zip": (zipped("a/net.tflite", "README"), "zip", "give a/net.tflite"),
    "broken.zip": (b"PK\x03\x04" + bytes(20), "damaged zip", "download"),
    "net.tar": (bytes(257) + b"ustar" + bytes(50), "tar archive", "unpack"),
    "net.tflite.gz": (b"\x1f\x8b\x08" + bytes(20), "gzip", "unpack"),
    "x.npy": (npy(), ".npy file", "--inputs"),
    "x.npz": (zipped("x.npy"), "NumPy", "--inputs"),
    "x.csv": (b"1,2,3\n4,5,6\n", "CSV", "--inputs"),
    "cat.png": (b"\x89PNG\r\n\x1a\n" + bytes(20), "PNG image", "--inputs"),
    "cat.jpg": (b"\xff\xd8\xff\xe0" + bytes(20), "JPEG image", "--inputs"),
    "yes.wav": (b"RIFF\x24\0\0\0WAVEfmt " + bytes(20), "recording", "--inputs"),
    "firmware.elf": (b"\x7fELF" + bytes(20), "ELF", "docs/"),
    "empty.tflite": (b"", "is empty", "download"),
    "page.cc": (b"<!doctype html><script>var a = {}; a[0] = 1</script>", "HTML", "not the page"),
    "BMI.csv": (b"BMI,a\n1,2\n", "CSV", "--inputs"),
    "noise.bin": (b"\xde\xad\xbe\xef\0", "TFL3 is missing", "LiteRT"),
}


@pytest.mark.parametrize("name", KINDS)
def test_every_other_kind_of_file_has_its_own_hint(name: str, tmp_path: Path) -> None:
    content, what, remedy = KINDS[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError) as refused:
        read_network(tmp_path / name)
    assert what in str(refused.value)
    assert remedy in refused.value.remedy
    assert refused.value.where == str(tmp_path / name)
    assert "pickle" not in refused.value.remedy


def test_folders_have_hints_too(tmp_path: Path) -> None:
    def refusal() -> str:
        with pytest.raises(InputError) as refused:
            read_network(tmp_path)
        return str(refused.value)

    assert "is a folder" in refusal()
    (tmp_path / "net.tflite").write_bytes(b"")
    assert "give its file net.tflite" in refusal()
    (tmp_path / "saved_model.pb").write_bytes(b"")
    assert "SavedModel" in refusal()
    (tmp_path / "saved_model.pb").unlink()
    (tmp_path / "model.toml").write_bytes(b"")
    assert "harness run --model" in refusal()


@example(data=b"\x08", name="network")
@given(data=st.binary(max_size=400), name=st.sampled_from(sorted(KINDS)))
def test_any_bytes_are_refused_clearly(
    data: bytes, name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("any") / name
    path.write_bytes(data)
    with pytest.raises(InputError) as refused:
        read_network(path)
    assert refused.value.remedy
