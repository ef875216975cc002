"""Runs on a virtual board that is served: what it tells beside its debug probe."""

import shutil
from collections.abc import Callable, Iterator
from functools import partialmethod
from pathlib import Path

import pytest

from harness.errors import ExitCode
from harness.link.link_client import LinkClient
from harness.simulator import runtime_folder
from harness.simulator.board_process import VirtualBoard
from tests.support.own_firmware import OwnFirmware
from tests.support.repository import BEHAVE, Repository

CHIP = "stm32f429xi"

pytestmark = pytest.mark.skipif(
    shutil.which("arm-none-eabi-gcc") is None,
    reason="arm-none-eabi-gcc is not on PATH: see `make system`",
)


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Where the boards of these tests, and no others, are found."""
    path = tmp_path_factory.mktemp("virtual")
    path.chmod(0o700)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(runtime_folder.DIRECTORY_VARIABLE, str(path))
        yield


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    return OwnFirmware(tmp_path_factory.mktemp("own")).build


def run(repository: Repository, board: VirtualBoard, elf: Path) -> tuple[int, str]:
    """Run `elf`, which talks on USART1, on a target behind the probe of `board`."""
    table = (
        f'kind = "pyocd", target = "{CHIP}", probe = "{board.probe_id}", serial = "{board.port}"'
    )
    repository.target("desk", board=table)
    repository.answers(BEHAVE)
    return repository.harness("run", "--model", "small", "--target", "desk", "--elf", str(elf))


def test_firmware_on_another_uart_is_told_after_one_attempt(
    build: Callable[..., Path], repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LinkClient, "hello", partialmethod(LinkClient.hello, deadline=0.5))
    with VirtualBoard.start(CHIP, uart="USART3") as board:
        code, text = run(repository, board, build())
    assert code == ExitCode.INFRASTRUCTURE
    assert "did not answer HELLO within 0.5 s\nno byte came from it\n" in text
    assert "\nthe firmware sends on USART1; the serial port is USART3\n" in text
    assert "-> serve the board with --uart=USART1, or have the firmware send on USART3" in text
    assert "does not come back" not in text


def test_what_an_earlier_program_has_sent_does_not_count(
    build: Callable[..., Path], repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    with VirtualBoard.start(CHIP, uart="USART3") as board:
        monkeypatch.setattr(LinkClient, "hello", partialmethod(LinkClient.hello, deadline=0.3))
        run(repository, board, build())
        assert board.status()["unheard"]["USART1"] > 0
        code, text = repository.run("silent", "--target", "desk")
    assert code == ExitCode.INFRASTRUCTURE
    assert "the firmware sends on" not in text
    assert "the board does not come back: reflash after '" in text  # a start has been a reset


def test_text_over_swo_is_in_the_log(build: Callable[..., Path], repository: Repository) -> None:
    """What an earlier program has sent is not."""
    with VirtualBoard.start(CHIP) as board:
        for _ in range(2):
            assert run(repository, board, build("-DSWO_TEXT")) == (ExitCode.PASSED, "")
    assert [record.log for record in repository.records()] == [
        ["own firmware", "text over SWO"]
    ] * 2
