"""Stands for labgrid 26.0.1: its fixture `target`, without an environment."""

import pytest


class LabgridTarget:
    """What this plugin's `target` is."""


@pytest.fixture(scope="session")
def target() -> LabgridTarget:
    return LabgridTarget()
