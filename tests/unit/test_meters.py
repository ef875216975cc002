"""Drivers of meters: their codecs, and each against its virtual meter or server."""

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import InfrastructureError, InputError
from harness.measure.energy.meters import joulescope, lpm01a, meter_stream, otii, ppk2
from harness.measure.energy.meters.meter import Capture
from harness.measure.energy.meters.metering import KINDS, Metering, virtual_meter
from harness.simulator.meters import connect
from harness.simulator.meters.meter_faults import MeterFaults, parse
from harness.simulator.meters.supply import ASLEEP, AWAKE, Supply
from harness.simulator.meters.virtual_lpm01a import VirtualLpm01a
from harness.simulator.meters.virtual_ppk2 import VirtualPpk2
from harness.target.find_target import find_target, load_target

TARGETS = Path(__file__).parents[2] / "targets"
SAMPLE = 1 << 14  # any range but the lowest


def _words(counters: list[int], adc: int = 100, level: int = 0) -> bytes:
    return b"".join(struct.pack("<I", adc | SAMPLE | c % 64 << 18 | level << 24) for c in counters)


# PPK2


def test_words_in_a_row() -> None:
    found = ppk2.find_words(_words(list(range(200))))
    assert found.indices.tolist() == list(range(200))
    assert found.corrupt == 0


def test_missing_words_leave_their_places() -> None:
    counters = [c for c in range(300) if not 100 <= c < 130]
    found = ppk2.find_words(_words(counters))
    assert found.indices.tolist() == counters
    assert found.corrupt == 0


def test_a_damaged_counter_costs_one_word() -> None:
    data = bytearray(_words(list(range(100))))
    data[4 * 50 + 2] ^= 0x80
    found = ppk2.find_words(bytes(data))
    assert found.indices.tolist() == [place for place in range(100) if place != 50]
    assert found.corrupt == 1


@given(lost=st.integers(1, 200), at=st.integers(40, 400))
def test_in_step_again_after_lost_bytes(lost: int, at: int) -> None:
    data = _words(list(range(400)))
    found = ppk2.find_words(data[:at] + data[at + lost :])
    # What is before and after is where it belongs, and nothing is invented.
    assert found.indices[0] == 0
    assert found.indices[-1] == 399 or at + lost > len(data) - 40
    assert (np.diff(found.indices) > 0).all()
    assert len(found.indices) >= 400 - lost // 4 - 12


@given(st.binary(max_size=600))
def test_any_bytes_from_a_ppk2(data: bytes) -> None:
    found = ppk2.find_words(data)
    assert len(found.words) == len(found.indices)
    assert (np.diff(found.indices) > 0).all()


@given(st.binary(max_size=200))
def test_any_metadata(answer: bytes) -> None:
    try:
        ppk2.parse_metadata(answer)
    except InfrastructureError as error:
        assert "this is not a PPK2" in error.what  # noqa: PT017


def test_metadata() -> None:
    # In any order, with either end of line, and with what we do not know.
    found = ppk2.parse_metadata(b"R1: 101.5\r\nNew: x\nR0: 0\nGS4:nan\nHW: 9\nUG3: 1.0\nEND")
    assert found.constants[0].tolist()[1] == 101.5
    assert np.isnan(found.constants[0][0])  # which is divided by
    assert found.constants[6][3] == 1.0
    assert found.others == {"New": "x", "HW": "9"}


def test_constants_that_are_missing_give_no_current() -> None:
    metadata = ppk2.parse_metadata(b"R4: 0.05\nEND")
    current, _, invalid = ppk2.convert(
        ppk2.find_words(_words(list(range(20)))), metadata.constants, 3
    )
    assert np.isnan(current).all()
    assert invalid == 20


