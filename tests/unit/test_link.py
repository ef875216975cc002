"""The host's half of the link against the real firmware, built for this machine."""

import os
import random
import socket
import struct
import subprocess
import threading
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import InfrastructureError
from harness.link import exchange, frame, link_client, messages
from harness.link.channel import Channel, LineClosedError
from harness.link.device_errors import (
    DeviceFaultError,
    DeviceRefusedError,
    DeviceRestartedError,
    DeviceSilentError,
    MalformedMessageError,
)
from harness.link.fault_registers import code_location
from harness.link.link_client import LinkClient
from harness.link.messages import Message
from harness.measure.core_clock import bounds_of
from tests.support import host

BUILD_ID = "0" * 32  # of a firmware built by hand
SIZE = 5000  # bytes of tests/data/firmware/identity's tensors

WELCOME = messages.Welcome(0, BUILD_ID, 2048, 0, SIZE, SIZE, 0, 0, 0, 0, 0, "host")
NOT_YET = (bytes((Message.BOOT, 0)), bytes((Message.ACK, 3)), bytes((Message.ACK, 4)))

Disturb = Callable[[bytes], bytes]


@pytest.fixture(scope="module")
def firmware(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return host.build_firmware(tmp_path_factory.mktemp("identity"), "identity")


@pytest.fixture(autouse=True)
def short_deadlines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "_ANSWER_DEADLINE", 0.05)
    monkeypatch.setattr(link_client, "_HELLO_PERIOD", 0.05)
    monkeypatch.setattr(link_client, "RUN_DEADLINE", 0.5)


@contextmanager
def started(firmware: Path) -> Iterator[socket.socket]:
    """The firmware as a process on a socket."""
    ours, theirs = socket.socketpair()
    with (
        ours,
        subprocess.Popen([str(firmware)], stdin=theirs.fileno(), stdout=theirs.fileno()) as process,
    ):
        theirs.close()
        try:
            yield ours
        finally:
            process.kill()


@contextmanager
def link(firmware: Path) -> Iterator[LinkClient]:
    with started(firmware) as line:
        yield LinkClient(Channel(line.fileno(), name="test"), baud=1_000_000)


@contextmanager
def disturbed_link(firmware: Path, to_device: Disturb, to_host: Disturb) -> Iterator[LinkClient]:
    """A link over a line that changes what passes."""
    with started(firmware) as device:
        ours, relay = socket.socketpair()

        def pump(source: socket.socket, sink: socket.socket, disturb: Disturb) -> None:
            try:
                while data := source.recv(4096):
                    sink.sendall(disturb(data))
            except OSError:
                pass

        threads = [
            threading.Thread(target=pump, args=(relay, device, to_device)),
            threading.Thread(target=pump, args=(device, relay, to_host)),
        ]
        for thread in threads:
            thread.start()
        try:
            yield LinkClient(Channel(ours.fileno(), name="test"), baud=1_000_000)
        finally:
            for end in (ours, device):
                end.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join(5)
            ours.close()
            relay.close()


