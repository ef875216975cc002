"""`harness models add` reads data as people have it: arrays, tables, pictures, recordings."""

import hashlib
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from PIL import Image

from harness.errors import ExitCode, InputError
from harness.intake.add_model import DataRequest, read_data
from harness.intake.inputs.sample_blocks import InputOptions
from harness.intake.inputs.store_values import empty_inputs
from harness.intake.networks.network_file import Network
from harness.intake.write_folder import UserData
from harness.model.tflite_file import parse
from tests.support.desk import Desk, network, save
from tests.support.graphs import Builder
from tests.support.wav import wav_bytes

CASES = Path(__file__).parents[3] / "shared" / "cases" / "models"
RNG = np.random.default_rng(0)


def add(net: Network, *inputs: str, **changed: object) -> UserData:
    """Read `inputs` for `net`; `changed` are fields of the request or of its options."""
    labels = changed.get("labels")
    of_input = {name: changed.pop(name) for name in ("layout", "rate") if name in changed}
    if isinstance(steps := changed.get("preprocess"), str):
        changed["preprocess"] = (steps,)
    options = InputOptions(labels=labels, **of_input)  # type: ignore[arg-type]
    return read_data(net, DataRequest(inputs, options=options, **changed))  # type: ignore[arg-type]


def refused(net: Network, *inputs: str, **changed: object) -> str:
    with pytest.raises(InputError) as caught:
        add(net, *inputs, **changed)
    return str(caught.value)


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


# Arrays

IMAGES = RNG.integers(-100, 100, (5, 4, 6, 3)).astype(np.int8)


@pytest.mark.parametrize(
    ("values", "layout"),
    [
        (IMAGES, "NHWC"),
        (IMAGES[:, None], "NHWC"),
        (IMAGES.reshape(5, 1, 4, 6, 3, 1), "NHWC"),
        (IMAGES.reshape(5, 72), "NHWC"),
        (np.asfortranarray(IMAGES), "NHWC"),
        (IMAGES.transpose(0, 3, 1, 2), "NCHW"),
        (IMAGES.transpose(0, 3, 1, 2).reshape(5, 72), "NCHW"),
    ],
)
def test_an_array_is_brought_into_the_shape_of_the_input(
    values: npt.NDArray[np.int8], layout: str
) -> None:
    save(x=values)
    stored = add(network((4, 6, 3)), "x.npy", layout=layout).vectors.inputs
    assert (stored == IMAGES).all()


def test_missing_and_extra_axes_of_length_1_do_not_matter() -> None:
    save(x=IMAGES, grey=IMAGES[..., 0], one=IMAGES[0], row=np.arange(5, dtype=np.int8))
    assert add(network((4, 6, 1)), "grey.npy").vectors.inputs.shape == (5, 4, 6, 1)
    assert add(network((4, 6, 3)), "one.npy").vectors.inputs.shape == (1, 4, 6, 3)
    assert add(network((72,)), "x.npy").vectors.inputs.shape == (5, 72)
    assert add(network((1,)), "row.npy").vectors.inputs.shape == (5, 1)  # a value for each vector
    assert add(network((5,)), "row.npy").vectors.inputs.shape == (1, 5)


def test_channels_first_is_recognized_and_the_option_named() -> None:
    save(x=IMAGES.transpose(0, 3, 1, 2))
    message = refused(network((4, 6, 3)), "x.npy")
    assert "has shape [5, 3, 4, 6], but the input of net.tflite has [1, 4, 6, 3]" in message
    assert "add --layout NCHW" in message
    save(x=IMAGES)
    assert "leave out --layout NCHW" in refused(network((4, 6, 3)), "x.npy", layout="NCHW")


def test_a_recording_that_was_not_cut_into_windows_is_recognized() -> None:
    save(x=np.zeros((1000, 3), np.int8))
    message = refused(network((64, 3)), "x.npy")
    assert "has shape [1000, 3], but the input of net.tflite has [1, 64, 3]" in message
    assert "x[: len(x) // 64 * 64].reshape(-1, 64, 3)" in message


def test_one_array_of_several_is_chosen_by_name() -> None:
    np.savez("d.npz", x_test=IMAGES, y_test=np.arange(5) % 2, junk=np.array([None]))
    data = add(network((4, 6, 3)), "d.npz:x_test", labels="d.npz:y_test")
    assert (data.vectors.inputs == IMAGES).all()
    assert data.task == "classification"
    message = refused(network((4, 6, 3)), "d.npz")
    assert "holds 3 arrays\n  -> give d.npz:ARRAY; known: junk, x_test, y_test" in message
    assert "did you mean x_test" in refused(network((4, 6, 3)), "d.npz:x_tset")
    pickled = refused(network((4, 6, 3)), "d.npz:junk")
    assert "holds Python objects" in pickled
    assert "allow_pickle" not in pickled
    save(x=IMAGES)
    assert "only an .npz file and a table have parts" in refused(network((4, 6, 3)), "x.npy:x")
    np.savez("one.npz", IMAGES)
    assert (add(network((4, 6, 3)), "one.npz").vectors.inputs == IMAGES).all()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.pkl", b"\x80\x04K\x01.", "holds no inputs: it is a Python pickle"),
        ("x.h5", b"\x89HDF\r\n\x1a\n", "holds no inputs: it is an HDF5 file"),
        ("x.npy", b"\x80\x04K\x01.", "it is a Python pickle"),
        ("x.npy", b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        ("x.npz", b"<!DOCTYPE html><html>", "download the file itself"),
        ("x.mp3", b"ID3\3\0\0", "it is an MP3 recording"),
        ("x.npy", b"", "it is empty"),
    ],
)
def test_files_of_other_kinds_are_named_and_never_unpickled(
    name: str, content: bytes, message: str
) -> None:
    Path(name).write_bytes(content)
    error = refused(network((3,)), name)
    assert message in error
    assert "allow_pickle" not in error


