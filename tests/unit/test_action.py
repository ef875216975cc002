"""The action of GitHub: its scripts run here as on a runner, with a host that records comments."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.cli.main import main
from harness.workspace import Workspace
from tests.support.code_host import CodeHost, code_host
from tests.support.composite_action import Runner
from tests.support.fake_harness import SCRIPT, check_options
from tests.support.models import ROOT

yaml = pytest.importorskip("yaml")
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
SCRIPTS = [step for step in ACTION["runs"]["steps"] if "run" in step]


@pytest.fixture
def host() -> Iterator[CodeHost]:
    with code_host() as served:
        yield served


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@b.example", *arguments]
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout of a pull request as actions/checkout makes it, with the whole history."""
    folder = tmp_path / "work" / "mein Repo"
    folder.mkdir(parents=True)
    assert main(["init", str(folder)]) == 0
    git(folder, "init", "--initial-branch=main")
    git(folder, "add", "--all")
    git(folder, "commit", "--message=one")
    git(folder, "update-ref", "refs/remotes/origin/main", "HEAD")
    git(folder, "checkout", "--detach")
    git(folder, "commit", "--allow-empty", "--message=two")
    return folder


@pytest.fixture
def runner(checkout: Path, tmp_path: Path, host: CodeHost) -> Runner:
    """A runner with a pull request."""
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"pull_request": {"number": 12}}))
    variables = {
        "GITHUB_EVENT_NAME": "pull_request",
        "GITHUB_EVENT_PATH": str(event),
        "GITHUB_BASE_REF": "main",
        "GITHUB_HEAD_REF": "$(touch hacked)`touch hacked`",
        "GITHUB_REPOSITORY": "me/it",
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_RUN_ID": "99",
        "GITHUB_GRAPHQL_URL": f"{host.url}/graphql",
        "CALLS": str(tmp_path / "calls"),
    }
    return Runner(ROOT, checkout, tmp_path / "temp", variables)


@pytest.fixture
def fake(runner: Runner) -> Runner:
    """The same runner, on which `harness` and `pytest` only say how they were called."""
    runner.program("real-harness", SCRIPT)
    runner.program("real-pytest", 'echo "pytest $*" >>"$CALLS"')
    return runner


def calls(runner: Runner) -> list[str]:
    found = Path(runner.variables["CALLS"]).read_text().splitlines()
    check_options(found)
    return found


def test_a_pull_request_without_any_history_gets_its_comment(
    runner: Runner, host: CodeHost, checkout: Path
) -> None:
    """Nothing is made up here but the installation and GitHub: it runs the change and its base."""
    images = runner.temporary / "tinyml-harness" / "cache" / "images"
    images.parent.mkdir(parents=True)
    Workspace(ROOT).images.mkdir(parents=True, exist_ok=True)
    images.symlink_to(Workspace(ROOT).images)  # has the image, if another test built it
    assert runner.run(token=host.token) == 0, runner.log
    assert runner.installed == f"{ROOT}[clang]"
    (comment,) = host.mine
    assert "`models`: nothing changed in 1 run" in comment
    assert "[job, report and Records](<https://github.com/me/it/actions/runs/99>)" in comment
    assert runner.summary == comment
    assert runner.outputs["steps.run.outputs.exit-code"] == "0"
    badge = json.loads((checkout / "reports" / "site" / "badge.json").read_text())
    assert badge == {
        "schemaVersion": 1,
        "label": "models",
        "message": "1 passed",
        "color": "brightgreen",
    }
    assert "gesture" in (checkout / "reports" / "site" / "index.html").read_text()
    assert len(list((checkout / "reports" / "runs").glob("*.json"))) == 2
    assert git(checkout, "worktree", "list").count("\n") == 0
    assert git(checkout, "status", "--porcelain") == ""
    assert not list(checkout.rglob("hacked"))


def test_a_pull_request_from_a_fork_has_the_summary_only(fake: Runner, host: CodeHost) -> None:
    """The command itself is tested in test_review.py; here: its code 0 lets the job pass."""
    assert fake.run(token="read-only") == 0  # noqa: S106
    (review,) = [line for line in calls(fake) if line.startswith("harness review")]
    assert "--comment" in review
    assert f"--markdown={fake.temporary}/GITHUB_STEP_SUMMARY" in review
    assert "read-only" not in review


def test_a_push_adds_to_the_history_and_comments_on_nothing(fake: Runner) -> None:
    fake.variables["GITHUB_EVENT_NAME"] = "push"
    assert fake.run() == 0
    assert [line.split()[1] for line in calls(fake)] == ["run", "report"]
    assert "--markdown=" in calls(fake)[-1]


def test_the_inputs_reach_the_command_as_they_are(fake: Runner) -> None:
    code = fake.run(target="a,b", model="x;>hacked", options="--profile  --vectors=5", name="n")
    assert code == 0
    assert calls(fake)[0] == "harness run --target=a,b --model=x;>hacked --profile --vectors=5"
    assert "--title=n" in "\n".join(calls(fake))
    assert not list(fake.workspace.rglob("hacked"))


