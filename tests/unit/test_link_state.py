"""A state between inferences over the link: no lost, doubled or disturbed byte changes it twice."""

import random
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.errors import InfrastructureError
from harness.link import recording_state
from harness.link.link_client import LinkClient
from harness.link.messages import Result
from tests.support import host
from tests.unit.test_link import (  # noqa: F401 - fixtures
    BUILD_ID,
    SIZE,
    disturbed_link,
    firmware,
    link,
    short_deadlines,
)


@pytest.fixture(scope="module")
def summing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return host.build_firmware(tmp_path_factory.mktemp("summing"), "summing", "-DTRACE=ON")


def check_sums(device: LinkClient, rng: random.Random, lengths: list[int]) -> None:
    """Run recordings of these `lengths`; each output is the sum of the inputs until then."""
    for length in lengths:
        device.begin_recording()
        total = np.zeros(SIZE, np.uint8)
        for _ in range(length):
            data = rng.randbytes(SIZE)
            total += np.frombuffer(data, np.uint8)
            assert device.infer(data).output == total.tobytes()


@pytest.mark.parametrize("fault", ["drop", "flip", "double"])
def test_a_bad_line_changes_no_state(summing: Path, fault: str) -> None:
    rng = random.Random(fault)

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

    with disturbed_link(summing, disturb, disturb) as device:
        device.hello(BUILD_ID)
        check_sums(device, rng, [5, 1, 8])
        assert device.retries > 0


def test_what_comes_twice_runs_once(summing: Path) -> None:
    rng = random.Random(2)

    def twice(data: bytes) -> bytes:
        return data * 2 if rng.random() < 0.2 else data

    with disturbed_link(summing, twice, twice) as device:
        device.hello(BUILD_ID)
        check_sums(device, rng, [4, 4])


def test_a_disturbed_inference_begins_the_recording_anew(
    summing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An inference that bytes have disturbed has changed the state, and is repeated."""
    run, runs = LinkClient._run, 0

    def disturbed(client: LinkClient, data: bytes) -> Result:
        nonlocal runs
        runs += 1
        result = run(client, data)
        return replace(result, disturbed=8) if runs in {3, 7} else result

    monkeypatch.setattr(LinkClient, "_run", disturbed)
    with link(summing) as device:
        device.hello(BUILD_ID)
        check_sums(device, random.Random(3), [4, 2])
        assert device.retries == 2
    assert runs == 6 + (2 + 1) + (3 + 1), "those before it, and itself"
    assert len(device.spans) == runs, "a meter has seen them all"
    assert sum(span.disturbed for span in device.spans) == 2 + 3, "what was computed before"


@pytest.mark.parametrize("failing", range(4, 8))
def test_a_state_is_whole_after_memory_failed(
    summing: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    """The fourth inference is disturbed, so vectors 0 to 2 run again; the write `failing` fails."""
    run, runs, writes = LinkClient._run, 0, 0

    def disturbed(client: LinkClient, data: bytes) -> Result:
        nonlocal runs
        runs += 1
        return replace(run(client, data), disturbed=8 * (runs == 4))

    def write(_: int, data: bytes) -> None:
        nonlocal writes
        writes += 1
        if writes == failing:
            raise InfrastructureError("no probe")
        device._load(data)

    monkeypatch.setattr(LinkClient, "_run", disturbed)
    with link(summing) as device:
        device.via, device._write = "debug", write
        device.hello(BUILD_ID)
        device.begin_recording()
        one = bytes([1]) * SIZE
        for _ in range(3):
            device.infer(one)
        with pytest.raises(InfrastructureError, match="no probe"):
            device.infer(one)
        device.via = "serial"
        for total in (4, 5):
            assert device.infer(one).output == bytes([total]) * SIZE


def test_a_recording_that_is_too_long_to_run_again_is_an_error(
    summing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The host does not keep its inputs; only an inference that must be repeated needs them."""
    monkeypatch.setattr(recording_state, "MOST_BYTES", 3 * SIZE)
    with link(summing) as device:
        device.hello(BUILD_ID)
        check_sums(device, random.Random(4), [3, 5])
        assert not device._state._inputs
        device.go_back()
        with pytest.raises(InfrastructureError, match="the host does not keep more") as error:
            device.infer(bytes(SIZE))
        assert (error.value.where, "dut.reset()" in error.value.remedy) == ("test", True)
        check_sums(device, random.Random(5), [3])
        device.go_back()
        device.infer(bytes(SIZE))


def test_an_inference_can_be_taken_back(summing: Path) -> None:
    with link(summing) as device:
        device.hello(BUILD_ID)
        device.begin_recording()
        one, two = bytes([1]) * SIZE, bytes([2]) * SIZE
        device.infer(one)
        first = device.infer(two).output
        device.go_back()
        assert device.infer(two).output == first == bytes([3]) * SIZE


def test_a_trace_is_an_inference_like_others(summing: Path) -> None:
    with link(summing) as device:
        device.hello(BUILD_ID)
        device.begin_recording()
        device.infer(bytes([4]) * SIZE)
        for _ in range(2):
            (output,), result = device.trace(bytes([5]) * SIZE, 0)
            assert result.output == output.data == bytes([9]) * SIZE
            assert output.crc == zlib.crc32(output.data)
            device.go_back()
        device.trace(bytes([5]) * SIZE)
        assert device.infer(bytes([1]) * SIZE).output == bytes([10]) * SIZE


def test_firmware_without_a_state_is_told(firmware: Path) -> None:  # noqa: F811 - the fixture
    with link(firmware) as device:
        device.hello(BUILD_ID)
        with pytest.raises(InfrastructureError, match="keeps a state, and the firmware cannot"):
            device.begin_recording()


def test_a_reset_needs_a_session(summing: Path) -> None:
    with link(summing) as device, pytest.raises(InfrastructureError, match="call hello"):
        device.begin_recording()
