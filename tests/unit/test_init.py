"""`harness init`: a repository whose tests pass; nothing that is there is changed."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from harness.cli.main import main
from harness.intake.new_repository import EXAMPLE
from harness.model.folder import load_model
from harness.target.find_target import load_target
from tests.support.models import ROOT
from tests.support.other_user import as_user, give, needs_user

MODEL = f"models/{EXAMPLE}"
GITHUB, GITLAB, JENKINS = ".github/workflows/harness.yml", ".gitlab-ci.yml", "Jenkinsfile"
FILES = {
    ".gitignore",
    GITHUB,
    "README.md",
    f"{MODEL}/model.tflite",
    f"{MODEL}/model.toml",
    f"{MODEL}/vectors.npz",
    "targets/my-board.toml",
    "tests/test_on_target.py",
}
CAPTURE = pytest.CaptureFixture[str]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, from now on the current one."""
    made = tmp_path / "mein Übung"
    made.mkdir()
    monkeypatch.chdir(made)
    return made


def contents(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def commands(jenkinsfile: Path) -> list[list[str]]:
    """Return the commands of a Jenkinsfile that run the models and write the report."""
    lines = re.findall(r"(?:pytest|harness report)[^|'\n]*", jenkinsfile.read_text())
    return [shlex.split(line) for line in lines if "//" not in line and " and " not in line]


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)
    return done.stdout.decode()


def test_a_new_folder_gets_every_part(folder: Path, capsys: CAPTURE) -> None:
    assert main(["init"]) == 0
    assert set(contents(folder)) == FILES
    assert load_target(folder / "targets" / "my-board.toml").name == "my-board"
    model = load_model(folder / MODEL)
    model.check(model.graph)
    text = capsys.readouterr().out
    for name in (MODEL, *(name for name in FILES if not name.startswith("models"))):
        assert f"  wrote  {name} " in text
    assert "kept" not in text
    assert "harness run" in text
    assert "pytest --target=virtual-stm32" in text
    assert "git init" in text
    for page in (text, (folder / "README.md").read_text()):
        assert "harness models add FILE.tflite --inputs" in page
        assert "harness models add FILE.keras --inputs X.npy --labels Y.npy --calibrate" in page
        assert "docs/adding.md" in page
    assert "\n# I have a ...\n" in "\n" + (ROOT / "docs" / "adding.md").read_text()


def test_the_ci_files_give_inputs_that_the_action_and_the_component_have(folder: Path) -> None:
    yaml = pytest.importorskip("yaml")
    assert main(["init", "--ci=github"]) == 0
    assert main(["init", "--ci=gitlab"]) == 0
    (job,) = yaml.safe_load((folder / GITHUB).read_text())["jobs"].values()
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    assert job["steps"][0]["with"]["fetch-depth"] == 0
    assert set(job["steps"][1]["with"]) <= set(action["inputs"])
    (included,) = yaml.safe_load((folder / GITLAB).read_text())["include"]
    template = ROOT / "templates" / "models" / "template.yml"
    spec, _ = yaml.safe_load_all(template.read_text())
    assert set(included["inputs"]) <= set(spec["spec"]["inputs"])
    assert f"/{template.parent.name}@" in included["component"]


@pytest.mark.parametrize(
    ("ci", "remote", "line"),
    [
        ("github", "git@github.com:acme/tinyml-harness.git", "- uses: acme/tinyml-harness@v1"),
        ("github", "https://gitlab.com/acme/fork", "- uses: OWNER/tinyml-harness@v1"),
        ("github", "/a/folder", "- uses: OWNER/tinyml-harness@v1"),
        ("gitlab", "https://gitlab.com/acme/ml/fork", "$CI_SERVER_FQDN/acme/ml/fork/models@v1"),
        ("gitlab", "git@github.com:a/b.git", "$CI_SERVER_FQDN/GROUP/tinyml-harness/models@v1"),
    ],
)
@pytest.mark.parametrize("installed", ["from the remote", "from a checkout"])
def test_the_ci_file_names_the_repository_that_the_harness_comes_from(
    folder: Path,
    ci: str,
    remote: str,
    line: str,
    installed: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: CAPTURE,
) -> None:
    url = remote
    if installed == "from a checkout":
        checkout = folder.parent / "a checkout"
        git(folder, "init", str(checkout))
        git(checkout, "remote", "add", "origin", remote)
        url = checkout.as_uri()
    noted = folder.parent / "site" / "tinyml_harness-1.dist-info"
    write(noted / "METADATA", "Name: tinyml-harness\nVersion: 1\n")
    write(noted / "direct_url.json", json.dumps({"url": url, "vcs_info": {"vcs": "git"}}))
    monkeypatch.syspath_prepend(noted.parent)
    assert main(["init", f"--ci={ci}"]) == 0
    text = (folder / {"github": GITHUB, "gitlab": GITLAB}[ci]).read_text()
    assert line in text
    is_placeholder = "OWNER" in line or "GROUP" in line
    assert ("# Put the" in text) == is_placeholder
    assert ("; complete its" in capsys.readouterr().out) == is_placeholder