def test_more_packages_are_installed_with_the_action_s_own_commit(fake: Runner) -> None:
    assert fake.run(extras="", packages="-r a.txt  scipy") == 0
    assert fake.installed == f"{ROOT} -r a.txt scipy"


def test_pytest_runs_with_its_own_options_and_the_base_without_them(fake: Runner) -> None:
    fake.variables["COMPARE_CODE"] = "2"
    assert fake.run(command="pytest", options="-k wake") == 0
    found = calls(fake)
    assert found[0] == "pytest --junitxml=reports/junit.xml --target=virtual-stm32 -k wake"
    assert [line for line in found if line.startswith("harness run")] == [
        "harness run --target=virtual-stm32"
    ]


def test_a_folder_of_the_repository_is_run_there_and_in_the_merge_base(fake: Runner) -> None:
    fake.variables["COMPARE_CODE"] = "2"
    assert fake.run(**{"working-directory": "models/gesture"}) == 0
    ran = [line for line in fake.log.splitlines() if line.startswith("harness run in")]
    assert ran == [
        f"harness run in {fake.workspace}/models/gesture",
        f"harness run in {fake.temporary}/tinyml-harness/base/models/gesture",
    ]


def test_accepted_baselines_are_used_without_an_input(fake: Runner) -> None:
    baselines = fake.workspace / "reports" / "baselines"
    baselines.mkdir(parents=True)
    (baselines / "a.json").touch()
    assert fake.run() == 0
    for line in calls(fake):
        if line.split()[1] in {"run", "review", "report"}:
            assert line.split()[-1] == "--baseline=reports/baselines" or " --baseline=" in line


def test_the_merge_base_as_baseline_fails_the_job(fake: Runner) -> None:
    fake.variables["REVIEW_CODE"] = "4"
    assert fake.run(baseline="merge-base") == 4
    assert "--fail-if-worse" in "\n".join(calls(fake))
    assert "--baseline=" not in "\n".join(calls(fake))


@pytest.mark.parametrize("code", [1, 3, 4, 70])
def test_the_job_fails_with_the_code_of_the_run_after_the_comment_and_the_report(
    code: int, fake: Runner
) -> None:
    fake.variables["RUN_CODE"] = str(code)
    assert fake.run() == code
    last = calls(fake)
    assert f"--exit-code={code}" in "\n".join(last)
    assert last[-1].startswith("harness report")


@pytest.mark.parametrize("code", [2, 3])
def test_a_comment_that_fails_is_a_warning(code: int, fake: Runner) -> None:
    fake.variables["REVIEW_CODE"] = str(code)
    assert fake.run() == 0
    assert "::warning::" in fake.log
    assert "--markdown=" in calls(fake)[-1]


def test_a_checkout_without_history_runs_no_base(fake: Runner) -> None:
    git(fake.workspace, "update-ref", "-d", "refs/remotes/origin/main")
    fake.variables["COMPARE_CODE"] = "2"
    assert fake.run() == 0
    assert sum(line.startswith("harness run") for line in calls(fake)) == 1


@pytest.mark.parametrize(
    ("name", "value"), [("command", "bash"), ("name", "a/b"), ("name", "a,b"), ("name", "")]
)
def test_an_input_that_cannot_be_is_an_error(name: str, value: str, fake: Runner) -> None:
    assert fake.run(**{name: value}) == 2
    assert "::error::tinyml-harness: the input" in fake.log


def test_no_text_from_outside_stands_in_a_script() -> None:
    """Not in the action, and not in the workflows: a branch may be called `$(...)`."""
    for step in SCRIPTS:
        assert "${{" not in step["run"], step["name"]
    for path in WORKFLOWS:
        for job in yaml.safe_load(path.read_text())["jobs"].values():
            for step in job["steps"]:
                used = set(_expressions(step.get("run", "")))
                assert used <= {"matrix.command"}, path


def _expressions(text: str) -> Iterator[str]:
    for part in text.split("${{")[1:]:
        yield part.split("}}")[0].strip()


def test_workflows_have_few_permissions_and_no_dangerous_event() -> None:
    for path in WORKFLOWS:
        workflow = yaml.safe_load(path.read_text())
        assert workflow["permissions"] == {"contents": "read"}, path
        assert "pull_request_target" not in path.read_text()
        for job in workflow["jobs"].values():
            for step in job["steps"]:
                if step.get("uses", "").startswith("actions/checkout@"):
                    assert step["with"]["persist-credentials"] is False, path


@pytest.mark.parametrize(
    ("schema", "paths"),
    [("github-actions", [ROOT / "action.yml"]), ("github-workflows", WORKFLOWS)],
    ids=["action", "workflows"],
)
def test_the_files_fit_their_schemas(schema: str, paths: list[Path]) -> None:
    command = [sys.executable, "-m", "check_jsonschema", f"--builtin-schema=vendor.{schema}"]
    command += map(str, paths)
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout
