"""Target files whose board is in a farm."""

import io
from pathlib import Path
from typing import Any

import pytest

from harness.board.board import Diagnosis
from harness.board.board_options import BoardOptions
from harness.board.labgrid.coordinator_protocol import CoordinatorLostError
from harness.board.labgrid.farm_state import FarmState, Match, Place, Resource
from harness.board.labgrid.labgrid_board import LabgridBoard
from harness.board.labgrid.place_choice import PlaceInUseError
from harness.board.provision import provision
from harness.cli.main import main
from harness.errors import ExitCode, InputError
from harness.support.progress import Progress
from harness.target.chip_target import derive_chip
from harness.target.find_target import load_target
from harness.target.target_file import Labgrid, Target

_DESK = 'base = "nucleo-f429zi"\nboard.probe = "066EFF"\nboard.serial = "/dev/ttyACM0"\n'


@pytest.fixture
def progress() -> Progress:
    return Progress(io.StringIO())


def target(folder: Path, text: str, base: str = "nucleo-f429zi") -> Target:
    path = folder / "farm.toml"
    path.write_text(f'base = "{base}"\nboard.kind = "labgrid"\n{text}')
    return load_target(path)


def test_a_board_in_a_farm_has_the_chip_of_its_base_but_not_its_probe(tmp_path: Path) -> None:
    (tmp_path / "desk.toml").write_text(_DESK)
    board = target(tmp_path, 'board.place = "nucleo-1"', base="desk").board
    desk = load_target(tmp_path / "desk.toml").board
    assert isinstance(board, Labgrid)
    assert board.target == "stm32f429xi"
    assert board.chip_id == desk.chip_id  # type: ignore[union-attr]
    assert (board.place, board.probe, board.serial) == ("nucleo-1", "", "")


def test_tags_and_all_keys_are_read(tmp_path: Path) -> None:
    board = target(
        tmp_path,
        'board.tags = { chip = "stm32f429xi", meter = "ppk2" }\nboard.coordinator = "pi"\n'
        'board.priority = -1.5\nboard.probe = "swd"\nboard.serial = "uart"',
    ).board
    assert isinstance(board, Labgrid)
    assert board.tags == {"chip": "stm32f429xi", "meter": "ppk2"}
    assert (board.coordinator, board.priority) == ("pi", -1.5)
    assert (board.probe, board.serial) == ("swd", "uart")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "names neither a place nor tags"),
        ('board.place = "a"\nboard.tags = { b = "c" }', "has both a place and tags"),
    ],
)
def test_a_place_or_tags_must_be_named(
    tmp_path: Path, text: str, what: str, progress: Progress
) -> None:
    with pytest.raises(InputError, match=what) as caught:
        provision(target(tmp_path, text), tmp_path, progress, BoardOptions())
    assert caught.value.where.endswith("farm.toml: board")


def test_the_option_puts_any_board_behind_a_probe_into_a_farm(
    tmp_path: Path, progress: Progress
) -> None:
    (tmp_path / "desk.toml").write_text(_DESK)
    board = provision(
        load_target(tmp_path / "desk.toml"), tmp_path, progress, BoardOptions(place="a=b")
    )
    assert isinstance(board, LabgridBoard)
    assert board.version.endswith(", place a=b")


def test_without_grpc_the_error_names_the_extra(
    tmp_path: Path, progress: Progress, no_grpc: None
) -> None:
    with pytest.raises(InputError, match="needs gRPC") as caught:
        provision(target(tmp_path, 'board.place = "a"'), tmp_path, progress, BoardOptions())
    assert caught.value.remedy == "pip install 'tinyml-harness[labgrid]'"


@pytest.mark.parametrize("option", ["--probe=1", "--serial=/dev/ttyACM0"])
def test_the_place_brings_probe_and_serial_port(
    option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "--target=nucleo-f429zi", "--place=a", option]) == ExitCode.USAGE
    assert "the place brings it" in capsys.readouterr().err


