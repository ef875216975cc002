"""Where the workspace is: the nearest folder upwards that is one, for both faces."""

import shutil
from pathlib import Path

import pytest

from harness.cli.main import main
from harness.errors import ExitCode
from harness.python_api import records
from harness.workspace import find_workspace

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[2]
SUB = Path("sub", "deep")


def write(path: Path, text: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root" / SUB).mkdir(parents=True)
    return tmp_path / "root"


@pytest.mark.parametrize(
    ("mark", "text"),
    [
        ("harness.toml", ""),
        ("targets/mine.toml", ""),
        ("models/mine/model.toml", ""),
        ("pytest.ini", ""),
        ("pyproject.toml", "[tool.pytest.ini_options]\n"),
        ("tox.ini", "[pytest]\n"),
        ("setup.cfg", "[tool:pytest]\n"),
    ],
)
def test_a_mark_makes_a_folder_the_workspace_of_those_below(
    root: Path, mark: str, text: str
) -> None:
    write(root / mark, text)
    assert find_workspace(root / SUB).root == root
    assert find_workspace(root).root == root
    write(root / "sub" / mark, text)  # nearer
    assert find_workspace(root / SUB).root == root / "sub"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("models/code.py", ""),  # a package that happens to have this name
        ("models/mine/network.tflite", ""),
        ("targets/readme.md", ""),
        ("pyproject.toml", "[project]\n"),
        ("pyproject.toml", "is not TOML"),
        ("tox.ini", "[tox]\n"),
        ("setup.cfg", "[metadata]\n"),
        ("setup.cfg", "is not INI"),
    ],
)
def test_what_is_no_mark(root: Path, name: str, text: str) -> None:
    write(root / "harness.toml")
    write(root / "sub" / name, text)
    assert find_workspace(root / SUB).root == root


def test_without_a_mark_the_folder_itself_is_the_workspace(root: Path) -> None:
    assert find_workspace(root / SUB).root == root / SUB


def test_the_search_ends_at_the_git_repository_at_home_and_at_a_shared_folder(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(root / "harness.toml")
    below = root / SUB
    (root / "sub" / ".git").mkdir()
    assert find_workspace(below).root == below
    write(root / "sub" / "harness.toml")
    assert find_workspace(below).root == root / "sub"
    shutil.rmtree(root / "sub" / ".git")
    (root / "sub" / "harness.toml").unlink()
    assert find_workspace(below).root == root
    monkeypatch.setenv("HOME", str(root))
    assert find_workspace(below).root == root
    monkeypatch.setenv("HOME", str(root / "sub"))
    assert find_workspace(below).root == below
    monkeypatch.delenv("HOME")
    root.chmod(0o1777)
    assert find_workspace(below).root == below


def test_pytest_s_root_counts(root: Path) -> None:
    write(root / "models" / "mine" / "model.toml")
    assert find_workspace(root / SUB, root / "sub").root == root / "sub"


def test_the_command_and_the_api_use_the_workspace_from_a_folder_below(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = root / "reports" / "runs"
    runs.mkdir(parents=True)
    for record in (ROOT / "tests" / "data" / "records").glob("*.json"):
        shutil.copy(record, runs)
    write(root / "models" / "mine" / "model.toml", 'description = "mine"\n')
    monkeypatch.chdir(root / SUB)
    assert main(["list", "models"]) == ExitCode.PASSED
    assert "mine" in capsys.readouterr().out
    assert main(["report"]) == ExitCode.PASSED
    assert (root / "reports" / "report.html").is_file()
    assert not list((root / SUB).iterdir())
    assert records().run.nunique() == len(list(runs.iterdir()))


def test_the_list_of_models_tells_those_that_run_from_the_others(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(root)
    assert main(["list", "models"]) == ExitCode.PASSED
    text = capsys.readouterr().out
    assert text.startswith("bundled models\n")
    assert "--model" not in text  # without models of its own, a run takes all of these
    shutil.copytree(ROOT / "models" / "faces", root / "models" / "mine")
    assert main(["list", "models"]) == ExitCode.PASSED
    own, bundled, hint = capsys.readouterr().out.split("\n\n")
    assert own.startswith("your models\n")
    assert "\nmine " in own
    assert "\nfaces " not in own
    assert bundled.startswith("bundled models\n")
    assert "\nfaces " in bundled
    assert "mine" not in bundled
    assert hint == (
        "harness run takes your models; for a bundled one: harness run --model anomaly\n"
    )


TEST = "def test_one(model):\n    pass\n"


@pytest.mark.parametrize("arguments", [(), ("../test_it.py",)])
def test_pytest_in_a_folder_below_runs_the_models_of_the_repository(
    pytester: pytest.Pytester, arguments: tuple[str, ...]
) -> None:
    shutil.copytree(ROOT / "models" / "faces", pytester.path / "models" / "mine")
    write(pytester.path / "sub" / "test_sub.py", TEST)
    write(pytester.path / "test_it.py", TEST)
    pytester.chdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(pytester.path / "sub")
        result = pytester.runpytest_subprocess("-p", "no:hypothesispytest", "-v", *arguments)
    result.assert_outcomes(passed=1)
    assert "test_one[mine]" in str(result.stdout)
    assert "models: " not in str(result.stdout)


def test_pytest_from_elsewhere_uses_the_repository_of_the_tests(
    pytester: pytest.Pytester, tmp_path: Path
) -> None:
    shutil.copytree(ROOT / "models" / "faces", pytester.path / "models" / "mine")
    write(pytester.path / "tests" / "test_it.py", TEST)
    (pytester.path / "pytest.ini").touch()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir("/")
        result = pytester.runpytest_subprocess(
            "-p", "no:hypothesispytest", "-v", str(pytester.path / "tests")
        )
    assert "test_one[mine]" in str(result.stdout)


@pytest.mark.parametrize("workers", [0, 2])
def test_bundled_models_are_said_to_be_bundled(pytester: pytest.Pytester, workers: int) -> None:
    pytester.makepyfile(test_it=TEST)
    pytester.makeini("[pytest]\n")
    result = pytester.runpytest_subprocess(
        "-p", "no:hypothesispytest", f"-n{workers}", "--junitxml=result.xml"
    )
    note = f"models: bundled with the harness, because {pytester.path} has none"
    assert str(result.stdout).count(note) == 1
    assert note in Path("result.xml").read_text()
    named = pytester.runpytest_subprocess("-p", "no:hypothesispytest", "--model=faces")
    named.assert_outcomes(passed=1)
    assert "models: " not in str(named.stdout)
