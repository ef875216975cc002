"""The messages of the link, as in firmware/link/message.h and docs/link.md."""

import re
import struct
import zlib
from dataclasses import dataclass
from enum import IntEnum

from harness.errors import InfrastructureError
from harness.link.device_errors import MalformedMessageError
from harness.link.frame import LONGEST, encode

VERSION = 3
REBUILD = "build the firmware with this harness, and check what it gives to link_start()"
"""The remedy for a message that breaks the protocol."""

PROBE = 0x00
"""A type that no device knows: its ERROR shows that everything before it was handled."""

_NO_LAYER = 0xFFFF_FFFF
_LARGEST = LONGEST - 1024  # bytes of an input, an output or a layer: it fits a frame
_LIMITS = {
    "window": (128, 1 << 16),
    "input_size": (1, _LARGEST),
    "output_size": (1, _LARGEST),
    "arena_size": (0, 1 << 30),
    "stack_size": (0, 1 << 30),
    "counter_overhead": (0, 1 << 30),
    "coarse_ticks": (0, 1 << 28),
}
"""The least and the most of fields of WELCOME."""

_NAME = re.compile(r"[ -~]{1,32}")  # printable ASCII
_MOST_LAYERS = 1 << 16


class Message(IntEnum):
    """The first byte of a frame."""

    HELLO = 0x01
    LOAD = 0x02
    RUN = 0x03
    TRACE = 0x04
    PROFILE = 0x05
    CLOCK = 0x06
    BATCH = 0x07
    RESET = 0x08
    WELCOME = 0x81
    ACK = 0x82
    RESULT = 0x83
    ERROR = 0x84
    BOOT = 0x85
    LOG = 0x86
    FAULT = 0x87
    LAYER = 0x88
    TICKS = 0x89
    COUNT = 0x8A
    BATCHED = 0x8B


class DeviceError(IntEnum):
    """Why a device refused a request."""

    BAD_FRAME = 1
    NO_SESSION = 2
    UNKNOWN = 3
    LENGTH = 4
    RANGE = 5
    ENGINE = 6
    INPUT = 7


@dataclass(frozen=True)
class Welcome:
    """The device's description of itself, its answer to HELLO. Sizes are in bytes.

    `input_address` is the address of the input tensor in the device's memory. `counter_overhead`
    is the ticks of an empty bracket; `coarse_ticks` is the ticks per tick of the coarse
    counter, 0 if there is no coarse counter.
    """

    nonce: int
    build_id: str
    window: int
    input_address: int
    input_size: int
    output_size: int
    arena_size: int
    stack_size: int
    counter_overhead: int
    coarse_ticks: int
    engine_status: int
    counter: str


@dataclass(frozen=True)
class Result:
    """The result of one inference.

    `ticks` of the device's counter and of its `coarse` counter; `stack`: bytes of stack used since
    start; `disturbed`: bytes that arrived on the line during the inference (0 in a valid
    measurement); `output`: bytes of the output tensors.
    """

    ticks: int
    coarse: int
    stack: int
    disturbed: int
    output: bytes


@dataclass(frozen=True)
class LayerOutput:
    """The result of a layer in a traced image: output number `output` of layer `layer`.

    `size` is in bytes, `crc` is the CRC-32 of the output; `data` is the output, or empty if it
    was not requested.
    """

    layer: int
    output: int
    size: int
    crc: int
    data: bytes


@dataclass(frozen=True)
class LayerTicks:
    """The counts of a profiled image's last inference, in ticks of the device's counter.

    `layers` has the ticks of each layer, indexed as in the model, including the hook at its end;
    `hook` is the ticks of one hook.
    """

    hook: int
    layers: tuple[int, ...]


@dataclass(frozen=True)
class Fault:
    """The registers of a fault (Armv7-M ARM, B1.5.6 and B3.2.15 to B3.2.18)."""

    r0: int
    r1: int
    r2: int
    r3: int
    r12: int
    lr: int
    pc: int
    xpsr: int
    sp: int
    exc_return: int
    cfsr: int
    hfsr: int
    mmfar: int
    bfar: int


_WELCOME = struct.Struct("<BI16s8Ii")
_RESULT = struct.Struct("<IIII")
_LAYER = struct.Struct("<IIII")
_TICK = struct.Struct("<I")
_ERROR = struct.Struct("<BI")
_FAULT = struct.Struct("<14I")


def hello(nonce: int) -> bytes:
    """Return the body of HELLO with a 32-bit `nonce`."""
    return struct.pack("<I", nonce)


def load(offset: int, data: bytes) -> bytes:
    """Return the body of LOAD, which writes `data` at byte `offset` of the input."""
    return struct.pack("<I", offset) + data


def run(data: bytes) -> bytes:
    """Return the body of RUN for an input tensor that contains `data`."""
    return struct.pack("<I", zlib.crc32(data))


