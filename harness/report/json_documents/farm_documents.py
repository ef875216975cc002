"""The documents of `harness farm`."""

from collections.abc import Iterable, Mapping

import msgspec

from harness.errors import HarnessError
from harness.results.farm.farm_status import FarmStatus
from harness.runs.check.check_result import BoardCheck
from harness.support.json_output import Document, Problem


class UncheckedBoard(msgspec.Struct, frozen=True, kw_only=True):
    """A board that was not checked."""

    name: str
    """The place, or else the target."""
    busy: bool
    """Whether somebody uses it."""
    error: Problem
    """Why it was not checked."""


class FarmCheckDocument(Document, frozen=True, tag="tinyml-harness/farm-check/1"):
    """`harness farm check`: the health of each board."""

    healthy: bool
    """Whether boards were checked, all of them are healthy, and every other one is busy."""
    checks: list[BoardCheck]
    """The boards that were checked."""
    unchecked: list[UncheckedBoard]
    """The boards that were not."""


class FarmStatusDocument(Document, FarmStatus, frozen=True, tag="tinyml-harness/farm-status/1"):
    """`harness farm status`: the places of a farm."""


def farm_check_document(
    checks: Iterable[BoardCheck],
    busy: Mapping[str, HarnessError],
    failed: Mapping[str, HarnessError],
) -> FarmCheckDocument:
    """Return the `checks`, and the boards that are `busy` or whose check `failed`."""
    done = list(checks)
    return FarmCheckDocument(
        healthy=bool(done) and all(check.healthy for check in done) and not failed,
        checks=done,
        unchecked=[
            UncheckedBoard(name=name, busy=name in busy, error=Problem.of(error))
            for name, error in (*busy.items(), *failed.items())
        ],
    )


def farm_status_document(status: FarmStatus) -> FarmStatusDocument:
    """Return `status` as a document."""
    return FarmStatusDocument(**msgspec.structs.asdict(status))
