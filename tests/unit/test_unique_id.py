"""The unique ID of a chip: data of the chip, read through the debug port, written into Records."""

from collections.abc import Iterator

import pytest
from pyocd.core.session import Session

from harness.board.pyocd.probes import close_session, open_session, pick_probe
from harness.board.pyocd.unique_id import unique_id
from harness.errors import InputError
from harness.simulator import chips
from harness.simulator.board_process import VirtualBoard
from harness.simulator.chip_names import CHIP_NAMES
from harness.simulator.chips.chip import ChipOptions
from harness.target.chip_families import unique_id_of
from harness.target.find_target import find_target, list_targets
from harness.target.target_file import Pyocd
from tests.support.models import ROOT

ID = "c0ffee0123456789"


@pytest.fixture
def session(request: pytest.FixtureRequest) -> Iterator[Session]:
    chip = request.param
    with VirtualBoard.start(chip, chip_id=ID) as board:
        opened = open_session(pick_probe(board.probe_id), chip, 4_000_000)
        yield opened
        close_session(opened)


@pytest.mark.parametrize("session", CHIP_NAMES, indirect=True)
def test_each_virtual_chip_has_the_id_that_it_is_given(
    session: Session, request: pytest.FixtureRequest
) -> None:
    words = unique_id_of(request.node.callspec.params["session"])
    assert unique_id(session, words) == ID.rjust(8 * len(words), "0")


@pytest.mark.parametrize("session", ["nrf52840"], indirect=True)
def test_an_id_that_is_not_there_is_not_known(session: Session) -> None:
    assert unique_id(session, ()) == ""
    assert unique_id(session, (0x1000_0F00, 0x1000_0F08)) == ""  # erased
    assert unique_id(session, (0x6000_0000,)) == ""  # nothing answers there
    assert unique_id(session, (0x1000_0064, 0x1000_0060)) == "23456789c0ffee01"  # no neighbours


@pytest.mark.parametrize("chip", CHIP_NAMES)
def test_the_default_id_stays_the_same(chip: str) -> None:
    count = len(unique_id_of(chip))
    assert ChipOptions().id_words(count) == [0] * (count - 1) + [1]
    with pytest.raises(InputError, match=f"more than {8 * count} hexadecimal digits"):
        chips.build(chip, ChipOptions(unique_id=1 << 32 * count))


def test_chips_without_a_source_have_no_id() -> None:
    for chip in ("rp2040", "cortex_m", "atsame70q21b", "unheard-of"):
        assert unique_id_of(chip) == ()


def test_most_bundled_boards_have_an_id() -> None:
    roots = [ROOT / "targets"]
    boards = [find_target(name, roots) for name in list_targets(roots)]
    chips_of_boards = {b.board.target for b in boards if isinstance(b.board, Pyocd)}
    unknown = {chip for chip in chips_of_boards if not unique_id_of(chip)}
    assert len(unknown) < len(chips_of_boards) / 3, sorted(unknown)
