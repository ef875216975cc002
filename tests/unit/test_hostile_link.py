"""Devices that keep the host waiting or send impossible messages, on a clock of their own."""

import random
import struct
from collections.abc import Callable, Iterator
from itertools import repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.link import frame, loading, messages
from harness.link.device_errors import DeviceSilentError, MalformedMessageError
from harness.link.device_log import KEPT, DeviceLog
from harness.link.link_client import LinkClient
from harness.link.messages import Message
from harness.link.retries import ATTEMPTS
from tests.fuzz.fake_line import FakeLine, Sent
from tests.fuzz.hostile_link import BUILD_ID, INPUT_SIZE, OUTPUT_SIZE, STACK_SIZE, HostileLink

DATA = bytes(INPUT_SIZE)

Spoil = Callable[[int, list[bytes]], Iterator[Sent]]


class Spoilt:
    """An honest device; `spoil` replaces the answers to requests of the types in `spoilt`."""

    def __init__(self, *spoilt: int, spoil: Spoil) -> None:
        self._honest = HostileLink(random.Random(0))
        self._honest._hostile = -1.0
        self._spoilt = spoilt
        self._spoil = spoil
        self.heard: list[int] = []

    def starts(self) -> Iterator[Sent]:
        """Yield BOOT."""
        return self._honest.starts()

    def hears(self, data: bytes) -> Iterator[Sent]:
        """Yield the answer to a request, or what `spoil` makes of it."""
        (request,) = filter(None, frame.FrameDecoder().feed(data))
        self.heard.append(request[0])
        answers = [line for _, line in self._honest.hears(data)]
        if request[0] not in self._spoilt:
            return iter([(0.0, line) for line in answers])
        return self._spoil(request[1], answers)


def opened(*spoilt: int, spoil: Spoil) -> tuple[LinkClient, FakeLine, Spoilt]:
    device = Spoilt(*spoilt, spoil=spoil)
    line = FakeLine(device)
    return LinkClient(line, baud=115_200), line, device


def every(seconds: float, kind: int, body: bytes = b"") -> Spoil:
    """Send one message again and again, for ever."""
    return lambda sequence, _: repeat((seconds, message(kind, sequence, body)))


def message(kind: int, sequence: int, body: bytes) -> bytes:
    return frame.encode(bytes((kind, sequence)) + body)


LAYER = struct.pack("<4I", 0, 0, 40, 7)
SILENT = [
    (Message.HELLO, every(0.4, Message.LOG, b"x"), 13),
    (Message.HELLO, every(0.4, Message.ACK), 13),
    (Message.LOAD, every(3.0, Message.LOG, b"x"), 20),
    (Message.LOAD, every(0.0, Message.LOG, b"x" * 1000), 20),
    (Message.LOAD, lambda *_: iter(()), 20),
    (Message.RUN, every(20.0, Message.ACK), 90),
    (Message.RUN, every(0.5, Message.LOG, b"x"), 20),
    (Message.RUN, every(20.0, Message.ERROR, b"\1\0\0\0\0"), 90),
    (Message.RUN, every(0.0, 0x7F), 20),
]


@pytest.mark.parametrize("case", range(len(SILENT)))
def test_no_answer_extends_a_deadline(case: int) -> None:
    request, spoil, seconds = SILENT[case]
    client, line, _ = opened(request, messages.PROBE, spoil=spoil)
    with pytest.raises(DeviceSilentError):
        _infer(client)
    assert line.now < seconds + 5


def _infer(client: LinkClient) -> None:
    client.hello(BUILD_ID.hex())
    client.infer(DATA)


def computing(run: float, batch: float | None) -> Spoil:
    """Answer RUN and BATCH after so many seconds; BATCH never, if that is None."""

    def spoil(sequence: int, answers: list[bytes]) -> Iterator[Sent]:
        if len(answers) > 1:  # an honest device knows RUN, but not BATCH
            accepted, result = answers
            return iter([(0.0, accepted), (run, result)])
        accepted = message(Message.ACK, sequence, b"")
        if batch is None:
            return iter([(0.0, accepted)])
        done = message(Message.BATCHED, sequence, struct.pack("<I", COUNT))
        return iter([(0.0, accepted), (batch, done)])

    return spoil


COUNT = 50


ON_LINE = 0.0075  # seconds for ACK and RESULT


