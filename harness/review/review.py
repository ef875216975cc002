"""What the comment of a pull request is made from."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.results.judge.gate import Judgement
from harness.review.commits import Change
from harness.review.reviewed_runs import ReviewedRuns


@dataclass(frozen=True)
class Review:
    """The runs of a change, and what the gate and the job say of them.

    Several jobs have several titles. `failing` are the runs that the gate does not let pass: it
    compares them with the accepted runs in the folder `baselines`, or with the runs before the
    change if there is no such folder. `exit_code` is that of the command that made the runs.
    `job_url` and `commit_url` are web addresses, and empty if they are not known; the latter has
    `{hash}` for a commit's hash.
    """

    title: str
    change: Change
    reviewed: ReviewedRuns
    failing: Sequence[Judgement] = ()
    baselines: Path | None = None
    exit_code: int = 0
    job_url: str = ""
    commit_url: str = ""

    @property
    def passes(self) -> bool:
        """Whether nothing failed: no run, no gate and no job."""
        runs = self.reviewed.runs
        return bool(runs) and not (
            self.failing or self.exit_code or any(run.state == "failed" for run in runs)
        )
