"""GitLab's component and the Jenkinsfile: their scripts run here, and say how they call."""

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.fake_harness import SCRIPT, check_options
from tests.support.models import ROOT

yaml = pytest.importorskip("yaml")

TEMPLATE = ROOT / "templates" / "models" / "template.yml"
JENKINSFILE = ROOT / "harness" / "intake" / "repository_files" / "Jenkinsfile"
# Programs that say how they were called.
PROGRAMS = {
    "python3": 'mkdir -p "$3/bin"; touch "$3/bin/activate"; cp "$FAKES"/{harness,pip} "$3/bin"',
    "pip": 'echo "pip $*" >>"$CALLS"',
    "pytest": 'echo "pytest $*" >>"$CALLS"',
    "harness": SCRIPT,
}


@dataclass
class Job:
    """A checkout of a change, with the variables of a job."""

    folder: Path
    variables: dict[str, str]
    log: str = ""
    calls: list[str] = field(default_factory=list)

    def script(self, shell: list[str], script: str, **more: str) -> int:
        fakes = self.folder.parent / "fakes"
        calls = self.folder.parent / "calls"
        calls.write_text("")
        own = {"FAKES": str(fakes), "CALLS": str(calls), "PATH": f"{fakes}:{os.environ['PATH']}"}
        done = subprocess.run(
            [*shell, script],
            cwd=self.folder,
            env={**os.environ, **self.variables, **more, **own},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=60,
        )
        self.log = done.stdout
        self.calls = calls.read_text().splitlines()
        check_options(self.calls)
        return done.returncode


@pytest.fixture
def job(tmp_path: Path) -> Job:
    folder = tmp_path / "mein Repo"
    folder.mkdir()
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.example"]
    for command in (
        ["init", "--initial-branch=main"],
        ["commit", "--allow-empty", "--message=one"],
        ["update-ref", "refs/remotes/origin/main", "HEAD"],
        ["commit", "--allow-empty", "--message=two"],
    ):
        subprocess.run([*git, *command], cwd=folder, check=True, capture_output=True)
    (folder / "reports").mkdir()
    (tmp_path / "fakes").mkdir()
    for name, script in PROGRAMS.items():
        path = tmp_path / "fakes" / name
        path.write_text(f"#!/bin/bash\n{script}\n")
        path.chmod(0o755)
    base = ["git", "rev-parse", "HEAD~1"]
    commit = subprocess.run(base, cwd=folder, check=True, capture_output=True, text=True)
    return Job(folder, {"BASE": commit.stdout.strip()})


# GitLab.


def interpolated(value: Any, inputs: dict[str, str]) -> Any:
    """Return a part of the template with its inputs, as GitLab puts them in."""
    if isinstance(value, dict):
        return {interpolated(k, inputs): interpolated(v, inputs) for k, v in value.items()}
    if isinstance(value, list):
        return [interpolated(each, inputs) for each in value]
    if isinstance(value, str):
        return re.sub(r"\$\[\[ inputs\.([\w-]+) \]\]", lambda match: inputs[match[1]], value)
    return value


def component(**given: str) -> tuple[str, Any]:
    """Return the name and the content of the job."""
    spec, content = yaml.safe_load_all(TEMPLATE.read_text())
    defaults = {
        name: {True: "true", False: "false"}.get(each["default"], each["default"])
        for name, each in spec["spec"]["inputs"].items()
    }
    ((name, made),) = interpolated(content, defaults | given).items()
    return name, made


@pytest.fixture
def gitlab(job: Job) -> Callable[..., int]:
    """Run the component's script for a merge request; return its exit code."""

    def run(**inputs: str) -> int:
        _, made = component(**{name.replace("_", "-"): value for name, value in inputs.items()})
        variables = {
            "CI_PROJECT_DIR": str(job.folder),
            "CI_MERGE_REQUEST_IID": "12",
            "CI_MERGE_REQUEST_DIFF_BASE_SHA": job.variables["BASE"],
            **{name: value for name, value in made["variables"].items() if "$" not in value},
        }
        shell = ["bash", "-eo", "pipefail", "-c"]
        return job.script(shell, "\n".join(made["script"]), **variables | job.variables)

    return run


def test_a_merge_request_runs_is_compared_and_gets_a_note(
    job: Job, gitlab: Callable[..., int]
) -> None:
    assert gitlab() == 0, job.log
    assert [" ".join(call.split()[:2]) for call in job.calls] == [
        "pip install",
        "harness run",
        "harness compare",
        "harness review",
        "harness report",
    ]
    assert job.calls[1] == "harness run --target=virtual-stm32"
    assert "--comment --markdown=reports/review.md" in job.calls[3]


