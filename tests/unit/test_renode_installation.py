"""Which Renode is taken, and what a person reads where there is none, or a wrong one."""

import json
import os
from pathlib import Path

import pytest

from harness.board.renode.installation import GET_RENODE, GET_RENODE_RUN, find_renode
from harness.cli.main import main
from harness.errors import ExitCode, InfrastructureError


def renode(folder: Path, version: str = "Renode v1.16.1.16298") -> Path:
    """Make an executable `renode` in `folder` that says its version and the folder's name."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "renode"
    path.write_text(f"#!/bin/sh\necho '{version}'\n")
    path.chmod(0o755)
    return path


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without a Renode; return its home."""
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.delenv("RENODE", raising=False)
    monkeypatch.chdir(tmp_path)
    return home


def installed(home: Path, kept: object) -> Path:
    """Write what renode-run keeps."""
    file = home / ".config" / "renode" / "renode-run.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(kept))
    return file


def test_without_a_renode_the_ways_to_get_one_are_named() -> None:
    with pytest.raises(InfrastructureError) as caught:
        find_renode()
    assert str(caught.value) == (
        "Renode was not found in $RENODE, on PATH, or among renode-run's installations\n"
        f"  -> {GET_RENODE}"
    )
    for way in (GET_RENODE_RUN, "harness setup renode", "portable", "--renode", "$RENODE"):
        assert way in GET_RENODE


def test_the_order_is_option_variable_path_renode_run(
    tmp_path: Path, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = renode(tmp_path / "kept")
    installed(machine, {"version": "2.1", "default": str(kept.parent)})
    assert (find_renode().executable, find_renode().source) == (kept, "renode-run")
    on_path = renode(tmp_path / "bin")
    assert (find_renode().executable, find_renode().source) == (on_path, "PATH")
    named = renode(tmp_path / "named")
    monkeypatch.setenv("RENODE", str(named))
    assert (find_renode().executable, find_renode().source) == (named, "$RENODE")
    asked = renode(tmp_path / "asked")
    assert (find_renode(str(asked)).executable, find_renode(str(asked)).source) == (
        asked,
        "--renode",
    )
    assert find_renode().version == "Renode v1.16.1.16298"


def test_the_folder_of_a_portable_renode_will_do(tmp_path: Path) -> None:
    path = renode(tmp_path / "renode_portable")
    assert find_renode(str(path.parent)).executable == path
    assert find_renode("renode_portable").executable == path  # relative to where we are


@pytest.mark.parametrize(
    "kept",
    [
        {"default": "GOOD"},
        {"default": {"mono-portable": "GONE", "dotnet-portable": "GOOD"}},
        {"default": {"dotnet-portable": "GONE"}, "installations": {"GOOD": {"version": "1.16.1"}}},
        {"installations": {"GONE": {}, "GOOD": {}}},
    ],
)
def test_what_renode_run_has_installed_is_found(
    tmp_path: Path, machine: Path, kept: object
) -> None:
    path = renode(tmp_path / "good")
    text = json.dumps(kept).replace("GOOD", str(path.parent)).replace("GONE", "/nowhere")
    installed(machine, json.loads(text))
    assert find_renode().executable == path


def test_what_renode_run_has_installed_and_somebody_removed_is_not_there(machine: Path) -> None:
    installed(machine, {"default": {"dotnet-portable": "/nowhere"}})
    with pytest.raises(InfrastructureError, match="Renode was not found"):
        find_renode()


def test_a_broken_file_of_renode_run_is_named(machine: Path) -> None:
    file = installed(machine, [])
    with pytest.raises(InfrastructureError) as caught:
        find_renode()
    assert caught.value.where == str(file)
    assert "renode-run download" in caught.value.remedy


@pytest.mark.parametrize("variable", [False, True])
def test_one_that_was_asked_for_is_not_replaced_by_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: bool
) -> None:
    renode(tmp_path / "bin")
    if variable:
        monkeypatch.setenv("RENODE", "/nowhere/renode")
    with pytest.raises(InfrastructureError, match="there is no Renode at /nowhere") as caught:
        find_renode("" if variable else "/nowhere/renode")
    assert caught.value.where == ("$RENODE" if variable else "--renode")


@pytest.mark.parametrize(
    ("version", "message"),
    [
        ("Renode v1.13.3.1", "is Renode 1.13.3.1, older than 1.14"),
        ("GNU bash, version 5.2", "is not Renode: --version prints 'GNU bash, version 5.2'"),
        ("", "is not Renode"),
    ],
)
def test_a_wrong_one_is_explained(tmp_path: Path, version: str, message: str) -> None:
    path = renode(tmp_path / "wrong", version)
    with pytest.raises(InfrastructureError) as caught:
        find_renode(str(path))
    assert message in caught.value.what
    assert caught.value.remedy == GET_RENODE


def test_one_that_does_not_run_is_explained(tmp_path: Path) -> None:
    path = renode(tmp_path / "wrong")
    path.write_text("#!/nowhere/interpreter\n")
    with pytest.raises(InfrastructureError, match="does not run"):
        find_renode(str(path))


@pytest.mark.parametrize("version", ["Renode v1.14.0.1", "Renode v1.16.1+20260216gitd66b0c2a"])
def test_others_will_do(tmp_path: Path, version: str) -> None:
    assert find_renode(str(renode(tmp_path / "one", version))).version == version


# harness setup renode


def renode_run(tmp_path: Path, script: str) -> None:
    path = tmp_path / "bin" / "renode-run"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_setup_has_renode_run_download_one_and_says_which(
    tmp_path: Path, machine: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "downloaded"
    file = machine / ".config" / "renode" / "renode-run.json"
    renode(folder)
    kept = json.dumps({"default": {"dotnet-portable": str(folder)}})
    renode_run(
        tmp_path,
        f'test "$*" = download || exit 9\necho Downloading\nmkdir -p {file.parent}\n'
        f"echo '{kept}' > {file}",
    )
    assert main(["setup", "renode"]) == ExitCode.PASSED
    shown = capfd.readouterr().out
    assert "Downloading" in shown
    assert f"Renode v1.16.1.16298: {folder / 'renode'} (from renode-run)" in shown


def test_setup_without_renode_run_says_how_to_get_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["setup", "renode"]) == ExitCode.INFRASTRUCTURE
    assert GET_RENODE_RUN in capsys.readouterr().err


def test_setup_without_a_network_says_what_else_will_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    renode_run(tmp_path, "exit 1")
    assert main(["setup", "renode"]) == ExitCode.INFRASTRUCTURE
    shown = capsys.readouterr().err
    assert "ended with exit code 1" in shown
    assert "the portable archive" in shown
    assert os.environ["PATH"].startswith(str(tmp_path))
