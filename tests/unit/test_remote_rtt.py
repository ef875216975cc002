"""The link over RTT through a remote probe."""

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from subprocess import Popen

import msgspec
import pytest

from harness.board.pyocd import server_connection
from harness.board.pyocd.pyocd_board import PyocdBoard
from harness.engines.registry import find_engine
from harness.errors import InfrastructureError
from harness.image.build import build_image
from harness.model.folder import Model
from harness.runs.bench import open_link_dut
from harness.runs.link_dut import LinkDut
from harness.runs.request import RunRequest
from harness.simulator import runtime_folder
from harness.simulator.board_process import VirtualBoard
from harness.support.progress import Progress
from harness.target.find_target import find_target
from harness.target.target_file import Port, Pyocd
from harness.workspace import Workspace
from tests.support.assembly_bench import cross_compiler
from tests.support.models import few_digits
from tests.support.pyocd_sessions import pyocd_server

ROOT = Path(__file__).parents[2]
CHIP = "stm32f429xi"
TARGET = msgspec.structs.replace(
    find_target("virtual-stm32", [ROOT / "targets"]), name="rtt", port=Port("generic")
)
VECTORS = 10
PACKET = 1448  # bytes


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A directory for the boards of these tests alone."""
    path = tmp_path_factory.mktemp("virtual")
    path.chmod(0o700)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(runtime_folder.DIRECTORY_VARIABLE, str(path))
        yield


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return few_digits(tmp_path_factory.mktemp("models") / "digits", vectors=VECTORS)


@contextmanager
def remote_dut(model: Model, root: Path) -> Iterator[tuple[LinkDut, Popen[str]]]:
    """A device behind pyOCD's server, and the server's process."""
    cross_compiler()
    image = build_image(TARGET, model, find_engine("cmsis-nn"), ROOT / "build" / "images")
    request = RunRequest(TARGET, model, Workspace(root))
    with VirtualBoard.start(CHIP) as chip, pyocd_server(chip) as (server, probe):
        reached = Pyocd(target=CHIP, probe=probe)
        with (
            closing(PyocdBoard(TARGET, reached, Progress(sys.stderr), 0)) as board,
            open_link_dut(request, image, board) as dut,
        ):
            yield dut, server


def test_a_run_over_rtt_through_a_distant_server(
    digits: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lines have requests in them whose only purpose is to fill a packet."""
    monkeypatch.setattr(server_connection, "_FAR", -1)
    monkeypatch.setattr(server_connection, "_packet_size", lambda _: PACKET)
    with remote_dut(digits, tmp_path) as (dut, server):
        run = dut.run()
        run.check()
        assert (run.input_via, run.retries, len(run.looks)) == ("debug", 0, VECTORS)
        assert len(set(run.ticks.tolist())) > 1  # they are those of each input
        server.kill()
        with pytest.raises(InfrastructureError, match=r"the server|server's|closed"):
            dut.run()
