"""Stands for pytest-embedded 2.9.0: its options and fixtures that have names of ours.

The lines of the options are those of `pytest_embedded/plugin.py`, without their help.
"""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    base_group = parser.getgroup("embedded")
    base_group.addoption("--embedded-services", default="")
    serial_group = parser.getgroup("embedded-serial")
    serial_group.addoption("--port")
    esp_group = parser.getgroup("embedded-esp")
    esp_group.addoption("--target")
    esp_group.addoption("--beta-target")


class Dut:
    """What this plugin's `dut` is."""


@pytest.fixture
def target(request: pytest.FixtureRequest) -> str | None:
    chosen: str | None = getattr(request, "param", None) or request.config.getoption("target", None)
    return chosen


@pytest.fixture
def dut(target: str | None) -> Dut:
    assert target is None or isinstance(target, str)
    return Dut()
