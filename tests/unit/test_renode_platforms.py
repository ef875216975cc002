"""Platforms of Renode by name and by path."""

from pathlib import Path

import pytest

from harness.board.renode.installation import Installation
from harness.board.renode.platforms import Platform, find_platform, others_with
from harness.errors import InfrastructureError, InputError


@pytest.fixture
def renode(tmp_path: Path) -> Installation:
    """A Renode with two chips and two boards, of which one has the name of a chip."""
    root = tmp_path / "renode folder"
    files = {
        "platforms/cpus/stm32f4.repl": "cpu: CPU.CortexM @ sysbus",
        "platforms/cpus/maker/chip1.repl": "cpu: CPU.CortexM @ sysbus",
        "platforms/boards/maker/board1.repl": 'using "platforms/cpus/stm32f4.repl"',
        "platforms/cpus/fe310.repl": "cpu: CPU.RiscV32 @ sysbus",
        "platforms/boards/chip1.repl": 'using "./maker/board1.repl"',
        "scripts/single-node/board1.resc": "include @platforms/boards/maker/board1.repl",
    }
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (root / "renode").touch()
    return Installation(root / "renode", "Renode v1.16.1", "--renode")


def root_of(renode: Installation) -> Path:
    return renode.executable.parent


@pytest.mark.parametrize(
    ("source", "name", "path"),
    [
        ("stm32f4", "stm32f4", "platforms/cpus/stm32f4.repl"),
        ("platforms/cpus/stm32f4.repl", "stm32f4", "platforms/cpus/stm32f4.repl"),
        ("board1", "board1", "platforms/boards/maker/board1.repl"),
        ("Board_1", "board1", "platforms/boards/maker/board1.repl"),
        ("chip1", "chip1", "platforms/boards/chip1.repl"),
        # Its file name alone would find the board.
        (
            "platforms/cpus/maker/chip1.repl",
            "platforms/cpus/maker/chip1.repl",
            "platforms/cpus/maker/chip1.repl",
        ),
        (
            "scripts/single-node/board1.resc",
            "scripts/single-node/board1.resc",
            "scripts/single-node/board1.resc",
        ),
    ],
)
def test_a_platform_in_renodes_folder(
    renode: Installation, source: str, name: str, path: str
) -> None:
    found = find_platform(source, renode)
    assert (found.name, found.path) == (name, root_of(renode) / path)
    assert find_platform(found.name, renode) == found


def test_a_file_of_the_user_comes_first(
    renode: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    own = tmp_path / "platforms" / "cpus" / "stm32f4.repl"
    own.parent.mkdir(parents=True)
    own.touch()
    found = find_platform("platforms/cpus/stm32f4.repl", renode)
    assert (found.name, found.path) == ("platforms/cpus/stm32f4.repl", own)


@pytest.mark.parametrize(
    ("source", "remedy"),
    [
        ("stm32f7", "did you mean stm32f4?"),
        ("platforms/boards/bord1.repl", "did you mean board1?"),
        ("Board", "did you mean board1?"),
        ("", "known: board1, chip1, stm32f4\n  -> for a platform of your own, give the path"),
        ("zzz", "known: board1, chip1, stm32f4\n"),  # those with a Cortex-M
    ],
)
def test_an_unknown_platform(renode: Installation, source: str, remedy: str) -> None:
    with pytest.raises(InputError) as caught:
        find_platform(source, renode)
    assert caught.value.what == f"Renode has no platform {source!r}"
    assert caught.value.where == str(root_of(renode) / "platforms")
    assert caught.value.remedy.startswith(remedy)


def test_an_executable_without_platforms(tmp_path: Path) -> None:
    (tmp_path / "renode").touch()
    with pytest.raises(InfrastructureError, match="platforms are not beside"):
        find_platform("stm32f4", Installation(tmp_path / "renode", "", "PATH"))


@pytest.mark.parametrize("changed", ["boards/chip1", "boards/maker/board1", "cpus/stm32f4"])
def test_the_digest_covers_the_files_that_a_platform_uses(
    renode: Installation, changed: str
) -> None:
    platform = find_platform("chip1", renode)
    before = platform.digest()
    assert platform.digest() == before
    file = root_of(renode) / "platforms" / f"{changed}.repl"
    file.write_text(file.read_text() + "\n// changed")
    assert platform.digest() != before


def test_a_platform_knows_those_that_use_it(renode: Installation) -> None:
    chip = find_platform("stm32f4", renode)
    assert others_with(chip) == ["board1", "chip1"]
    assert others_with(find_platform("fe310", renode)) == []


def test_platforms_that_use_each_other_have_a_digest(renode: Installation) -> None:
    own = root_of(renode) / "own.repl"
    own.write_text('using "./own.repl"\nusing "nothing.repl"')
    assert Platform("own", own, root_of(renode)).digest()