def test_bytes_of_pictures_are_scaled_by_what_the_input_holds() -> None:
    grey = RNG.integers(0, 256, (5, 8)).astype(np.uint8)
    save(x=grey)
    unit = add(network((8,), scale=1 / 255, zero_point=-128), "x.npy")
    assert (unit.vectors.inputs == grey.astype(int) - 128).all()
    assert "divided by 255; real values, quantized to int8" in unit.preprocessing
    raw = add(network((8,), scale=1.0, zero_point=-128), "x.npy")
    assert (raw.vectors.inputs == unit.vectors.inputs).all()
    signed = add(network((8,), scale=2 / 255, zero_point=0), "x.npy")
    assert "divided by 127.5, minus 1" in signed.preprocessing
    assert abs(signed.vectors.inputs - np.round((grey / 127.5 - 1) * 127.5)).max() <= 1
    message = refused(network((8,), scale=0.3), "x.npy")
    assert "has type uint8, but the input of net.tflite has int8" in message
    assert "--preprocess unit" in message


@pytest.mark.parametrize("dtype", [np.int16, np.int64, np.bool_])
def test_integers_of_another_type_need_a_word(dtype: type) -> None:
    values: npt.NDArray[np.generic] = np.array([[0, 1], [1, 0]]).astype(dtype)
    save(x=values)
    net = network((2,), scale=0.5)
    assert f"has type {np.dtype(dtype)}, but the input of net.tflite has int8" in refused(
        net, "x.npy"
    )
    assert add(net, "x.npy", preprocess="raw").vectors.inputs.tolist() == [[0, 2], [2, 0]]


def test_numbers_that_are_quantized_already_are_stored() -> None:
    save(x=np.array([[0, 1], [-128, 127]]), wide=[[0, 128]], half=[[0, 0.5]])
    net = network((2,), scale=0.5)
    data = add(net, "x.npy", preprocess="stored")
    assert data.vectors.inputs.tolist() == [[0, 1], [-128, 127]]
    assert data.preprocessing == "int8 as given"
    for name, first in (("wide", "128"), ("half", "0.5")):
        message = refused(net, f"{name}.npy", preprocess="stored")
        assert f"holds {first}, but int8 holds whole numbers from -128 to 127" in message


def test_a_float_input_takes_real_values() -> None:
    values = RNG.uniform(-3, 3, (4, 3))
    save(x=values)
    data = add(network((3,), scale=0.1, dtype=np.float32), "x.npy")
    assert data.vectors.inputs.dtype == np.float32
    assert (data.vectors.inputs == values.astype(np.float32)).all()
    assert data.preprocessing == "real values as float32"
    save(x=values * 1e300)
    message = refused(network((3,), dtype=np.float32), "x.npy")
    assert "e+300, which is beyond the range of float32" in message
    save(x=values * 100)  # outside of what the network quantizes
    doubt, *_ = add(network((3,), scale=0.1, dtype=np.float32), "x.npy").doubts
    assert "of the values are cut: the input holds -12.8 to 12.7" in doubt


def test_inputs_beyond_the_limit_are_refused_before_they_are_made() -> None:
    tensor = network((1 << 20,)).input
    with pytest.raises(InputError, match=r"takes? 1,024 MiB; at most 512 MiB") as caught:
        empty_inputs(1024, tensor, (1 << 20,), "x")
    assert "at most 512 vectors" in str(caught.value)


def test_numbers_that_cannot_be_classes_of_one_output_are_real_values() -> None:
    save(x=IMAGES[:, 0, 0], age=np.array([20, 35, 31, 60, 44]), whole=np.arange(5) + 20.0)
    net = network((3,), outputs=1)
    for labels in ("age.npy", "whole.npy"):
        data = add(net, "x.npy", labels=labels)
        assert data.task == "regression"
        assert data.vectors.real_labels.dtype == np.float64
        assert "labels: real values" in data.notes
    assert add(network((3,), outputs=60), "x.npy", labels="age.npy").task == "classification"


def test_a_note_names_what_is_unusual_in_a_table_of_labels() -> None:
    save(x=IMAGES[:, 0, 0])
    Path("y.csv").write_text("t;rh\n" + "20,5;40\n" * 5)
    notes = add(network((3,), outputs=1), "x.npy", labels="y.csv:t").notes
    assert "y.csv is separated by semicolons; decimal commas are read as decimal points" in notes
    assert "labels: real values" in notes


# Several inputs