def test_a_coordinator_alone_takes_places_with_the_tag_of_the_chip(
    tmp_path: Path, progress: Progress
) -> None:
    (tmp_path / "desk.toml").write_text(_DESK)
    options = BoardOptions(coordinator="pi")
    board = provision(load_target(tmp_path / "desk.toml"), tmp_path, progress, options)
    assert board.version.endswith(", place chip=stm32f429xi")


def test_a_coordinator_is_refused_where_there_is_no_probe(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["run", "--target=virtual-stm32", "--coordinator=a"]) == ExitCode.USAGE
    assert "it describes no board behind a debug probe" in capsys.readouterr().err


def test_the_environment_puts_a_chip_into_a_farm_but_no_board_on_the_desk(
    tmp_path: Path, progress: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "desk.toml").write_text(_DESK)
    desk, chip = load_target(tmp_path / "desk.toml"), derive_chip("stm32f429xi")

    def is_in_farm(target: Target, **options: str) -> bool:
        board = provision(target, tmp_path, progress, BoardOptions(**options))  # type: ignore[arg-type]
        return isinstance(board, LabgridBoard)

    assert not is_in_farm(chip)
    monkeypatch.setenv("LG_COORDINATOR", "pi")
    assert is_in_farm(chip)
    assert not is_in_farm(chip, probe="066EFF")
    assert not is_in_farm(desk)


class AcquiredPlace:
    """A place with a power switch; its coordinator may be lost."""

    name = "a"

    def __init__(self, *, lost: bool = False) -> None:
        self._lost = lost
        self.why_lost = ""

    def check(self) -> None:
        if self.why_lost:
            raise PlaceInUseError(self.why_lost)

    def state(self) -> tuple[Place, FarmState]:
        if self._lost:
            raise CoordinatorLostError("does not answer")
        power = Resource("pi", "a", "NetworkPowerPort", "power", True, {}, {})
        place = Place("a", (), {}, (Match("pi", "a", "*"),), "", "", 0)
        return place, FarmState({}, {power.key: power})

    def release(self) -> None:
        """Do nothing."""


def test_a_lost_place_ends_a_run_between_two_inferences(tmp_path: Path, progress: Progress) -> None:
    board = provision(target(tmp_path, 'board.place = "a"'), tmp_path, progress, BoardOptions())
    assert isinstance(board, LabgridBoard)
    acquired: Any = AcquiredPlace()
    board._place = acquired
    board.bracket()
    acquired.why_lost = "was acquired by bob@desk"
    with pytest.raises(PlaceInUseError, match="was acquired by bob@desk"):
        board.bracket()
    assert board.diagnosis() == Diagnosis()  # the core is for others now


_SWITCHED = 'board.place = "a"\nboard.power_cycle = "uhubctl -l 1-1"'


@pytest.mark.parametrize(
    ("text", "place", "lost", "program"),
    [
        (_SWITCHED, "", False, "uhubctl"),
        (_SWITCHED, "", True, "uhubctl"),
        (_SWITCHED, "b", False, "labgrid-client"),
        (_SWITCHED, "chip=k64f", True, None),
        ('board.place = "a"', "", False, "labgrid-client"),
        ('board.place = "a"', "", True, None),
    ],
)
def test_only_what_switches_this_place_is_a_way_back(
    tmp_path: Path, progress: Progress, text: str, place: str, lost: bool, program: str | None
) -> None:
    board = provision(target(tmp_path, text), tmp_path, progress, BoardOptions(place=place))
    assert isinstance(board, LabgridBoard)
    acquired: Any = AcquiredPlace(lost=lost)
    board._place = acquired
    ways = [way.name for way in board.ways_back()]
    assert ways == ["reset", "reflash", *["power cycle"] * (program is not None)]
    cycle = board._power_cycle()
    assert (cycle and cycle.command[0]) == program


def test_tags_and_a_command_for_one_board_exclude_each_other(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a command for one board") as caught:
        target(tmp_path, 'board.tags = { chip = "a" }\nboard.power_cycle = "uhubctl"')
    assert caught.value.where.endswith("farm.toml: board.power_cycle")
