"""`harness target add`: the file is the target that `chip:` derives, for editing."""

from pathlib import Path

import msgspec
import pytest

from harness.cli.main import main
from harness.errors import ExitCode
from harness.target.chip_target import derive_chip
from harness.target.find_target import load_target

CHIPS = ("k64f", "lpc1768", "rp2040", "lpc55s69", "hc32l110", "stm32f429xi", "s32k344", "kl25z")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "harness.toml").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("chip", CHIPS)
def test_the_file_is_the_derived_target(chip: str, repository: Path) -> None:
    assert main(["target", "add", chip]) == 0
    path = repository / "targets" / f"{chip}.toml"
    written, derived = load_target(path), derive_chip(chip)
    # In the file, a doubt is a comment.
    told = {key: getattr(derived, key) for key in ("name", "path", "description", "doubt")}
    assert msgspec.structs.replace(written, **told) == derived


def test_the_file_tells_what_to_fill_in_and_the_output_what_comes_next(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["target", "add", "s32k344", "--as", "my-board"]) == 0
    text = (repository / "targets" / "my-board.toml").read_text()
    assert "# Not known: whether it starts: the ECC" in text
    assert "# [clock]" in text
    assert "# [power]" in text
    assert "harness run --target=my-board" in capsys.readouterr().out


def test_a_file_is_never_overwritten(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = repository / "targets" / "k64f.toml"
    path.parent.mkdir()
    path.write_text("mine")
    assert main(["target", "add", "k64f"]) == 2
    assert path.read_text() == "mine"
    assert "--as" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["a/b", "../k64f", "chip:k64f", "a\nb", "x" * 90])
def test_a_name_that_is_no_file_s_is_refused(
    name: str, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["target", "add", "k64f", "--as", name]) == 2
    assert not (repository / "targets").exists() or not list((repository / "targets").iterdir())
    assert "--as" in capsys.readouterr().err


def test_an_unknown_chip_writes_no_file(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["target", "add", "k64g"]) == 2
    assert not (repository / "targets").exists()
    assert "did you mean k64f" in capsys.readouterr().err


def test_no_file_takes_the_name_of_the_connected_board(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["target", "add", "nrf52840", "--as=auto"]) == ExitCode.USAGE
    assert "means the board that is connected" in capsys.readouterr().err
    assert not (tmp_path / "targets" / "auto.toml").exists()


def test_a_chip_needs_a_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", "--target=chip:", "--model=digits"]) == ExitCode.USAGE
    assert "--target=chip:: names no chip" in capsys.readouterr().err
