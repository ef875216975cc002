"""`harness review`: what a pull request changed, as one comment that is safe and up to date."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token
from msgspec import structs

from harness.cli.main import main
from harness.errors import ExitCode
from harness.measure.number import Number
from harness.results.judge.baseline import accept
from harness.results.record import Record
from harness.results.record_file import write_record
from harness.review import rest
from harness.review.code_spans import code
from harness.review.comment_text import comment, marker
from harness.review.commits import Change
from harness.review.review import Review
from harness.review.reviewed_runs import ReviewedRun, ReviewedRuns
from harness.support.git_commit import Commit
from tests.support.code_host import OTHER, CodeHost, code_host
from tests.support.models import ROOT
from tests.support.year import FIRST, SILICON, made_up

CAPTURE = pytest.CaptureFixture[str]
TARGET = "virtual-stm32"
HOSTILE = [
    "@everyone",
    "#1 GH-2 me/it#3",
    "![](https://example.org/x.png)",
    "<img src=x onerror=alert(1)><!-- -->",
    "https://example.org www.example.org",
    "`@a` ``@b`` \\`@c",
    "a|b|c",
    "x\n/close\n# y",
    "--> <b>",
    "\u202eevil",
    "\\",
    " ",
]


@dataclass
class Project:
    """A git repository with Records of its commits."""

    root: Path
    count: int = 0

    def git(self, *arguments: str) -> str:
        command = ["git", "-c", "user.name=a", "-c", "user.email=a@b.example", *arguments]
        done = subprocess.run(command, cwd=self.root, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def commit(self) -> str:
        self.count += 1
        self.git("commit", "--allow-empty", f"--message={self.count}")
        return self.git("rev-parse", "HEAD")

    def record(
        self,
        model: str = "faces",
        *,
        target: str = TARGET,
        dirty: bool = False,
        reason: str = "",
        **values: float,
    ) -> Record:
        """Write the Record of a run of what is checked out; each is a minute after the last.

        `values` are those of numbers. With a `reason`, the run failed.
        """
        self.count += 1
        record = made_up(Random(0), FIRST, target, model)
        numbers = {
            name: Number(values[name], each.unit, each.kind, each.model, each.error)
            if name in values
            else each
            for name, each in record.numbers.items()
        }
        started = f"2026-01-01T02:{self.count:02}:00+00:00"
        record = structs.replace(
            record,
            id=f"run-{self.count}-{model}",
            started=started,
            commit=Commit(self.git("rev-parse", "HEAD"), dirty, "x", started),
            numbers=numbers,
            verdict="failed" if reason else "passed",
            reasons=[reason] if reason else [],
        )
        write_record(record, self.root / "reports" / "runs")
        return record


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A repository with a commit on `main`, and a branch `feature` that is checked out."""
    for name in list(os.environ):
        if name.startswith(("GITHUB_", "GITLAB_", "CI_", "CHANGE_", "BUILD")):  # this job's own
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    made = Project(tmp_path)
    made.git("init", "--initial-branch=main")
    (tmp_path / "harness.toml").touch()
    made.commit()
    made.git("checkout", "-b", "feature")
    return made


def on_main(project: Project, make: Callable[[], Any]) -> None:
    project.git("checkout", "main")
    make()
    project.git("checkout", "feature")


def review(capsys: CAPTURE, *arguments: str, code: int = 0) -> list[str]:
    capsys.readouterr()
    assert main(["review", *arguments]) == code
    return capsys.readouterr().out.splitlines()


FLASH = 20_208


def test_what_got_worse_better_and_stayed_is_told_in_ten_lines(
    project: Project, capsys: CAPTURE
) -> None:
    for model in ("faces", "digits", "vowels", "gesture"):
        project.record(model)
    project.commit()
    project.record("faces", flash=FLASH)
    project.record("digits", ram=20_000)
    project.record("vowels")
    project.record("gesture", flash=25_753)
    lines = review(capsys, "main")
    assert len(lines) <= 14
    assert lines[0] == marker("models")
    assert lines[1] == "### 🟡 `models`: 1 worse, 1 better, 2 without a change"
    text = "\n".join(lines)
    assert "| `faces` | `virtual-stm32` | flash `18,208 B → 20,208 B` (**+11.0 %**) |" in text
    assert "| `digits` | `virtual-stm32` | RAM `22,008 B → 20,000 B` (**-9.1 %** better) |" in text
    assert "- Small changes: `gesture` on `virtual-stm32`: flash +0.0039 %" in text
    assert "- Without a change: `vowels` on `virtual-stm32`" in text
    short = project.git("rev-parse", "main")[:7]
    assert lines[-1] == f"Compared with `{short}`, the merge base with `main`"


