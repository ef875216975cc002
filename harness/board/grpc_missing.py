"""The error for a farm without gRPC, outside of what is imported for a farm only."""

from harness.errors import InputError


def grpc_missing(error: ModuleNotFoundError, where: str) -> InputError:
    """Return the error for a farm that cannot be used, because gRPC is not installed."""
    return InputError(
        f"a place of labgrid needs gRPC: {error}",
        where=where,
        remedy="pip install 'tinyml-harness[labgrid]'",
    )
