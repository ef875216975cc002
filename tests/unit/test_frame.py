"""One table of cases for both frame codecs, the host's and the firmware's."""

import ctypes
import zlib
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.link import frame
from tests.support import host
from tests.support.link_cases import CAPACITY, FRAMES, ONE

MORE, READY, BAD = range(3)

Decode = Callable[[bytes], list[bytes | None]]
Encode = Callable[[bytes], bytes]


class CDecoder(ctypes.Structure):
    """frame_decoder_t."""

    _fields_ = (
        ("buffer", ctypes.c_void_p),
        ("capacity", ctypes.c_uint32),
        ("length", ctypes.c_uint32),
        ("crc", ctypes.c_uint32),
        ("code", ctypes.c_uint8),
        ("left", ctypes.c_uint8),
        ("overflow", ctypes.c_bool),
    )


class CEncoder(ctypes.Structure):
    """frame_encoder_t."""

    _fields_ = (
        ("write", ctypes.c_void_p),
        ("crc", ctypes.c_uint32),
        ("fill", ctypes.c_uint32),
        ("block", ctypes.c_uint8 * 254),
    )


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    return host.frame_library(tmp_path_factory.mktemp("frame"))


def decode_c(library: ctypes.CDLL, data: bytes) -> list[bytes | None]:
    buffer = ctypes.create_string_buffer(CAPACITY)
    decoder = CDecoder()
    library.frame_decoder_init(ctypes.byref(decoder), buffer, CAPACITY)
    frames: list[bytes | None] = []
    for byte in data:
        status = library.frame_decode(ctypes.byref(decoder), ctypes.c_uint8(byte))
        if status == READY:
            frames.append(buffer.raw[: decoder.length])
        elif status == BAD:
            frames.append(None)
    return frames


def encode_c(library: ctypes.CDLL, payload: bytes) -> bytes:
    sent = bytearray()
    write = ctypes.CFUNCTYPE(None, ctypes.c_uint8)(sent.append)
    encoder = CEncoder()
    library.frame_begin(ctypes.byref(encoder), write)
    library.frame_put(ctypes.byref(encoder), payload, len(payload))
    library.frame_end(ctypes.byref(encoder))
    return bytes(sent)


def decode_python(data: bytes) -> list[bytes | None]:
    return list(frame.FrameDecoder().feed(data))


@pytest.mark.parametrize("case", FRAMES)
def test_the_host_decodes(case: str) -> None:
    data, frames = FRAMES[case]
    assert decode_python(data) == frames


@pytest.mark.parametrize("case", FRAMES)
def test_the_firmware_decodes(library: ctypes.CDLL, case: str) -> None:
    data, frames = FRAMES[case]
    assert decode_c(library, data) == frames


def test_a_frame_larger_than_the_buffer_is_damaged_and_the_next_is_whole(
    library: ctypes.CDLL,
) -> None:
    data = frame.encode(b"x" * (CAPACITY - 3)) + ONE
    assert decode_c(library, data) == [None, b"\x01"]


@given(payload=st.binary(min_size=1, max_size=CAPACITY - 4))
def test_each_codec_understands_the_other(library: ctypes.CDLL, payload: bytes) -> None:
    assert decode_c(library, frame.encode(payload)) == [payload]
    assert decode_python(encode_c(library, payload)) == [payload]


@given(payload=st.binary(min_size=1, max_size=CAPACITY - 4))
def test_only_the_last_byte_of_a_frame_is_zero(library: ctypes.CDLL, payload: bytes) -> None:
    for data in (frame.encode(payload), encode_c(library, payload)):
        assert data.index(0) == len(data) - 1


@given(data=st.binary(max_size=3000))
def test_any_bytes_are_survived_and_both_codecs_agree(library: ctypes.CDLL, data: bytes) -> None:
    # The firmware's buffer is bounded, the host's is not: keep to frames that fit both.
    data = b"\0".join(piece[:CAPACITY] for piece in data.split(b"\0"))
    assert decode_c(library, data + b"\0" + ONE) == decode_python(data + b"\0" + ONE)
    assert decode_python(data + b"\0" + ONE)[-1] == b"\x01"


@given(
    payloads=st.lists(st.binary(min_size=1, max_size=300), max_size=5),
    cuts=st.lists(st.integers(0, 1500), max_size=10),
)
def test_where_a_read_ends_does_not_matter(payloads: list[bytes], cuts: list[int]) -> None:
    data = b"".join(map(frame.encode, payloads))
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    decoder = frame.FrameDecoder()
    frames = [got for start, end in pairwise(edges) for got in decoder.feed(data[start:end])]
    assert frames == payloads


@given(payload=st.binary(min_size=1, max_size=200), bit=st.integers(min_value=0))
def test_no_single_flipped_bit_passes(library: ctypes.CDLL, payload: bytes, bit: int) -> None:
    data = bytearray(frame.encode(payload)[:-1])
    data[bit // 8 % len(data)] ^= 1 << bit % 8
    for frames in (decode_python(bytes(data) + b"\0"), decode_c(library, bytes(data) + b"\0")):
        assert payload not in frames
        assert all(got is None for got in frames)


@given(data=st.binary(max_size=3000))
def test_both_compute_the_same_crc(library: ctypes.CDLL, data: bytes) -> None:
    library.frame_crc.restype = ctypes.c_uint32
    assert library.frame_crc(data, len(data)) == zlib.crc32(data)


def test_payload_efficiency_is_at_least_97_percent_for_large_inputs() -> None:
    chunk = 1000  # what the client puts into one LOAD for a window of 2048 bytes
    message = bytes(6) + bytes(range(256)) * 4
    assert chunk / len(frame.encode(message[: 6 + chunk])) >= 0.97