@pytest.mark.parametrize(
    ("inference", "deadline"), [(0.0, 12.5), (0.01, 22.5), (0.04, 52.5), (1.0, 60.0), (None, 60.0)]
)
def test_a_batch_that_hangs_is_noticed_soon(inference: float | None, deadline: float) -> None:
    """It has 5 s, and 20 times what it should take; at most as long as one inference has."""
    if deadline < 60.0:
        assert inference is not None
        assert deadline == pytest.approx(5 + 20 * COUNT * (inference + ON_LINE))
    spoil = computing(inference or 0.0, None)
    client, line, device = opened(Message.RUN, Message.BATCH, spoil=spoil)
    client.hello(BUILD_ID.hex())
    if inference is not None:
        client.infer(DATA)
    began = line.now
    with pytest.raises(DeviceSilentError, match="a batch of 50 inferences did not end") as error:
        client.run_batch(COUNT)
    assert float(error.value.what.split()[-2]) == pytest.approx(deadline, abs=0.2)
    # After the deadline, the answer may be lost: it is asked for once more.
    assert device.heard.count(Message.BATCH) == 2
    assert line.now - began < deadline + 19


@pytest.mark.parametrize(("inference", "batch"), [(0.01, 14.0), (0.0001, 5.0), (1.0, 59.0)])
def test_a_batch_may_take_much_longer_than_the_inference_before(
    inference: float, batch: float
) -> None:
    client, line, device = opened(Message.RUN, Message.BATCH, spoil=computing(inference, batch))
    client.hello(BUILD_ID.hex())
    client.infer(DATA)
    began = line.now
    client.run_batch(COUNT)
    assert line.now - began > batch
    assert device.heard.count(Message.BATCH) == 1
    client.run_batch(COUNT)  # the device has become that slow


def test_time_in_which_a_device_stands_still_is_not_that_of_its_batch() -> None:
    device = Spoilt(Message.RUN, Message.BATCH, spoil=computing(0.001, 1.0))
    line = FakeLine(device, stopped=(1.0, 40.0))
    client = LinkClient(line, baud=115_200)
    client.hello(BUILD_ID.hex())
    client.infer(DATA)
    assert line.now < 1.0
    client.run_batch(COUNT)  # which has 6 s
    assert line.now > 40.0
    assert device.heard.count(Message.BATCH) == 1


@pytest.mark.parametrize("seconds", [0.0, 1.0, 59.0])
def test_a_trace_of_layers_without_end_ends(seconds: float) -> None:
    def layers(sequence: int, _: list[bytes]) -> Iterator[Sent]:
        for layer in range(1 << 32):
            body = struct.pack("<4I", layer % (1 << 16), layer >> 16, 40, 7)
            yield (seconds, message(Message.LAYER, sequence, body))

    client, line, _ = opened(Message.TRACE, spoil=layers)
    client.hello(BUILD_ID.hex())
    with pytest.raises((DeviceSilentError, MalformedMessageError)):
        client.trace(DATA)
    assert line.now < 600


def test_a_layer_that_comes_twice_is_named() -> None:
    client, _, _ = opened(Message.TRACE, spoil=every(1.0, Message.LAYER, LAYER))
    client.hello(BUILD_ID.hex())
    with pytest.raises(MalformedMessageError, match="output 0 of layer 0 came twice"):
        client.trace(DATA)


def welcomed(**fields: int) -> Spoil:
    """Answer HELLO with other values of some fields."""
    names = ["window", "address", "input_size", "output_size", "arena_size", "stack_size"]

    def spoil(_: int, answers: list[bytes]) -> Iterator[Sent]:
        (payload,) = filter(None, frame.FrameDecoder().feed(answers[0]))
        changed = bytearray(payload)
        for name, value in fields.items():
            struct.pack_into("<I", changed, 23 + 4 * names.index(name), value)
        yield (0.0, frame.encode(bytes(changed)))

    return spoil


@pytest.mark.parametrize("window", [0, 48, 127, 2**32 - 1])
def test_an_impossible_window_is_named(window: int) -> None:
    client, line, _ = opened(Message.HELLO, spoil=welcomed(window=window))
    with pytest.raises(MalformedMessageError) as error:
        client.hello(BUILD_ID.hex())
    assert str(error.value) == (
        f"hostile device: WELCOME: window is {window:,}; 128 to 65,536 is allowed\n"
        f"  -> {messages.REBUILD}"
    )
    assert line.now < 5


@pytest.mark.parametrize("window", [128, 129, 256, 2048, 1 << 16])
def test_every_possible_window_works(window: int) -> None:
    client, _, _ = opened(Message.HELLO, spoil=welcomed(window=window))
    client.hello(BUILD_ID.hex())
    assert client.infer(DATA).output == bytes(OUTPUT_SIZE)
    assert client.retries == 0


@given(window=st.integers(128, 1 << 16))
def test_the_window_has_room_for_two_loads_and_the_probes_of_a_silence(window: int) -> None:
    size = loading._size(window, None)
    load = 1 + len(message(Message.LOAD, 0, messages.load(0, b"x" * size)))
    probe = 1 + len(message(messages.PROBE, 0, b""))
    assert 0 < size <= 1000
    assert 2 * load + (ATTEMPTS - 1) * probe <= window