@settings(max_examples=30)
@given(
    st.lists(st.floats(1e-6, 0.5), min_size=10, max_size=80),
    st.floats(0.8, 5.0),
    st.integers(0, 2**31),
)
def test_currents_through_a_ppk2(amperes: list[float], volts: float, first: int) -> None:
    meter = _Offline(VirtualPpk2)
    meter.volts = volts
    levels = np.arange(len(amperes)) % 3 == 0
    data = VirtualPpk2.encode(meter, first, np.array(amperes), levels)  # type: ignore[arg-type]
    metadata = ppk2.parse_metadata(VirtualPpk2._metadata(meter))  # type: ignore[arg-type]
    current, trigger, invalid = ppk2.convert(ppk2.find_words(data), metadata.constants, volts)
    assert invalid == 0
    # A step of the ADC: 4 LSBs over the range's resistor.
    steps = [4 * 1.8 / 163_840 / ohms * 1.02 for ohms in (1000.6, 101.4, 10.2, 0.96, 0.0559)]
    ranges = np.searchsorted([50e-6, 500e-6, 5e-3, 50e-3], amperes)
    assert (np.abs(current - amperes) <= 0.51 * np.array(steps)[ranges]).all()
    assert trigger.tolist() == levels.tolist()


# LPM01A


def _stamp(milliseconds: int) -> bytes:
    return b"\xf0\xf3" + milliseconds.to_bytes(4, "big") + b"\x05\xff\xff"


BLOCK = b"\x52\xa0" * 1000
END = b"\xf0\xf4\xff\xff"


def test_the_manuals_examples() -> None:
    # UM2269, 4.4.2: 52A0 is 640.9 µA, 3145 is 79.35 mA.
    current, _, _ = lpm01a.decode(_stamp(0) + b"\x52\xa0\x31\x45" + END)
    assert current == pytest.approx([640.9e-6, 79.35e-3], rel=1e-4)


def test_a_short_block_is_missing() -> None:
    data = (
        _stamp(10) + BLOCK + _stamp(20) + BLOCK[:-2] + _stamp(30) + BLOCK + _stamp(50) + BLOCK + END
    )
    current, missing, corrupt = lpm01a.decode(data)
    assert len(current) == 5000
    assert np.isnan(current).reshape(5, 1000).all(axis=1).tolist() == [
        False,
        True,
        False,
        True,
        False,
    ]
    assert (missing, corrupt) == (2000, 0)


def test_a_damaged_stamp_moves_nothing_else() -> None:
    data = b"".join(_stamp(t) + BLOCK for t in (0, 10, 99_999_999, 30, 40)) + END
    current, missing, _ = lpm01a.decode(data)
    assert len(current) == 5000
    assert missing == 2000  # the one before the damage is too long now, and the one after it


def test_impossible_samples_are_corrupt() -> None:
    # An exponent of 1 would be above 16 A; 15 is no exponent. Nothing is 0 A whatever it has.
    current, missing, corrupt = lpm01a.decode(_stamp(0) + b"\x1f\xff\x52\xa0\x00\x00" + END)
    assert np.isnan(current).tolist() == [True, False, False]
    assert (missing, corrupt) == (0, 1)


def test_messages_between_samples_are_no_samples() -> None:
    text = b"\xf0\xf2hello\r\n\xff\xff"
    current, missing, corrupt = lpm01a.decode(_stamp(0) + BLOCK[:500] + text + BLOCK[500:] + END)
    assert len(current) == 1000
    assert (missing, corrupt) == (0, 0)


@given(st.binary(max_size=500), st.integers(0, 4000))
def test_any_bytes_from_an_lpm01a(noise: bytes, at: int) -> None:
    data = b"".join(_stamp(10 * t) + BLOCK for t in range(3))
    current, missing, corrupt = lpm01a.decode(data[:at] + noise + data[at:])
    assert len(current) < 2_000_000
    assert missing + corrupt == np.isnan(current).sum()


@settings(max_examples=30)
@given(st.lists(st.floats(2e-9, 0.9), min_size=1, max_size=50))
def test_currents_through_an_lpm01a(amperes: list[float]) -> None:
    data = VirtualLpm01a.encode(
        _Offline(VirtualLpm01a),  # type: ignore[arg-type]
        0,
        np.array(amperes),
        np.zeros(len(amperes), np.bool_),
    )
    # UM2269, 4.4.2: off by 0.2 % at the worst.
    assert lpm01a.decode(data)[0] == pytest.approx(amperes, rel=0.0021)


