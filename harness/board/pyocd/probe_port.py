"""Finds the serial port that belongs to a probe."""

from typing import Any

from serial.tools import list_ports
from serial.tools.list_ports_common import ListPortInfo

from harness.errors import InfrastructureError
from harness.simulator.pyocd_probe import VirtualProbe


def port_of(probe: Any, interface: str) -> str:
    """Return the serial port of the board with `probe`: a virtual one's, or what `find_port` does.

    A port of a virtual board belongs to no USB device.
    """
    if isinstance(probe, VirtualProbe) and probe.serial_port:
        return probe.serial_port
    return find_port(probe.unique_id, interface)


def find_port(probe: str, interface: str) -> str:
    """Return the device of the serial port on the same USB device as `probe`.

    If a probe has several ports, `interface` selects one: the USB interface's name, or the end
    of its location such as "1.2". Otherwise `InfrastructureError` lists the ports.
    """
    ports = list_ports.comports()
    number = _serial_number(probe)
    # A port without a serial number cannot be matched to a probe.
    own = [port for port in ports if number and _serial_number(port.serial_number) == number]
    matching = [port for port in own if _has_interface(port, interface)]
    if len(matching) == 1:
        return str(matching[0].device)
    if matching:
        what = f"{len(matching)} serial ports belong to it: {_names(matching)}"
    elif own:
        what = f"none of its serial ports is on interface {interface!r}: {_names(own)}"
    else:
        what = f"no serial port belongs to it; available ports: {_names(ports) or 'none'}"
    raise InfrastructureError(
        what,
        where=f"probe {probe}",
        remedy="name the port with --serial, or `serial` or `interface` in the target file",
    )


def _serial_number(text: str | None) -> str:
    """Normalise: USB reports 000683123456, pyOCD 683123456."""
    text = (text or "").lower()
    return text.lstrip("0") if text.isdigit() else text


def _has_interface(port: ListPortInfo, interface: str) -> bool:
    return (port.location or "").endswith(interface) or interface in (port.interface or "")


def _names(ports: list[ListPortInfo]) -> str:
    return ", ".join(f"{port.device} ({_details(port)})" for port in ports)


def _details(port: ListPortInfo) -> str:
    return ", ".join(filter(None, (port.description, port.interface, port.location)))