def test_each_input_has_its_file_in_order_or_by_name() -> None:
    one, two = RNG.integers(-9, 9, (4, 3)).astype(np.int8), RNG.integers(-9, 9, (4, 2, 2))
    save(a=one, b=two.astype(np.int8))
    net = network((3,), (2, 2))
    for specs in (("a.npy", "b.npy"), ("y=b.npy", "x=a.npy"), ("y=b.npy", "a.npy")):
        first, second = add(net, *specs).vectors.all_inputs
        assert (first == one).all()
        assert (second == two).all()


def test_each_input_may_have_its_own_preprocessing() -> None:
    save(a=np.full((4, 3), 255, np.uint8), b=np.ones((4, 2), np.int16))
    net = network((3,), (2,))
    data = add(net, "a.npy", "b.npy", preprocess=("raw", "x=unit"))
    assert [array[0].tolist() for array in data.vectors.all_inputs] == [[1, 1, 1], [1, 1]]
    assert "given as raw and as unit" in refused(net, "a.npy", "b.npy", preprocess=("raw", "unit"))
    twice = ("x=raw", "x=unit")
    assert "names the input 'x' twice" in refused(net, "a.npy", "b.npy", preprocess=twice)
    assert "no input 'q'" in refused(net, "a.npy", "b.npy", preprocess=("q=raw",))


def test_inputs_that_do_not_fit_the_network_s_are_named() -> None:
    save(a=np.zeros((4, 3), np.int8), b=np.zeros((5, 2), np.int8))
    net = network((3,), (2,))
    message = refused(net, "a.npy")
    assert "--inputs: is given 1 time, but net.tflite has 2 inputs: x [1, 3], y [1, 2]" in message
    assert "net.tflite has no input 'q'" in refused(net, "a.npy", "q=b.npy")
    assert "names the input 'x' twice" in refused(net, "x=a.npy", "x=a.npy")
    assert "b.npy: holds 5 vectors, but a.npy holds 4" in refused(net, "a.npy", "b.npy")


# Tables


def test_a_row_of_a_table_is_a_vector() -> None:
    values = RNG.integers(-50, 50, (6, 12)) / 2
    frame = pd.DataFrame(values)
    frame["label"] = ["walk", "idle"] * 3
    frame.to_csv("x.csv")
    data = add(network((2, 3, 2), scale=0.5), "x.csv", labels="x.csv:label")
    assert (data.vectors.inputs == (values * 2).reshape(6, 2, 3, 2)).all()
    assert data.vectors.class_labels.tolist() == [1, 0] * 3
    assert data.classes == ("idle", "walk")
    assert "the unnamed first column of x.csv counts rows; it is left out" in data.notes
    assert "labels: 2 names; their order is idle, walk" in data.notes
    assert data.data == "x.csv"
    assert len(data.notes) == 2  # one about the file, although both are in it
    message = refused(network((2, 3, 2)), "x.csv")
    assert "x.csv: line 2, column 13 (label): 'walk' is not a number" in message
    assert "if the column holds the labels: --labels x.csv:label" in message


IMU = "time,ax,ay,az,label\n" + "".join(
    f"{row}.5,{row % 2},-1,{row % 3},{'idle' if row % 2 else 'walk'}\n" for row in range(6)
)


@pytest.mark.parametrize("columns", ["ax,ay,az", "1-3", "ax-az", "1,2,-2"])
def test_columns_of_a_table_are_chosen(columns: str) -> None:
    Path("imu.csv").write_text(IMU)
    data = add(network((3,)), f"imu.csv:{columns}", labels="imu.csv:label")
    assert data.vectors.inputs.tolist() == [[row % 2, -1, row % 3] for row in range(6)]
    assert data.classes == ("idle", "walk")
    assert "imu.csv: the columns ax, ay, az" in data.notes


def test_a_table_with_too_many_columns_shows_them_and_what_to_type() -> None:
    Path("imu.csv").write_text(IMU)
    message = refused(network((3,)), "imu.csv", labels="imu.csv:label")
    assert "has shape [6, 4], but the input of net.tflite has [1, 3]" in message
    assert (
        "choose 3 of the columns time, ax, ay, az: for example imu.csv:ax,ay,az" in message
    )  # and not the time, which increases
    message = refused(network((3,)), "imu.csv")
    assert "'walk' is not a number" in message
    assert "to leave it out, give imu.csv:time,ax,ay,az" in message
    message = refused(network((3,)), "imu.csv:1-4", labels="imu.csv:label")
    assert "chooses label, which --labels names" in message
    assert "-> give imu.csv:ax,ay,az" in message
    message = refused(network((2, 3)), "imu.csv", labels="imu.csv:label")
    assert "choose 3 of the columns" in message  # each row is a time step
    message = refused(network((9,)), "imu.csv", labels="imu.csv:label")
    assert "write one vector, 9 values, into each row; the columns are time, ax, ay, az" in message


def test_decimal_commas_are_recognized_by_twice_as_many_numbers() -> None:
    Path("x.csv").write_text("1,5,2,5\n3,5,4,5\n")
    message = refused(network((2,)), "x.csv")
    assert "has shape [2, 4], but the input of net.tflite has [1, 2]" in message
    assert "decimal commas" in message


