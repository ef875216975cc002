"""The device's side of the link against a model of docs/link.md, under sanitizers."""

import struct
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.link import frame, messages
from harness.link.messages import Message
from tests.fuzz.parsers import LINK, MEASURED_LINK, Parser, Replay, build_replay
from tests.support.link_cases import INPUT_SIZE, LINES, request
from tests.support.link_model import LinkModel

ADDRESS = slice(27, 31)  # of the input, in WELCOME

Device = tuple[Parser, Replay]


@pytest.fixture(scope="module", params=[LINK, MEASURED_LINK], ids=lambda parser: parser.name)
def device(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Device]:
    program = tmp_path_factory.mktemp("parser") / "link"
    build_replay(request.param, program)
    with Replay(program) as replay:
        yield request.param, replay


def model_of(device: Device) -> LinkModel:
    return LinkModel(talking=device[0] is LINK)


def answers(device: Device, line: bytes) -> list[bytes | None]:
    """What the device sent after BOOT, without the address of its input."""
    boot, *frames = frame.FrameDecoder().feed(device[1](line))
    assert boot == bytes((Message.BOOT, 0))
    return [
        got[: ADDRESS.start] + bytes(4) + got[ADDRESS.stop :]
        if got and got[0] == Message.WELCOME
        else got
        for got in frames
    ]


class Move(NamedTuple):
    """A request; `trusting` ones name the CRC-32 of the input that is there."""

    kind: int
    sequence: int
    body: bytes
    trusting: bool = False

    def on_line(self, model: LinkModel) -> bytes:
        body = messages.run(bytes(model.input)) + self.body if self.trusting else self.body
        return request(self.kind, self.sequence, body)


class Noise(NamedTuple):
    """Bytes on the line that nobody sent."""

    data: bytes

    def on_line(self, model: LinkModel) -> bytes:
        return self.data


class Damaged(NamedTuple):
    """A request of which a byte was lost, came twice, or was changed."""

    move: Move
    at: int
    becomes: bytes

    def on_line(self, model: LinkModel) -> bytes:
        line = self.move.on_line(model)
        at = self.at % len(line)
        return line[:at] + self.becomes + line[at + 1 :]


SEQUENCES = st.integers(0, 2)  # few: some come twice
MOVES = st.one_of(
    st.builds(Move, st.just(Message.HELLO), SEQUENCES, st.binary(min_size=4, max_size=4)),
    st.builds(
        lambda sequence, offset, data: Move(Message.LOAD, sequence, messages.load(offset, data)),
        SEQUENCES,
        st.integers(0, INPUT_SIZE + 1) | st.integers(0, 2**32 - 1),
        st.binary(max_size=INPUT_SIZE + 1),
    ),
    st.builds(Move, st.just(Message.RUN), SEQUENCES, st.just(b""), st.just(True)),
    st.builds(Move, st.just(Message.RUN), SEQUENCES, st.binary(min_size=4, max_size=4)),
    st.builds(
        lambda sequence, layer: Move(Message.TRACE, sequence, struct.pack("<I", layer), True),
        SEQUENCES,
        st.integers(0, 3),
    ),
    st.builds(Move, st.just(Message.PROFILE), SEQUENCES, st.just(b"")),
    st.builds(Move, st.just(Message.CLOCK), SEQUENCES, st.just(b"")),
    st.builds(Move, st.just(Message.RESET), SEQUENCES, st.just(b"")),
    st.builds(Move, st.sampled_from(Message), SEQUENCES, st.binary(max_size=8)),
    st.builds(Move, st.integers(0, 255), st.integers(0, 255), st.binary(max_size=8)),
)
ON_LINE = (
    MOVES
    | MOVES
    | st.builds(Damaged, MOVES, st.integers(0, 1000), st.binary(max_size=2))
    | st.builds(Noise, st.binary(max_size=40))
)


@pytest.mark.parametrize("case", LINES)
def test_a_device_answers_as_the_model_does(device: Device, case: str) -> None:
    assert answers(device, LINES[case]) == model_of(device).receive(LINES[case])


@given(line=st.binary(max_size=3000))
def test_any_bytes_are_answered_as_the_model_does(device: Device, line: bytes) -> None:
    assert answers(device, line) == model_of(device).receive(line)


@settings(max_examples=300)
@given(moves=st.lists(ON_LINE, max_size=20), begun=st.booleans())
def test_any_requests_are_answered_as_the_model_does(
    device: Device, moves: list[Move | Noise | Damaged], begun: bool
) -> None:
    model = model_of(device)
    line = LINES["a session"] if begun else b""
    expected = model.receive(line)
    for move in moves:
        sent = move.on_line(model)
        expected += model.receive(sent)
        line += sent
    assert answers(device, line) == expected