def test_numbers_that_follow_from_others_are_left_out(project: Project, capsys: CAPTURE) -> None:
    """The maximum follows from the median, and `stack_reserved` is neither better nor worse."""
    project.record(instructions_median=250_000, instructions_max=250_000)
    project.commit()
    project.record(instructions_median=300_000, instructions_max=300_000, stack_reserved=8192)
    lines = review(capsys, "main", "--fail-if-worse", code=ExitCode.REGRESSION)
    change = "instructions `250,000 → 300,000` (**+20.0 %**)"
    assert f"| worse | `faces` | `virtual-stm32` | {change} |" in lines
    gate = "instructions +20.0 %, budget `0 %`"
    assert f"- **The gate fails** `faces` on `virtual-stm32`: {gate}" in lines


def test_a_measured_number_without_a_history_is_unclear_beyond_its_noise(
    project: Project, capsys: CAPTURE
) -> None:
    project.record(target=SILICON, cycles_median=100_000)
    project.commit()
    project.record(target=SILICON, cycles_median=100_900)
    assert "nothing changed" in review(capsys, "main")[1]
    project.record(target=SILICON, cycles_median=103_000)
    lines = review(capsys, "main", "--fail-if-worse")
    assert lines[1] == "### 🟡 `models`: 1 unclear"
    assert "(**+3.0 %** unclear)" in "\n".join(lines)


def test_a_change_below_the_set_magnitude_is_small(project: Project, capsys: CAPTURE) -> None:
    project.record()
    project.commit()
    project.record(flash=FLASH)
    assert "1 worse" in review(capsys, "main")[1]
    assert "nothing changed" in review(capsys, "main", "--small=20%")[1]


def test_the_merge_base_counts_and_not_what_main_became(project: Project, capsys: CAPTURE) -> None:
    project.record(flash=18_000)

    def later() -> None:
        project.commit()
        project.record(flash=30_000)

    on_main(project, later)
    project.commit()
    project.record(flash=18_000)
    assert "nothing changed in 1 run" in review(capsys, "main")[1]


def test_without_a_run_of_the_merge_base_the_nearest_commit_before_it_counts(
    project: Project, capsys: CAPTURE
) -> None:
    def earlier() -> None:
        project.record(flash=1)
        project.commit()
        project.record(flash=18_000)
        project.record(flash=19_000, dirty=True)  # of no commit
        project.commit()

    on_main(project, earlier)
    project.git("reset", "--hard", "main")
    project.commit()
    project.record(flash=18_000)
    lines = review(capsys, "main")
    assert "nothing changed" in lines[1]
    assert lines[-1].endswith("or for 1 run with an earlier commit")


def test_the_first_change_has_nothing_to_compare_with_and_says_so(
    project: Project, capsys: CAPTURE
) -> None:
    project.commit()
    project.record()
    lines = review(capsys, "main")
    assert lines[1] == "### ✅ `models`: 1 run passed, and there is nothing to compare with"


def test_a_failed_run_shows_why_and_whether_it_failed_before(
    project: Project, capsys: CAPTURE
) -> None:
    why = "accuracy 0.5 misses its target 0.97"
    project.record("digits", reason=why)
    project.record("vowels", reason=why)
    project.commit()
    project.record("faces", reason=why)
    project.record("digits", reason=why)
    project.record("vowels")
    lines = review(capsys, "main", code=ExitCode.FAILED)
    assert lines[1] == "### ❌ `models`: 2 failed, 1 passed again"
    text = "\n".join(lines)
    reason = f"`{why}`"
    assert f"| failed | `faces` | `virtual-stm32` | {reason} |" in text
    assert f"| failed | `digits` | `virtual-stm32` | {reason} (it failed before, too) |" in text