def test_what_it_writes_passes_and_only_that_is_committed(folder: Path) -> None:
    """The commands of a CI file pass in the new folder. git ignores what they leave."""
    assert main(["init", "--ci=jenkins"]) == 0
    git(folder, "init")
    found = commands(folder / JENKINS)
    assert [command[0] for command in found] == ["pytest", "harness"]
    for command in found:
        done = subprocess.run(
            [sys.executable, "-m", *command],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
            timeout=250,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert len(list((folder / "reports" / "runs").glob(f"*-{EXAMPLE}-*.json"))) == 1
    write(folder / "reports" / "baselines" / "accepted.json", "{}")
    git(folder, "add", "--all")
    listed = git(folder, "ls-files", "-z").split("\0")
    written = FILES - {GITHUB} | {JENKINS}
    assert set(listed) - {""} == written | {"reports/baselines/accepted.json"}


def test_ruff_finds_nothing(folder: Path) -> None:
    assert main(["init"]) == 0
    for arguments in (["check"], ["format", "--check"]):
        subprocess.run(
            [sys.executable, "-m", "ruff", *arguments, "--isolated", "--no-cache", "tests"],
            check=True,
            cwd=folder,
            timeout=60,
        )


def test_a_second_time_changes_nothing(folder: Path, capsys: CAPTURE) -> None:
    assert main(["init"]) == 0
    before = contents(folder)
    capsys.readouterr()
    assert main(["init"]) == 0
    assert contents(folder) == before
    assert "wrote" not in capsys.readouterr().out


@pytest.mark.parametrize("name", sorted(FILES - {f"{MODEL}/model.tflite", f"{MODEL}/vectors.npz"}))
def test_a_file_that_is_there_is_kept_and_named(name: str, folder: Path, capsys: CAPTURE) -> None:
    write(folder / name, "mine")
    assert main(["init"]) == 0
    assert (folder / name).read_text() == "mine"
    kept = name.removesuffix("/model.toml")
    lines = [line for line in capsys.readouterr().out.splitlines() if "kept" in line]
    assert len(lines) == 1
    assert kept in lines[0]


def test_a_link_that_leads_nowhere_is_kept(folder: Path) -> None:
    (folder / "README.md").symlink_to("missing")
    assert main(["init"]) == 0
    assert not (folder / "missing").exists()


def test_a_repository_with_models_and_targets_gets_neither(folder: Path, capsys: CAPTURE) -> None:
    write(folder / "models" / "wake" / "model.toml", "")
    write(folder / "targets" / "bench.toml", "")
    assert main(["init"]) == 0
    assert set(contents(folder)) - FILES == {"models/wake/model.toml", "targets/bench.toml"}
    assert not (folder / MODEL).exists()
    assert not (folder / "targets" / "my-board.toml").exists()
    text = capsys.readouterr().out
    assert re.search(r"kept +models/wake\n", text)
    assert re.search(r"kept +targets/bench.toml\n", text)


def test_a_readme_of_another_kind_is_enough(folder: Path) -> None:
    write(folder / "README.rst", "mine")
    assert main(["init"]) == 0
    assert not (folder / "README.md").exists()


def test_a_folder_with_the_name_of_the_example_is_left_alone(folder: Path, capsys: CAPTURE) -> None:
    write(folder / MODEL / "notes.txt", "mine")
    assert main(["init"]) == 0
    assert list((folder / MODEL).iterdir()) == [folder / MODEL / "notes.txt"]
    assert "not a model" in capsys.readouterr().out


def test_without_the_example(folder: Path) -> None:
    assert main(["init", "--empty"]) == 0
    assert set(contents(folder)) == {name for name in FILES if not name.startswith("models/")}


@pytest.mark.parametrize(
    ("own", "missing"),
    [
        ("", ["/build/", "/reports/*", "!/reports/baselines/"]),
        ("build\nreports/\n", ["!/reports/baselines/"]),
        ("/build/\r\n/reports/*\r\n!reports/baselines\r\n", []),
        ("\udcff\n/build/\n", ["/reports/*", "!/reports/baselines/"]),
    ],
)
def test_lines_that_a_gitignore_lacks_are_named(
    own: str, missing: list[str], folder: Path, capsys: CAPTURE
) -> None:
    (folder / ".gitignore").write_bytes(own.encode(errors="surrogateescape"))
    assert main(["init"]) == 0
    text = capsys.readouterr().out
    note = f"  -> add {' '.join(missing)}\n" if missing else "  wrote"
    assert re.search(rf"  kept   \.gitignore\n *{re.escape(note)}", text)


@pytest.mark.parametrize(
    ("there", "options", "expected"),
    [
        ({}, [], GITHUB),
        ({}, ["--ci=gitlab"], GITLAB),
        ({}, ["--ci=jenkins"], JENKINS),
        ({}, ["--ci=none"], None),
        ({"Jenkinsfile": ""}, [], JENKINS),
        ({"Jenkinsfile": ""}, ["--ci=none"], JENKINS),
        ({".git/config": '[remote "origin"]\n\turl = git@gitlab.com:a/b.git\n'}, [], GITLAB),
        ({".git/config": '[remote "origin"]\n\turl = git@github.com:a/b.git\n'}, [], GITHUB),
        ({".git/config": "url = https://gitlab.com/a"}, ["--ci=github"], GITHUB),
    ],
)
def test_the_ci_file_is_for_the_ci_that_the_repository_uses(
    there: dict[str, str], options: list[str], expected: str | None, folder: Path
) -> None:
    for name, text in there.items():
        write(folder / name, text)
    assert main(["init", *options]) == 0
    found = {GITHUB, GITLAB, JENKINS} & set(contents(folder))
    assert found == ({expected} if expected else set())


def test_an_existing_file_of_gitlab_is_kept_and_its_job_is_named(
    folder: Path, capsys: CAPTURE
) -> None:
    write(folder / GITLAB, "mine")
    assert main(["init"]) == 0
    assert (folder / GITLAB).read_text() == "mine"
    assert not (folder / ".github").exists()
    assert "pip install 'tinyml-harness[clang]' && pytest" in capsys.readouterr().out


def test_a_folder_inside_a_git_repository_gets_no_ci_file(folder: Path, capsys: CAPTURE) -> None:
    (folder / ".git").mkdir()
    assert main(["init", "firmware/ml"]) == 0
    assert set(contents(folder / "firmware" / "ml")) == FILES - {GITHUB}
    text = capsys.readouterr().out
    assert f"no CI file: it belongs to {folder}" in text
    assert "git init" not in text


def test_the_next_step_leads_into_the_folder(folder: Path, capsys: CAPTURE) -> None:
    assert main(["init", "a b/ü"]) == 0
    assert set(contents(folder / "a b" / "ü")) == FILES
    assert "cd 'a b/ü'" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["models", "targets", "tests", ".github", f"{MODEL}", "sub"])