@contextmanager
def scripted(*answers: bytes) -> Iterator[tuple[LinkClient, socket.socket]]:
    """A link whose other end has said `answers` and says nothing more."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        for answer in answers:
            theirs.sendall(frame.encode(answer))
        yield LinkClient(Channel(ours.fileno(), name="test"), baud=1_000_000), theirs


def same(data: bytes) -> bytes:
    return data


def test_a_device_says_what_it_is(firmware: Path) -> None:
    with link(firmware) as device:
        welcome = device.hello(BUILD_ID)
    assert (welcome.input_size, welcome.output_size) == (SIZE, SIZE)
    assert welcome.build_id == BUILD_ID
    assert welcome.counter == "host"
    assert welcome.engine_status == 0


def test_what_is_loaded_is_what_runs(firmware: Path) -> None:
    with link(firmware) as device:
        device.hello(BUILD_ID)
        for _ in range(20):
            data = os.urandom(SIZE)
            result = device.infer(data)
            assert result.output == data
            assert result.disturbed == 0
        assert device.retries == 0


@pytest.mark.parametrize("direction", ["to the device", "to the host", "both ways"])
@pytest.mark.parametrize("fault", ["drop", "flip", "double"])
def test_a_bad_line_costs_time_and_never_a_wrong_answer(
    firmware: Path, direction: str, fault: str
) -> None:
    rng = random.Random(f"{direction} {fault}")

    def disturb(data: bytes) -> bytes:
        out = bytearray()
        for byte in data:
            hit = rng.random() < 1 / 15_000
            if hit and fault == "flip":
                out.append(byte ^ 1 << rng.randrange(8))
            elif hit and fault == "double":
                out += bytes((byte, byte))
            elif not hit:
                out.append(byte)
        return bytes(out)

    to_device = same if direction == "to the host" else disturb
    to_host = same if direction == "to the device" else disturb
    with disturbed_link(firmware, to_device, to_host) as device:
        device.hello(BUILD_ID)
        for _ in range(30):
            data = rng.randbytes(SIZE)
            assert device.infer(data).output == data
        assert device.retries > 0


def test_a_bad_line_costs_time_and_never_a_wrong_clock(firmware: Path) -> None:
    """What was lost or came twice makes a reading uncertain; its bounds still hold."""
    rng = random.Random(0)

    def disturb(data: bytes) -> bytes:
        hit = rng.random()
        return b"" if hit < 0.1 else data * 2 if hit < 0.2 else data

    with disturbed_link(firmware, disturb, disturb) as device:
        device.hello(BUILD_ID)
        readings = [reading for _ in range(40) if (reading := device.count())]
        assert device.retries > 0
    assert len(readings) == 40
    bounds = bounds_of(readings[:10], readings[-10:])
    assert bounds.least < 1e9 < bounds.most  # it counts nanoseconds


def test_a_neighbour_that_writes_to_the_line_costs_retries(firmware: Path) -> None:
    """A modem manager, for example, tries every serial port."""
    with disturbed_link(firmware, lambda data: b"AT\r" + data, same) as device:
        device.hello(BUILD_ID)
        for _ in range(5):
            data = os.urandom(SIZE)
            assert device.infer(data).output == data


@pytest.mark.parametrize("direction", ["to the device", "to the host"])
def test_bytes_in_another_order_cost_retries(firmware: Path, direction: str) -> None:
    rng = random.Random(direction)

    def disturb(data: bytes) -> bytes:
        if rng.random() < 0.97:
            return data
        cut = rng.randrange(len(data))
        return data[cut:] + data[:cut]

    ways = (disturb, same) if direction == "to the device" else (same, disturb)
    with disturbed_link(firmware, *ways) as device:
        device.hello(BUILD_ID)
        for _ in range(100):
            data = rng.randbytes(SIZE)
            assert device.infer(data).output == data
        assert device.retries > 0


def test_noise_of_zeros_does_not_use_up_the_attempts(firmware: Path) -> None:
    """The device answers each piece of noise between two zeros."""
    noise = [b"\0x" * 30] * 3

    def disturb(data: bytes) -> bytes:
        return data + noise.pop() if len(data) > 100 and noise else data

    with disturbed_link(firmware, disturb, same) as device:
        device.hello(BUILD_ID)
        data = os.urandom(SIZE)
        assert device.infer(data).output == data
        assert 0 < device.retries <= 4
    assert noise == []


def test_a_repeated_run_is_answered_and_not_run_again(firmware: Path) -> None:
    with started(firmware) as line:
        channel = Channel(line.fileno(), name="test")
        decoder = frame.FrameDecoder()

        def ask(kind: Message, sequence: int, body: bytes = b"") -> bytes:
            """Return what answers the request in the end; RUN is acknowledged first."""
            channel.write(frame.encode(bytes((kind, sequence)) + body), 1)
            answer: bytes | None = None
            while answer is None or answer[:2] in NOT_YET:
                *_, answer = (None, *decoder.feed(channel.read(1)))
            return answer

        ask(Message.HELLO, 1, messages.hello(7))
        ask(Message.LOAD, 2, messages.load(0, b"abc"))
        run = messages.run(b"abc" + bytes(SIZE - 3))
        first, again, fresh = (ask(Message.RUN, sequence, run) for sequence in (3, 3, 4))
    assert first == again  # ticks of a host's clock included
    assert messages.parse_result(first[2:], WELCOME).output[:3] == b"abc"
    assert first[2:6] != fresh[2:6]


def test_another_firmware_is_refused(firmware: Path) -> None:
    with link(firmware) as device, pytest.raises(InfrastructureError) as error:
        device.hello("ab" * 16)
    assert f"the device runs build {BUILD_ID}, but {'ab' * 16} was flashed" in str(error.value)
    assert "did flashing succeed?" in str(error.value)


def test_a_silent_device_is_given_up_in_time() -> None:
    with scripted() as (device, _), pytest.raises(DeviceSilentError) as error:
        device.hello(BUILD_ID, deadline=0.3)
    assert "did not answer HELLO within 0.3 s" in str(error.value)


def test_noise_is_no_device() -> None:
    with scripted() as (device, other):
        other.sendall(random.Random(1).randbytes(10_000))
        with pytest.raises(DeviceSilentError):
            device.hello(BUILD_ID, deadline=0.3)


def test_a_device_that_falls_silent_is_given_up_in_time(firmware: Path) -> None:
    alive = True

    def until_dead(data: bytes) -> bytes:
        return data if alive else b""

    with disturbed_link(firmware, until_dead, same) as device:
        device.hello(BUILD_ID)
        alive = False
        with pytest.raises(DeviceSilentError) as error:
            device.infer(bytes(SIZE))
    assert "no answer to LOAD after 5 attempts\n" in str(error.value)
    assert "the device hangs" in str(error.value)


def test_a_firmware_that_prints_on_the_line_is_told(firmware: Path) -> None:
    """What it prints before an answer is the begin of the answer's frame."""
    prints = False

    def printing(data: bytes) -> bytes:
        return b"loop\r\n" + data if prints and data else data

    with disturbed_link(firmware, same, printing) as device:
        device.hello(BUILD_ID)
        prints = True
        with pytest.raises(DeviceSilentError) as error:
            device.infer(bytes(SIZE))
    assert "were answered with something else than a message" in str(error.value)
    assert "does something else write to this line, such as printf" in str(error.value)