def trace(data: bytes, layer: int | None) -> bytes:
    """Return the body of TRACE for the input `data`; it requests the whole output of `layer`."""
    return run(data) + struct.pack("<I", _NO_LAYER if layer is None else layer)


def parse_welcome(body: bytes) -> Welcome:
    """Parse the body of WELCOME.

    Raises `InfrastructureError` if the firmware uses another version, `MalformedMessageError` if a
    field is out of its range.
    """
    if not body or body[0] != VERSION:
        version = str(body[0]) if body else "unknown"
        raise InfrastructureError(
            f"the firmware uses link version {version}, this harness version {VERSION}",
            remedy="build the firmware with this harness",
        )
    _check_size("WELCOME", body, _WELCOME.size + 1, most=_WELCOME.size + 32)
    values = _WELCOME.unpack_from(body)
    welcome = Welcome(
        nonce=values[1],
        build_id=values[2].hex(),
        window=values[3],
        input_address=values[4],
        input_size=values[5],
        output_size=values[6],
        arena_size=values[7],
        stack_size=values[8],
        counter_overhead=values[9],
        coarse_ticks=values[10],
        engine_status=values[11],
        counter=body[_WELCOME.size :].decode("ascii", "replace"),
    )
    for field, (least, most) in _LIMITS.items():
        _check_range("WELCOME", field, getattr(welcome, field), least, most)
    if not _NAME.fullmatch(welcome.counter):
        raise MalformedMessageError(
            f"WELCOME: counter is {welcome.counter!r}; a name is printable ASCII", remedy=REBUILD
        )
    return welcome


def _check_size(message: str, body: bytes, least: int, *, most: int | None = None) -> None:
    """Check the length of `body`, which is `least` bytes unless there is a `most`."""
    most = least if most is None else most
    if not least <= len(body) <= most:
        allowed = f"{least:,}" if least == most else f"{least:,} to {most:,}"
        raise MalformedMessageError(
            f"{message}: its body has {len(body):,} bytes; {allowed} are allowed", remedy=REBUILD
        )


def _check_range(message: str, field: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise MalformedMessageError(
            f"{message}: {field} is {value:,}; {least:,} to {most:,} is allowed", remedy=REBUILD
        )


def result_size(output_size: int) -> int:
    """Return the size of a RESULT on the line in bytes, including header and frame."""
    return len(encode(bytes(2 + _RESULT.size + output_size)))


def parse_result(body: bytes, welcome: Welcome) -> Result:
    """Parse the body of RESULT; `MalformedMessageError` if it contradicts `welcome`."""
    _check_size("RESULT", body, _RESULT.size + welcome.output_size)
    ticks, coarse, stack, disturbed = _RESULT.unpack_from(body)
    if welcome.stack_size:
        _check_range("RESULT", "stack used", stack, 0, welcome.stack_size)
    return Result(ticks, coarse, stack, disturbed, body[_RESULT.size :])


def parse_layer(body: bytes, wanted: int | None) -> LayerOutput:
    """Parse the body of LAYER; it has the output of the layer `wanted`.

    Raises `MalformedMessageError` if its fields are out of range or contradict each other.
    """
    _check_size("LAYER", body, _LAYER.size, most=_LAYER.size + _LARGEST)
    layer, output, size, crc = _LAYER.unpack_from(body)
    _check_range("LAYER", "layer", layer, 0, _MOST_LAYERS - 1)
    _check_range("LAYER", "output", output, 0, _MOST_LAYERS - 1)
    _check_range("LAYER", "size", size, 0, _LARGEST)
    _check_size("LAYER", body, _LAYER.size + (size if layer == wanted else 0))
    return LayerOutput(layer, output, size, crc, body[_LAYER.size :])


def parse_ticks(body: bytes) -> LayerTicks:
    """Parse the body of TICKS; `MalformedMessageError` if its length is invalid."""
    _check_size("TICKS", body, _TICK.size, most=_TICK.size * (1 + _MOST_LAYERS))
    _check_size("TICKS", body, len(body) // _TICK.size * _TICK.size)
    hook, *layers = (ticks for (ticks,) in _TICK.iter_unpack(body))
    return LayerTicks(hook, tuple(layers))


def parse_count(body: bytes) -> int:
    """Parse the body of COUNT; `MalformedMessageError` if its length is invalid."""
    _check_size("COUNT", body, _TICK.size)
    (ticks,) = _TICK.unpack(body)
    return int(ticks)


def parse_error(body: bytes) -> tuple[int, int]:
    """Return code and detail of ERROR; `MalformedMessageError` if the length is invalid."""
    _check_size("ERROR", body, _ERROR.size)
    code, detail = _ERROR.unpack(body)
    return (code, detail)


def parse_fault(body: bytes) -> Fault | None:
    """Parse the body of FAULT; None if the body is invalid."""
    return Fault(*_FAULT.unpack(body)) if len(body) == _FAULT.size else None
