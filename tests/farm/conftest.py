"""The tests of a farm send signals and have no store, as the unit tests."""

from tests.unit.conftest import signals_end_processes

__all__ = ["signals_end_processes"]
