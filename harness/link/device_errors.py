"""What goes wrong with a device in a session."""

from harness.errors import InfrastructureError


class DeviceSilentError(InfrastructureError):
    """The device did not answer in time."""


class DeviceRestartedError(InfrastructureError):
    """The device started anew in the middle of a session."""


class DeviceStoppedError(InfrastructureError):
    """The device's processor stands still."""


class DeviceFaultError(InfrastructureError):
    """The device's processor took a fault."""


class DeviceRefusedError(InfrastructureError):
    """The device answered a request with an error."""
