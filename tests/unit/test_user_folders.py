"""Where caches and results go: into the workspace, into a chosen folder, or into the user's own."""

import os
import re
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.cli.main import main
from harness.errors import ExitCode, InputError
from harness.image import compilation
from harness.image.compilation import CompileError, compile_firmware
from harness.image.toolchain import Toolchain, zig_environment
from harness.report.folders_note import print_note
from harness.support.terminal import Terminal
from harness.support.user_folders import CACHES, RESULTS, chosen_folder, own_folder, read_only
from harness.target.find_target import find_target
from harness.workspace import Workspace, find_workspace
from tests.support.models import ROOT
from tests.support.other_user import as_user, give, needs_user

RECORDS = ROOT / "tests" / "data" / "records"
PYTEST = ("-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:hypothesispytest")
ARE_RECORDS = len(list(RECORDS.glob("*.json")))

needs_gcc = pytest.mark.skipif(
    shutil.which("arm-none-eabi-gcc") is None,
    reason="arm-none-eabi-gcc is not on PATH: see `make system`",
)


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that all users may enter, unlike pytest's."""
    with tempfile.TemporaryDirectory(prefix="harness-test-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
        for each in folder.rglob("*"):
            if each.is_dir():
                each.chmod(0o755)


@pytest.fixture
def home(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home folder of the user, and of this process."""
    folder = place / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    for variable in ("XDG_CACHE_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(variable, raising=False)
    return give(folder)


@pytest.fixture
def root(place: Path, home: Path) -> Path:
    """A workspace with Records and a small model; `locked` makes it read-only."""
    folder = place / "my köder [1]"
    model = folder / "models" / "few"
    shutil.copytree(ROOT / "models" / "digits", model)
    vectors = dict(np.load(model / "vectors.npz"))
    few = {name: vectors[name][:3] for name in ("inputs", "labels", "golden")}
    np.savez(model / "vectors.npz", **vectors | few)
    shutil.copytree(RECORDS, folder / "reports" / "runs")
    return folder


def locked(folder: Path) -> Path:
    """Let nobody but root write in `folder`."""
    for each in (folder, *folder.rglob("*")):
        if each.is_dir():
            each.chmod(0o555)
    return folder


@pytest.fixture
def unwritable(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Folders that this process may not write, even if it is root's."""
    folders: list[Path] = []
    access = os.access

    def may(path: Path, mode: int) -> bool:
        return access(path, mode) and not (mode & os.W_OK and path in folders)

    monkeypatch.setattr(os, "access", may)
    return folders


# The rule


def test_everything_is_in_a_workspace_that_can_be_written(root: Path) -> None:
    workspace = Workspace(root)
    assert workspace.images == root / "build" / "images"
    assert workspace.trained == root / "build" / "models"
    assert workspace.index == root / "reports" / "index.sqlite"
    assert list(workspace.record_folders) == [root / "reports" / "runs"]
    assert workspace.note == ""


def test_a_relative_folder_stays_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARNESS_RESULTS_DIR", "results")
    monkeypatch.setenv("HARNESS_CACHE_DIR", "caches")
    monkeypatch.chdir(tmp_path)
    workspace = find_workspace(tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert workspace.runs == tmp_path / "results" / "runs"
    assert workspace.trained == tmp_path / "results" / "models"
    assert workspace.index.is_relative_to(tmp_path / "caches")


def test_the_variables_move_caches_and_results(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, results = tmp_path / "c", tmp_path / "r"
    monkeypatch.setenv(CACHES, str(cache))
    workspace = Workspace(root)
    folders = [workspace.images, workspace.golden, workspace.sketches, workspace.logs]
    assert [folder.parent for folder in folders] == [cache] * 4
    assert workspace.index.parent == cache / "index"
    assert workspace.runs == root / "reports" / "runs"
    assert workspace.trained == root / "build" / "models"
    monkeypatch.setenv(RESULTS, str(results))
    workspace = Workspace(root)
    assert workspace.runs == results / "runs"
    assert workspace.report == results / "report.html"
    assert workspace.trained == results / "models"
    assert workspace.baselines == root / "reports" / "baselines"
    assert list(workspace.record_folders) == [results / "runs"]
    assert workspace.note == ""


def test_workspaces_share_images_but_no_records_and_no_index(
    tmp_path: Path, home: Path, unwritable: list[Path]
) -> None:
    both = [tmp_path / "a" / "ws", tmp_path / "b" / "ws"]
    for folder in both:
        folder.mkdir(parents=True)
        unwritable.append(folder)
    first, second = map(Workspace, both)
    assert first.images == second.images == home / ".cache" / "tinyml-harness" / "images"
    assert first.runs != second.runs
    assert first.index != second.index
    assert first.runs.is_relative_to(home / ".local" / "state" / "tinyml-harness")


@pytest.mark.parametrize("name", ["build", "build/images", "build/logs"])
def test_a_part_of_build_that_another_user_made_moves_all_caches(
    root: Path, home: Path, unwritable: list[Path], name: str
) -> None:
    (root / name).mkdir(parents=True)
    unwritable.append(root / name)
    workspace = Workspace(root)
    assert workspace.images == home / ".cache" / "tinyml-harness" / "images"
    assert workspace.runs == root / "reports" / "runs"
    assert workspace.note == (
        f"you may not write in {root / name}: cached files are in {workspace.caches} "
        "(HARNESS_CACHE_DIR names another folder)"
    )


@pytest.mark.parametrize("name", ["index.sqlite", "index.digest", "index.lock"])
def test_an_index_of_another_user_is_left_alone(
    root: Path, home: Path, unwritable: list[Path], name: str
) -> None:
    (root / "reports" / name).touch()
    unwritable.append(root / "reports" / name)
    workspace = Workspace(root)
    assert workspace.index.is_relative_to(home / ".cache" / "tinyml-harness" / "index")
    assert workspace.runs == root / "reports" / "runs"


def test_an_index_whose_path_sqlite_cannot_take_is_elsewhere(tmp_path: Path, home: Path) -> None:
    workspace = Workspace(tmp_path.joinpath(*["long" * 40] * 3))
    assert workspace.index.parent == home / ".cache" / "tinyml-harness" / "index"


@pytest.mark.parametrize("name", ["what?mode=ro", "a#b%41", "file:x", os.fsdecode(b"caf\xe9 ;&")])
def test_the_path_of_an_index_may_have_any_character(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / name
    shutil.copytree(RECORDS, folder / "reports" / "runs")
    (folder / "harness.toml").touch()
    monkeypatch.chdir(folder)
    assert main(["report"]) == ExitCode.PASSED
    assert {"index.sqlite", "report.html"} <= set(os.listdir(folder / "reports"))


def test_records_of_the_workspace_and_of_the_user_are_read_together(
    root: Path,
    home: Path,
    unwritable: list[Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    unwritable += [root / "reports", root / "reports" / "runs"]
    workspace = Workspace(root)
    workspace.runs.mkdir(parents=True)
    first = next((root / "reports" / "runs").glob("*.json"))
    shutil.copy(first, workspace.runs)  # the same in both
    first.rename(workspace.runs / "other.json")  # not its name: skipped
    monkeypatch.chdir(root)
    assert main(["export", "--csv", str(home / "all.csv")]) == ExitCode.PASSED
    said = capsys.readouterr()
    assert f"of {ARE_RECORDS} runs" in said.out
    assert str(workspace.runs / "other.json") in said.err


# The variables


@pytest.mark.parametrize("text", ["", " "])
def test_an_empty_variable_is_none(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHES, text)
    assert chosen_folder(CACHES) is None


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("~/my cache", "home/my cache"),
        ("caches/ä", "here/caches/ä"),
        ("../up", "here/../up"),
        ("a;b [c] 🎉", "here/a;b [c] 🎉"),
    ],
)
def test_a_variable_is_read_as_a_shell_would(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch, text: str, path: str
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv(CACHES, text)
    assert chosen_folder(CACHES) == (home.parent if text.startswith("~") else tmp_path) / path


@pytest.mark.parametrize("command", [["list", "models"], ["run"]])
@pytest.mark.parametrize("variable", [CACHES, RESULTS])
@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("~nosuchuser/x", "this home folder is unknown"),
        ("{}/file", "is not a folder"),
        ("{}/file/below", "is not a folder"),
        ("{}/closed", "you may not write in"),
        ("{}/closed/below", "you may not write in"),
    ],
)
def test_a_folder_that_cannot_be_used_is_refused_before_anything_runs(
    tmp_path: Path,
    unwritable: list[Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: list[str],
    variable: str,
    text: str,
    why: str,
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "closed").mkdir()
    unwritable.append(tmp_path / "closed")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(variable, text.format(tmp_path))
    assert main(command) == ExitCode.USAGE
    message = capsys.readouterr().err
    assert f"{variable}={text.format(tmp_path)}: cannot be used: " in message
    assert why in message
    assert f"or unset {variable}" in message
    with pytest.raises(InputError):
        find_workspace()


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0")))
def test_any_text_in_a_variable_is_a_folder_or_refused(text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CACHES, text)
        with suppress(InputError):
            folder = chosen_folder(CACHES)
            assert bool(folder) == bool(text.strip())


def test_xdg_is_followed_if_it_is_absolute(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "mine"))
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    assert own_folder(CACHES) == home / "mine" / "tinyml-harness"
    assert own_folder(RESULTS) == home / ".local" / "state" / "tinyml-harness"


@pytest.mark.parametrize("with_home", [True, False])
def test_without_a_home_temporary_files_have_a_private_place(
    tmp_path: Path,
    home: Path,
    unwritable: list[Path],
    monkeypatch: pytest.MonkeyPatch,
    *,
    with_home: bool,
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    if with_home:
        unwritable.append(home)
    else:
        monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # it is unknown
    folder = own_folder(CACHES)
    assert folder == tmp_path / f"tinyml-harness-{os.getuid()}" / "cache"
    assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o700
    assert own_folder(RESULTS) == folder.parent / "state"
    unwritable.append(tmp_path / "workspace")
    (tmp_path / "workspace").mkdir()
    assert (
        f"are in {folder}, until the machine restarts (" in Workspace(tmp_path / "workspace").note
    )


def test_the_note_has_short_lines_and_whole_paths(
    root: Path, home: Path, unwritable: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    unwritable += [root, root / "reports" / "runs"]
    workspace = Workspace(root)
    print_note(workspace, Terminal(width=60))
    output = capsys.readouterr().out
    assert "restarts" not in output
    assert output.split() == workspace.note.split()
    paths = [str(root), str(workspace.caches), str(workspace.runs)]
    assert all(path in output for path in paths)
    for line in output.splitlines():
        assert len(line) <= 60 or any(path in line for path in paths)


def test_what_is_no_folder_is_not_called_read_only(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert read_only(tmp_path / "file", tmp_path / "file" / "below", tmp_path / "new") is None


def test_zig_caches_where_it_may_write(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ZIG_GLOBAL_CACHE_DIR", raising=False)
    assert zig_environment()["ZIG_GLOBAL_CACHE_DIR"] == str(home / ".cache" / "zig")
    monkeypatch.setenv(CACHES, str(tmp_path / "c"))
    assert zig_environment()["ZIG_GLOBAL_CACHE_DIR"] == str(tmp_path / "c" / "zig")
    monkeypatch.setenv("ZIG_GLOBAL_CACHE_DIR", "/theirs")
    assert zig_environment()["ZIG_GLOBAL_CACHE_DIR"] == "/theirs"


# Another user's checkout


@needs_gcc
@needs_user
def test_a_read_only_checkout_is_run_reported_and_tested(root: Path, home: Path) -> None:
    (root / "test_it.py").write_text("def test_one(dut):\n    dut.run().check()\n")
    locked(root)
    run = as_user(["-m", "harness", "run", "--model=few"], root / "models" / "few", home)
    assert run.returncode == 0, run.stderr
    (path,) = home.glob(".local/state/tinyml-harness/my köder [[]1]-*/runs/*.json")
    assert f"records: {path.parent}\n" in run.stdout
    assert f"you may not write in {root}" in run.stdout
    assert list(home.glob(".cache/tinyml-harness/images/*/firmware.elf"))

    report = as_user(["-m", "harness", "report"], root, home)
    assert report.returncode == 0, report.stderr
    assert f"{ARE_RECORDS + 1} in all" in report.stdout

    results = home / "results"
    command = ["-m", "pytest", *PYTEST, "test_it.py"]
    tested = as_user(command, root, home, HARNESS_RESULTS_DIR=str(results))
    assert tested.returncode == 0, tested.stdout
    assert list((results / "runs").glob("*.json"))
    assert f"records: {results / 'runs'}" in tested.stdout
    assert "HARNESS_CACHE_DIR names another folder" in " ".join(tested.stdout.split())
    assert not (root / "build").exists()
    assert os.listdir(root / "reports") == ["runs"]


@needs_user
def test_pytest_refuses_a_folder_that_cannot_be_used(root: Path, home: Path) -> None:
    (root / "test_it.py").write_text("def test_one():\n    pass\n")
    options = [
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        "-p",
        "no:hypothesispytest",
        "test_it.py",
    ]
    done = as_user(
        ["-m", "pytest", *options], root, home, HARNESS_CACHE_DIR=str(root / "test_it.py")
    )
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "HARNESS_CACHE_DIR=" in done.stderr
    assert "Traceback" not in done.stderr


@needs_user
@pytest.mark.skipif(os.getuid() != 0, reason="only root can be two users")
def test_a_record_without_a_commit_says_why(root: Path, home: Path) -> None:
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    code = (
        "from pathlib import Path; from harness.support.git_commit import commit_of\n"
        "assert commit_of(Path.cwd()) is commit_of(Path.cwd()) is None"
    )
    done = as_user(["-c", code], root, home)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("git config --global --add safe.directory") == 1


# A disk that fails during a build


@pytest.mark.parametrize("fault", ["No space left on device", "full", "removed"])
def test_a_build_that_the_disk_ended_blames_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    (tmp_path / "model").mkdir()

    def fail(*_: object) -> str:
        if fault == "removed":
            shutil.rmtree(tmp_path / "model")
        raise CompileError(f"ninja: error: {fault}")

    monkeypatch.setattr(compilation, "run_cmake", fail)
    if fault == "full":
        monkeypatch.setattr(compilation, "_LEAST_FREE", 1 << 62)
    target = find_target("virtual-stm32", [ROOT / "targets"])
    toolchain = Toolchain("gcc", Path("gcc"), "a version")
    with pytest.raises(OSError, match=r"No space left|No such file"):
        compile_firmware(target, toolchain, tmp_path, {})


# The documentation


def test_every_variable_of_ours_is_documented() -> None:
    table = (ROOT / "docs" / "folders.md").read_text()
    documented = set(re.findall(r"^\| `(HARNESS_[A-Z_]+)` \|", table, re.MULTILINE))
    code = "".join(path.read_text() for path in (ROOT / "harness").rglob("*.py"))
    assert documented == set(re.findall(r'"(HARNESS_[A-Z_]+)"', code))
