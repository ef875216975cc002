"""`harness.toml` at a repository's root: the settings of a machine or team."""

import argparse
import os
from pathlib import Path

import msgspec

from harness.errors import InputError
from harness.support import toml_file
from harness.support.commit_pages import is_commit_page, page_of_repository
from harness.support.numbers import percentage
from harness.support.toml_file import Section

FILE = "harness.toml"


class Tflm(Section, frozen=True):
    """Settings of the engine tflm."""

    dir: str = ""
    """The TFLM tree, or the folder in it with the built library. A relative path starts at the
    folder of this file.
    """


class Engines(Section, frozen=True):
    """Settings of engines."""

    tflm: Tflm = Tflm()
    """The engine tflm."""


class Changes(Section, frozen=True):
    """Settings of `harness compare` and `harness report`."""

    small: str = "0.1%"
    """A change below this percentage is listed as small. `--small` overrides it."""


class Report(Section, frozen=True):
    """Settings of `harness report`."""

    commit_url: str = ""
    """Address of a commit's page, with {hash} for the commit's hash. Without it, the remote of the
    repository tells it if it is on GitHub, GitLab, Bitbucket, Gitea or Forgejo.
    """


class Settings(Section, frozen=True):
    """The whole file; every table is optional."""

    engines: Engines = Engines()
    """Settings of engines."""
    changes: Changes = Changes()
    """Which changes between two runs are small."""
    report: Report = Report()
    """Settings of the report."""


def read_settings(root: Path) -> Settings:
    """Read `harness.toml` in `root`, if it exists; its paths are relative to `root`.

    Raises `InputError` that names the file and key.
    """
    path = root / FILE
    if not os.path.lexists(path):
        return Settings()
    settings = toml_file.read(path, Settings)
    try:
        percentage(settings.changes.small)
    except argparse.ArgumentTypeError as error:
        raise InputError(str(error), where=f"{path}: changes.small") from error
    if settings.report.commit_url and not is_commit_page(settings.report.commit_url):
        raise InputError(
            "is not the address of a commit's page",
            where=f"{path}: report.commit_url",
            remedy="write it as https://example.com/name/commit/{hash}",
        )
    configured = settings.engines.tflm.dir
    if not configured:
        return settings
    resolved = str(root / os.path.expanduser(configured))  # leaves ~NAME of an unknown user
    return msgspec.structs.replace(
        settings, engines=msgspec.structs.replace(settings.engines, tflm=Tflm(dir=resolved))
    )


def tflm_tree(root: Path) -> Path | None:
    """Return the TFLM tree that `harness.toml` in `root` names; None if it names none."""
    configured = read_settings(root).engines.tflm.dir
    return Path(configured) if configured else None


def small_change(root: Path) -> float:
    """Return the share that `harness.toml` in `root` sets for a small change."""
    return percentage(read_settings(root).changes.small)


def commit_page(root: Path) -> str:
    """Return the address of a commit's page, with {hash}: the configured one, or the remote's."""
    return read_settings(root).report.commit_url or page_of_repository(root, os.environ)
