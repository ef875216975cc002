"""The probe and the serial line of a place: which resources they are, and their addresses."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from harness.board.labgrid.farm_state import Place, Resource
from harness.errors import InfrastructureError
from harness.support.network_address import is_ipv6, joined_address
from harness.target.target_file import Labgrid

_HOST = re.compile(r"[\w.-]+", re.ASCII)  # it becomes part of a URL
_BRACKETS = re.compile(r"\[(.*)\]")
_PROBE, _SERIAL = "NetworkService", "NetworkSerialPort"
_URLS = {
    "raw": "socket://{address}",
    # ser2net does not answer requests about lines that the port does not have, such as DTR.
    "rfc2217": "rfc2217://{address}?ign_set_control&timeout=10",
}
"""Pyserial's URL, by labgrid's name of the protocol."""
_LINES = {
    _PROBE: "  probe:\n    cls: NetworkService\n    address: HOST\n    port: 5555\n"
    "    username: pyocd",
    _SERIAL: "  serial:\n    cls: NetworkSerialPort\n    host: HOST\n    port: 4001\n"
    "    protocol: raw",
}
_WHAT = {_PROBE: "debug probe (pyocd server)", _SERIAL: "serial line"}


class NeededResources(NamedTuple):
    """The resources of a place that a run needs; without `serial`, RTT carries the link."""

    probe: Resource
    serial: Resource | None


def needed(
    place: Place, resources: Mapping[str, Resource], board: Labgrid, *, over_rtt: bool
) -> NeededResources:
    """Return what a run needs of `resources`, by their names in `place`.

    Raises `InfrastructureError` with the reason why the place cannot be used.
    """
    if not resources:
        patterns = ", ".join(str(match) for match in place.matches)
        raise InfrastructureError(
            f"has no resources: no exporter that is connected offers {patterns}"
            if patterns
            else "has no resources: it has no match",
            where=f"place {place.name}",
            remedy="does labgrid-exporter run on the board's machine? labgrid-client resources "
            f"shows what is offered, and labgrid-client -p {place.name} add-match adds it",
        )
    probe = _pick(place, resources, _PROBE, board.probe, "probe")
    if over_rtt:
        return NeededResources(probe, None)
    return NeededResources(probe, _pick(place, resources, _SERIAL, board.serial, "serial"))


def probe_address(place: str, probe: Resource) -> str:
    """Return the address of a probe in pyOCD's form."""
    return f"remote:{_address(place, probe, 'address')}"


def serial_address(place: str, serial: Resource, baud: int) -> str:
    """Return pyserial's URL of a serial line, which the device uses with `baud` bit/s."""
    address = _address(place, serial, "host")
    protocol = serial.params.get("protocol") or "rfc2217"  # labgrid's own default
    if protocol not in _URLS:
        raise _wrong(place, serial, f"has the protocol {protocol!r}", "write protocol: raw")
    speed = serial.params.get("speed")
    if protocol == "raw" and speed and speed != baud:
        raise _wrong(
            place,
            serial,
            f"has {speed} bit/s, and the firmware {baud} bit/s",
            f"write speed: {baud}, and set it in ser2net too",
        )
    return _URLS[protocol].format(address=address)


def _address(place: str, resource: Resource, key: str) -> str:
    """Return HOST:PORT of a resource, whose host is its parameter `key`."""
    host, port = resource.params.get(key), resource.params.get("port")
    if resource.extra.get("proxy_required"):
        raise _wrong(
            place,
            resource,
            "is isolated: its exporter wants a connection through SSH",
            "start labgrid-exporter without --isolated, and reach its machine by SSH or WireGuard",
        )
    if not host or not port:
        raise _wrong(
            place,
            resource,
            f"has no address: its {key} is {host!r} and its port {port!r}",
            f"write {key} and port; for a USB port, does ser2net run on that machine?",
        )
    bare = _BRACKETS.sub(r"\1", str(host))
    if not _is_host(bare) or not isinstance(port, int) or not 0 < port < 1 << 16:
        raise _wrong(
            place,
            resource,
            f"has no valid address: its {key} is {host!r} and its port {port!r}",
            f"write a host name or an IP address as {key}, and a number as port",
        )
    return joined_address(bare, port)


def _is_host(text: str) -> bool:
    """Return whether `text` is a host; the zone of an IPv6 address means nothing elsewhere."""
    return bool(_HOST.fullmatch(text)) or (is_ipv6(text) and "%" not in text)


def _pick(
    place: Place, resources: Mapping[str, Resource], cls: str, wanted: str, usual: str
) -> Resource:
    """Return the resource `wanted`, or the one with the `usual` name, or the only one of `cls`."""
    found = {name: resource for name, resource in resources.items() if resource.cls == cls}
    name = wanted or (usual if usual in found or len(found) != 1 else next(iter(found)))
    if name not in found:
        raise _missing(place, resources, cls, name, usual)
    if not found[name].available:
        raise _wrong(
            place.name,
            found[name],
            "is not available",
            "is it plugged in at the exporter's machine?",
        )
    return found[name]


def _missing(
    place: Place, resources: Mapping[str, Resource], cls: str, name: str, usual: str
) -> InfrastructureError:
    """Return the error for a place without a probe, or without a serial line."""
    offered = ", ".join(f"{each} ({resources[each].cls})" for each in sorted(resources))
    of_kind = [each for each in resources if resources[each].cls == cls]
    if of_kind:
        return InfrastructureError(
            f"has no {cls} called {name!r}; it has {', '.join(sorted(of_kind))}",
            where=f"place {place.name}",
            remedy=f"name one of them as board.{usual} in the target file",
        )
    neighbour = next(iter(resources.values()))
    return InfrastructureError(
        f"has no {_WHAT[cls]}; it has {offered}",
        where=f"place {place.name}",
        remedy=f"add to the file of the exporter {neighbour.exporter}, and start it again:\n"
        f"{neighbour.group}:\n{_LINES[cls]}",
    )


def _wrong(place: str, resource: Resource, what: str, remedy: str) -> InfrastructureError:
    return InfrastructureError(
        f"the resource {resource.group}/{resource.name} of the exporter {resource.exporter} {what}",
        where=f"place {place}",
        remedy=f"in the exporter's file: {remedy}",
    )