# Pictures and recordings by class


def write_pictures(folder: str, *, size: tuple[int, int] = (6, 4), mode: str = "RGB") -> None:
    """Write 3 pictures, of `size` width x height, for each of the classes cat and dog."""
    for grey, name in ((0, "dog"), (200, "cat")):
        Path(folder, name).mkdir(parents=True)
        for number, suffix in enumerate((".png", ".JPG", ".bmp")):
            Image.new(mode, size, (grey + number,) * len(mode)).save(
                Path(folder, name, f"{number}{suffix}")
            )


def test_folders_of_pictures_are_classes() -> None:
    write_pictures("pets")
    for junk in (".DS_Store", "cat/.hidden", "cat/notes.txt"):
        Path("pets", junk).write_text("no picture")
    data = add(network((4, 6, 3), scale=1 / 255, zero_point=-128), "pets")
    assert data.classes == ("cat", "dog")
    assert data.vectors.class_labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert data.vectors.inputs[:, 0, 0, 0].tolist() == [72, 73, 74, -128, -127, -126]
    assert data.preprocessing.startswith("pictures; divided by 255; real values, quantized")
    assert data.data == "6 pictures in 2 folders of pets"
    assert "ignored: 1 of the files in pets: cat/notes.txt" in data.notes


@pytest.mark.parametrize(
    ("shape", "stored"),
    [((4, 6), (6, 4, 6)), ((4, 6, 1), (6, 4, 6, 1)), ((24,), (6, 24)), ((3, 4, 6), (6, 3, 4, 6))],
)
def test_pictures_have_the_channels_and_axes_of_the_input(
    shape: tuple[int, ...], stored: tuple[int, ...]
) -> None:
    write_pictures("pets", mode="L" if shape == (24,) else "RGB")
    data = add(network(shape, scale=1 / 255, zero_point=-128), "pets")
    assert data.vectors.inputs.shape == stored


def test_the_size_of_a_picture_is_changed_only_on_request() -> None:
    write_pictures("pets", size=(12, 8))
    net = network((4, 6, 3), scale=1 / 255, zero_point=-128)
    message = refused(net, "pets")
    assert (
        "pets/cat/0.png: has 12x8 pixels, but the input of net.tflite has [1, 4, 6, 3]" in message
    )
    assert "add --preprocess resize" in message
    data = add(net, "pets", preprocess="resize")
    assert data.vectors.inputs.shape == (6, 4, 6, 3)
    assert "resized bilinearly to the size of the input, divided by 255" in data.preprocessing


def test_the_order_of_classes_can_be_stated() -> None:
    write_pictures("pets")
    net = network((4, 6, 3), scale=1 / 255, zero_point=-128, outputs=3)
    message = refused(net, "pets")
    assert "pets: 2 classes (cat, dog), but net.tflite has 3" in message
    assert "--classes a,b,c" in message
    Path("labels.txt").write_text("dog\nemu\ncat\n")
    for classes in ("dog,emu,cat", "labels.txt"):
        data = add(net, "pets", classes=classes)
        assert data.classes == ("dog", "emu", "cat")
        assert data.vectors.class_labels.tolist() == [2, 2, 2, 0, 0, 0]
        assert "1 of 3 classes have no vectors: emu" in data.doubts
    assert "the label 'cat', which --classes does not name" in refused(net, "pets", classes="a,b,c")
    assert "names a more than once" in refused(net, "pets", classes="a,b,a")


def write_sounds(folder: str, frames: int = 8, rate: int = 16000) -> None:
    """Write 2 recordings of `frames` samples for each of the classes no and yes."""
    for level, name in ((-16384, "yes"), (8192, "no")):
        Path(folder, name).mkdir(parents=True)
        for number in range(2):
            samples = np.full(frames, level + number, "<i2")
            Path(folder, name, f"{number}.wav").write_bytes(wav_bytes(samples.tobytes(), rate=rate))


def test_folders_of_recordings_are_classes() -> None:
    write_sounds("words")
    data = add(network((8, 1), scale=1 / 128), "words")
    assert data.classes == ("no", "yes")
    assert data.vectors.inputs[:, 0, 0].tolist() == [32, 32, -64, -64]
    assert "recordings of 16000 Hz; samples from -1 to 1" in data.preprocessing
    data = add(network((8, 1), scale=256.0), "words")
    assert data.vectors.inputs[:, 0, 0].tolist() == [32, 32, -64, -64]
    assert "samples from -32768 to 32767" in data.preprocessing


def test_the_length_of_a_recording_is_changed_only_on_request() -> None:
    write_sounds("words", 6)
    net = network((8, 1), scale=1 / 128)
    message = refused(net, "words")
    assert "words/no/0.wav: has 6 samples, but the input of net.tflite has [1, 8, 1]" in message
    data = add(net, "words", preprocess="pad,signed")
    assert data.vectors.inputs[0, :, 0].tolist() == [32] * 6 + [0, 0]
    write_sounds("long", 20)
    assert add(net, "long", preprocess="pad,signed").vectors.inputs.shape == (4, 8, 1)