def test_the_package_is_that_of_this_version(job: Job, gitlab: Callable[..., int]) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert gitlab() == 0
    assert job.calls[0] == f"pip install tinyml-harness[clang]=={version}"


def test_a_merge_base_without_a_run_is_run(job: Job, gitlab: Callable[..., int]) -> None:
    job.variables["COMPARE_CODE"] = "2"
    assert gitlab(model="a", options="--profile") == 0
    runs = [call for call in job.calls if call.startswith("harness run")]
    assert runs == ["harness run --target=virtual-stm32 --model=a --profile"] * 2
    assert gitlab(command="pytest", options="-k x") == 0
    assert "pytest --junitxml=reports/junit.xml --target=virtual-stm32 -k x" in job.calls
    assert "harness run --target=virtual-stm32" in job.calls
    assert gitlab(run_base="false") == 0
    assert len([call for call in job.calls if call.startswith("harness run")]) == 1


def test_inputs_are_no_commands(job: Job, gitlab: Callable[..., int]) -> None:
    assert gitlab(model="$(touch hacked)`touch hacked`;touch hacked") == 0
    assert not list(job.folder.rglob("hacked"))
    _, content = yaml.safe_load_all(TEMPLATE.read_text())
    (made,) = content.values()
    assert "$[[" not in str(made["script"])


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ({"RUN_CODE": "3"}, 3),
        ({"RUN_CODE": "1", "REVIEW_CODE": "1"}, 1),
        ({"REVIEW_CODE": "4"}, 4),
        ({"REVIEW_CODE": "3"}, 0),
    ],
)
def test_the_job_ends_with_the_verdict(
    codes: dict[str, str], expected: int, job: Job, gitlab: Callable[..., int]
) -> None:
    job.variables |= codes
    assert gitlab(baseline="merge-base") == expected, job.log
    assert "--fail-if-worse" in "\n".join(job.calls)
    assert job.calls[-1].startswith("harness report")


def test_accepted_baselines_are_used_without_an_input(job: Job, gitlab: Callable[..., int]) -> None:
    (job.folder / "reports" / "baselines").mkdir()
    (job.folder / "reports" / "baselines" / "a.json").touch()
    assert gitlab() == 0
    found = [call for call in job.calls if "--baseline=reports/baselines" in call]
    assert [call.split()[1] for call in found] == ["run", "review", "report"]


def test_gitlab_s_files_fit_the_schema(tmp_path: Path) -> None:
    name, made = component()
    spec, _ = yaml.safe_load_all(TEMPLATE.read_text())
    files = {
        "component": {name: made},
        "spec": spec,
        "nightly": yaml.safe_load((ROOT / "docs" / "nightly.gitlab-ci.yml").read_text()),
        "init": yaml.safe_load((JENKINSFILE.parent / "gitlab.yml").read_text()),
    }
    for each, content in files.items():
        (tmp_path / f"{each}.yml").write_text(yaml.safe_dump(content))
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema=vendor.gitlab-ci"]
    command += [str(tmp_path / f"{each}.yml") for each in files]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout


# Jenkins.


@pytest.fixture
def jenkins(job: Job) -> Callable[[], int]:
    """Run the scripts of the Jenkinsfile for a pull request, each as Jenkins does."""
    text = JENKINSFILE.read_text()
    scripts = re.findall(r"sh '''(.*?)'''|sh '([^'\n]+)'", text, re.S)
    assert len(scripts) == text.count(" sh '") == 4
    subprocess.run(["git", "remote", "add", "origin", "."], cwd=job.folder, check=True)

    def run() -> int:
        calls: list[str] = []
        codes = []
        for long, short in scripts:
            variables = {"WORKSPACE": str(job.folder), "CHANGE_TARGET": "main"}
            codes.append(job.script(["sh", "-xec"], long or short, **variables))
            calls += job.calls
        job.calls = calls
        return next(filter(None, codes), 0)

    return run


def test_the_pipeline_of_a_change_runs_compares_and_reports(
    job: Job, jenkins: Callable[[], int]
) -> None:
    job.variables["COMPARE_CODE"] = "2"
    assert jenkins() == 0, job.log
    assert [" ".join(call.split()[:2]) for call in job.calls] == [
        "pip install",
        "pytest --target=virtual-stm32",
        "harness compare",
        "harness run",
        "harness review",
        "harness report",
    ]
    assert (job.folder / "reports" / "review.md").exists()
    assert not (job.folder / ".cache" / "base").exists()


def test_the_scripts_of_jenkins_leave_variables_to_the_shell() -> None:
    text = JENKINSFILE.read_text()
    assert 'sh "' not in text
    assert text.count("{") == text.count("}")
    assert text.count("(") == text.count(")")