def test_a_welcome_cut_short_names_its_length() -> None:
    cut = lambda sequence, _: iter([(0.0, message(Message.WELCOME, sequence, b"\3" * 20))])  # noqa: E731
    client, _, _ = opened(Message.HELLO, spoil=cut)
    with pytest.raises(MalformedMessageError, match="WELCOME: its body has 20 bytes; 58 to 89"):
        client.hello(BUILD_ID.hex())


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (bytes(16 + OUTPUT_SIZE + 1), f"RESULT: its body has {17 + OUTPUT_SIZE} bytes; 716 are"),
        (bytes(16 + OUTPUT_SIZE - 1), f"RESULT: its body has {15 + OUTPUT_SIZE} bytes; 716 are"),
        (b"", "RESULT: its body has 0 bytes"),
        (
            struct.pack("<4I", 1, 0, STACK_SIZE + 1, 0) + bytes(OUTPUT_SIZE),
            "RESULT: stack used is 4,097; 0 to 4,096 is allowed",
        ),
    ],
)
def test_an_impossible_result_is_named(body: bytes, text: str) -> None:
    spoil: Spoil = lambda sequence, _: iter([(0.0, message(Message.RESULT, sequence, body))])  # noqa: E731
    client, _, _ = opened(Message.RUN, spoil=spoil)
    with pytest.raises(MalformedMessageError, match=text):
        _infer(client)


def test_an_error_of_a_wrong_length_is_named() -> None:
    client, _, _ = opened(Message.RUN, spoil=every(1.0, Message.ERROR, b"\1"))
    with pytest.raises(MalformedMessageError, match="ERROR: its body has 1 bytes; 5 are allowed"):
        _infer(client)


def test_of_a_long_log_the_first_and_the_last_is_kept() -> None:
    def spoil(_: int, answers: list[bytes]) -> Iterator[Sent]:
        for number in range(1000):
            yield (0.0, message(Message.LOG, 0, b"message %d of the firmware " % number * 20))
        yield from ((0.0, line) for line in answers)

    client, _, _ = opened(Message.RUN, spoil=spoil)
    _infer(client)
    assert client.log[0].startswith("message 0 ")
    assert client.log[-1].startswith("message 999 ")
    assert sum(map(len, client.log)) < 2 * KEPT + 100
    (gap,) = (text for text in client.log if text.endswith("left out]"))
    messages_left_out = 1001 - len(client.log)
    assert gap.startswith(f"[{messages_left_out:,} messages with ")


def test_what_a_device_logs_before_hello_belongs_to_every_run() -> None:
    """In order; what another life of the device has logged does not."""

    class Talking(Spoilt):
        def starts(self) -> Iterator[Sent]:
            yield (0.0, message(Message.LOG, 0, b"an earlier life"))
            yield from super().starts()
            yield from ((0.1, message(Message.LOG, 0, b"start %d" % i)) for i in range(3))

    def spoil(_: int, answers: list[bytes]) -> Iterator[Sent]:
        yield (0.0, message(Message.LOG, 0, b"run"))
        yield from ((0.0, line) for line in answers)

    client = LinkClient(FakeLine(Talking(Message.RUN, spoil=spoil)), baud=115_200)
    start = ["start 0", "start 1", "start 2"]
    for _ in range(2):  # runs; the second one begins with HELLO, as after a heap was used
        client.hello(BUILD_ID.hex())
        client.clear_log()
        assert client.log == start
        client.infer(DATA)
        assert client.log == [*start, "run"]


def test_a_start_that_never_ends_to_log_takes_little_memory() -> None:
    log = DeviceLog()
    for part in (log.end_start, log.end_start, log.clear):
        for number in range(2000):
            log.add(f"{number} " * 200)
        part()
    assert sum(map(len, log.messages())) <= 2 * KEPT + 100
    log.restart()
    assert log.messages() == []


@given(st.lists(st.integers(0, 9000), max_size=200))
def test_a_log_is_bounded_and_nothing_else_is_left_out(lengths: list[int]) -> None:
    log = DeviceLog()
    for length in lengths:
        log.add("x" * length)
    kept = log.messages()
    assert sum(map(len, kept)) <= 2 * KEPT + 100
    if sum(min(length, 4096) + 40 for length in lengths) < KEPT:
        assert [len(text) for text in kept if len(text) <= 4096] == [
            length for length in lengths if length <= 4096
        ]
        assert len(kept) == len(lengths)


def test_a_frame_that_never_ends_takes_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame, "LONGEST", 10_000)
    decoder = frame.FrameDecoder()
    for _ in range(100):
        assert list(decoder.feed(b"x" * 999)) == []
        assert len(decoder._partial) <= 10_000
    assert decoder.within
    assert list(decoder.feed(b"\0" + frame.encode(b"abc"))) == [None, b"abc"]