def test_channels_are_averaged_only_on_request() -> None:
    left, right = np.full(8, 8192, "<i2"), np.full(8, -16384, "<i2")
    stereo = wav_bytes(np.stack([left, right], axis=1).tobytes(), channels=2)
    Path("x.wav").write_bytes(stereo)
    net = network((8,), scale=1 / 128)
    message = refused(net, "x.wav")
    assert "has 8 samples in 2 channels, but the input of net.tflite has [1, 8]" in message
    assert "to take the mean of the channels, --preprocess mono;" in message
    assert "--preprocess mono,pad" in refused(network((6,), scale=1 / 128), "x.wav")
    data = add(net, "x.wav", preprocess="mono,signed")
    assert data.vectors.inputs.tolist() == [[-16] * 8]
    assert "the mean of the channels, samples from -1 to 1" in data.preprocessing
    assert add(network((8, 2), scale=1 / 128), "x.wav").vectors.inputs[0, 0].tolist() == [32, -64]
    # 16 samples that take turns are no mono recording, neither whole nor padded.
    assert "in 2 channels" in refused(network((16,), scale=1 / 128), "x.wav")
    assert "in 2 channels" in refused(network((16, 1), scale=1 / 128), "x.wav", preprocess="pad")
    Path("mono.wav").write_bytes(wav_bytes(left.tobytes()))
    assert add(net, "mono.wav", preprocess="mono").vectors.inputs.tolist() == [[32] * 8]
    save(x=np.zeros((2, 8)))
    assert "mono is not for an array" in refused(net, "x.npy", preprocess="mono")


def test_a_long_recording_names_the_command_that_cuts_it() -> None:
    Path("x.wav").write_bytes(wav_bytes(bytes(2 * 100)))
    net = network((8,), scale=1 / 128)
    assert "sox x.wav part.wav trim 0 8s : newfile : restart" in refused(net, "x.wav")
    Path("x.wav").write_bytes(wav_bytes(bytes(2 * 9)))
    assert "sox" not in refused(net, "x.wav")


def test_all_recordings_have_one_sample_rate() -> None:
    write_sounds("words")
    net = network((8, 1), scale=1 / 128)
    message = refused(net, "words", rate=8000)
    assert "words/no/0.wav: has a sample rate of 16000 Hz, not 8000 Hz" in message
    sound = wav_bytes(bytes(16), rate=8000)
    Path("words/yes/1.wav").write_bytes(sound)
    assert "words/yes/1.wav: has a sample rate of 8000 Hz" in refused(net, "words")


def test_a_file_alone_is_one_vector() -> None:
    Image.new("L", (6, 4)).save("x.png")
    Path("x.wav").write_bytes(wav_bytes(np.arange(4, dtype="<i2").tobytes()))
    assert len(add(network((4, 6), scale=1.0, zero_point=-128), "x.png").vectors) == 1
    assert len(add(network((4,), scale=1 / 128), "x.wav").vectors) == 1


def test_files_without_folders_have_no_labels_or_those_of_a_table() -> None:
    write_sounds("words")
    net = network((8, 1), scale=1 / 128)
    assert add(net, "words/no").task == "agreement"
    Path("y.csv").write_text("file,word\nno/1.wav,yes\nno/0.wav,no\n")
    for labels in ("y.csv", "y.csv:word"):
        data = add(net, "words/no", labels=labels)
        assert data.vectors.class_labels.tolist() == [0, 1]  # by name, not by position
    Path("y.csv").write_text("file,word\nno/1.wav,yes\nno/2.wav,no\n")
    assert "y.csv: has no label for 0.wav" in refused(net, "words/no", labels="y.csv")


def test_files_of_one_name_are_told_apart_by_their_folders() -> None:
    net = network((8, 1), scale=1 / 128)
    for fold in (1, 2):
        Path(f"fold{fold}").mkdir()
        for name in "ab":
            Path(f"fold{fold}/{name}.wav").write_bytes(wav_bytes(bytes(16)))
    rows = "fold1/a.wav,dog\nfold2/a.wav,bird\nfold1/b.wav,bird\nfold2/b.wav,dog\n"
    Path("y.csv").write_text("file,name\n" + rows)
    for fold, labels in ((1, [1, 0]), (2, [0, 1])):
        data = add(net, f"fold{fold}", labels="y.csv")
        assert data.vectors.class_labels.tolist() == labels
    Path("y.csv").write_text("file,name\na.wav,dog\na.wav,bird\nb.wav,bird\n")
    message = refused(net, "fold1", labels="y.csv")
    assert "y.csv: has several labels for a.wav: a.wav,bird and a.wav,dog" in message
    Path("y.csv").write_text("file,name\nx/a.wav,dog\ny/a.wav,bird\nb.wav,bird\n")
    message = refused(net, "fold1", labels="y.csv")
    assert "several labels for a.wav: x/a.wav,dog and y/a.wav,bird" in message


def cut(path: str, size: int) -> Callable[[], object]:
    """Return what leaves `size` bytes of the file `path`."""
    return lambda: Path(path).write_bytes(Path(path).read_bytes()[:size])


def change(path: str, position: int) -> None:
    """Change one byte of the file `path`."""
    data = bytearray(Path(path).read_bytes())
    data[position] ^= 0xFF
    Path(path).write_bytes(data)