def test_replies() -> None:
    assert lpm01a.parse_reply(b"\r\nPowerShield > ack volt 3000m\r\n\r\n") == "volt 3000m"
    assert lpm01a.parse_reply(b"PowerShield > ack version: 1.0.6\r\n") == "version: 1.0.6"
    with pytest.raises(ValueError, match="volt 9"):
        lpm01a.parse_reply(b"\r\nPowerShield > err volt 9\r\nout of range\r\n")


@given(st.binary(max_size=100))
def test_any_reply(said: bytes) -> None:
    with suppress(ValueError):
        lpm01a.parse_reply(said)


class _Offline:
    """As much of a virtual meter as its encoder needs, without a terminal or a thread."""

    def __init__(self, kind: type) -> None:
        self.volts = 3.0
        self.faults = MeterFaults()
        self._kind = kind

    def gaps(self, count: int, length: int) -> Any:
        return np.zeros(count, np.bool_)


# Both, on a terminal


@contextmanager
def _virtual(text: str) -> Iterator[tuple[Any, Any, str]]:
    """Yield the open meter, its supply, and where it is."""
    meter, supply = connect(text)
    with closing(meter):
        kind = text.partition(",")[0]
        with closing(KINDS[kind](meter.path, 3.0)) as driver:
            yield driver, supply, meter.path


def _captured(driver: Any, seconds: float, at_half: Callable[[], None] = lambda: None) -> Capture:
    driver.start()
    time.sleep(seconds / 2)
    at_half()
    time.sleep(seconds / 2)
    capture: Capture = driver.stop()
    return capture


@pytest.mark.parametrize("kind", ["ppk2", "lpm01a"])
def test_a_meter_shows_what_is_there(kind: str) -> None:
    with _virtual(kind) as (driver, supply, _):
        capture = _captured(
            driver, 0.3, lambda: supply.note(time.monotonic(), awake=True, trigger=True)
        )
        assert driver.identity.virtual
    half = np.flatnonzero(capture.current > 3e-3)[0]
    assert capture.current[: half - 1].mean() == pytest.approx(ASLEEP, rel=0.005)
    assert capture.current[half:].mean() == pytest.approx(AWAKE, rel=0.01)
    assert (capture.missing, capture.corrupt) == (0, 0)
    if capture.trigger is not None:
        assert np.flatnonzero(capture.trigger)[0] == pytest.approx(half, abs=1)
    # It may be late to begin and to end, by what the machine is busy with, but not early.
    assert 0.2 < len(capture.current) / capture.hz < 10


@pytest.mark.parametrize("kind", ["ppk2", "lpm01a"])
def test_a_meter_may_be_started_twice(kind: str) -> None:
    with _virtual(kind) as (driver, _, _):
        for _ in range(2):
            assert _captured(driver, 0.1).current.mean() == pytest.approx(ASLEEP, rel=0.01)


@pytest.mark.parametrize("kind", ["ppk2", "lpm01a"])
def test_a_meter_stops_half_way(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meter_stream, "MAX_SILENCE", 0.4)
    with (
        _virtual(f"{kind},stops=0.1") as (driver, _, path),
        pytest.raises(InfrastructureError, match="the meter stopped unexpectedly") as error,
    ):
        _captured(driver, 0.8)
    assert path in error.value.where


@pytest.mark.parametrize("kind", ["ppk2", "lpm01a"])
def test_a_meter_is_unplugged(kind: str) -> None:
    meter, _ = connect(kind)
    with closing(KINDS[kind](meter.path, 3.0)) as driver:
        driver.start()
        time.sleep(0.05)
        meter.close()
        with pytest.raises(InfrastructureError, match=r"closed the line|stopped unexpectedly"):
            driver.stop()


def test_an_lpm01a_says_why_it_stops() -> None:
    meter, _ = connect("lpm01a")
    with closing(meter), closing(lpm01a.Lpm01a(meter.path, 3.0)) as driver:
        driver.start()
        time.sleep(0.05)
        meter.receive(b"stop\r\n")
        meter.send(b"")
        time.sleep(0.05)
        with pytest.raises(
            InfrastructureError, match="the meter stopped unexpectedly: it gives no reason"
        ):
            driver.stop()