# Inputs that another way than LOAD puts into the device's memory


def test_an_input_that_did_not_arrive_is_not_run(firmware: Path) -> None:
    """What is there is the input of the inference before, or what that left of it."""
    data = os.urandom(SIZE)
    written: list[tuple[int, bytes]] = []
    with started(firmware) as line:
        channel = Channel(line.fileno(), name="test")
        device = LinkClient(channel, baud=1_000_000)
        device.hello(BUILD_ID)
        assert device.infer(data).output == data
        device = LinkClient(
            channel,
            baud=1_000_000,
            write=lambda address, data: written.append((address, data)),
            via="debug",
        )
        welcome = device.hello(BUILD_ID)
        assert device.infer(data).output == data  # these very bytes are there
        other = data[:-1] + bytes((data[-1] ^ 1,))
        with pytest.raises(DeviceRefusedError) as error:
            device.infer(other)
    assert written == [(welcome.input_address, data), (welcome.input_address, other)]
    assert "differs from what was written: its CRC-32 is " in str(error.value)
    assert f"{zlib.crc32(data):#010x}" in str(error.value)
    assert device.retries == 0


def test_an_input_that_is_loaded_in_part_is_not_run(firmware: Path) -> None:
    with link(firmware) as device:
        device.hello(BUILD_ID)
        device._load(b"x" * (SIZE - 1))
        with pytest.raises(DeviceRefusedError, match="differs from what was written"):
            device._run(b"x" * SIZE)


SIZES = {
    "window": (128, 1 << 16),
    "input_address": (0, 2**32 - 1),
    "input_size": (1, messages._LARGEST),
    "output_size": (1, messages._LARGEST),
    "arena_size": (0, 1 << 30),
    "stack_size": (0, 1 << 30),
    "counter_overhead": (0, 1 << 30),
    "coarse_ticks": (0, 1 << 28),
}
NAMES = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=32)


def welcome_body(nonce: int, sizes: Sequence[int], status: int, counter: str) -> bytes:
    body = struct.pack("<BI", messages.VERSION, nonce) + bytes(range(16))
    return body + struct.pack("<8Ii", *sizes, status) + counter.encode()