def bad(path: str, content: bytes = b"no picture") -> Callable[[], object]:
    return lambda: Path(path).write_bytes(content)


BAD_FOLDERS: dict[str, tuple[Callable[[], object], str]] = {
    "damaged": (bad("pets/dog/0.png", b"\x89PNG\r\n\x1a\n" + bytes(9)), "dog/0.png: is"),
    "empty": (bad("pets/dog/0.png", b""), "dog/0.png: is empty: it has 0 bytes\n  -> copy"),
    "empty JPEG": (bad("pets/dog/7.jpg", b""), "dog/7.jpg: is empty: it has 0 bytes"),
    "cut PNG": (
        cut("pets/dog/0.png", 44),
        "dog/0.png: is cut short: it has 44 bytes, but the chunk IDAT at byte 33 ends at",
    ),
    "start of a PNG": (
        cut("pets/dog/0.png", 5),
        "dog/0.png: is cut short: it ends after 5 bytes without PNG's last chunk",
    ),
    "changed PNG": (
        lambda: change("pets/dog/0.png", 45),
        "dog/0.png: is damaged: the chunk IDAT at byte 33 was changed",
    ),
    "cut JPEG": (
        cut("pets/dog/1.JPG", 300),
        "dog/1.JPG: is cut short: it ends after 300 bytes without JPEG's end mark",
    ),
    "cut BMP": (
        cut("pets/dog/2.bmp", 60),
        "dog/2.bmp: is cut short: it has 60 bytes, but its header states",
    ),
    "no picture": (bad("pets/dog/0.png"), "is not a PNG, JPEG or BMP picture: it is a text file"),
    "LFS": (bad("pets/dog/0.png", b"version https://git-lfs.github.com/spec/v1\n"), "git lfs pull"),
    "other size": (lambda: Image.new("L", (5, 4)).save("pets/dog/7.png"), "dog/7.png: has 5x4"),
    "16 bits": (
        lambda: Image.fromarray(np.zeros((4, 6), np.uint16)).save("pets/dog/7.png"),
        "dog/7.png: has more than 8 bits for each channel",
    ),
    "both kinds": (bad("pets/dog/0.wav", wav_bytes(b"")), "holds pictures and recordings"),
    "no class": (bad("pets/a.png"), "has 2 folders, but also files without a class: a.png"),
    "deeper": (
        lambda: Path("pets/dog/puppies").mkdir(),
        "pets/dog: holds the folder puppies, but should hold the files of a class",
    ),
}


@pytest.mark.parametrize("rule", BAD_FOLDERS)
def test_a_bad_file_in_a_folder_is_named(rule: str) -> None:
    change, message = BAD_FOLDERS[rule]
    write_pictures("pets")
    change()
    assert message in refused(network((4, 6, 3), scale=1 / 255, zero_point=-128), "pets")


def test_folders_and_options_that_do_not_fit_are_explained() -> None:
    write_pictures("pets")
    write_sounds("words")
    Path("none").mkdir()
    net = network((4, 6, 3), scale=0.3)
    assert "none: holds no PNG, JPEG, BMP or WAV files\n" in refused(net, "none")
    Path("none/song.mp3").write_bytes(b"ID3")
    assert "WAV files, but other files: song.mp3" in refused(net, "none")
    assert "which holds -38.4 to 38.1" in refused(net, "pets")
    assert "-> say how: --preprocess unit" in refused(net, "pets")
    assert "the folders in pets name the classes already" in refused(
        net, "pets", preprocess="unit", labels="y.npy"
    )
    assert "unit is not for a recording" in refused(net, "words", preprocess="unit")
    assert "resize is not for a recording" in refused(net, "words", preprocess="resize")
    assert "unknown step 'unti'\n  -> did you mean unit?" in refused(net, "pets", preprocess="unti")
    assert "names unit and raw" in refused(net, "pets", preprocess="unit,raw")
    big = network((4, 6, 7), scale=1 / 255, zero_point=-128)
    assert "a picture does not fit the input of net.tflite, [1, 4, 6, 7]" in refused(big, "pets")


# The user's own function

FEATURES = """
import numpy as np
from helper import GAIN

SAMPLE_RATE = 16000

def level(samples, rate):
    assert samples.dtype == np.float32 and rate == SAMPLE_RATE
    return samples.reshape(4, 2).mean(axis=1) * GAIN

def brightness(pixels):
    return pixels.mean(axis=(0, 1)) / 255

def double(row):
    return row * 2

def wrong(samples, rate):
    return samples[:3]

def text(samples, rate):
    return "loud"

def silent(samples, rate):
    with np.errstate(all="ignore"):
        return np.log(samples * 0)

def broken(samples, rate):
    return samples / {}

def ends(samples, rate):
    raise SystemExit(0)
"""


@pytest.fixture
def _features() -> None:
    Path("features.py").write_text(FEATURES)
    Path("helper.py").write_text("GAIN = 2\n")
    sys.modules.pop("helper", None)


