"""A board that hangs comes back by a reset, a reflash or a power cycle, or it is set aside."""

import re
import shutil
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partialmethod
from pathlib import Path

import pytest

from harness.board.pyocd import power_cycle, pyocd_board
from harness.cli.main import main
from harness.errors import ExitCode
from harness.link import exchange, link_client
from harness.link.link_client import LinkClient
from harness.options import run_options
from harness.runs.mlperf.window_plan import WindowPlan
from harness.simulator import runtime_folder
from harness.simulator.board_process import VirtualBoard
from tests.support.repository import BEHAVE, FAIL, HANG, LOCK_UP, Repository

CHIP = "stm32f429xi"
COMPUTING = 300_000  # instructions: more than a start, less than a run of so many vectors
VECTORS = 100
# The command of a power switch: it asks the test, which owns the board, and waits for the answer.
SWITCH = """\
import socket, sys
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as connection:
    sys.exit(connection.recv(9) != b"switched")
"""

pytestmark = pytest.mark.skipif(
    shutil.which("arm-none-eabi-gcc") is None,
    reason="arm-none-eabi-gcc is not on PATH: see `make system`",
)


class Desk:
    """A board behind a probe, and a switch for its power; its serial port keeps its path."""

    def __init__(self, repository: Repository, *, after: str = "") -> None:
        """Start the board; `after` is the fault that it has after a power cycle."""
        self.repository = repository
        self.cycles = 0
        self._after = after
        self._stack = ExitStack()
        self._serial = repository.root / "serial"
        self._switch = self._stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        self.board = VirtualBoard.start(CHIP)
        self._connect()

    def __enter__(self) -> "Desk":
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._switch.shutdown(socket.SHUT_RDWR)
        self._stack.close()
        self.board.stop()

    @property
    def command(self) -> str:
        """The command that power cycles the board."""
        script = self.repository.root / "switch.py"
        script.write_text(SWITCH)
        return f"{sys.executable} {script} {self._switch.getsockname()[1]}"

    def target(self, command: str = "") -> None:
        """Write the target file `desk`, whose `power_cycle` is `command`."""
        self.repository.target(
            "desk",
            board=f'kind = "pyocd", target = "{CHIP}", probe = "{self.board.probe_id}", '
            f'serial = "{self._serial}", power_cycle = "{command}"',
        )

    def run(self, *more: str) -> tuple[int, str]:
        """Run the model on the board; return the exit code and what is said."""
        return self.repository.run("misbehaving", "--target", "desk", *more)

    def flash(self) -> None:
        """Run once, so that the next run starts with its image in flash."""
        assert self.run() == (ExitCode.PASSED, "")
        for path in (self.repository.root / "reports" / "runs").iterdir():
            path.unlink()

    def _serve(self) -> None:
        with suppress(OSError):  # the end of the test
            while True:
                with self._switch.accept()[0] as connection:
                    self._cycle()
                    connection.sendall(b"switched")

    def _cycle(self) -> None:
        probe = self.board.probe_id
        self.board.stop()
        faults = [self._after] if self._after else []
        self.board = VirtualBoard.start(CHIP, serial=probe, faults=faults)
        self.cycles += 1
        self._connect()

    def _connect(self) -> None:
        self._serial.unlink(missing_ok=True)
        self._serial.symlink_to(self.board.port)


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Where the boards of these tests, and no others, are found."""
    path = tmp_path_factory.mktemp("virtual")
    path.chmod(0o700)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(runtime_folder.DIRECTORY_VARIABLE, str(path))
        yield


@pytest.fixture
def desk(repository: Repository) -> Iterator[Desk]:
    repository.answers(*[BEHAVE] * VECTORS)
    with Desk(repository) as desk:
        desk.target()
        yield desk


@contextmanager
def dead_after_a_cycle(repository: Repository) -> Iterator[Desk]:
    repository.answers(*[BEHAVE] * VECTORS)
    with Desk(repository, after="no-power") as desk:
        desk.target(desk.command)
        yield desk


def recovered(desk: Desk, *ways: str) -> None:
    """Run once; the board comes back by the last of `ways`, after those before it."""
    code, said = desk.run()
    assert code == ExitCode.PASSED, said
    (record,) = desk.repository.records()
    assert record.verdict == "passed"
    assert len(record.ticks) == VECTORS
    assert [text.split(" after ")[0] for text in record.recoveries] == list(ways)
    assert (
        said
        == f"harness: desk: the board hung and came back: {', then '.join(record.recoveries)}\n"
    )


def test_a_reset_brings_a_board_back(desk: Desk) -> None:
    desk.target(desk.command)
    desk.flash()
    desk.board.set_fault(f"lock-up={COMPUTING}")
    recovered(desk, "reset")
    assert desk.cycles == 0


def test_a_reflash_brings_a_board_back(desk: Desk) -> None:
    desk.target(desk.command)
    desk.flash()
    desk.board.set_fault(f"flash-loss={COMPUTING}")
    recovered(desk, "reset", "reflash")
    assert desk.cycles == 0


def test_a_power_cycle_brings_a_board_back(desk: Desk) -> None:
    desk.target(desk.command)
    desk.flash()
    desk.board.set_fault(f"latch-up={COMPUTING}")
    recovered(desk, "reset", "power cycle")  # no reflash: the reset did not reach the chip
    assert desk.cycles == 1


def test_a_board_that_is_dead_from_the_start_gets_a_power_cycle_at_once(desk: Desk) -> None:
    desk.target(desk.command)
    desk.board.set_fault("no-power")
    recovered(desk, "power cycle")


def test_a_board_that_never_comes_back_is_set_aside_and_the_others_run(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pyocd_board, "BACK_DEADLINE", 0.5)
    with dead_after_a_cycle(repository) as desk:
        desk.flash()
        shutil.copytree(repository.root / "models" / "small", repository.root / "models" / "other")
        desk.board.set_fault(f"latch-up={COMPUTING}")
        code, said = desk.run("--target", "virtual-stm32", "--model", "other")
        assert code == ExitCode.INFRASTRUCTURE
        assert desk.cycles == 1
    assert re.search(
        "the board does not come back: reset after '.*', then power cycle after '", said
    ), said
    assert said.count("desk: the board is set aside, because it does not come back;") == 1
    assert [record.target.name for record in repository.records()] == ["virtual-stm32"] * 2


def test_the_table_and_the_report_say_that_the_board_was_recovered(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.flash()
    desk.board.set_fault(f"lock-up={COMPUTING}")
    arguments = ["run", "--model=small", "--engine=misbehaving", "--target=desk"]
    assert main(arguments) == ExitCode.PASSED
    said = " ".join(capsys.readouterr().out.split())
    assert "the run began anew: reset after" in said
    assert main(["report", "--out=page.html"]) == ExitCode.PASSED
    assert "the run began anew: " in Path("page.html").read_text()


def test_a_probe_of_the_command_line_does_not_get_the_power_cycle_of_another(desk: Desk) -> None:
    desk.target(desk.command)
    path = desk.repository.root / "targets" / "desk.toml"
    path.write_text(path.read_text().replace(desk.board.probe_id, "another"))
    desk.board.set_fault("no-power")
    code, _ = desk.run("--probe", desk.board.probe_id)
    assert (code, desk.cycles) == (ExitCode.INFRASTRUCTURE, 0)


def test_a_probe_that_somebody_else_uses_keeps_its_power(desk: Desk) -> None:
    desk.target(desk.command)
    desk.board.set_fault("probe-busy")
    code, said = desk.run()
    assert (code, desk.cycles) == (ExitCode.INFRASTRUCTURE, 0)
    assert "does not come back" not in said


@pytest.mark.parametrize("behaviour", [FAIL, LOCK_UP])
def test_an_image_that_always_hangs_does_not_cost_the_board(desk: Desk, behaviour: int) -> None:
    """A board that can be reached counts as before: three failures in a row set it aside."""
    desk.repository.answers(BEHAVE, behaviour)
    code, said = desk.run()
    assert code == ExitCode.INFRASTRUCTURE
    assert ("does not come back" in said) == (behaviour == LOCK_UP)
    assert "set aside" not in said


def test_an_inference_that_never_ends_gets_no_reflash(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The flash is right, because the inference began; the power may be what is wrong."""
    monkeypatch.setattr(link_client, "RUN_DEADLINE", 0.3)
    monkeypatch.setattr(exchange, "_ANSWER_DEADLINE", 0.3)
    monkeypatch.setattr(exchange, "_WATCH_PERIOD", 0.2)
    desk.target(desk.command)
    desk.repository.answers(HANG)
    code, said = desk.run()
    assert code == ExitCode.INFRASTRUCTURE
    assert re.search("come back: reset after '[^']*', then power cycle after '", said), said
    assert desk.cycles == 1


