"""The newest run of a combination, which stands for it in reports and baselines."""

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from harness.results.record import Record

if TYPE_CHECKING:  # sqlalchemy
    from harness.results.store.store import Entry, Store

NIGHT = timedelta(hours=20)
"""A run that is this much older than the newest one is not from last night."""


def newest_run(store: "Store", history: "Sequence[Entry]") -> Record:
    """Return the newest run in `history`, oldest first, or the last run of its session that failed.

    In one session several tests may run a combination; if one of them fails, it failed.
    """
    newest = store.record(history[-1].id)
    if newest.verdict == "passed" and newest.session:
        for entry in reversed(history[:-1]):
            if entry.started < history[-1].started - NIGHT:
                break
            if entry.verdict != "passed":
                failed = store.record(entry.id)
                if failed.session == newest.session:
                    return failed
    return newest