@pytest.mark.parametrize(("kind", "other"), [("ppk2", "lpm01a"), ("lpm01a", "ppk2")])
def test_another_meter_on_the_port(kind: str, other: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meter_stream, "_ANSWER_DEADLINE", 0.2)
    meter, _ = connect(other)
    with closing(meter), pytest.raises(InfrastructureError, match="did not answer") as error:
        KINDS[kind](meter.path, 3.0)
    assert "is this the meter's port" in error.value.remedy


def test_no_such_port() -> None:
    with pytest.raises(InfrastructureError, match="cannot be opened"):
        ppk2.Ppk2("/dev/nowhere", 3.0)


@pytest.mark.parametrize(("kind", "volts"), [("ppk2", 0.0), ("ppk2", 5.5), ("lpm01a", 5.0)])
def test_a_voltage_it_does_not_have(kind: str, volts: float) -> None:
    with pytest.raises(InputError, match="supplies"):
        KINDS[kind]("/dev/null", volts)


# What a virtual board draws


def test_charges_are_exact() -> None:
    supply = Supply()
    for moment, awake, trigger in (
        (1.0, True, False),
        (1.2, True, True),
        (1.5, True, False),
        (1.6, False, False),
        (1.7, True, False),
        (1.8, False, False),
    ):
        supply.note(moment, awake=awake, trigger=trigger)
    # Finely sampled, the sum comes to the same.
    moments = np.arange(0.9, 1.9, 1e-6)
    amperes, high = supply.show(moments, 0.0)
    assert supply.inferences() == pytest.approx([amperes[high].sum() * 1e-6], rel=1e-5)
    stretch = amperes[(moments >= 1.0) & (moments < 1.6)].sum() * 1e-6
    assert supply.awake_periods() == pytest.approx([stretch], rel=1e-5)


def test_an_edge_is_not_earlier_than_what_was_shown() -> None:
    supply = Supply()
    supply.show(np.array([1.0, 2.0]), 0.0)
    supply.note(1.5, awake=True, trigger=True)  # told late
    supply.note(3.0, awake=False, trigger=False)
    assert supply.inferences() == pytest.approx([AWAKE * 1.0], rel=0.001)


# What is asked for


def test_virtual_meters_of_a_spec() -> None:
    assert virtual_meter("ppk2:virtual,noise=0.02") == "ppk2,noise=0.02"
    assert virtual_meter("ppk2:/dev/ttyACM0") == ""
    assert virtual_meter("") == ""


def test_an_unknown_meter() -> None:
    class Options:
        meter, volts, note = "ppk3:/dev/x", 3.0, ""

    with pytest.raises(InputError, match="there is no meter 'ppk3'") as error:
        Metering.of(Options)
    assert "ppk2" in error.value.remedy


@pytest.mark.parametrize(
    ("spec", "target"),
    [("ppk2:/dev/ttyACM0", "qemu-stm32"), ("ppk2:/dev/ttyACM0", "virtual-stm32")],
)
def test_a_meter_of_what_is_no_hardware(spec: str, target: str) -> None:
    with pytest.raises(InputError, match=f"cannot measure {target}: it is not hardware"):
        Metering(spec, 3.0).check(find_target(target, [TARGETS]))


def test_a_meter_without_a_trigger_needs_the_clock_of_the_board(tmp_path: Path) -> None:
    file = tmp_path / "desk.toml"
    text = (TARGETS / "nucleo-f429zi.toml").read_text()
    begin, end = text.index("[clock]"), text.index("[power]")
    file.write_text(text[:begin] + text[end:])
    target = load_target(file)
    Metering("ppk2:/dev/ttyACM0", 3.0).check_clock(target, None)
    meter = Metering("lpm01a:/dev/ttyACM0", 3.0)
    meter.check(target)
    meter.check_clock(target, 16e6)  # measured
    with pytest.raises(InputError, match="has to come from cycles and clock") as error:
        meter.check_clock(target, None)
    assert error.value.where == f"{file}: clock"


