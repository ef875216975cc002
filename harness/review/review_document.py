"""The document of `harness review`: each run of a change, and what is said of it."""

import msgspec

from harness.report.json_documents.compare_document import ComparedRuns, compared_runs
from harness.report.json_documents.named_run import NamedRun, named_run
from harness.report.json_documents.run_document import GateJudgement, gate_judgement
from harness.review.review import Review
from harness.review.reviewed_runs import State
from harness.support.json_output import Document


class ReviewedRunOfChange(msgspec.Struct, frozen=True, kw_only=True):
    """A run of the change, beside the run before it."""

    state: State
    """The most important that is to say of the run. `fixed`: it passed, and the run before it
    failed. `new`: there is no run before it.
    """
    run: NamedRun
    """The run of the change."""
    reasons: list[str]
    """Why it failed. It is empty if the run passed."""
    before: NamedRun | None
    """The run before the change. It is null if there is none."""
    compared: ComparedRuns | None
    """The two runs. It is null if one of them failed, or if there is only one."""


class ReviewDocument(Document, frozen=True, tag="tinyml-harness/review/1"):
    """`harness review`: the runs of a change, beside those of its merge base."""

    passed: bool
    """Whether something ran and nothing failed: no run, no gate and no command before it."""
    title: str
    """The title of the comment."""
    head: str
    """Hash of the commit that is reviewed."""
    base: str
    """The branch or commit that the change goes to, as it was named."""
    merge_base: str
    """Hash of the commit that the change begins at."""
    small: float
    """The share below which a change is small (0.001: 0.1 %)."""
    runs: list[ReviewedRunOfChange]
    """The runs, the most important first."""
    missing: list[NamedRun]
    """Runs before the change whose models the change did not run."""
    gate: list[GateJudgement]
    """The runs that the gate does not let pass."""


def review_document(review: Review, small: float) -> ReviewDocument:
    """Return `review` as a document; changes below the share `small` are small."""
    change, reviewed = review.change, review.reviewed
    return ReviewDocument(
        passed=review.passes,
        title=review.title,
        head=change.head,
        base=change.base,
        merge_base=change.merge_base,
        small=small,
        runs=[
            ReviewedRunOfChange(
                state=run.state,
                run=named_run(run.record),
                reasons=run.record.reasons,
                before=named_run(run.before) if run.before else None,
                compared=compared_runs(run.comparison, small) if run.comparison else None,
            )
            for run in reviewed.runs
        ],
        missing=list(map(named_run, reviewed.missing)),
        gate=list(map(gate_judgement, review.failing)),
    )
