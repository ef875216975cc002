"""The device's side of MLPerf Tiny's protocol against a model of it, under sanitizers."""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.parsers import MLPERF, Replay, build_replay
from tests.support.mlperf_cases import INPUT_SIZE, LINES, WORDS, load
from tests.support.mlperf_model import BOOT, MlperfModel


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replay]:
    program = tmp_path_factory.mktemp("parser") / "mlperf"
    build_replay(MLPERF, program)
    with Replay(program) as replay:
        yield replay


def answers(device: Replay, line: bytes) -> list[str]:
    """The lines that the device sends after its start."""
    *lines, rest = device(line).decode("ascii").split("\r\n")
    assert rest == ""
    assert lines[: len(BOOT)] == BOOT
    return lines[len(BOOT) :]


def expected(device: Replay, line: bytes) -> list[str]:
    *helpful, _ = answers(device, b"help%")
    return MlperfModel(helpful).receive(line)


COMMANDS = st.one_of(
    st.sampled_from(WORDS),
    st.sampled_from(("name", "profile", "timestamp", "help", "results", "db print", "x")),
    st.integers(-1, INPUT_SIZE + 1).map("db load {}".format),
    st.binary(max_size=INPUT_SIZE).map(lambda data: f"db {data.hex()}"),
    st.binary(min_size=INPUT_SIZE, max_size=INPUT_SIZE).map(lambda data: load(data.hex())),
    st.tuples(st.integers(-1, 600), st.integers(-1, 600)).map(lambda n: f"infer {n[0]} {n[1]}"),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=90),
)


@pytest.mark.parametrize("case", LINES)
def test_a_device_answers_as_the_model_does(device: Replay, case: str) -> None:
    assert answers(device, LINES[case]) == expected(device, LINES[case])


@given(line=st.binary(max_size=1000))
def test_any_bytes_are_answered_as_the_model_does(device: Replay, line: bytes) -> None:
    assert answers(device, line) == expected(device, line)


@settings(max_examples=300)
@given(commands=st.lists(COMMANDS, max_size=20), damage=st.none() | st.binary(max_size=3))
def test_any_commands_are_answered_as_the_model_does(
    device: Replay, commands: list[str], damage: bytes | None
) -> None:
    line = "".join(f"{command}%" for command in commands).encode()
    if damage is not None:
        line = line[: len(line) // 2] + damage + line[len(line) // 2 + 1 :]
    assert answers(device, line) == expected(device, line)