def test_a_file_where_a_folder_must_be_is_refused(name: str, folder: Path, capsys: CAPTURE) -> None:
    write(folder / "sub" / name if name != "sub" else folder / name, "mine")
    before = contents(folder)
    assert main(["init", "sub"]) == 2
    assert contents(folder) == before
    told = capsys.readouterr()
    assert told.out == ""
    assert f"{name}: is a file" in told.err
    assert "-> rename it" in told.err


@pytest.mark.parametrize("name", ["README.md", ".gitignore", GITHUB, "targets/my-board.toml"])
def test_a_folder_where_a_file_must_be_is_refused(name: str, folder: Path, capsys: CAPTURE) -> None:
    (folder / name).mkdir(parents=True)
    assert main(["init"]) == 2
    assert contents(folder) == {}
    assert f"{name}: is a folder" in capsys.readouterr().err


def test_an_empty_name_is_refused(folder: Path, capsys: CAPTURE) -> None:
    assert main(["init", ""]) == 2
    assert contents(folder) == {}
    assert "DIR: the name is empty" in capsys.readouterr().err


@needs_user
def test_a_folder_that_may_not_be_written_is_refused(tmp_path: Path) -> None:
    read_only = give(tmp_path) / "mine"
    read_only.mkdir()
    for arguments in ([str(read_only)], [str(read_only / "new" / "folder")]):
        done = as_user(["-m", "harness", "init", *arguments], tmp_path, tmp_path)
        assert done.returncode == 2, done.stderr
        assert "cannot be written: Permission denied" in done.stderr
        assert str(read_only) in done.stderr
        assert "->" in done.stderr
    assert contents(read_only) == {}


@pytest.mark.parametrize("inside", [".", "build/new", "tests"])
def test_a_checkout_of_the_harness_is_refused(inside: str, capsys: CAPTURE) -> None:
    assert main(["init", str(ROOT / inside)]) == 2
    told = capsys.readouterr()
    assert "lies in a checkout of the harness" in told.err
    assert "harness init DIR" in told.err
    assert told.out == ""
    assert not (ROOT / "build" / "new").exists()


def test_another_repository_beside_the_harness_is_not_a_checkout(folder: Path) -> None:
    """Only the git repository counts that the folder lies in."""
    write(folder / "pyproject.toml", '[project]\nname = "tinyml-harness"\n')
    assert main(["init"]) == 2
    (folder / "mine" / ".git").mkdir(parents=True)
    assert main(["init", "mine"]) == 0


def test_nothing_waits_for_a_fifo(folder: Path) -> None:
    (folder / "new").mkdir()
    for name in ("pyproject.toml", ".gitignore", "README.md"):
        os.mkfifo(folder / "new" / name)
    assert main(["init", "new"]) == 0


@pytest.mark.parametrize("text", ["[project]\nname = 'other'", "project = 1", "[damaged", "\x00"])
def test_the_pyproject_of_others_is_no_obstacle(text: str, folder: Path) -> None:
    write(folder / "pyproject.toml", text)
    assert main(["init"]) == 0
