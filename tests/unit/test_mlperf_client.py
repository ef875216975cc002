"""MLPerf Tiny's protocol from the host's side, against a device behind a pty."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import InfrastructureError
from harness.link.device_errors import (
    DeviceRestartedError,
    DeviceSilentError,
    MalformedMessageError,
)
from harness.runs.mlperf import mlperf_client as client_module
from harness.runs.mlperf import transcript
from harness.runs.mlperf.device_lines import (
    DamagedAnswerError,
    Line,
    LineReader,
    boot_in,
    error_in,
    parse_buffer,
    parse_infer,
    value_of,
)
from harness.runs.mlperf.mlperf_client import Identity, MlperfClient
from tests.support.mlperf_device import Double, channel_of

LINES = [
    "m-warmup-start-0",
    "m-warmup-done",
    "m-infer-start-1",
    "m-lap-us-20535313",
    "m-lap-us-20599968",
    "m-infer-done",
    "m-results-[0.000,0.996]",
    "m-ready",
]
PRINTABLE = st.text(st.sampled_from(string.printable[:95]), min_size=1)


def lines(texts: list[str]) -> list[Line]:
    return [Line(text, place / 10) for place, text in enumerate(texts)]


@given(st.lists(PRINTABLE), st.data())
def test_lines_come_out_however_their_bytes_come(texts: list[str], data: st.DataObject) -> None:
    stream = "".join(f"{text}\r\n" for text in texts).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    reader = LineReader()
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert [line for piece in pieces for line in reader.feed(piece)] == texts


@given(st.binary())
def test_noise_becomes_lines_without_control_characters(noise: bytes) -> None:
    reader = LineReader()
    found = [*reader.feed(noise), *reader.feed(b"\n")]
    assert all(c.isprintable() or c == "\ufffd" for line in found for c in line)


@given(st.lists(st.one_of(st.sampled_from(LINES), st.text()), max_size=12))
def test_any_lines_are_an_answer_or_are_damaged(texts: list[str]) -> None:
    try:
        answer = parse_infer(lines(texts), 1)
    except DamagedAnswerError:
        return
    assert [float(value) for value in answer.values]
    parse_buffer(lines(texts))
    value_of(lines(texts), "model")
    boot_in(lines(texts))
    error_in(lines(texts))


@given(st.permutations(range(len(LINES))), st.integers(0, len(LINES) - 2))
def test_an_answer_that_lacks_a_line_that_counts_is_damaged(order: list[int], lost: int) -> None:
    kept = [LINES[place] for place in sorted(order) if place != lost]
    if LINES[lost].startswith("m-warmup"):
        assert parse_infer(lines(kept), 1).values == ("0.000", "0.996")
    else:
        with pytest.raises(DamagedAnswerError):
            parse_infer(lines(kept), 1)


def test_microseconds_wrap_and_a_list_may_end_with_a_comma() -> None:
    texts = ["m-infer-start-2", "m-lap-us-4294967000", "m-lap-us-704", "m-infer-done"]
    answer = parse_infer(lines([*texts, "m-results-[0.25,0.75,]"]), 2)
    assert answer.microseconds == 1000
    assert answer.values == ("0.25", "0.75")


@pytest.mark.parametrize("values", ["", "nan", "0.1,,0.2", "0.1 0.2", "0x1", "-"])
def test_what_is_no_number_is_damaged(values: str) -> None:
    texts = ["m-infer-start-1", "m-infer-done", f"m-results-[{values}]"]
    with pytest.raises(DamagedAnswerError):
        parse_infer(lines(texts), 1)


def test_a_profile_is_no_error_though_it_holds_the_letters_of_one() -> None:
    assert error_in(lines(["m-profile-[x]", "m-name-[y]"])) == ""
    assert error_in(lines(["e-[Unknown command: x]"])) == "Unknown command: x"


@pytest.mark.parametrize("boots", [True, False])
def test_a_device_is_found_whether_it_is_just_starting_or_not(
    boots: bool,
    quick: None,
) -> None:
    with channel_of(Double(boots=boots)) as channel:
        found = MlperfClient(channel, baud=115200).detect()
    mode = "performance" if boots else ""
    assert found == Identity("double", "ULPMark for tinyML Firmware V0.0.1", "kws01", mode)


def test_an_input_goes_in_chunks_that_fit_a_command_and_comes_back() -> None:
    double = Double(infer=lambda data: f"{sum(data) / 256:.3f}")
    data = bytes(range(200))
    with channel_of(double) as channel:
        client = MlperfClient(channel, baud=115200)
        client.detect()
        client.load(data, "vector 0")
        assert client.buffer(len(data)) == data
        answer = client.infer(5, 0)
    assert answer.values == (f"{sum(data) / 256:.3f}",)
    assert answer.microseconds == 500_000
    assert max(len(command) for command in double.heard) + 1 <= 80
    assert client.retries == 0


class Spoil:
    """Spoils the first line that begins with `start`: it is lost, or becomes `other`."""

    def __init__(self, start: str, other: bytes = b"") -> None:
        self._start, self._other, self._left = start, other, 1

    def __call__(self, line: str) -> bytes:
        if self._left and line.startswith(self._start):
            self._left -= 1
            return self._other
        return f"{line}\r\n".encode()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (("DETECTION_DEADLINE", 0.1), ("DEADLINE", 0.3), ("INFER_DEADLINE", 0.3)):
        monkeypatch.setattr(client_module, name, seconds)


@pytest.mark.parametrize(
    ("start", "other"),
    [
        ("m-results", b""),
        ("m-results", b"m-results-[0.0\xff7]\r\n"),
        ("m-infer-done", b"m-infer-do"),
        ("m-load-done", b""),
        ("m-load-done", b"e-[Invalid hex digit 'x0']\r\n"),
        ("m-[Expecting", b"noise\r\n"),
    ],
)
def test_what_the_line_damages_is_asked_for_again(start: str, other: bytes, quick: None) -> None:
    double = Double(spoil=Spoil(start, other))
    with channel_of(double) as channel:
        client = MlperfClient(channel, baud=115200)
        client.detect()
        client.load(b"\x40\x41", "vector 0")
        answer = client.infer(1, 0)
    assert answer.values == ("0.250",)
    assert client.retries == 1
    assert "" not in double.heard  # the reference's parser does not survive `%` alone


def test_a_device_that_does_not_answer_is_silent(quick: None) -> None:
    with (
        channel_of(Double(boots=False, spoil=lambda _: b"")) as channel,
        pytest.raises(DeviceSilentError, match="did not answer `name%`"),
    ):
        MlperfClient(channel, baud=115200).detect()


def test_a_device_that_refuses_is_quoted(quick: None) -> None:
    spoil = lambda line: (  # noqa: E731
        b"e-[Too large]\r\n" if "Expecting" in line else f"{line}\r\n".encode()
    )
    with channel_of(Double(spoil=spoil)) as channel:
        client = MlperfClient(channel, baud=115200)
        client.detect()
        with pytest.raises(InfrastructureError, match="Too large"):
            client.load(bytes(9), "vector 7")


def test_a_device_that_restarts_in_the_middle_is_noticed() -> None:
    boot = b"m-timestamp-mode-performance\r\nm-lap-us-1\r\nm-init-done\r\nm-ready\r\n"
    with channel_of(Double(spoil=Spoil("m-infer-start", boot))) as channel:
        client = MlperfClient(channel, baud=115200)
        client.detect()
        client.load(b"\x40", "vector 0")
        with pytest.raises(DeviceRestartedError):
            client.infer(1, 0)


def test_the_transcript_has_what_was_said_and_no_digits_of_inputs() -> None:
    double = Double(spoil=Spoil("m-warmup-done", b"m-warmup-done\r\nhello\r\n"))
    with channel_of(double) as channel:
        client = MlperfClient(channel, baud=115200)
        client.detect()
        client.load(bytes(100), "vector 0")
        client.infer(1, 0)
    said = [line.text for line in client.transcript]
    assert "infer 1 0%" in said
    assert "m-results-[0.000]" in said
    assert "load vector 0, 100 bytes" in said
    assert not any(text.startswith("db 00") for text in said)
    assert client.log == ("hello",)


# Devices that send what cannot be


def test_an_answer_without_end_takes_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "LONGEST_ANSWER", 2000)
    flood = b"a line of a log\r\n" * 200
    with channel_of(Double(spoil=Spoil("m-infer-start", flood))) as channel:
        client = MlperfClient(channel, baud=115200)
        client.detect()
        client.load(b"\x40", "vector 0")
        with pytest.raises(MalformedMessageError, match="an answer is longer than 2,000 charact"):
            client.infer(1, 0)


def test_a_transcript_is_bounded_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transcript, "LONGEST", 500)
    with channel_of(Double()) as channel:
        client = MlperfClient(channel, baud=115200)
        client.detect()
        for vector in range(20):
            client.load(b"\x40", f"vector {vector}")
            client.infer(1, 0)
    received = [line.text for line in client.transcript if line.direction == "<-"]
    assert sum(map(len, received)) <= 500
    notes = [line.text for line in client.transcript if line.direction == "host"]
    assert notes.count("the device's lines after 500 characters are left out") == 1


def test_a_name_that_is_too_long_is_refused() -> None:
    with channel_of(Double(name="n" * 129)) as channel:
        client = MlperfClient(channel, baud=115200)
        with pytest.raises(MalformedMessageError, match="m-name has 129 characters; at most 128"):
            client.detect()


@pytest.mark.parametrize("lap", ["9" * 16, "-1", "1e9", "nan", "0x10"])
def test_a_timestamp_is_a_number_of_at_most_15_digits(lap: str) -> None:
    damaged = [line if "lap" not in line else f"m-lap-us-{lap}" for line in LINES]
    assert parse_infer(lines(damaged), 1).microseconds is None
    with pytest.raises(DamagedAnswerError, match="m-lap-us was received 1 time,"):
        parse_infer(lines([*damaged, "m-lap-us-1"]), 1)