def test_no_answer_to_hello_is_a_hang(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LinkClient, "hello", partialmethod(LinkClient.hello, deadline=0.3))
    code, said = desk.repository.run("silent", "--target", "desk")
    assert code == ExitCode.INFRASTRUCTURE
    assert "back: reflash after 'the device did not answer HELLO within 0.3 s'\n" in said


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("no-such-program", "no-such-program is not an executable program, or is not on PATH"),
        ("false", "false failed with exit code 1"),
        ("sleep 60", "sleep was not finished within 0.2 s"),
    ],
)
def test_a_power_cycle_that_fails_is_explained(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, command: str, why: str
) -> None:
    monkeypatch.setattr(power_cycle, "COMMAND_DEADLINE", 0.2)
    desk.target(command)
    desk.board.set_fault("no-power")
    code, said = desk.run()
    assert code == ExitCode.INFRASTRUCTURE
    assert "the board does not come back: power cycle after 'connecting: " in said
    assert f"; then '{why}" in said


def test_a_command_with_an_open_quotation_is_an_input_error(desk: Desk) -> None:
    desk.target("uhubctl 'a")
    code, said = desk.run()
    assert code == ExitCode.USAGE
    assert "desk.toml: board.power_cycle: is not a command: No closing quotation" in said


def test_a_run_over_mlperf_s_protocol_begins_anew_too(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_options, "plan_of", lambda _: WindowPlan(1, 0.1, 1, 1))
    path = desk.repository.root / "targets" / "desk.toml"
    path.write_text(f'{path.read_text()}[clock]\nhz = 16_000_000\nsource = "the simulator"\n')
    for fault in ("none", f"lock-up={COMPUTING}"):
        desk.board.set_fault(fault)
        code, said = desk.run("--protocol=mlperf-tiny")
        assert code == ExitCode.PASSED, said
    first, second = sorted(desk.repository.records(), key=lambda record: len(record.recoveries))
    assert first.recoveries == []
    assert second.recoveries[0].startswith("reset after 'the core is in lockup")
    assert second.numbers["results_differing"] == first.numbers["results_differing"]
