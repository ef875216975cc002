"""Runs a traced image, which sends the output of every layer."""

from harness.link import frame, messages
from harness.link.device_errors import MalformedMessageError
from harness.link.exchange import Exchange
from harness.link.messages import LayerOutput, Message, Result, Welcome
from harness.link.running import overdue

_LOOK = 5.0  # seconds between two looks at the deadline
_SLOWER = 2  # the deadline of a traced inference, which computes CRCs, relative to another's
_MOST = 1 << 16  # outputs of layers


class LostError(Exception):
    """A frame of a trace is missing or damaged."""


def trace(
    exchange: Exchange, welcome: Welcome, data: bytes, layer: int | None, deadline: float
) -> tuple[list[LayerOutput], Result]:
    """Return the output of each layer for the input `data`, the bytes only of `layer`.

    The device has twice the `deadline` of an inference, and the time of the outputs on the line.
    """
    sequence = exchange.next_sequence()
    exchange.send(Message.TRACE, sequence, messages.trace(data, layer))
    begin = exchange.device_time
    outputs: dict[tuple[int, int], LayerOutput] = {}
    received = 0  # bytes
    running = False
    while True:
        left = begin + _SLOWER * deadline + exchange.answer_time(received) - exchange.device_time
        if left <= 0:
            raise overdue(exchange, _SLOWER * deadline)
        wait = _LOOK if running else exchange.answer_time(welcome.output_size)
        answer = exchange.receive(min(wait, left))
        if answer is None and running:
            continue
        if answer is None or answer.is_damage:
            raise LostError
        if answer.sequence == sequence and answer.type == Message.LAYER:
            received += len(answer.body)
            _add(outputs, messages.parse_layer(answer.body, layer), received)
        elif answer.sequence == sequence and answer.type == Message.RESULT:
            return list(outputs.values()), messages.parse_result(answer.body, welcome)
        else:
            exchange.refuse(answer, (sequence,))
        running = running or answer.sequence == sequence


def _add(outputs: dict[tuple[int, int], LayerOutput], output: LayerOutput, received: int) -> None:
    """Add `output`; raise if the device sends one twice, or too many."""
    place = (output.layer, output.output)
    if place in outputs:
        raise MalformedMessageError(
            f"LAYER: output {output.output} of layer {output.layer} came twice in one trace",
            remedy=messages.REBUILD,
        )
    if len(outputs) == _MOST or received > frame.LONGEST:
        raise MalformedMessageError(
            f"LAYER: a trace of {len(outputs) + 1:,} outputs and {received:,} bytes; at most "
            f"{_MOST:,} and {frame.LONGEST:,} are allowed",
            remedy=messages.REBUILD,
        )
    outputs[place] = output