def test_a_virtual_meter_of_what_is_no_virtual_board() -> None:
    with pytest.raises(InputError, match="it is not a virtual board"):
        Metering("ppk2:virtual", 3.0).check(find_target("nucleo-f429zi", [TARGETS]))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("ppk3", "there is no virtual meter 'ppk3'"),
        ("ppk2,nois=1", "a virtual meter has no fault 'nois'"),
        ("ppk2,noise=much", "'much' is not a number"),
    ],
)
def test_wrong_faults(text: str, what: str) -> None:
    with pytest.raises(InputError, match=what):
        parse(text)


# Joulescope


def _parts(**values: list[tuple[int, Any]]) -> dict[str, list[tuple[int, Any]]]:
    return {"s/i": values["i"], "s/v": values["v"], "s/gpi/0": values["g"]}


def test_parts_of_a_joulescope_are_put_together() -> None:
    f = np.float32
    parts = _parts(
        i=[(100, np.full(10, 1e-3, f)), (115, np.full(5, 2e-3, f))],
        v=[(100, np.full(20, 3.0, f))],
        g=[(96, np.array([0, 0, 0, 0] + [1] * 8 + [0] * 12))],
    )
    capture = joulescope.capture_of(parts, 5.0)
    assert np.isnan(capture.current).tolist() == [False] * 10 + [True] * 5 + [False] * 5
    assert capture.missing == 5
    assert capture.volts == pytest.approx([3.0] * 20)
    assert capture.trigger is not None
    assert capture.trigger.tolist() == [True] * 8 + [False] * 12


def test_bits_of_a_joulescopes_input() -> None:
    bits = joulescope._unpacked(np.array([0b0000_0110], np.uint8), 2)
    assert bits.tolist() == [0, 0, 1, 1, 1, 1] + [0] * 10


def test_a_joulescope_without_a_signal() -> None:
    with pytest.raises(InfrastructureError, match="sent no sample"):
        joulescope.capture_of(_parts(i=[], v=[], g=[]), 0.0)
    with pytest.raises(InfrastructureError, match="did not send all signals"):
        joulescope.capture_of(_parts(i=[(0, np.ones(3))], v=[], g=[(0, np.ones(3))]), 0.0)


def test_which_joulescope() -> None:
    paths = ["u/js220/000123", "u/js220/000456"]
    assert joulescope._pick(paths, "000456") == paths[1]
    with pytest.raises(InfrastructureError, match="000123, 000456"):
        joulescope._pick(paths, "")


def test_a_joulescope_supplies_nothing() -> None:
    with pytest.raises(InputError, match="does not supply the board"):
        joulescope.Joulescope("", 3.0)


@pytest.mark.skipif(
    find_spec("pyjoulescope_driver") is None,
    reason="not installed: pip install 'tinyml-harness[joulescope]'",
)
def test_no_joulescope_is_connected() -> None:
    with pytest.raises(InfrastructureError, match="no Joulescope is connected"):
        joulescope.Joulescope("no-such-number", 0.0)