@given(
    nonce=st.integers(0, 2**32 - 1),
    sizes=st.tuples(*(st.integers(*limits) for limits in SIZES.values())),
    status=st.integers(-(2**31), 2**31 - 1),
    counter=NAMES,
)
def test_every_field_of_a_welcome_is_its_own(
    nonce: int, sizes: tuple[int, ...], status: int, counter: str
) -> None:
    welcome = messages.parse_welcome(welcome_body(nonce, sizes, status, counter))
    build_id = bytes(range(16)).hex()
    assert list(astuple(welcome)) == [nonce, build_id, *sizes, status, counter]
    assert (welcome.window, welcome.input_address, welcome.input_size) == tuple(sizes[:3])


@pytest.mark.parametrize("field", SIZES)
def test_a_field_of_a_welcome_out_of_its_range_is_named(field: str) -> None:
    least, most = SIZES[field]
    for value in {least - 1, most + 1, 2**32 - 1} - {*range(least, least + 2), most}:
        if not 0 <= value < 2**32:
            continue
        sizes = [value if name == field else limits[0] for name, limits in SIZES.items()]
        with pytest.raises(MalformedMessageError) as error:
            messages.parse_welcome(welcome_body(1, sizes, 0, "dwt"))
        assert f"WELCOME: {field} is {value:,}; {least:,} to {most:,} is allowed" in str(
            error.value
        )


@pytest.mark.parametrize("name", [b"\x1b[2J", b"a\n", b"\xff", b"\0"])
def test_the_name_of_a_counter_is_printable(name: bytes) -> None:
    body = welcome_body(1, [limits[0] for limits in SIZES.values()], 0, "") + name
    with pytest.raises(MalformedMessageError, match=r"WELCOME: counter is '.*'; a name is print"):
        messages.parse_welcome(body)


@given(length=st.integers(0, 200), version=st.integers(0, 255))
def test_a_welcome_of_another_version_or_of_a_wrong_length_is_refused(
    length: int, version: int
) -> None:
    body = bytes((version,)) + bytes(length)
    if version != messages.VERSION:
        expected = f"link version {version}, this harness version {messages.VERSION}"
    elif not messages._WELCOME.size < len(body) <= messages._WELCOME.size + 32:
        expected = f"WELCOME: its body has {len(body)} bytes; 58 to 89 are allowed"
    else:
        expected = "WELCOME: window is 0; 128 to 65,536 is allowed"
    with pytest.raises(InfrastructureError, match=expected):
        messages.parse_welcome(body)


def test_a_closed_line_is_told_apart_from_silence() -> None:
    with scripted() as (device, other):
        other.close()
        with pytest.raises(LineClosedError):
            device.hello(BUILD_ID)


def test_a_session_is_needed_first(firmware: Path) -> None:
    with link(firmware) as device, pytest.raises(InfrastructureError, match="call hello"):
        device.infer(bytes(SIZE))


def test_a_stale_welcome_is_not_believed(firmware: Path) -> None:
    """What an earlier session left on the line has another nonce."""
    stale = bytes((Message.WELCOME, 9)) + messages._WELCOME.pack(
        messages.VERSION, 1, bytes(16), 2048, 0x2000_0000, 1, 1, 0, 0, 0, 0, 0
    )
    with scripted(stale, stale) as (device, _), pytest.raises(DeviceSilentError):
        device.hello(BUILD_ID, deadline=0.3)


def test_a_restart_in_a_session_is_noticed(firmware: Path) -> None:
    boot = frame.encode(bytes((Message.BOOT, 0)))
    said: list[bytes] = []

    def add_boot(data: bytes) -> bytes:
        return data + said.pop() if said else data

    with disturbed_link(firmware, same, add_boot) as device:
        device.hello(BUILD_ID)
        said.append(boot)
        with pytest.raises(DeviceRestartedError) as error:
            device.infer(bytes(SIZE))
    assert "restarted in the middle of a session" in str(error.value)