@pytest.mark.usefixtures("_features")
def test_a_function_of_one_s_own_computes_the_input_and_is_recorded() -> None:
    write_sounds("words")
    data = add(network((4,), scale=1 / 64), "words", preprocess="features.py:level")
    assert data.vectors.inputs.tolist() == [[32] * 4] * 2 + [[-64] * 4] * 2
    digest = hashlib.sha256(FEATURES.encode()).hexdigest()
    assert f"recordings of 16000 Hz; features.py:level (SHA-256 {digest})" in data.preprocessing
    write_pictures("pets")
    of_pictures = add(
        network((3,), scale=1 / 255, zero_point=-128), "pets", preprocess="features.py:brightness"
    )
    assert of_pictures.vectors.inputs[0].tolist() == [72] * 3
    save(x=np.ones((2, 4), np.float32))
    of_arrays = add(network((4,), scale=1.0), "x.npy", preprocess="features.py:double")
    assert of_arrays.vectors.inputs.tolist() == [[2] * 4] * 2


BAD_FUNCTIONS = {
    "level2": "features.py: has no function 'level2'\n  -> did you mean level?",
    "wrong": "features.py:wrong: returns the shape [3] for words/no/0.wav, but the input of "
    "net.tflite has [1, 4]",
    "text": "returns values of type <U4 for words/no/0.wav",
    "silent": "returns values that are not finite for words/no/0.wav",
    "broken": "features.py: line 28: broken fails on words/no/0.wav: TypeError",
    "double": "double fails on words/no/0.wav: TypeError",
    "ends": "features.py: line 31: ends fails on words/no/0.wav: SystemExit: 0",
}


@pytest.mark.usefixtures("_features")
@pytest.mark.parametrize("name", BAD_FUNCTIONS)
def test_a_function_that_fails_is_named_with_its_line(name: str) -> None:
    write_sounds("words")
    message = refused(network((4,), scale=1 / 64), "words", preprocess=f"features.py:{name}")
    assert BAD_FUNCTIONS[name] in message


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("x = (\n", "features.py: line 1: cannot be imported: SyntaxError"),
        ("\nimport librosa_\n", "features.py: line 2: cannot be imported: ModuleNotFoundError"),
        ("import sys\nsys.exit(0)\n", "features.py: line 2: cannot be imported: SystemExit: 0"),
        ("SAMPLE_RATE = '16k'\ndef f(s, r): return s", "features.py: SAMPLE_RATE: is '16k'"),
    ],
)
def test_a_file_of_one_s_own_that_is_wrong_is_explained(source: str, message: str) -> None:
    Path("features.py").write_text(source)
    write_sounds("words")
    net = network((4,))
    assert message in refused(net, "words", preprocess="features.py:f")
    assert "does not name a function" in refused(net, "words", preprocess="features.py")
    assert "none.py: cannot be read" in refused(net, "words", preprocess="none.py:f")


def test_the_rate_of_a_function_is_checked() -> None:
    Path("features.py").write_text("SAMPLE_RATE = 8000\ndef f(samples, rate): return samples")
    write_sounds("words")
    message = refused(network((8,)), "words", preprocess="features.py:f")
    assert "has a sample rate of 16000 Hz, not 8000 Hz" in message
    message = refused(network((8,)), "words", preprocess="features.py:f", rate=16000)
    assert "--sample-rate: is 16000 Hz, but SAMPLE_RATE in features.py is 8000 Hz" in message


# No data


def test_random_inputs_take_all_values_and_repeat_with_their_seed() -> None:
    net = network((8, 8), scale=0.1)
    data = add(net, random=50, seed=3)
    assert set(np.unique(data.vectors.inputs)) == set(range(-128, 128))
    assert data.task == "agreement"
    assert data.vectors.labels is None
    assert data.data == "50 random inputs, seed 3"
    assert (add(net, random=50, seed=3).vectors.inputs == data.vectors.inputs).all()
    assert (add(net, random=50, seed=4).vectors.inputs != data.vectors.inputs).any()
    real = add(network((8, 8), scale=0.1, dtype=np.float32), random=50).vectors.inputs
    assert -12.8 <= real.min() < -12 < 12 < real.max() <= 12.7


def test_random_inputs_stand_alone() -> None:
    save(x=IMAGES)
    net = network((4, 6, 3))
    assert "--inputs: cannot be combined with --random" in refused(net, "x.npy", random=3)
    assert "--labels: cannot be combined" in refused(net, random=3, labels="y.npy")
    unused = {"classes": "a,b", "preprocess": "raw", "layout": "NCHW", "rate": 8000}
    for name, value in unused.items():
        message = refused(net, random=3, **{name: value})
        assert ": cannot be combined with --random\n  -> leave out --" in message
    assert "classification needs labels" in refused(net, random=3, task="classification")
    assert "--inputs: is missing" in refused(net)
    words = network((4,), dtype=np.int32)
    b = Builder()
    source = b.tensor((1, 4), dtype=np.int32)
    result = b.tensor((1, 4), dtype=np.int32)
    b.operator("ABS", [source], [result])
    content = b.build([source], [result])
    words = Network(content, parse(content, where="net.tflite"), Path("net.tflite"))
    assert "an input of type int32 without a scale" in refused(words, random=3)
    save(ids=np.array([[1, 2, 3, 70_000]]))
    assert add(words, "ids.npy").vectors.inputs.tolist() == [[1, 2, 3, 70_000]]


