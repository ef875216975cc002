"""The client of QEMU's gdbstub against a peer on a socket that answers as it is told.

QEMU's own gdbstub is what tests/unit/test_input_via.py talks to.
"""

import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.board import gdbstub
from harness.board.gdbstub import Gdbstub, decode, encode
from harness.errors import InfrastructureError
from harness.link import channel
from harness.link.channel import Channel, LineClosedError

STOPPED = b"$T02thread:01;#04"  # as QEMU 7.2 sends it
OK = b"+$OK#9a"
ADDRESS = 0x2000_0010
REGISTERS = struct.pack("<16I100xI", *range(16), 0x6100_0003)

Answer = Callable[[bytes], bytes]

payloads = st.binary(max_size=100).filter(lambda text: b"$" not in text and b"#" not in text)


def sound(request: bytes) -> bytes:
    """Answer `request`, the byte 03 or a packet, as a gdbstub does."""
    if request == b"\x03":
        return STOPPED
    if request.startswith(b"$m"):
        address, size = (int(number, 16) for number in request[2:-3].split(b","))
        return b"+" + encode(bytes((address + i) % 251 for i in range(size)).hex().encode())
    if request.startswith(b"$g"):
        return b"+" + encode(REGISTERS.hex().encode())
    return OK if request.startswith(b"$M") else b"+"


def but(prefix: bytes, answer: bytes) -> Answer:
    """Answer requests that begin with `prefix` by `answer`."""
    return lambda request: answer if request.startswith(prefix) else sound(request)


def only(prefix: bytes, answer: bytes) -> Answer:
    """Answer requests that begin with `prefix` by `answer`, and nothing after it."""
    silent = False

    def answered(request: bytes) -> bytes:
        nonlocal silent
        if silent:
            return b""
        silent = request.startswith(prefix)
        return answer if silent else sound(request)

    return answered


@contextmanager
def peer(answer: Answer, unasked: bytes = b"") -> Iterator[tuple[Gdbstub, list[bytes]]]:
    """A gdbstub that says `unasked` and answers by `answer`, and the requests it has got."""
    ours, theirs = socket.socketpair()
    requests: list[bytes] = []

    def serve() -> None:
        received = b""
        while data := theirs.recv(4096):
            received += data
            while found := re.match(rb"\+*(\x03|\$[^#]*#..)", received):
                received = received[found.end() :]
                requests.append(found[1])
                with suppress(BrokenPipeError):  # the client has given up
                    theirs.sendall(answer(found[1]))

    theirs.sendall(unasked)
    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield Gdbstub(Channel(ours.fileno(), name="the machine")), requests
    finally:
        ours.shutdown(socket.SHUT_RDWR)
        thread.join(5)
        ours.close()
        theirs.close()


def fails(answer: Answer, data: bytes = b"abc") -> str:
    with peer(answer) as (stub, _), pytest.raises(InfrastructureError) as error:
        stub.write(ADDRESS, data)
    return str(error.value)


# Packets


def test_a_packet_is_as_the_protocol_has_it() -> None:
    assert encode(b"OK") == b"$OK#9a"  # GDB's manual, "Packets"
    assert decode(STOPPED) == b"T02thread:01;"


@given(payload=payloads)
def test_a_packet_holds_what_was_put_into_it(payload: bytes) -> None:
    assert decode(encode(payload)) == payload
    assert decode(encode(payload)[:-2] + encode(payload)[-2:].upper()) == payload


