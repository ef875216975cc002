"""The comment of a pull request, in Markdown: what changed and why, in about ten lines."""

import hashlib
from collections.abc import Iterator

from harness.measure.shown_number import percent, show
from harness.report.comparison_text import explain
from harness.report.gate_text import accept_command
from harness.report.number_history import TRENDS
from harness.results.judge.gate import Judgement
from harness.results.judge.quantity_changes import QuantityChange, quantity_changes
from harness.results.record import Record
from harness.review.code_spans import code
from harness.review.review import Review
from harness.review.reviewed_runs import STATES, ReviewedRun, State
from harness.support.commit_pages import HASH

_ROWS = 20  # runs that the table shows; the rest is counted
_NAMES = 5  # runs in a line
_CHANGES = 4  # numbers of a run
_EXPLAINED = 3  # runs whose causes are listed
_CAUSES = 4  # causes of a run
_REASON = 300  # characters
_SHORT_HASH = 7
_WORDS: dict[State, str] = {"fixed": "passed again", "same": "without a change"}


def marker(title: str) -> str:
    """Return the hidden line by which the comment with this `title` is found again."""
    return f"<!-- tinyml-harness {hashlib.sha256(title.encode()).hexdigest()[:16]} -->"


def comment(review: Review) -> str:
    """Return the comment; texts from outside are code in it (see `code_spans`)."""
    return "\n".join([*_lines(review), ""])


def _lines(review: Review) -> Iterator[str]:
    yield marker(review.title)
    yield f"### {_symbol(review)} {code(review.title)}: {_headline(review)}"
    yield ""
    yield from _job(review)
    yield from _table(review)
    yield from _listed(review)
    yield from _causes(review)
    yield from _gate(review)
    yield _footer(review)


def _symbol(review: Review) -> str:
    if not review.passes:
        return "❌"
    doubtful = {"worse", "unclear"}.intersection(run.state for run in review.reviewed.runs)
    return "🟡" if doubtful or review.reviewed.missing else "✅"


def _headline(review: Review) -> str:
    states = [run.state for run in review.reviewed.runs]
    if not states:
        return "nothing ran"
    if set(states) == {"new"}:
        return f"{_count(len(states))} passed, and there is nothing to compare with"
    if set(states) == {"same"}:
        return f"nothing changed in {_count(len(states))}"
    counts = ((states.count(state), _WORDS.get(state, state)) for state in STATES)
    return ", ".join(f"{count} {what}" for count, what in counts if count)


def _job(review: Review) -> Iterator[str]:
    """Yield that the job failed, if the runs do not show why."""
    explained = review.failing or any(run.state == "failed" for run in review.reviewed.runs)
    if review.exit_code and not explained:
        yield f"The models ran with exit code {review.exit_code}, so see the job's log."
        yield ""


def _table(review: Review) -> Iterator[str]:
    runs = [run for run in review.reviewed.runs if run.state not in {"same", "new"}]
    if not runs:
        return
    yield "| | model | target | change |"
    yield "| --- | --- | --- | --- |"
    for run in runs[:_ROWS]:
        record = run.record
        state = _WORDS.get(run.state, run.state)
        model = f"{code(record.model.name)}{_build(review, record)}"
        yield f"| {state} | {model} | {code(record.target.name)} | {_what(run)} |"
    yield ""
    if len(runs) > _ROWS:
        yield f"and {len(runs) - _ROWS} more"
        yield ""


def _what(run: ReviewedRun) -> str:
    if run.state == "failed":
        before = " (it failed before, too)" if run.before and run.before.verdict == "failed" else ""
        return f"{code('; '.join(run.record.reasons), _REASON)}{before}"
    if run.state == "fixed":
        return "it failed before"
    large = [change for change in run.changes if not change.small]
    more = [f"{len(large) - _CHANGES} more numbers"] if len(large) > _CHANGES else []
    return ", ".join([*map(_change, large[:_CHANGES]), *more])


def _change(change: QuantityChange) -> str:
    delta = change.main
    values = " → ".join(str(show(number)) for number in (delta.old, delta.new) if number)
    judged = "" if change.judged == "worse" else f" {change.judged}"
    return f"{_name(delta.name)} {code(values)} (**{percent(delta.relative)}**{judged})"


def _name(number: str) -> str:
    return TRENDS.get(number) or code(number)


