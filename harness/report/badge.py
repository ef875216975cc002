"""A badge as https://shields.io/badges/endpoint-badge takes it: a JSON file on a web server."""

from pathlib import Path
from typing import Literal

import msgspec

from harness.report.report_data import Summary
from harness.support.whole_files import replace_files


class Badge(msgspec.Struct, frozen=True, rename="camel"):
    """The file. Its keys are those of shields.io."""

    message: str
    color: Literal["brightgreen", "orange", "red"]
    label: str = "models"
    schema_version: int = 1


def badge_of(summary: Summary) -> Badge:
    """Return what a badge has room for: the most important count."""
    count = len(summary.statuses)
    if summary.failed:
        return Badge(f"{len(summary.failed)} of {count} failed", "red")
    if summary.not_finished:
        return Badge(f"{len(summary.not_finished)} did not finish", "red")
    if summary.worse:
        return Badge(f"{len(summary.worse)} of {count} got worse", "orange")
    if summary.stale:
        return Badge(f"{len(summary.stale)} of {count} did not run", "orange")
    return Badge(f"{count} passed", "brightgreen")


def write_badge(summary: Summary, path: Path) -> None:
    """Write the badge to the file `path`."""
    replace_files(path.parent, {path.name: msgspec.json.encode(badge_of(summary)) + b"\n"})