def test_options_without_effect_are_refused() -> None:
    save(x=IMAGES, real=np.arange(5) / 2)
    write_pictures("pets")
    write_sounds("words")
    net = network((4, 6, 3), scale=1 / 255, zero_point=-128)
    for labels, task in (("real.npy", "regression"), (None, "agreement")):
        message = refused(net, "x.npy", labels=labels, classes="a,b")
        assert f"--classes: has no effect: the task {task} has no classes" in message
        assert "-> leave out --classes" in message
    message = refused(net, "pets", layout="NCHW")
    assert "--layout NCHW: has no effect: it is for arrays and tables, not for pictures" in message
    for inputs, kind in (("pets", "pictures"), ("x.npy", "arrays")):
        message = refused(net, inputs, rate=8000)
        assert f"--sample-rate: has no effect: it is for recordings, not for {kind}" in message


def test_one_of_a_kind_is_singular(desk: Desk) -> None:
    Path("net.tflite").write_bytes(network((3,), outputs=2).data)
    _, out, _ = desk.run("add", "net.tflite", "--random", "1")
    assert "net: 1 vector; agreement" in out
    Path("one").mkdir()
    Image.new("L", (6, 4)).save("one/x.png")
    pictures = network((4, 6), scale=1.0, zero_point=-128)
    assert add(pictures, "one").data == "1 picture of one"
    save(x=np.zeros((1, 3), np.int8), y=np.zeros(2, np.int64))
    message = refused(network((3,)), "x.npy", labels="y.npy")
    assert "has type int64 and shape [2], but x.npy holds 1 vector\n" in message
    message = refused(network((3,)), "x.npy", "x.npy")
    assert "is given 2 times, but net.tflite has 1 input: x" in message


def test_a_model_without_data_is_added_in_one_command(desk: Desk) -> None:
    code, out, _ = desk.run("add", "net.tflite", "--random", "20", "--seed", "7")
    assert code == ExitCode.PASSED
    assert "20 vectors; agreement" in out
    model = desk.model("net")
    assert model.provenance.data == "20 random inputs, seed 7"
    assert model.preprocessing == "random: all values of int8"


def test_folders_of_recordings_become_a_model_in_one_command(desk: Desk) -> None:
    Path("features.py").write_text("def f(samples, rate): return samples[:3] * 64")
    write_sounds("words")
    arguments = ("--inputs", "words", "--preprocess", "features.py:f", "--quality-target", "0")
    code, out, _ = desk.run("add", "net.tflite", *arguments)
    assert code == ExitCode.PASSED
    assert "4 vectors; classification" in out
    model = desk.model("net")
    assert model.classes == ("no", "yes")
    assert "features.py:f (SHA-256 " in model.preprocessing


@pytest.mark.parametrize(
    "arguments",
    [
        ("--inputs", "x.csv", "--labels", "x.csv:label"),
        ("--inputs", "d.npz:x", "--labels", "onehot.npy"),
        ("--inputs", "nchw.npy", "--layout", "NCHW", "--labels", "y.txt"),
        ("--inputs", "d.npz:x", "--labels", "named.npy", "--classes", "d,c,b,a"),
    ],
)
def test_a_converter_s_network_reaches_its_quality_from_every_format(
    desk: Desk, arguments: tuple[str, ...]
) -> None:
    if not CASES.is_dir():
        pytest.skip("the converter's networks are not beside this checkout")
    inputs = np.load(CASES / "converter_inputs.npy")
    labels = np.load(CASES / "converter_labels.npy")
    frame = pd.DataFrame(inputs.reshape(len(inputs), -1))
    frame.insert(0, "label", labels)
    frame.to_csv("x.csv", index=False)
    np.savez("d.npz", x=inputs, y=labels)
    save(onehot=np.eye(4)[labels], named=np.array(list("dcba"))[labels])
    save(nchw=inputs.transpose(0, 2, 1))
    np.savetxt("y.txt", labels, fmt="%d")
    code, out, _ = desk.run("add", CASES / "converter_fullint8.tflite", *arguments)
    assert code == ExitCode.PASSED
    assert "quality of golden: 1.0000" in out


def test_the_example_on_the_page_computes_10_mfcc_of_49_frames() -> None:
    page = (Path(__file__).parents[2] / "docs" / "adding.md").read_text()
    Path("features.py").write_text(page.split("```python\n")[1].split("```")[0])
    Path("words").mkdir()
    for number, hertz in enumerate((300, 3000)):
        tone = np.sin(2 * np.pi * hertz * np.arange(12_000) / 16_000)  # less than a second
        samples = (tone * 20_000).astype("<i2")
        Path(f"words/{number}.wav").write_bytes(wav_bytes(samples.tobytes()))
    net = network((49, 10, 1), dtype=np.float32)
    low, high = add(net, "words", preprocess="features.py:mfcc").vectors.inputs
    assert low.shape == (49, 10, 1)
    assert low[5, 1, 0] > 0 > high[5, 1, 0]  # energy in low bands, and in high ones
    assert np.allclose(low[45:], low[-1], atol=1e-3)  # silence
