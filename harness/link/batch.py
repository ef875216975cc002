"""Several inferences for one request, through a queue in the device's memory.

The host writes the inputs into the queue through the debug port, sends BATCH, and reads the
results there: docs/link.md. A batch costs one exchange, however many inferences it has.
"""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from harness.link import messages
from harness.link.device_errors import MalformedMessageError
from harness.link.exchange import Exchange
from harness.link.messages import Message, Result, Welcome
from harness.link.running import Request, request_run

_WORD = 4
_LEAST, _FACTOR = 5.0, 20.0  # seconds for any batch, and for each second that it should take
_HEADER = struct.Struct("<IIIII")  # CRC-32, ticks, coarse, stack, disturbed


@dataclass(frozen=True)
class Queue:
    """The device's memory for a batch, and the address of its count of the results there."""

    memory: range
    done_address: int

    def capacity(self, welcome: Welcome) -> int:
        """Return how many inputs fit."""
        return len(self.memory) // _stride(welcome)

    def inputs(self, inputs: Sequence[bytes], welcome: Welcome) -> bytes:
        """Return what to write: for each input its CRC-32, the input, and padding."""
        size = _stride(welcome)
        return b"".join(
            (zlib.crc32(data).to_bytes(_WORD, "little") + data).ljust(size, b"\0")
            for data in inputs
        )

    def result_bytes(self, count: int, welcome: Welcome) -> int:
        """Return how many bytes to read for `count` results."""
        return count * _result_size(welcome)

    def results(self, data: bytes, welcome: Welcome) -> list[Result]:
        """Parse what was read; `MalformedMessageError` if it is damaged."""
        size = _result_size(welcome)
        return [
            _result(data[begin : begin + size], welcome, begin // size)
            for begin in range(0, len(data), size)
        ]


def deadline_of(expected: float) -> float:
    """Return the deadline of a batch that should take `expected` seconds.

    A device that hangs is noticed soon, and one that becomes slower has time.
    """
    return _LEAST + _FACTOR * expected


def run_batch(exchange: Exchange, welcome: Welcome, count: int, deadline: float) -> None:
    """Run the first `count` inputs in the queue; the device has `deadline` seconds for all."""
    body = struct.pack("<I", count)
    request = Request(Message.BATCH, exchange.next_sequence(), body, Message.BATCHED, count)
    answer = request_run(exchange, request, welcome, deadline)
    if answer.body != body:
        raise MalformedMessageError(
            f"BATCHED: it has {answer.body.hex()}, not the {count:,} inputs of BATCH",
            remedy=messages.REBUILD,
        )


def _round_up(size: int) -> int:
    return -(-size // _WORD) * _WORD


def _result_size(welcome: Welcome) -> int:
    return _round_up(_HEADER.size + welcome.output_size)


def _stride(welcome: Welcome) -> int:
    """Return the bytes from one input to the next; no result is longer."""
    return max(_round_up(_WORD + welcome.input_size), _result_size(welcome))


def _result(data: bytes, welcome: Welcome, index: int) -> Result:
    crc, *_ = _HEADER.unpack_from(data)
    body = data[_WORD : _HEADER.size + welcome.output_size]
    if zlib.crc32(body) != crc:
        raise MalformedMessageError(
            f"result {index} of a batch was read with a wrong CRC-32",
            remedy="use --input-via=serial, or a lower `board.frequency` of the probe",
        )
    return messages.parse_result(body, welcome)
