"""The numbers of the report's charts, as compressed JSON; report.html.j2 describes its form.

A script reads it; without one, the page shows the same history as figures and tables.
"""

import zlib
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from harness.report.combination_status import CombinationStatus
from harness.report.number_history import TRENDS, NumberChange, Series, small_of
from harness.report.page.anchors import anchor, combination_anchor
from harness.results.judge.metrics import metric_of
from harness.results.store.store import Point
from harness.support.printable import printable

_VERSION = 2
_LONGEST = 400  # characters of a text


def chart_data(statuses: Sequence[CombinationStatus], commit_url: str) -> str:
    """Return the JSON of all combinations in the format of zlib (RFC 1950), as base64.

    A year of 200 combinations is a tenth of its JSON. Nothing in it can end a `script` element.
    """
    entries = [entry for status in statuses for entry in status.entries]
    commits = _places(entry.commit for entry in entries)
    branches = _places(entry.branch for entry in entries)
    data = {
        "version": _VERSION,
        "commit_url": commit_url,
        "commits": list(commits),
        "branches": [_text(branch) for branch in branches],
        "combinations": [_combination(status, commits, branches) for status in statuses],
    }
    return b64encode(zlib.compress(msgspec.json.encode(data), 9)).decode()


def _combination(
    status: CombinationStatus, commits: Mapping[str, int], branches: Mapping[str, int]
) -> dict[str, Any]:
    entries = status.entries
    rows = {entry.id: row for row, entry in enumerate(entries)}
    names = dict(zip(status.record.combination._fields, status.record.combination, strict=True))
    return {
        **{key: _text(name) for key, name in names.items()},
        "anchor": combination_anchor(status.record.combination),
        "runs": {
            "id": [_text(entry.id) for entry in entries],
            "anchor": _column([_own_anchor(entry.id) for entry in entries]),
            "started": [int(entry.started.timestamp()) for entry in entries],
            "commit": _column([commits[entry.commit] for entry in entries]),
            "dirty": _column([entry.dirty for entry in entries]),
            "branch": _column([branches[entry.branch] for entry in entries]),
            "verdict": _column([entry.verdict for entry in entries]),
        },
        "numbers": {
            name: _number(status, name, points, rows) for name, points in status.series.items()
        },
    }


def _number(
    status: CombinationStatus, name: str, points: Series, rows: Mapping[str, int]
) -> dict[str, Any]:
    found: list[Point | None] = [None] * len(rows)
    for point in points:
        found[rows[point.id]] = point
    return {
        "title": TRENDS[name],
        "better": metric_of(name).better,
        "small": small_of(name, status.small),
        "unit": _column([_text(point.unit) if point else None for point in found]),
        "kind": _column([point.kind if point else None for point in found]),
        "by": _column([_text(point.estimator) if point else None for point in found]),
        "error": _column([point.error if point else None for point in found]),
        "value": _column([_value(point) for point in found]),
        "changes": [_change(status, change, rows) for change in status.changes[name]],
    }


def _change(
    status: CombinationStatus, change: NumberChange, rows: Mapping[str, int]
) -> dict[str, Any]:
    return {
        "run": rows[change.after.id],
        "text": _text("; ".join(filter(None, (change.step, change.board_note)))),
        "causes": [_text(cause) for cause in status.causes(change)],
    }


def _value(point: Point | None) -> float | int | None:
    if point is None:
        return None
    return int(point.value) if point.value.is_integer() else point.value


def _column(values: Sequence[Any]) -> Any:
    """Return one value for a column whose values are all equal."""
    first = values[0]
    return first if all(value == first for value in values) else list(values)


def _own_anchor(id_: str) -> str | None:
    """Return the anchor of a run; None if it is `run-` and the run's id."""
    made = anchor("run", id_)
    return None if made == f"run-{id_}" else made


def _places(values: Iterable[str]) -> dict[str, int]:
    return {value: place for place, value in enumerate(dict.fromkeys(values))}


def _text(text: str) -> str:
    return printable(text, _LONGEST)