def test_a_model_that_the_change_did_not_run_is_missed(project: Project, capsys: CAPTURE) -> None:
    project.record("faces")
    project.record("digits")
    project.commit()
    project.record("faces")
    lines = review(capsys, "main")
    assert lines[1].startswith("### 🟡")
    assert "- Ran before, but not now: `digits` on `virtual-stm32`" in lines


def test_nothing_ran_is_no_success(project: Project, capsys: CAPTURE) -> None:
    project.record()
    project.commit()
    lines = review(capsys, "main", "--exit-code=3", code=ExitCode.INFRASTRUCTURE)
    assert lines[1] == "### ❌ `models`: nothing ran"
    assert main(["review", "main"]) == ExitCode.INFRASTRUCTURE
    assert "there is no run of commit" in capsys.readouterr().err
    assert "The models ran with exit code 3, so see the job's log." in lines


def test_a_job_that_failed_is_no_success_although_each_run_passed(
    project: Project, capsys: CAPTURE
) -> None:
    project.record()
    project.commit()
    project.record()
    lines = review(capsys, "main", "--exit-code=3")
    assert lines[1].startswith("### ❌")


def test_the_gate_of_the_merge_base_fails_beyond_the_budget(
    project: Project, capsys: CAPTURE
) -> None:
    project.record()
    project.commit()
    project.record(flash=FLASH)
    lines = review(capsys, "main", "--fail-if-worse", code=ExitCode.REGRESSION)
    assert "- **The gate fails** `faces` on `virtual-stm32`: flash +11.0 %, budget `0 %`" in lines
    budgets = project.root / "reports" / "baselines" / "budgets.toml"
    budgets.parent.mkdir()
    budgets.write_text('[[budget]]\nmetric = "flash"\nworse = "12%"\n')
    assert not [
        line for line in review(capsys, "main", "--fail-if-worse") if "gate" in line.lower()
    ]


def test_a_folder_of_baselines_that_does_not_exist_is_an_input_error(
    project: Project, capsys: CAPTURE
) -> None:
    project.record()
    assert main(["review", "main", "--baseline=merge-base"]) == ExitCode.USAGE
    assert "--baseline=merge-base: there is no such folder" in capsys.readouterr().err


def test_the_gate_of_accepted_baselines_names_the_command_that_accepts(
    project: Project, capsys: CAPTURE
) -> None:
    first = project.record()
    accept([first], "start", project.root / "reports" / "baselines")
    project.commit()
    last = project.record(flash=FLASH)
    lines = review(capsys, "main", "--baseline=reports/baselines", code=ExitCode.REGRESSION)
    assert lines[1].startswith("### ❌")
    text = "\n".join(lines)
    assert f"`harness baseline accept {last.id} --because" in text


def test_the_document_has_the_runs_and_fits_its_schema(project: Project, capsys: CAPTURE) -> None:
    before = project.record()
    project.record("digits")
    merge_base = project.git("rev-parse", "HEAD")
    head = project.commit()
    run = project.record(flash=FLASH)
    assert main(["review", "main", "--fail-if-worse", "--json"]) == ExitCode.REGRESSION
    printed = capsys.readouterr()
    document = json.loads(printed.out)
    schema = json.loads((ROOT / "docs" / "json" / "review.schema.json").read_text())
    jsonschema.validate(document, schema)
    assert (document["head"], document["merge_base"]) == (head, merge_base)
    assert document["passed"] is False
    (found,) = document["runs"]
    assert (found["state"], found["run"]["id"], found["before"]["id"]) == (
        "worse",
        run.id,
        before.id,
    )
    assert [each["model"] for each in document["missing"]] == ["digits"]
    assert document["gate"][0]["numbers"][0]["name"] == "flash"
    assert "###" not in printed.err


def test_a_revision_that_git_does_not_have_is_an_input_error(
    project: Project, capsys: CAPTURE
) -> None:
    project.record()
    for name in ("nowhere", "--help-me", "a b"):
        assert main(["review", "--", name]) == ExitCode.USAGE
        error = capsys.readouterr().err
        assert f"git knows no commit '{name}'" in error
        assert "fetch-depth: 0" in error
    assert main(["review"]) == ExitCode.USAGE
    assert "harness review main" in capsys.readouterr().err