@given(payload=payloads, bit=st.integers(min_value=0))
def test_no_flipped_bit_gives_another_payload(payload: bytes, bit: int) -> None:
    packet = bytearray(encode(payload))
    packet[bit // 8 % len(packet)] ^= 1 << bit % 8
    assert decode(bytes(packet)) in {None, payload}  # a checksum's "a" may become "A"


@given(packet=st.binary(max_size=8))
def test_anything_else_is_no_packet(packet: bytes) -> None:
    payload = decode(packet)
    assert payload is None or packet[:-2] + packet[-2:].lower() == encode(payload)


# Holding


def test_a_held_machine_is_halted_once() -> None:
    with peer(sound) as (stub, requests):
        with stub.hold():
            stub.read(ADDRESS, 3)
            stub.write(ADDRESS, b"abc")
        stub.read(ADDRESS, 1)
    kinds = "".join(chr(each[1]) if each.startswith(b"$") else "!" for each in requests)
    assert kinds == "!mMc!mc"


def test_a_held_machine_runs_on_after_a_refusal() -> None:
    with peer(but(b"$M", b"+" + encode(b"E14"))) as (stub, requests):
        with pytest.raises(InfrastructureError, match="refused to write"), stub.hold():
            stub.write(ADDRESS, b"abc")
        assert requests[-1] == encode(b"c")
        assert stub.read(ADDRESS, 3)


def test_a_hold_without_requests_halts_nothing() -> None:
    with peer(sound) as (stub, requests):
        with stub.hold():
            pass
        stub.read(ADDRESS, 1)
    assert len(requests) == 3


# Reading


@pytest.mark.parametrize("size", [0, 1, 3, 2000, 2001, 10_007])
def test_memory_is_read_block_by_block(size: int) -> None:
    with peer(sound) as (stub, requests):
        assert stub.read(ADDRESS, size) == bytes((ADDRESS + i) % 251 for i in range(size))
    assert (requests[0], requests[-1]) == (b"\x03", encode(b"c"))
    assert len(requests) == 2 + -(-size // 2000)


def test_registers_are_read_at_once() -> None:
    with peer(sound) as (stub, _):
        assert stub.registers() == (*range(16), 0x6100_0003)


def test_a_machine_that_waits_to_be_started_is_not_stopped() -> None:
    with peer(sound) as (stub, requests):
        held = Gdbstub(stub._channel, runs=False)
        held.write(ADDRESS, b"x")
        held.write(ADDRESS, b"x")
    assert [request[:2] for request in requests] == [b"$M", b"$c", b"\x03", b"$M", b"$c"]


def test_after_a_refusal_the_machine_runs_on_and_the_next_request_has_its_own_answer() -> None:
    refused = [b"+$E14#aa", OK, b"+$E14#aa"]
    with peer(lambda asked: refused.pop() if asked[:2] == b"$M" else sound(asked)) as (stub, asked):
        with pytest.raises(InfrastructureError, match="refused to write 2000 bytes at 0x20000010"):
            stub.write(ADDRESS, bytes(6000))
        assert stub.read(ADDRESS, 3) == bytes((ADDRESS + i) % 251 for i in range(3))
    assert asked.count(encode(b"c")) == 2


@pytest.mark.parametrize("answer", [b"+$E14#aa", b"+$#00", b"+$616#9d", b"+$6161#ce", b"+$zz#f4"])
def test_a_read_that_is_refused_or_too_short_is_an_error(answer: bytes) -> None:
    with (
        peer(but(b"$m", answer)) as (stub, _),
        pytest.raises(InfrastructureError, match="answered a read of 3 bytes with"),
    ):
        stub.read(ADDRESS, 3)


# Writing


@pytest.mark.parametrize("size", [0, 1, 3, 2000, 2001, 10_007])
def test_the_machine_is_stopped_written_to_and_let_go(size: int) -> None:
    data = bytes(i * 7 % 256 for i in range(size))
    with peer(sound) as (stub, requests):
        for _ in range(2):
            stub.write(ADDRESS, data)
    half = len(requests) // 2
    assert requests[:half] == requests[half:]
    stop, *writes, go = requests[:half]
    assert (stop, go) == (b"\x03", encode(b"c"))
    written = bytearray()
    for packet in writes:
        assert len(packet) <= 4096
        payload = decode(packet)
        assert payload is not None
        found = re.fullmatch(rb"M([0-9a-f]+),([0-9a-f]+):([0-9a-f]+)", payload)
        assert found is not None
        assert int(found[1], 16) == ADDRESS + len(written)
        block = bytes.fromhex(found[3].decode())
        assert int(found[2], 16) == len(block)
        written += block
    assert written == data


def test_a_machine_that_has_stopped_already_is_written_to() -> None:
    """A gdbstub that we connect to, instead of it to us, stops and says so; 03 is then ignored."""
    with peer(but(b"\x03", b""), unasked=STOPPED) as (stub, requests):
        stub.write(ADDRESS, b"abc")
    assert requests[-1] == encode(b"c")


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_where_a_read_ends_does_not_matter(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel, "_READ_SIZE", size)
    with peer(sound) as (stub, requests):
        stub.write(ADDRESS, bytes(5000))
    assert len(requests) == 5


def test_bytes_that_belong_to_nothing_are_dropped() -> None:
    with peer(but(b"\x03", b"noise" + STOPPED)) as (stub, requests):
        stub.write(ADDRESS, b"abc")
    assert requests[-1] == encode(b"c")


# A gdbstub that does not do what it should


def test_an_address_without_memory_is_explained() -> None:
    assert fails(but(b"$M", b"+$E14#aa"), bytes(3)) == (
        "the machine: the gdbstub refused to write 3 bytes at 0x20000010: 'E14'\n"
        "  -> does the machine have RAM there? Compare the target's memory.ram"
    )


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (but(b"\x03", b"$T02thread:01;#05"), "an invalid packet: '$T02thread:01;#05'"),
        (but(b"\x03", b"+"), "an invalid packet: '+'"),
        (but(b"\x03", b"$OK#9a"), "answered a stop with 'OK'"),
        (but(b"$M", b"+$OK#00"), "an invalid packet: '$OK#00'"),
        (but(b"$M", b"-"), "answered a packet with '-' instead of +"),
        (but(b"$M", b"+$#00"), "refused to write 3 bytes at 0x20000010: ''"),
        (but(b"$c", b"-"), "answered a packet with '-' instead of +"),
        (but(b"$c", b"$\xff#ff"), r"answered a packet with '$\\xff#ff' instead of +"),
    ],
)
def test_an_answer_that_is_none_is_explained(answer: Answer, text: str) -> None:
    said = fails(answer)
    assert said.startswith("the machine: the gdbstub ")
    assert text in said
    assert "  -> " in said


