"""A combination that is watched: its newest run, and the run before."""

from dataclasses import dataclass

from harness.results.combination import Combination
from harness.results.judge.compare import Comparison, Delta, compare
from harness.results.record import Record


@dataclass
class WatchedRun:
    """The newest run of a combination, and the one before it.

    With an `error`, the newest attempt measured nothing, and `record` is from before it. `made_of`
    is the digest of what the newest attempt was made from.
    """

    names: Combination
    record: Record | None = None
    before: Record | None = None
    error: str = ""
    made_of: str = ""

    def add(self, record: Record) -> None:
        """Make `record` the newest run."""
        self.before, self.record, self.error = self.record, record, ""

    @property
    def comparison(self) -> Comparison | None:
        """The newest run compared with the one before; None without both, or after an error."""
        if self.record is None or self.before is None or self.error:
            return None
        return compare(self.before, self.record)

    def delta(self, name: str) -> Delta | None:
        """Return how a number changed; None if it did not, or cannot be compared."""
        deltas = self.comparison.deltas if self.comparison else ()
        found = next((delta for delta in deltas if delta.name == name), None)
        is_change = found and found.difference and found.judged != "not comparable"
        return found if is_change else None
