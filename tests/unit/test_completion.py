"""The scripts that complete words in a shell: each shell that is installed completes with its."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.cli.main import main
from harness.errors import ExitCode

_BASH = """
source ./script
COMP_WORDS=(%s)
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_harness_words harness "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
printf '%%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(autouse=True)
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A repository with a model, in which `harness` is on PATH."""
    (tmp_path / "models" / "fast").mkdir(parents=True)
    (tmp_path / "models" / "fast" / "model.toml").touch()
    (tmp_path / "targets").mkdir()
    (tmp_path / "targets" / "desk.toml").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")


@pytest.fixture(scope="module")
def scripts() -> dict[str, str]:
    """What was printed, by shell: to make a script takes a second."""
    return {}


def script(shell: str, scripts: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    """Write the script of `shell` into the current folder."""
    if shell not in scripts:
        assert main(["completion", shell]) == ExitCode.PASSED
        scripts[shell] = capsys.readouterr().out
    Path("script").write_text(scripts[shell])


def said(command: list[str]) -> list[str]:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["harness", "swe"], ["sweep"]),
        (["harness", "baseline", ""], ["accept", "list"]),
        (["harness", "-q", "run", "--mod"], ["--model"]),
        (["harness", "run", "--model", "fa"], ["faces", "fast"]),
        (["harness", "run", "--model", "=", "fas"], ["fast"]),
        (["harness", "run", "--engine", "="], ["cmsis-nn", "edge-impulse", "tflm"]),
        (["harness", "run", "--target", "=", "desk", "--engine", "tf"], ["tflm"]),
        (["harness", "run", "--target", "des"], ["desk"]),
        (["harness", "size", "scr"], ["script"]),
        (["harness", "models", "show", "fas"], ["fast"]),
    ],
)
def test_bash(
    words: list[str],
    expected: list[str],
    scripts: dict[str, str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    script("bash", scripts, capsys)
    quoted = " ".join(f"'{word}'" for word in words)
    assert sorted(said(["bash", "-c", _BASH % quoted])) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [("harness swe", ["sweep"]), ("harness run --model fa", ["faces", "fast"])],
)
def test_fish(
    line: str, expected: list[str], scripts: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    if not shutil.which("fish"):
        pytest.skip("fish is not installed")
    script("fish", scripts, capsys)
    lines = said(["fish", "--no-config", "-c", f"source ./script; complete -C '{line}'"])
    assert sorted(found.split("\t")[0] for found in lines) == expected


def test_zsh(scripts: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    script("zsh", scripts, capsys)
    text = Path("script").read_text()
    assert text.startswith("#compdef harness\n")
    assert "$(harness completion models 2>/dev/null)" in text
    if shutil.which("zsh"):
        assert said(["zsh", "-n", "script"]) == []


def test_names_are_found_without_reading_files(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "targets"]) == ExitCode.PASSED
    names = capsys.readouterr().out.split()
    assert {"desk", "virtual-stm32"} <= set(names)
    assert names == sorted(names)