@pytest.mark.parametrize(
    ("prefix", "answer"),
    [
        (b"\x03", b""),
        (b"\x03", b"noise"),
        (b"\x03", STOPPED[:-1]),
        (b"$M", b""),
        (b"$M", b"+"),
        (b"$M", b"+$"),
        (b"$M", b"+$OK#9"),
        (b"$c", b""),
        (b"$c", b"$O"),
    ],
)
def test_silence_and_half_a_packet_are_given_up_in_time(
    prefix: bytes, answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gdbstub, "_DEADLINE", 0.1)
    begin = time.monotonic()
    said = fails(only(prefix, answer))
    assert time.monotonic() - begin < 1
    assert "did not answer" in said


def test_a_gdbstub_that_does_not_read_is_given_up_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gdbstub, "_DEADLINE", 0.1)
    monkeypatch.setattr(gdbstub, "_BLOCK", 10_000_000)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(STOPPED)
        with pytest.raises(InfrastructureError, match=r"did not accept all bytes within 0\.1 s"):
            Gdbstub(Channel(ours.fileno(), name="the machine")).write(ADDRESS, bytes(5_000_000))


@pytest.mark.parametrize("said", [b"", STOPPED[:-1], STOPPED, STOPPED + b"+", STOPPED + b"+$O"])
def test_a_connection_that_closes_is_told_apart_from_silence(said: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours:
        theirs.sendall(said)
        theirs.shutdown(socket.SHUT_WR)
        with pytest.raises(LineClosedError, match="the device closed the line"):
            Gdbstub(Channel(ours.fileno(), name="the machine")).write(ADDRESS, b"abc")
        theirs.close()
