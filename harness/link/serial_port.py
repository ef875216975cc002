"""Serial ports of boards and meters: of this machine, or behind a network."""

import os
import socket
import stat
from typing import Protocol

import serial

from harness.errors import InfrastructureError, InputError
from harness.link.threaded_port import ThreadedPort

_RFC2217 = "rfc2217://"


class Port(Protocol):
    """An open serial port, whose bytes come and go through a descriptor."""

    def fileno(self) -> int:
        """Return the descriptor."""

    def close(self) -> None:
        """Close the port."""


def open_port(device: str, baud: int) -> Port:
    """Open the serial port `device`, a path or a pyserial URL, and drop its buffered input."""
    try:
        port = serial.serial_for_url(device, baudrate=baud, timeout=0, exclusive=True)
        port.reset_input_buffer()
    except (serial.SerialException, OSError, ValueError) as error:
        raise InfrastructureError(
            f"cannot be opened: {error}",
            where=f"port {device}",
            remedy="is it connected and free, and do you have permission? On Debian: "
            "sudo usermod -a -G dialout $USER, then log in again",
        ) from error
    except (LookupError, TypeError, AttributeError) as error:  # pyserial's URLs with odd options
        raise _unusable(device) from error
    if device.lower().startswith(_RFC2217):
        return ThreadedPort(port)
    try:
        descriptor = port.fileno()
    except (OSError, AttributeError) as error:
        port.close()
        raise _unusable(device) from error
    _send_at_once(descriptor)
    return port  # type: ignore[no-any-return]


def _send_at_once(descriptor: int) -> None:
    """Switch off the wait for more bytes on a TCP connection: a frame is sent at once."""
    if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
        with socket.socket(fileno=os.dup(descriptor)) as line:
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _unusable(device: str) -> InputError:
    return InputError(
        "is not a port that the harness can use",
        where=f"port {device}",
        remedy="give a device such as /dev/ttyACM0, socket://HOST:PORT or rfc2217://HOST:PORT",
    )
