"""The command `review`: what a reviewer of a change reads, as a comment of the pull request."""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from harness.errors import ExitCode, InputError
from harness.harness_toml import commit_page
from harness.options.json_option import add_json_option
from harness.options.run_options import check_baselines
from harness.options.small_option import add_small_option, small_of
from harness.results.judge.baseline import Baseline
from harness.results.judge.gate import Gate, Judgement, add_baseline_option
from harness.results.judge.history import history_of
from harness.results.store.open_results import add_store_option, open_store
from harness.review.comment_text import comment, marker
from harness.review.commits import Base, base_of_ci, change_since
from harness.review.github_comment import GitHubPullRequest
from harness.review.gitlab_note import GitLabMergeRequest
from harness.review.rest import NotAllowedError, conversation
from harness.review.review import Review
from harness.review.review_document import review_document
from harness.review.reviewed_runs import ReviewedRun, reviewed_runs
from harness.support.ci_job import job_url
from harness.support.json_stream import JsonOutput
from harness.support.whole_files import unwritable
from harness.workspace import Workspace

NOT_ALLOWED = (
    "The pull request has no comment with this text, because the token of the job may not write "
    "one. For pull requests from forks, that is intended."
)


def declare(parsers: Mapping[str, argparse.ArgumentParser]) -> None:
    """Declare the options of the command, whose parser is in `parsers`."""
    parser = parsers["review"]
    parser.add_argument(
        "base",
        nargs="?",
        default="",
        metavar="BASE",
        help="the branch or commit that the change goes to; runs are compared with the merge base "
        "(default: the one that GitHub, GitLab or Jenkins names)",
    )
    parser.add_argument(
        "--markdown", type=Path, metavar="FILE", help="append the text to FILE, not to the output"
    )
    parser.add_argument(
        "--comment",
        action="store_true",
        help="in a job of GitHub or GitLab: write or update the comment of the pull request",
    )
    parser.add_argument(
        "--title", default="models", help="the title, one for each job that writes a comment"
    )
    parser.add_argument(
        "--exit-code",
        type=int,
        default=0,
        metavar="CODE",
        help="the exit code of the command that ran the models",
    )
    gate = parser.add_mutually_exclusive_group()
    add_baseline_option(gate.add_argument, "say what the gate says of the baselines in FOLDER")
    gate.add_argument(
        "--fail-if-worse",
        action="store_true",
        help="fail if a number is worse than at the merge base, by more than the budgets in "
        "reports/baselines allow",
    )
    add_small_option(parser.add_argument)
    add_json_option(parser.add_argument)
    add_store_option(parser.add_argument)
    parser.set_defaults(command=_review)


def _review(options: argparse.Namespace, workspace: Workspace) -> int:
    if options.baseline:
        check_baselines(options.baseline, workspace)
    pull_request = _pull_request() if options.comment else None
    small = small_of(options, workspace)
    review = _reviewed(options, workspace, small)
    if not review.reviewed.runs:
        print(f"harness review: {_no_run(review)}", file=sys.stderr)
    text = comment(review)
    output: JsonOutput | None = options.json_output
    if output:
        output.print(review_document(review, small))
    if options.markdown or not output:
        _write(text, options.markdown)
    if pull_request:
        try:
            conversation(partial(pull_request.put, marker(review.title), text))
        except NotAllowedError as error:
            _write(f"\n{NOT_ALLOWED}\n", options.markdown)
            print(f"harness: {error}", file=sys.stderr)
    return _exit_code(review)


def _no_run(review: Review) -> str:
    """Return why there may be nothing to review; a run before the commit is another commit's."""
    return (
        f"there is no run of commit {review.change.head[:10]}\n"
        "  -> commit the change first, then make one with harness run or pytest"
    )


def _reviewed(options: argparse.Namespace, workspace: Workspace, small: float) -> Review:
    base = Base(options.base, options.base) if options.base else base_of_ci(os.environ)
    if base is None:
        raise InputError(
            "there is nothing to compare with",
            where="BASE",
            remedy="name the branch that the change goes to: harness review main",
        )
    change = change_since(workspace.root, base)
    with (
        options.progress.step("reading Records"),
        open_store(options.store, workspace) as store,
    ):
        reviewed = reviewed_runs(
            store,
            change,
            lambda record: history_of(record, options.store, workspace),
            small,
        )
        failing = _failing(options, workspace, reviewed.runs)
    return Review(
        options.title,
        change,
        reviewed,
        failing,
        options.baseline,
        options.exit_code,
        job_url(os.environ),
        commit_page(workspace.root),
    )


def _failing(
    options: argparse.Namespace, workspace: Workspace, runs: Sequence[ReviewedRun]
) -> list[Judgement]:
    """Return the runs that the gate does not let pass; none without a gate."""
    passed = [run for run in runs if run.record.verdict == "passed"]
    if options.baseline:
        gate = Gate(options.baseline, workspace, options.store)
        judged = [gate.judge(run.record) for run in passed]
        return [judgement for judgement in judged if judgement.fails]
    if not options.fail_if_worse:
        return []
    compared = [run for run in passed if run.comparison and run.before]
    before = [
        Baseline("the merge base", run.before.started[:10], run.before)
        for run in compared
        if run.before
    ]
    gate = Gate(workspace.baselines, workspace, options.store, before)
    judged = [gate.judge(run.record) for run in compared]
    return [judgement for judgement in judged if judgement.worse]


def _pull_request() -> GitHubPullRequest | GitLabMergeRequest:
    found = GitHubPullRequest.of_ci() or GitLabMergeRequest.of_ci()
    if found is None:
        raise InputError(
            "the job does not run for a pull request or merge request",
            where="--comment",
            remedy="leave it out; the text is printed",
        )
    return found


def _write(text: str, path: Path | None) -> None:
    """Print `text`, or append it to the file `path`."""
    if path is None:
        print(text, end="")
        return
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise unwritable(path, error) from error


def _exit_code(review: Review) -> int:
    if not review.reviewed.runs:
        return ExitCode.INFRASTRUCTURE
    if any(run.state == "failed" for run in review.reviewed.runs):
        return ExitCode.FAILED
    return ExitCode.REGRESSION if review.failing else ExitCode.PASSED
