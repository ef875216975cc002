"""`--target=auto`: the board that is connected, found through stock pyOCD on virtual boards."""

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyocd.board.board_ids import BoardInfo
from pyocd.core.exceptions import ProbeDisconnected

from harness.board.derivations import derivations
from harness.board.pyocd import auto_target as auto
from harness.board.pyocd import identification, probes, time_limit
from harness.board.pyocd.probes import pick_probe
from harness.errors import InfrastructureError, InputError
from harness.simulator import runtime_folder
from harness.simulator.board_process import VirtualBoard
from harness.simulator.pyocd_probe import VirtualProbe
from harness.support import machine_lock
from harness.target.find_target import find_target
from harness.target.target_file import Target

ROOT = Path(__file__).parents[2]
CHIPS = ("stm32f429xi", "nrf52840")


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Where the boards of these tests, and no others, are found."""
    path = tmp_path_factory.mktemp("virtual")
    path.chmod(0o700)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(runtime_folder.DIRECTORY_VARIABLE, str(path))
        patch.setattr(machine_lock, "_PREFIX", str(path))
        yield


@pytest.fixture(scope="module")
def boards(folder: None) -> Iterator[dict[str, VirtualBoard]]:
    with (
        VirtualBoard.start("stm32f429xi", serial="autoF4") as f4,
        VirtualBoard.start("nrf52840", serial="autoNRF") as nrf,
    ):
        yield {"stm32f429xi": f4, "nrf52840": nrf}


@pytest.fixture(autouse=True)
def _asked_anew() -> None:
    auto.auto_target.cache_clear()


@pytest.fixture
def without_a_board_id(monkeypatch: pytest.MonkeyPatch) -> None:
    """The probe does not say which board it is on, as a J-Link does not."""
    monkeypatch.setattr(VirtualProbe, "associated_board_info", None)


@pytest.fixture
def on_a_discovery(monkeypatch: pytest.MonkeyPatch) -> None:
    """The probe is that of another board with an STM32F429."""
    info = BoardInfo(name="F429 Discovery", target="stm32f429xi")
    monkeypatch.setattr(VirtualProbe, "associated_board_info", info)


def auto_target(board: VirtualBoard, *users: Path) -> Target:
    roots = (*users, ROOT / "targets")
    return find_target("auto", roots, derivations(probe=f"virtual:{board.probe_id}", roots=roots))


@pytest.mark.parametrize("chip", CHIPS)
def test_the_board_is_known_by_its_probe(
    chip: str, boards: dict[str, VirtualBoard], capsys: pytest.CaptureFixture[str]
) -> None:
    target = auto_target(boards[chip])
    assert target.name == {"stm32f429xi": "nucleo-f429zi", "nrf52840": "nrf52840-dk"}[chip]
    said = capsys.readouterr().err
    assert "as its probe says" in said
    assert boards[chip].probe_id in said
    assert target.name in said


@pytest.mark.parametrize("chip", CHIPS)
@pytest.mark.usefixtures("without_a_board_id")
def test_the_chip_is_known_by_its_id_register(
    chip: str, boards: dict[str, VirtualBoard], capsys: pytest.CaptureFixture[str]
) -> None:
    assert auto_target(boards[chip]).name == f"chip:{chip}"
    said = capsys.readouterr().err
    assert f"{chip} or one like it, of " in said
    assert "KiB of flash (0x" in said


@pytest.mark.usefixtures("without_a_board_id")
def test_a_chip_without_a_known_register_is_refused_with_what_is_known(
    boards: dict[str, VirtualBoard], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identification, "identities", tuple)
    with pytest.raises(InputError) as caught:
        auto_target(boards["stm32f429xi"])
    assert "Cortex-M4" in str(caught.value)
    assert "CPUID 0x41" in str(caught.value)
    assert "STMicroelectronics" in str(caught.value)
    assert "in its ROM table); targets/chips knows none of its id registers" in str(caught.value)
    assert "--target=chip:NAME" in str(caught.value)


@pytest.mark.usefixtures("on_a_discovery")
def test_a_board_without_a_target_file_has_its_chip_s_target(
    boards: dict[str, VirtualBoard],
) -> None:
    assert auto_target(boards["stm32f429xi"]).name == "chip:stm32f429xi"


@pytest.mark.usefixtures("on_a_discovery")
def test_a_file_of_the_user_s_for_the_chip_comes_first(
    boards: dict[str, VirtualBoard], tmp_path: Path
) -> None:
    shutil.copy(ROOT / "targets" / "nucleo-f429zi.toml", tmp_path / "mine.toml")
    assert auto_target(boards["stm32f429xi"], tmp_path).name == "mine"


def test_virtual_boards_are_not_taken_unless_named(boards: dict[str, VirtualBoard]) -> None:
    del boards
    with pytest.raises(InfrastructureError, match="no debug probe is connected"):
        find_target("auto", (), derivations())


@pytest.mark.parametrize("board", ["nucleo-f429zi", "nrf52840-dk", ""])
def test_a_board_that_belongs_to_another_program_is_not_found_by_its_name(
    board: str, boards: dict[str, VirtualBoard]
) -> None:
    del boards
    with pytest.raises(InfrastructureError, match="no debug probe is connected"):
        pick_probe("", board)


def test_several_boards_are_refused_with_their_names(boards: dict[str, VirtualBoard]) -> None:
    with pytest.raises(InfrastructureError) as caught:
        find_target("auto", (), derivations(probe="virtual:"))
    for board in boards.values():
        assert board.probe_id in str(caught.value)
    assert "--probe" in str(caught.value)


def test_a_file_called_auto_is_a_target_like_others(tmp_path: Path) -> None:
    shutil.copy(ROOT / "targets" / "qemu-m4.toml", tmp_path / "auto.toml")
    assert find_target("auto", (tmp_path,), derivations()).path == tmp_path / "auto.toml"


@pytest.mark.usefixtures("without_a_board_id")
def test_a_probe_that_does_not_answer_is_not_waited_for_for_ever(
    boards: dict[str, VirtualBoard], monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = threading.Event()

    def hang(*_: object) -> int:
        ended.wait()
        return 0

    monkeypatch.setattr(identification, "_read", hang)
    monkeypatch.setattr(auto, "_READ_LIMIT", 0.5)
    monkeypatch.setattr(time_limit, "_GRACE", 0.1)
    try:
        with pytest.raises(InfrastructureError, match="identifying the chip: the probe does not"):
            auto_target(boards["nrf52840"])
    finally:
        ended.set()


@pytest.mark.usefixtures("without_a_board_id")
def test_a_probe_that_is_unplugged_meanwhile_is_an_error_of_the_probe(
    boards: dict[str, VirtualBoard], monkeypatch: pytest.MonkeyPatch
) -> None:
    def unplugged(*_: object) -> int:
        raise ProbeDisconnected("it is gone")

    monkeypatch.setattr(identification, "_read", unplugged)
    with pytest.raises(InfrastructureError, match="identifying the chip: the probe was unplugged"):
        auto_target(boards["nrf52840"])


def test_the_counter_of_a_virtual_board_counts_instructions(
    boards: dict[str, VirtualBoard],
) -> None:
    probe = f"virtual:{boards['nrf52840'].probe_id}"
    assert auto_target(boards["nrf52840"]).counter.ticks == "instructions"
    named = find_target("chip:nrf52840", (), derivations(probe=probe))
    assert named.counter.ticks == "instructions"
    assert find_target("chip:nrf52840", (), derivations()).counter.ticks == "cycles"


@pytest.mark.parametrize("name", ["auto", "chip:nrf52840"])
def test_a_search_for_probes_that_hangs_is_not_waited_for_for_ever(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = threading.Event()
    monkeypatch.setattr(probes, "pick_probe", lambda _: ended.wait())
    monkeypatch.setattr(auto, "_SEARCH_LIMIT", 0.2)
    monkeypatch.setattr(time_limit, "_GRACE", 0.1)
    late = threading.Timer(20, ended.set)  # then the test fails, and does not hang
    late.start()
    try:
        with pytest.raises(InfrastructureError, match="searching the probe: the probe does not"):
            find_target(name, (), derivations(probe="1234"))
    finally:
        late.cancel()
        ended.set()


def test_the_probes_are_searched_once(
    boards: dict[str, VirtualBoard], monkeypatch: pytest.MonkeyPatch
) -> None:
    searched: list[str] = []

    def search(wanted: str) -> Any:
        searched.append(wanted)
        return pick_probe(wanted)

    monkeypatch.setattr(probes, "pick_probe", search)
    assert auto_target(boards["nrf52840"]).counter.ticks == "instructions"
    assert len(searched) == 1


def test_a_broken_file_of_another_board_does_not_matter(
    boards: dict[str, VirtualBoard], tmp_path: Path
) -> None:
    (tmp_path / "broken.toml").write_text('base = "qemu-m3"\nload = "ram"\n')
    assert auto_target(boards["nrf52840"], tmp_path).name == "nrf52840-dk"
