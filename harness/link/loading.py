"""Sends an input to the device with LOADs."""

from collections import deque

from harness.link import messages
from harness.link.exchange import Exchange
from harness.link.messages import Message, Welcome
from harness.link.retries import Retries

LOAD_DEADLINE = 60.0
"""Seconds for an input, in addition to its time on the line."""

_OVERHEAD = 24  # bytes of a LOAD: type, sequence, offset, CRC, COBS, delimiter
_PROBES = 16  # bytes of the window left by each LOAD, for the probes that a silent device gets
_LARGEST = 1000  # bytes of input in a LOAD; more does not fit the device's buffer for a frame


def load(exchange: Exchange, welcome: Welcome, data: bytes) -> None:
    """Transfer `data` to the device's input.

    When an answer is missing, the host sends a probe. The device handles frames in order, so
    the answer to the probe proves that its buffer is empty, and that what it has not acknowledged
    is lost. Only then does the host repeat it: the window can never overflow.
    """
    size = _size(welcome.window, exchange.burst)
    waiting = deque(range(0, len(data), size))
    in_flight: dict[int, bytes] = {}  # two at a time keep the line busy and fit the window
    probe: int | None = None
    answer_time = exchange.answer_time(welcome.window)
    end = exchange.device_time + LOAD_DEADLINE + exchange.answer_time(len(data))
    retries = Retries(exchange, "LOAD", answer_time)
    while waiting or in_flight:
        while probe is None and waiting and len(in_flight) < 2:  # noqa: PLR2004
            offset = waiting.popleft()
            sequence = exchange.next_sequence()
            in_flight[sequence] = messages.load(offset, data[offset : offset + size])
            exchange.send(Message.LOAD, sequence, in_flight[sequence])
        answer = exchange.receive(answer_time)
        if answer is None or answer.is_damage:
            if retries.again(answer) and (probe is None or not exchange.has_answers):
                probe = exchange.next_sequence() if probe is None else probe
                exchange.repeat(messages.PROBE, probe, b"")
        elif answer.type == Message.ACK:
            if in_flight.pop(answer.sequence, None) is not None:
                retries.progress()
        elif answer.type == Message.ERROR and answer.sequence == probe:
            probe = None
            for sequence, body in in_flight.items():
                exchange.send(Message.LOAD, sequence, body)
        else:
            exchange.refuse(answer, in_flight)
        if retries.left <= 0 or exchange.device_time > end:
            raise retries.failure()


def _size(window: int, burst: int | None) -> int:
    """Return the bytes of input in a LOAD: two LOADs and the probes fit the window."""
    size = window // 2 - _OVERHEAD - _PROBES
    if burst is not None:
        size = min(size, burst // 2 - _OVERHEAD)
    return min(size, _LARGEST)
