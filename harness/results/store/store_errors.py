"""The ways a store can fail."""

from harness.errors import InfrastructureError


class UnusableError(InfrastructureError):
    """The file is not an index, is damaged, or has tables of another version."""


class DownError(InfrastructureError):
    """The store does not work now. It may work later without a change of anything here."""