def _listed(review: Review) -> Iterator[str]:
    """Yield the runs and the changes that need no row of their own, a line for each sort."""
    runs = review.reviewed.runs
    small = [
        f"{_run(review, run.record)}: "
        + ", ".join(f"{_name(c.main.name)} {percent(c.main.relative)}" for c in changes[:_CHANGES])
        for run in runs
        if (changes := [change for change in run.changes if change.small])
    ]
    unchanged = [run for run in runs if run.state == "same" and not run.changes]
    for what, texts in (
        ("Small changes", small),
        ("Nothing to compare with", [_run(review, r.record) for r in runs if r.state == "new"]),
        ("Without a change", [_run(review, run.record) for run in unchanged]),
        ("Ran before, but not now", [_run(review, each) for each in review.reviewed.missing]),
    ):
        if texts:
            rest = [f"{len(texts) - _NAMES} more"] if len(texts) > _NAMES else []
            yield f"- {what}: {'; '.join([*texts[:_NAMES], *rest])}"


def _causes(review: Review) -> Iterator[str]:
    explained = [
        run
        for run in review.reviewed.runs
        if run.comparison and run.state in {"worse", "unclear", "changed"}
    ]
    for run in explained[:_EXPLAINED]:
        if run.comparison is None:
            continue
        causes = [line for line in explain(run.comparison) if not line.startswith("commits: ")]
        causes += [
            f"{delta.name}: not comparable, {delta.why}"
            for delta in run.comparison.judged("not comparable")
            if delta.old and delta.name in TRENDS
        ]
        more = [f"{len(causes) - _CAUSES} more"] if len(causes) > _CAUSES else []
        if causes:
            yield f"- Why {_run(review, run.record)}: " + "; ".join(
                [*map(code, causes[:_CAUSES]), *more]
            )


def _gate(review: Review) -> Iterator[str]:
    for judgement in review.failing[:_NAMES]:
        yield f"- **The gate fails** {_run(review, judgement.record)}: {_failure(judgement)}"
    if len(review.failing) > _NAMES:
        yield f"- and {len(review.failing) - _NAMES} more"
    if review.failing and review.baselines:
        accept = accept_command([each.record for each in review.failing[:_NAMES]], review.baselines)
        yield "- If this is intended: unpack the job's artifact into `reports`, run "
        yield f"  {code(accept, 1000)}, and commit {code(str(review.baselines))}"


def _failure(judgement: Judgement) -> str:
    if judgement.baseline is None:
        return "it has no accepted baseline"
    if judgement.other_model and not judgement.worse:
        return "the network is not the accepted one"
    budgets = {delta.name: str(allowance) for delta, allowance in judgement.worse}
    worse = [
        f"{_name(change.main.name)} {percent(change.main.relative)}, "
        f"budget {code(budgets[change.main.name])}"
        for change in quantity_changes(delta for delta, _ in judgement.worse)
    ]
    lost = [f"{_name(delta.name)} is not comparable" for delta in judgement.not_comparable]
    texts = [*worse, *lost]
    more = [f"{len(texts) - _CHANGES} more"] if len(texts) > _CHANGES else []
    return "; ".join([*texts[:_CHANGES], *more])


def _footer(review: Review) -> str:
    change = review.change
    base = code(change.merge_base[:_SHORT_HASH])
    if review.commit_url:
        base = _link(base, review.commit_url.replace(HASH, change.merge_base))
    text = f"\nCompared with {base}, the merge base with {code(change.base)}"
    earlier = _earlier(review)
    text += f", or for {_count(earlier)} with an earlier commit" if earlier else ""
    if not review.job_url:
        return text
    return f"{text} · {_link('job, report and Records', review.job_url)}"


def _link(text: str, safe_url: str) -> str:
    return f"[{text}](<{safe_url}>)"


def _earlier(review: Review) -> int:
    """Return how many runs are compared with a commit before the merge base."""
    commits = [run.before.commit for run in review.reviewed.runs if run.before]
    return sum(1 for commit in commits if commit and commit.hash != review.change.merge_base)


def _run(review: Review, record: Record) -> str:
    return f"{code(record.model.name)} on {code(record.target.name)}{_build(review, record)}"


def _build(review: Review, record: Record) -> str:
    """Return how a run was built, if the runs of the change differ in it."""
    builds = {run.record.combination[2:] for run in review.reviewed.runs}
    return f" ({code(' '.join(record.combination[2:]))})" if len(builds) > 1 else ""


def _count(runs: int) -> str:
    return "1 run" if runs == 1 else f"{runs} runs"