def test_a_fault_is_told_in_words() -> None:
    registers = dict.fromkeys(messages.Fault.__dataclass_fields__, 0)
    registers |= {"lr": 0x0800_0101, "pc": 0x0800_0202}
    registers |= {"cfsr": 1 << 9 | 1 << 15, "bfar": 0x6000_0000}
    body = messages._FAULT.pack(*registers.values())
    with (
        scripted(bytes((Message.FAULT, 0)) + body) as (device, _),
        pytest.raises(DeviceFaultError) as error,
    ):
        device.hello(BUILD_ID)
    assert "PRECISERR: bus error on a data access" in str(error.value)
    assert "address 0x60000000" in str(error.value)
    assert "pc 0x08000202, called from 0x080000ff" in str(error.value)


@pytest.mark.parametrize("lr", [0, 7, 0x0800_0100, 0xFFFF_FFF9])
def test_a_register_that_holds_no_return_address_names_no_caller(lr: int) -> None:
    assert code_location(0x0800_0202, lr, hex) == "0x8000202"


def test_a_call_that_has_returned_names_no_caller() -> None:
    """LR still has the address behind a call in the same function."""
    places = {0x0800_0202: "wait poll.c:38", 0x0800_01FB: "wait poll.c:37"}
    places[0x0800_0101] = "main m.c:9"
    assert code_location(0x0800_0202, 0x0800_01FD, places.__getitem__) == "wait poll.c:38"
    called = code_location(0x0800_0202, 0x0800_0103, places.__getitem__)
    assert called == "wait poll.c:38, called from main m.c:9"


def test_an_engine_that_fails_is_told(tmp_path: Path) -> None:
    firmware = host.build_firmware(tmp_path, "failing")
    with link(firmware) as device:
        device.hello(BUILD_ID)
        with pytest.raises(DeviceRefusedError) as error:
            device.infer(bytes(4))
    assert "the engine: layer 2 failed" in str(error.value)
    assert "its model returned 3, and 0 means that the inference succeeded" in str(error.value)


def test_an_engine_that_does_not_start_is_told(tmp_path: Path) -> None:
    firmware = host.build_firmware(tmp_path, "no_init")
    with link(firmware) as device, pytest.raises(InfrastructureError) as error:
        device.hello(BUILD_ID)
    assert "the engine did not start on the device: nn_init() returned 7" in str(error.value)
    assert device.log == ["nn_init failed"]


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (bytes((Message.LOAD, 1)) + messages.load(SIZE, b"x"), messages.DeviceError.RANGE),
        (bytes((Message.LOAD, 1)) + messages.load(SIZE - 1, b"xy"), messages.DeviceError.RANGE),
        (bytes((Message.LOAD, 1)) + messages.load(2**32 - 1, b"xy"), messages.DeviceError.RANGE),
        (bytes((Message.LOAD, 1, 0, 0)), messages.DeviceError.LENGTH),
        (bytes((Message.RUN, 1)), messages.DeviceError.LENGTH),
        (bytes((Message.RUN, 1, 0)), messages.DeviceError.LENGTH),
        (bytes((Message.RUN, 1)) + messages.run(bytes(SIZE - 1)), messages.DeviceError.INPUT),
        (bytes((Message.HELLO, 1, 0)), messages.DeviceError.LENGTH),
        (bytes((0x7F, 1)), messages.DeviceError.UNKNOWN),
        (b"\x01", messages.DeviceError.LENGTH),
    ],
)
def test_the_firmware_refuses_what_it_cannot_do(
    firmware: Path, request_: bytes, code: messages.DeviceError
) -> None:
    with started(firmware) as line:
        hello = bytes((Message.HELLO, 0)) + messages.hello(1)
        line.sendall(frame.encode(hello) + frame.encode(request_))
        line.settimeout(5)
        decoder, answers = frame.FrameDecoder(), list[bytes]()
        while not answers or answers[-1][0] != Message.ERROR:
            answers += [answer for answer in decoder.feed(line.recv(4096)) if answer is not None]
    assert messages.parse_error(answers[-1][2:])[0] == code


def test_the_firmware_wants_hello_first(firmware: Path) -> None:
    with started(firmware) as line:
        line.sendall(frame.encode(bytes((Message.RUN, 5)) + messages.run(bytes(SIZE))))
        line.settimeout(5)
        decoder, answers = frame.FrameDecoder(), list[bytes]()
        while not answers or answers[-1][0] != Message.ERROR:
            answers += [answer for answer in decoder.feed(line.recv(4096)) if answer is not None]
    assert messages.parse_error(answers[-1][2:])[0] == messages.DeviceError.NO_SESSION


