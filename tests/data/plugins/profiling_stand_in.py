"""Stands for pytest-profiling 1.8.1: its flag `--profile`, and that it was given."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("Profiling")
    group.addoption("--profile", action="store_true", help="generate profiling information")
    group.addoption("--profile-svg", action="store_true", help="generate profiling graph")


def pytest_configure(config: pytest.Config) -> None:
    profile_enable = any(config.getvalue(x) for x in ("profile", "profile_svg"))
    print("PROFILING", profile_enable)