@pytest.mark.parametrize("kind", ["joulescope", "otii"])
def test_a_package_that_is_not_installed(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("pyjoulescope_driver", "otii_tcp_client"):
        monkeypatch.setitem(__import__("sys").modules, package, None)
    with pytest.raises(InfrastructureError, match="not installed") as error:
        KINDS[kind]("", 3.0 if kind == "otii" else 0.0)
    assert f"tinyml-harness[{kind}]" in error.value.remedy


# Otii


def test_what_an_otii_recorded_is_put_together() -> None:
    capture = otii.capture_of(
        (0.25, np.array([1.0, 2.0, 3.0, 4.0])),
        (0.5, np.array([3.0, 3.2])),
        [{"timestamp": 0.3, "value": True}, {"timestamp": 0.6, "value": False}],
        7.0,
    )
    assert capture.hz == 4
    assert capture.volts == pytest.approx([3.0, 3.1, 3.2, 3.2])
    assert capture.trigger is not None
    assert capture.trigger.tolist() == [False, False, True, False]


class _OtiiServer(threading.Thread):
    """Speaks Otii's JSON for one client: a device whose trigger goes up once a recording."""

    def __init__(self, devices: int = 1) -> None:
        super().__init__(daemon=True)
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self._devices = devices
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.start()

    def close(self) -> None:
        self._listener.close()

    def run(self) -> None:
        with self._listener, self._listener.accept()[0] as client, client.makefile("rwb") as file:
            self._send(file, {"type": "information", "info": "connected", "data": {}})
            for line in file:
                request = json.loads(line)
                data = request.get("data", {})
                self.asked.append((request["cmd"], data))
                answer = {
                    "type": "response",
                    "cmd": request["cmd"],
                    "data": self._answer(request["cmd"], data),
                }
                self._send(file, answer | {"trans_id": request["trans_id"]})

    def _send(self, file: Any, message: dict[str, Any]) -> None:
        file.write(json.dumps(message).encode() + b"\r\n")
        file.flush()

    def _answer(self, command: str, data: dict[str, Any]) -> dict[str, Any]:
        device = {"device_id": "Ace1", "name": "Ace", "type": "Ace"}
        counts = {"mc": 90_000, "mv": 9_000, "i1": 2}
        if command == "recording_get_channel_data":
            return self._samples(data["channel"], data["index"], data["count"])
        answers: dict[str, dict[str, Any]] = {
            "otii_is_logged_in": {"logged_in": True},
            "otii_get_licenses": {
                "licenses": [
                    {
                        "id": 1,
                        "type": "Automation",
                        "available": True,
                        "reserved_to": "",
                        "hostname": "",
                    }
                ]
            },
            "otii_get_devices": {"devices": [device] * self._devices},
            "otii_get_active_project": {"project_id": 1},
            "arc_get_version": {"hw_version": "1", "fw_version": "2.3"},
            "project_get_last_recording": {"recording_id": 4, "name": "r"},
            "recording_get_channel_data_count": {"count": counts.get(data.get("channel", ""), 0)},
        }
        return answers.get(command, {})

    def _samples(self, channel: str, index: int, count: int) -> dict[str, Any]:
        if channel == "i1":
            return {
                "data_type": "digital",
                "values": [{"timestamp": 0.5, "value": True}, {"timestamp": 0.7, "value": False}],
            }
        interval, value = {"mc": (2e-5, 5e-3), "mv": (2e-4, 3.01)}[channel]
        return {
            "data_type": "analog",
            "timestamp": index * interval,
            "interval": interval,
            "values": [value] * count,
        }


@pytest.mark.skipif(
    find_spec("otii_tcp_client") is None,
    reason="not installed: pip install 'tinyml-harness[otii]'",
)
class TestOtii:
    """Through the vendor's own client."""

    def test_a_recording(self) -> None:
        with closing(_OtiiServer()) as server:
            with closing(otii.Otii(server.address, 3.0)) as meter:
                assert (meter.identity.name, meter.identity.serial) == ("Qoitech Otii Ace", "Ace1")
                assert meter.identity.firmware == "2.3"
                meter.start()
                capture = meter.stop()
            server.join(5)
        assert capture.hz == pytest.approx(50_000)
        assert len(capture.current) == 90_000
        assert capture.volts == pytest.approx(np.full(90_000, 3.01))
        assert capture.trigger is not None
        assert np.flatnonzero(np.diff(capture.trigger.astype(int))).tolist() == [24_999, 34_999]
        assert ("arc_set_main_voltage", {"device_id": "Ace1", "value": 3.0}) in server.asked
        assert server.asked[-1][0].endswith(("all_main", "return_license", "logout"))

    def test_two_devices(self) -> None:
        with (
            closing(_OtiiServer(devices=2)) as server,
            pytest.raises(InfrastructureError, match="needs exactly one Otii, 2 are connected"),
        ):
            otii.Otii(server.address, 3.0)

    def test_no_server(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(otii, "_TIMEOUT", 0)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        with pytest.raises(InfrastructureError, match="refused") as error:
            otii.Otii(f"127.0.0.1:{port}", 3.0)
        assert "TCP server" in error.value.remedy

    def test_volts_are_needed(self) -> None:
        with pytest.raises(InputError, match="supplies the board"):
            otii.Otii("", 0.0)
