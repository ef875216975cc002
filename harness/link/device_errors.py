"""Errors of a device during a session."""

from harness.errors import HangError, InfrastructureError


class DeviceSilentError(HangError):
    """The device did not answer in time."""


class OverdueError(DeviceSilentError):
    """The device began an inference and did not end it in time."""


class DeviceRestartedError(InfrastructureError):
    """The device restarted during a session."""


class DeviceStoppedError(HangError):
    """The device's core is halted or locked up."""


class FirmwareError(InfrastructureError):
    """The firmware does not fit its board, or has an error: no reset helps, and no other board."""


class DeviceFaultError(FirmwareError):
    """The device's core took a fault."""

    again: bool = False
    """Whether the board can say more if the inference, or the batch, is repeated."""
    inference: int | None = None
    """The inference of a batch, from 0; None if the board does not know it."""


class DeviceRefusedError(InfrastructureError):
    """The device answered a request with an error."""


class WrongInputError(DeviceRefusedError):
    """The input in the device's memory is not the one that was sent."""


class MalformedMessageError(InfrastructureError):
    """A whole message of the device breaks the protocol."""
