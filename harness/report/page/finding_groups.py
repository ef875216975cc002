"""Groups of combinations with the same finding; the report shows it once."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

from harness.report.combination_status import CombinationStatus
from harness.report.comparison_text import explain

Finding = Literal["failed", "worse", "better", "stale", "new"]


@dataclass(frozen=True)
class FindingGroup:
    """Combinations of one model or of one target that have the same finding."""

    statuses: Sequence[CombinationStatus]

    @property
    def first(self) -> CombinationStatus:
        """The combination that stands for all."""
        return self.statuses[0]

    @property
    def is_of_target(self) -> bool:
        """Whether these are several models on one target."""
        return len({status.record.model.name for status in self.statuses}) > 1


def finding_groups(
    statuses: Sequence[CombinationStatus], finding: Finding
) -> Sequence[FindingGroup]:
    """Return the groups in the order of `statuses`."""
    groups: dict[Hashable, list[CombinationStatus]] = {}
    for status in statuses:
        groups.setdefault((status.build, _facts(status, finding)), []).append(status)
    return [FindingGroup(group) for group in groups.values()]


def _facts(status: CombinationStatus, finding: Finding) -> Hashable:
    """Return what the report shows of a combination."""
    record = status.record
    if finding == "failed":
        return record.model.name, *record.reasons
    if finding == "stale":
        return record.target.name, status.started.date()
    if finding == "new" or status.comparison is None:
        return record.id
    changes = [*status.judged("worse"), *status.judged("better")]
    numbers = [(delta.name, delta.old, delta.new) for each in changes for delta in each.deltas]
    lost = [(delta.name, delta.why) for delta in status.reference.not_comparable]
    told = (numbers, lost, list(explain(status.comparison)), status.reference.description)
    return record.model.name, repr(told)
