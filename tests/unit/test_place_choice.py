"""Which place a run may take, and which of its resources."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.board.labgrid.coordinator import chosen_address
from harness.board.labgrid.farm_state import Match, Place, Resource
from harness.board.labgrid.place_choice import PlaceChoice
from harness.board.labgrid.place_resources import needed, probe_address, serial_address
from harness.errors import InfrastructureError, InputError
from harness.target.target_file import Labgrid

_WORD = st.text("abcxyz019_-.", min_size=1, max_size=8)


def place(name: str = "nucleo-1", **tags: str) -> Place:
    return Place(name, ("shelf",), tags, (Match("pi", "*", "*"),), "", "", 0)


def resource(name: str, cls: str, *, available: bool = True, **params: Any) -> Resource:
    extra = params.pop("extra", {})
    return Resource("pi", "nucleo-1", cls, name, available, params, extra)


PROBE = resource("probe", "NetworkService", address="10.0.0.2", port=5555)
SERIAL = resource("serial", "NetworkSerialPort", host="10.0.0.2", port=4001, protocol="raw")


def pick(*resources: Resource, over_rtt: bool = False, **keys: Any) -> tuple[str, str | None]:
    named = {each.name: each for each in resources}
    probe, serial = needed(place(), named, Labgrid("chip", **keys), over_rtt=over_rtt)
    return probe.name, serial.name if serial else None


@given(st.dictionaries(_WORD, _WORD, min_size=1))
def test_tags_are_read_as_they_are_written(tags: dict[str, str]) -> None:
    choice = PlaceChoice(tags=tags)
    assert PlaceChoice.parse(str(choice)) == choice


@given(st.text())
def test_a_text_is_a_name_or_tags_or_an_error(text: str) -> None:
    try:
        choice = PlaceChoice.parse(text)
    except InputError:
        return
    assert bool(choice.name) != bool(choice.tags)


@pytest.mark.parametrize("text", ["", " ", "a=", "=b", "a=b,", "a=b,a=c", "a,b", "a=b,c"])
def test_what_is_neither_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="not a tag") as caught:
        PlaceChoice.parse(text)
    assert "--place=chip=stm32f429xi,meter=ppk2" in caught.value.remedy


def test_a_name_fits_the_place_or_its_alias() -> None:
    places = [place("shelf"), place("nucleo-1")]
    assert PlaceChoice("shelf").fitting(places, "") == [places[0]]  # the name comes first
    assert PlaceChoice("shelf").fitting(places[1:], "") == places[1:]
    with pytest.raises(InputError, match="no place 'nucleo'") as caught:
        PlaceChoice("nucleo").fitting(places, "coordinator pi:20408")
    assert "nucleo-1" in caught.value.remedy


def test_tags_fit_places_that_have_them_all() -> None:
    places = [place("a", chip="x"), place("b", chip="x", meter="ppk2"), place("c")]
    choice = PlaceChoice(tags={"chip": "x", "meter": "ppk2"})
    assert choice.fitting(places, "") == places[1:2]
    with pytest.raises(InputError, match="no place with the tags chip=y") as caught:
        PlaceChoice(tags={"chip": "y"}).fitting(places, "")
    assert "b: chip=x, meter=ppk2" in caught.value.remedy


def test_the_usual_names_are_taken_or_the_only_ones() -> None:
    other = resource("swd", "NetworkService", address="h", port=1)
    assert pick(PROBE, SERIAL) == ("probe", "serial")
    assert pick(PROBE, SERIAL, other) == ("probe", "serial")
    assert pick(other, SERIAL) == ("swd", "serial")
    assert pick(PROBE, other, SERIAL, probe="swd") == ("swd", "serial")
    assert pick(PROBE, over_rtt=True) == ("probe", None)


@pytest.mark.parametrize(
    ("resources", "keys", "what", "remedy"),
    [
        ((), {}, "no exporter that is connected offers pi/\\*/\\*", "add-match"),
        ((SERIAL,), {}, "no debug probe", "cls: NetworkService"),
        ((PROBE,), {}, "no serial line", "cls: NetworkSerialPort"),
        ((PROBE, SERIAL), {"probe": "swd"}, "called 'swd'; it has probe", "board.probe"),
        (
            (
                resource("a", "NetworkService"),
                resource("b", "NetworkService"),
                SERIAL,
            ),
            {},
            "called 'probe'; it has a, b",
            "board.probe",
        ),
        (
            (PROBE, resource("serial", "NetworkSerialPort", available=False)),
            {},
            "not available",
            "plugged in",
        ),
    ],
)
def test_a_place_that_cannot_be_used_says_why(
    resources: tuple[Resource, ...], keys: dict[str, Any], what: str, remedy: str
) -> None:
    with pytest.raises(InfrastructureError, match=what) as caught:
        pick(*resources, **keys)
    assert caught.value.where == "place nucleo-1"
    assert remedy in caught.value.remedy


def test_addresses_are_those_of_pyocd_and_pyserial() -> None:
    assert probe_address("p", PROBE) == "remote:10.0.0.2:5555"
    assert serial_address("p", SERIAL, 115200) == "socket://10.0.0.2:4001"
    by_ser2net = resource("serial", "NetworkSerialPort", host="pi", port=4001, speed=9600)
    assert serial_address("p", by_ser2net, 115200) == "rfc2217://pi:4001?ign_set_control&timeout=10"


@pytest.mark.parametrize("host", ["fd00::2", "[fd00::2]"])
def test_an_ipv6_address_is_in_brackets(host: str) -> None:
    probe = resource("probe", "NetworkService", address=host, port=5555)
    assert probe_address("p", probe) == "remote:[fd00::2]:5555"
    raw = resource("serial", "NetworkSerialPort", host=host, port=4001, protocol="raw")
    assert serial_address("p", raw, 115200) == "socket://[fd00::2]:4001"


@pytest.mark.parametrize(
    ("params", "what"),
    [
        ({"host": "pi", "port": None}, "has no address"),
        ({"host": "", "port": 1}, "has no address"),
        ({"host": "pi?logging=debug#", "port": 1}, "has no valid address"),
        ({"host": "::1::", "port": 1}, "has no valid address"),
        ({"host": "fe80::1%eth0", "port": 1}, "has no valid address"),
        ({"host": "pi", "port": 70000}, "has no valid address"),
        ({"host": "pi", "port": "1"}, "has no valid address"),
        ({"host": "pi", "port": 1, "protocol": "telnet"}, "has the protocol 'telnet'"),
        ({"host": "pi", "port": 1, "protocol": "raw", "speed": 9600}, "has 9600 bit/s"),
        ({"host": "pi", "port": 1, "extra": {"proxy_required": True}}, "is isolated"),
    ],
)
def test_an_address_that_cannot_be_used_names_the_exporter(
    params: dict[str, Any], what: str
) -> None:
    with pytest.raises(InfrastructureError, match=what) as caught:
        serial_address("p", resource("serial", "NetworkSerialPort", **params), 115200)
    assert "nucleo-1/serial of the exporter pi" in caught.value.what


@pytest.mark.parametrize(
    ("named", "address"),
    [
        (("pi", "other"), "pi:20408"),
        (("", "pi:1"), "pi:1"),
        (("[::1]",), "[::1]:20408"),
        (("[::1]:7",), "[::1]:7"),
        (("::1",), "[::1]:20408"),
    ],
)
def test_the_first_named_coordinator_is_asked(named: tuple[str, ...], address: str) -> None:
    assert chosen_address(*named) == address


def test_without_a_name_it_is_labgrids(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LG_COORDINATOR", raising=False)
    assert chosen_address("") == "127.0.0.1:20408"
    monkeypatch.setenv("LG_COORDINATOR", "pi:5")
    assert chosen_address("") == "pi:5"


@pytest.mark.parametrize("address", ["pi:", "pi:x", "pi:0", "pi:65536", ":5", "[pi]:5", "pi:1:2"])
def test_a_wrong_address_is_an_input_error(address: str) -> None:
    with pytest.raises(InputError, match="is not HOST:PORT"):
        chosen_address(address)
