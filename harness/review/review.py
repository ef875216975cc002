"""What the comment of a pull request is made from."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.results.judge.gate import Judgement
from harness.review.commits import Change
from harness.review.reviewed_runs import ReviewedRuns

_URL = re.compile(r"https?://[\w.~:/?#@!$&'*+,;=%-]+")


@dataclass(frozen=True)
class Links:
    """Where a reader finds more; a link is empty if CI names no place."""

    job: str = ""
    commits: str = ""

    @classmethod
    def of_ci(cls, variables: Mapping[str, str] = os.environ) -> "Links":
        """Return the links by the variables of GitHub, GitLab and Jenkins."""
        get = variables.get
        if get("GITHUB_ACTIONS"):
            project = f"{get('GITHUB_SERVER_URL')}/{get('GITHUB_REPOSITORY')}"
            job, commits = f"{project}/actions/runs/{get('GITHUB_RUN_ID')}", f"{project}/commit/"
        else:
            job = get("CI_JOB_URL") or get("BUILD_URL") or ""
            commits = f"{get('CI_PROJECT_URL')}/-/commit/"
        return cls(*(url if _URL.fullmatch(url) else "" for url in (job, commits)))


@dataclass(frozen=True)
class Review:
    """The runs of a change, and what the gate and the job say of them.

    Several jobs have several titles. `failing` are the runs that the gate does not let pass: it
    compares them with the accepted runs in the folder `baselines`, or with the runs before the
    change if there is no such folder. `exit_code` is that of the command that made the runs.
    """

    title: str
    change: Change
    reviewed: ReviewedRuns
    failing: Sequence[Judgement] = ()
    baselines: Path | None = None
    exit_code: int = 0
    links: Links = Links()

    @property
    def passes(self) -> bool:
        """Whether nothing failed: no run, no gate and no job."""
        runs = self.reviewed.runs
        return bool(runs) and not (
            self.failing or self.exit_code or any(run.state == "failed" for run in runs)
        )
