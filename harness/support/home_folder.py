"""The home folder of the user, if there is one."""

from pathlib import Path

from harness.errors import InfrastructureError


def home() -> Path:
    """Return the home folder; `InfrastructureError` for a user without one, as in a container."""
    try:
        return Path.home()
    except RuntimeError as error:
        raise InfrastructureError("your home folder is unknown", remedy="set HOME") from error
