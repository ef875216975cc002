"""WAV recordings of every uncompressed format, and what is wrong with others."""

import io
import struct
import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import InputError
from harness.intake.readers.wav_file import read_wav
from tests.support.wav import riff, wav_bytes


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("wav") / "x.wav"


@given(
    st.sampled_from([1, 2, 3, 4]),
    st.integers(1, 3),
    st.integers(1, 192_000),
    st.integers(1, 20),
    st.randoms(use_true_random=False),
)
def test_what_the_standard_library_writes_is_read(
    path: Path, width: int, channels: int, rate: int, frames: int, random: object
) -> None:
    content = np.random.default_rng(frames * rate).bytes(width * channels * frames)
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, width, rate, 0, "NONE", ""))
        file.writeframes(content)
    recording = read_wav(path)
    assert recording.rate == rate
    assert recording.samples.dtype == np.float32
    assert recording.samples.shape == ((frames,) if channels == 1 else (frames, channels))
    bias = 128 if width == 1 else 0
    whole = [
        int.from_bytes(content[at : at + width], "little", signed=width > 1) - bias
        for at in range(0, len(content), width)
    ]
    full_scale = 1 << (8 * width - 1)
    assert np.allclose(recording.samples.reshape(-1), np.array(whole) / full_scale, atol=1e-7)


@pytest.mark.parametrize("dtype", ["<f4", "<f8"])
def test_floating_point_is_read(path: Path, dtype: str) -> None:
    values = np.array([0, 0.5, -1, 1.25], dtype)
    path.write_bytes(wav_bytes(values.tobytes(), code=3, width=values.itemsize))
    assert read_wav(path).samples.tolist() == [0, 0.5, -1, 1.25]


def test_the_header_that_recorders_write_for_24_bits_is_read(path: Path) -> None:
    tail = bytes.fromhex("000000001000800000aa00389b71")
    extension = struct.pack("<HHIH", 22, 24, 0, 1) + tail
    path.write_bytes(wav_bytes(b"\0\0\x40", width=3, code=0xFFFE, extension=extension))
    assert read_wav(path).samples.tolist() == [0.5]


def test_other_chunks_and_an_unknown_size_are_passed_over(path: Path) -> None:
    form = struct.pack("<HHIIHH", 1, 1, 8000, 16000, 2, 16)
    chunks = [(b"LIST", b"abc"), (b"fmt ", form), (b"data", struct.pack("<2h", 0, 16384))]
    path.write_bytes(riff(chunks))
    assert read_wav(path).samples.tolist() == [0, 0.5]
    data = bytearray(riff(chunks))
    at = data.index(b"data") + 4
    for size in (b"\xff\xff\xff\xff", bytes(4)):  # written to a pipe
        data[at : at + 4] = size
        path.write_bytes(data)
        assert read_wav(path).samples.tolist() == [0, 0.5]


PCM = struct.pack("<4h", 1, 2, 3, 4)
BAD = {
    "no WAV": (b"1,2,3\n", "is not a WAV recording: it is a text file"),
    "MP3": (b"ID3\3\0\0\0" + bytes(20), "it is an MP3 recording"),
    "big-endian": (b"RIFX" + bytes(40), "is not a WAV recording"),
    "empty": (b"", "is empty: it has 0 bytes\n  -> copy"),
    "4 bytes": (b"RIFF", "is cut short: it has 4 bytes"),
    "half a header": (
        wav_bytes(PCM)[:30],
        "is cut short: it has 30 bytes, but its header states 52; no whole chunk `fmt `",
    ),
    "no data yet": (
        wav_bytes(PCM)[:38],
        "it has 38 bytes, but its header states 52; no whole chunk",
    ),
    "LFS": (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
    "ADPCM": (wav_bytes(PCM, code=0x11), "is compressed or unusual: IMA ADPCM"),
    "mu-law": (wav_bytes(PCM, code=7), "is compressed or unusual: mu-law"),
    "unknown": (wav_bytes(PCM, code=0x1234), "is compressed or unusual: format 0x1234"),
    "cut off": (wav_bytes(PCM)[:-3], "is cut short: it states 8 bytes of sound, but holds 5"),
    "no samples": (wav_bytes(b""), "holds no samples: its 44 bytes are only a header"),
    "other chunks only": (wav_bytes(b"") + b"LIST\4\0\0\0INFO", "holds no samples"),
    "half a frame": (wav_bytes(PCM[:-2], channels=2), "are not whole frames of 4"),
    "no channels": (wav_bytes(PCM, channels=0), "its format is 0 channels"),
    "no rate": (wav_bytes(PCM, rate=0), "at 0 Hz"),
    "wide": (wav_bytes(PCM, width=8), "8 bytes of integers a frame"),
    "NaN": (wav_bytes(struct.pack("<f", float("nan")), code=3, width=4), "not finite"),
    "no format": (riff([(b"data", PCM)]), "its format does not stand before the sound"),
    "no sound": (riff([]), "its 12 bytes have no whole chunk `fmt `"),
    "short format": (riff([(b"fmt ", b"\1\0"), (b"data", PCM)]), "its format is cut off"),
}


@pytest.mark.parametrize("rule", BAD)
def test_what_is_wrong_is_named_with_the_file(path: Path, rule: str) -> None:
    content, message = BAD[rule]
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_wav(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert caught.value.remedy


@given(st.binary(max_size=100), st.integers(0, 60), st.binary(min_size=1, max_size=8))
def test_any_bytes_are_read_or_refused(
    path: Path, content: bytes, position: int, changed: bytes
) -> None:
    data = bytearray(wav_bytes(content))
    data[position : position + len(changed)] = changed
    path.write_bytes(data)
    try:
        samples, message = read_wav(path).samples, str(path)
    except InputError as error:
        samples, message = np.zeros(0, np.float32), str(error)
    assert str(path) in message
    assert np.isfinite(samples).all()
    assert samples.nbytes <= 4 * len(data)


def test_the_helper_of_these_tests_writes_what_the_standard_library_reads() -> None:
    with wave.open(io.BytesIO(wav_bytes(PCM, rate=8000, channels=2))) as file:
        assert file.getparams()[:4] == (2, 2, 8000, 2)
        assert file.readframes(2) == PCM