@pytest.mark.parametrize(
    "names",
    [
        {"GITHUB_BASE_REF": "main"},
        {"CHANGE_TARGET": "main"},
        {"CI_MERGE_REQUEST_DIFF_BASE_SHA": "", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main"},
        {
            "CI_MERGE_REQUEST_DIFF_BASE_SHA": "1" * 40,
            "CI_MERGE_REQUEST_TARGET_BRANCH_SHA": "",
            "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
        },
    ],
)
def test_ci_names_the_branch(
    names: dict[str, str], project: Project, capsys: CAPTURE, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.git("update-ref", "refs/remotes/origin/main", "main")
    for name, value in names.items():
        monkeypatch.setenv(name, value or project.git("rev-parse", "main"))
    project.record()
    project.commit()
    project.record()
    lines = review(capsys)
    assert "nothing changed" in lines[1]
    assert lines[-1].endswith("the merge base with `main`")


def test_the_runs_may_be_in_a_store(project: Project, capsys: CAPTURE) -> None:
    """As for a job on a machine that has only its own Records."""
    project.record()
    project.commit()
    project.record(flash=FLASH)
    assert main(["push", "--store=sqlite:///shared.sqlite"]) == 0
    shutil.rmtree(project.root / "reports")
    assert "1 worse" in review(capsys, "main", "--store=sqlite:///shared.sqlite")[1]


# The comment is safe.


def tokens_of(text: str) -> Iterator[Token]:
    parser = MarkdownIt("commonmark", {"html": True}).enable("table")
    for token in parser.parse(text):
        yield token
        yield from token.children or ()


@given(st.one_of(st.sampled_from(HOSTILE), st.text(max_size=40)))
def test_a_text_from_outside_is_nothing_but_code(text: str) -> None:
    inline = [
        t for t in tokens_of(f"| a {code(text)} |\n| --- |\n| b {code(text)} c |") if t.content
    ]
    assert {token.type for token in inline} <= {"inline", "text", "code_inline"}
    assert [t.content for t in inline if t.type == "text"] == ["a ", "b ", " c"]


def hostile_review(text: str) -> Review:
    record = made_up(Random(0), FIRST, TARGET, "faces")
    named = structs.replace(
        record,
        verdict="failed",
        reasons=[text],
        target=structs.replace(record.target, name=text),
        model=structs.replace(record.model, name=text),
    )
    runs = ReviewedRuns([ReviewedRun(named), ReviewedRun(record)], [named])
    change = Change("1" * 40, text, ("2" * 40,))
    url = "https://ci.example/"
    return Review(text, change, runs, job_url=f"{url}1", commit_url=f"{url}{{hash}}")


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_stay_names(text: str) -> None:
    written = comment(hostile_review(text))
    tokens = list(tokens_of(written))
    html = [t.content.strip() for t in tokens if t.type in {"html_block", "html_inline"}]
    assert html == [marker(text)]
    links = {t.attrs["href"] for t in tokens if t.type == "link_open"}
    assert links == {"https://ci.example/1", f"https://ci.example/{'2' * 40}"}
    assert not [t for t in tokens if t.type == "image"]
    assert "@" not in "".join(t.content for t in tokens if t.type == "text")
    assert not [line for line in written.splitlines() if line.startswith("/")]  # GitLab's actions


def test_the_comment_leads_to_the_commit_and_to_the_job(
    project: Project, capsys: CAPTURE, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.git("remote", "add", "origin", "git@github.com:me/it.git")
    monkeypatch.setenv("BUILD_URL", "https://ci.example/(5)")
    project.record()
    base = project.git("rev-parse", "HEAD")
    project.commit()
    project.record()
    last = review(capsys, "main")[-1]
    assert f"[`{base[:7]}`](<https://github.com/me/it/commit/{base}>)" in last
    assert last.endswith("[job, report and Records](<https://ci.example/(5)>)")


# The comment is one.


@pytest.fixture
def host() -> Iterator[CodeHost]:
    with code_host() as served:
        yield served


@pytest.fixture(params=["github", "gitlab"])
def posted(
    request: pytest.FixtureRequest,
    project: Project,
    host: CodeHost,
    monkeypatch: pytest.MonkeyPatch,
    capsys: CAPTURE,
) -> Callable[..., tuple[int, str]]:
    """Run `harness review --comment` as a job of a pull request; return its code and errors."""
    project.record()
    project.commit()
    project.record()
    event = project.root / "event.json"
    event.write_text(json.dumps({"action": "opened", "pull_request": {"number": 12}}))
    variables = {
        "github": {
            "GITHUB_EVENT_PATH": str(event),
            "GITHUB_REPOSITORY": "me/it",
            "GITHUB_GRAPHQL_URL": f"{host.url}/graphql",
            "GITHUB_TOKEN": host.token,
        },
        "gitlab": {
            "CI_MERGE_REQUEST_IID": "12",
            "CI_MERGE_REQUEST_PROJECT_ID": "5",
            "CI_API_V4_URL": host.url,
            "GITLAB_TOKEN": host.token,
        },
    }[request.param]
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    def post(*arguments: str) -> tuple[int, str]:
        capsys.readouterr()
        result = main(["review", "main", "--comment", "--markdown=summary.md", *arguments])
        return result, capsys.readouterr().err

    return post


def test_the_comment_is_written_once_and_then_updated(
    posted: Callable[..., tuple[int, str]], host: CodeHost, project: Project
) -> None:
    for number in range(3):
        host.say(OTHER, f"comment {number}")
    assert posted() == (0, "")
    (first,) = host.mine
    assert first.startswith(marker("models"))
    assert (project.root / "summary.md").read_text() == first
    host.say(OTHER, "later")
    project.record(flash=FLASH)
    assert posted() == (0, "")
    (second,) = host.mine
    assert "1 worse" in second
    assert len(host.comments) == 5


def test_each_title_has_a_comment_of_its_own(
    posted: Callable[..., tuple[int, str]], host: CodeHost
) -> None:
    for title in ("clang", "gcc", "clang"):
        assert posted(f"--title={title}") == (0, "")
    assert len(host.mine) == 2


def test_a_comment_of_another_with_our_marker_is_left_alone(
    posted: Callable[..., tuple[int, str]], host: CodeHost
) -> None:
    host.say(OTHER, f"{marker('models')}\nmine")
    assert posted() == (0, "")
    assert host.comments[0]["body"].endswith("mine")
    assert len(host.mine) == 1


def test_a_token_that_may_not_write_leaves_the_summary_and_says_so(
    posted: Callable[..., tuple[int, str]], host: CodeHost, project: Project
) -> None:
    host.read_only = True
    result, error = posted()
    assert result == 0
    assert "harness: " in error
    assert host.comments == []
    assert (
        "For pull requests from forks, that is intended."
        in (project.root / "summary.md").read_text()
    )


@pytest.mark.parametrize("status", [302, 500, 502])
def test_a_host_that_does_not_answer_is_infrastructure(
    status: int, posted: Callable[..., tuple[int, str]], host: CodeHost, project: Project
) -> None:
    host.fails = status  # 302 leads elsewhere, where the token must not go
    result, error = posted()
    assert result == ExitCode.INFRASTRUCTURE
    assert f"answers {status}" in error
    assert host.token not in error
    assert host.requests == []
    assert "nothing changed" in (project.root / "summary.md").read_text()


def test_a_host_whose_comments_never_end_is_left(
    posted: Callable[..., tuple[int, str]],
    host: CodeHost,
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rest, "_TOTAL", 0.2)
    host.endless = True
    result, error = posted()
    assert result == ExitCode.INFRASTRUCTURE
    assert "the comment was not written within 0.2 s" in error
    assert "-> run the job again when the host answers" in error
    assert host.mine == []
    assert "nothing changed" in (project.root / "summary.md").read_text()


def test_a_comment_outside_of_a_pull_request_is_an_input_error(
    project: Project, capsys: CAPTURE
) -> None:
    assert main(["review", "main", "--comment"]) == ExitCode.USAGE
    assert "does not run for a pull request" in capsys.readouterr().err
