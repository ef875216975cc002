"""Serial ports of boards and meters."""

import serial

from harness.errors import InfrastructureError, InputError


def open_port(device: str, baud: int) -> serial.Serial:
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
    try:
        port.fileno()
    except (OSError, AttributeError) as error:
        port.close()
        raise _unusable(device) from error
    return port


def _unusable(device: str) -> InputError:
    return InputError(
        "is not a port that the harness can use",
        where=f"port {device}",
        remedy="give a device such as /dev/ttyACM0, or socket://HOST:PORT",
    )