@pytest.mark.parametrize("seed", range(5))
def test_the_firmware_survives_noise_and_then_answers(firmware: Path, seed: int) -> None:
    with started(firmware) as line:
        line.sendall(random.Random(seed).randbytes(20_000) + b"\0")
        device = LinkClient(Channel(line.fileno(), name="test"), baud=1_000_000)
        device.hello(BUILD_ID)
        data = os.urandom(SIZE)
        assert device.infer(data).output == data


# Traces


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Firmware with two layers: one with the halves of the input, one with a copy of it."""
    return host.build_firmware(tmp_path_factory.mktemp("traced"), "identity", "-DTRACE=ON")


@pytest.mark.parametrize("layer", [None, 0, 1, 2])
def test_a_trace_tells_of_each_layer_and_sends_one(traced: Path, layer: int | None) -> None:
    data = os.urandom(SIZE)
    halves = [data[: SIZE // 2], data[SIZE // 2 :]]
    with link(traced) as device:
        device.hello(BUILD_ID)
        assert device.infer(data).output == data  # a RUN says nothing of layers
        outputs, result = device.trace(data, layer)
        assert device.infer(data).output == data
    assert result.output == data
    assert [(found.layer, found.output) for found in outputs] == [(0, 0), (0, 1), (1, 0)]
    for found, wanted in zip(outputs, [*halves, data], strict=True):
        assert (found.size, found.crc) == (len(wanted), zlib.crc32(wanted))
        assert found.data == (wanted if found.layer == layer else b"")


@pytest.mark.parametrize("fault", ["drop", "flip", "double"])
def test_a_trace_over_a_bad_line_is_whole(traced: Path, fault: str) -> None:
    generator = random.Random(fault)

    def disturb(data: bytes) -> bytes:
        out = bytearray()
        for byte in data:  # one by one: how many come at once is for the machine to say
            hit = generator.random() < 1 / (6 * SIZE)
            changed = {"drop": b"", "flip": bytes([byte ^ 4]), "double": bytes([byte, byte])}
            out += changed[fault] if hit else bytes([byte])
        return bytes(out)

    with disturbed_link(traced, same, disturb) as device:
        device.hello(BUILD_ID)
        for _ in range(8):
            data = os.urandom(SIZE)
            outputs, result = device.trace(data, 1)
            assert outputs[-1].data == result.output == data
            assert len(outputs) == 3
        assert device.retries > 0


def test_an_image_that_is_not_traced_refuses_a_trace(firmware: Path) -> None:
    with link(firmware) as device:
        device.hello(BUILD_ID)
        with pytest.raises(DeviceRefusedError, match=r"UNKNOWN \(4\)"):
            device.trace(bytes(SIZE))


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (bytes((Message.TRACE, 9)), messages.DeviceError.LENGTH),
        (bytes((Message.TRACE, 9, *bytes(9))), messages.DeviceError.LENGTH),
        (bytes((Message.TRACE, 9, *bytes(8))), messages.DeviceError.NO_SESSION),
    ],
)
def test_a_trace_that_makes_no_sense_is_refused(traced: Path, request_: bytes, code: int) -> None:
    with started(traced) as line:
        line.settimeout(5)
        line.sendall(frame.encode(request_))
        decoder = frame.FrameDecoder()
        found: list[bytes | None] = []
        while len(found) < 2:  # BOOT, and the answer
            found += decoder.feed(line.recv(4096))
    answer = found[1]
    assert answer is not None
    assert answer[:2] == bytes((Message.ERROR, 9))
    assert messages.parse_error(answer[2:])[0] == code


def test_a_device_that_hangs_in_a_trace_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    welcome = bytes((Message.WELCOME, 0))  # of nobody; the session is opened by hand
    with scripted(welcome) as (device, line):
        device._welcome = messages.Welcome(0, BUILD_ID, 2048, 0, 0, 4, 4, 0, 0, 0, 0, "")
        monkeypatch.setattr(device, "_load", lambda _data: None)
        sequence = (device._exchange._sequence + 1) % 256
        line.sendall(frame.encode(bytes((Message.ACK, sequence))))
        with pytest.raises(DeviceSilentError, match="did not end within"):
            device.trace(b"")
