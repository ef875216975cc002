"""The generic port over RTT: the same bytes and instructions as a port with a serial line."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from harness.engines.registry import DEFAULT_ENGINE, find_engine
from harness.errors import ExitCode
from harness.image.build import build_image
from harness.model.folder import load_model
from harness.runs.link_run import Run
from harness.simulator.board_process import VirtualBoard
from harness.support.bundled_files import bundled
from harness.target.find_target import find_target
from harness.target.target_file import Port, Qemu, Target
from harness.workspace import Workspace
from tests.support.devices import opened


def generic(name: str) -> Target:
    """Return the target called `name` with the generic port; in QEMU, SysTick counts."""
    target = find_target(name, [bundled("targets")])
    port = Port("generic")
    board = target.board
    if isinstance(board, Qemu):
        board = msgspec.structs.replace(board, icount_shift=8)
    return msgspec.structs.replace(target, name=f"{name}-rtt", port=port, board=board)


def run_on(target: Target, tmp_path: Path, name: str = "faces") -> Run:
    model = load_model(bundled("models") / name)
    image = build_image(target, model, find_engine(DEFAULT_ENGINE), Workspace(tmp_path).images)
    with opened(target, model, image, tmp_path) as dut:
        return dut.run()


@pytest.mark.parametrize(("name", "counter"), [("virtual-stm32", "dwt"), ("qemu-m4", "systick")])
def test_bytes_and_instructions_are_those_of_a_serial_line(
    name: str, counter: str, tmp_path: Path
) -> None:
    if "qemu" in name and shutil.which("qemu-system-arm") is None:
        pytest.skip("qemu-system-arm is not on PATH")
    serial = run_on(find_target(name, [bundled("targets")]), tmp_path)
    rtt = run_on(generic(name), tmp_path)
    rtt.check()
    assert rtt.welcome.counter == counter
    assert rtt.ticks.tolist() == serial.ticks.tolist()
    assert all(
        (ours == theirs).all()
        for ours, theirs in zip(rtt.all_outputs, serial.all_outputs, strict=True)
    )
    assert rtt.retries == 0


def test_a_killed_run_leaves_the_board_to_the_next(tmp_path: Path) -> None:
    """The rings in RAM are still those of the killed run, half full, when the next one connects."""
    (tmp_path / "harness.toml").touch()
    (tmp_path / "targets").mkdir()
    (tmp_path / "targets" / "desk.toml").write_text(
        'base = "virtual-stm32"\ndescription = "over RTT"\nport = { name = "generic" }\n'
    )
    with VirtualBoard.start("stm32f429xi") as board:
        command = [sys.executable, "-m", "harness", "run", "--target=desk", "--input-via=serial"]
        command += [f"--probe={board.probe_id}", "--model"]
        with subprocess.Popen(
            [*command, "digits"], cwd=tmp_path, stderr=subprocess.PIPE, text=True
        ) as killed:
            assert killed.stderr is not None
            assert any("streaming" in line for line in killed.stderr)
            killed.kill()
        assert killed.returncode == -signal.SIGKILL
        done = subprocess.run(
            [*command, "faces"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
    assert done.returncode == ExitCode.PASSED, done.stderr
    (record,) = (tmp_path / "reports").rglob("*.json")
    content = json.loads(record.read_text())
    assert (content["verdict"], content["retries"], content["carrier"]) == ("passed", 0, "rtt")
