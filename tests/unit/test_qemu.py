"""The QEMU board: what it starts it ends, whatever ends the harness, and it is exact."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from harness.board.board_options import BoardOptions
from harness.board.provision import provision
from harness.engines.registry import find_engine
from harness.errors import InputError
from harness.image.build import Image, build_image
from harness.link.channel import LineClosedError
from harness.model.folder import Model, find_model, load_model
from harness.support.progress import Progress
from harness.target.find_target import find_target
from harness.target.target_file import Target
from harness.workspace import Workspace
from tests.support.devices import opened
from tests.support.processes import cpu_seconds, processes, until

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "build" / "images"
VECTORS = 3
STARTED = 0.2  # seconds of computing after which QEMU executes the firmware

pytestmark = pytest.mark.skipif(
    not (shutil.which("arm-none-eabi-gcc") and shutil.which("qemu-system-arm")),
    reason="arm-none-eabi-gcc or qemu-system-arm is not on PATH: see `make system`",
)


@pytest.fixture(scope="module")
def target() -> Target:
    return find_target("qemu-stm32", [ROOT / "targets"])


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """The bundled model with a few of its vectors; its image is the bundled one's."""
    folder = tmp_path_factory.mktemp("models") / "digits"
    shutil.copytree(ROOT / "models" / "digits", folder)
    held = dict(np.load(folder / "vectors.npz"))
    few = {name: held[name][:VECTORS] for name in ("inputs", "labels", "golden")}
    np.savez(folder / "vectors.npz", **held | few)
    return load_model(folder)


@pytest.fixture(scope="module")
def image(target: Target) -> Image:
    model = find_model("digits", [ROOT / "models"])
    return build_image(target, model, find_engine("cmsis-nn"), IMAGES)


def emulators(text: str) -> list[int]:
    """Return the numbers of those that are QEMU, not its supervisor."""
    return [
        number for number, line in processes(text).items() if "qemu-system-arm" in line.split()[0]
    ]


def is_under_way(text: str) -> bool:
    """Tell whether an emulator has begun to compute."""
    try:
        return any(cpu_seconds(number) > STARTED for number in emulators(text))
    except FileNotFoundError:
        return False  # it ended meanwhile


# A harness that is ended


@pytest.fixture
def repository(tmp_path: Path, image: Image) -> Path:
    """A repository with the image in place, and a test to run."""
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "images").symlink_to(IMAGES)
    (tmp_path / "test_digits.py").write_text("def test_digits(dut):\n    dut.run()\n")
    return tmp_path


HARNESS = ("-m", "harness", "run", "--target", "qemu-stm32", "--model", "digits")
PYTEST = ("-m", "pytest", "--target", "qemu-stm32", "--model", "digits", "test_digits.py")


@contextmanager
def running(repository: Path, command: tuple[str, ...]) -> Iterator["subprocess.Popen[str]"]:
    """`command` in the middle of a run: QEMU has been started and answers."""
    with subprocess.Popen(
        [sys.executable, *command],
        cwd=repository,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        # Tests that run in the background of a shell have been told to ignore Ctrl-C.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    ) as process:
        try:
            until(lambda: is_under_way(str(repository)), 60, lambda: processes(str(repository)))
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize(
    "command",
    [HARNESS, PYTEST, (*HARNESS, "--input-via=debug")],
    ids=["harness", "pytest", "debug"],
)
def test_a_harness_that_is_killed_leaves_nothing_running(
    repository: Path, command: tuple[str, ...]
) -> None:
    with running(repository, command) as process:
        assert len(processes(str(repository))) == 2  # QEMU and its supervisor
        process.send_signal(signal.SIGKILL)
        until(lambda: not processes(str(repository)), 5, lambda: processes(str(repository)))
    assert not (repository / "reports").exists()


@pytest.mark.parametrize(
    ("command", "code", "text"),
    [(HARNESS, 130, "harness: interrupted"), (PYTEST, 2, "KeyboardInterrupt")],
    ids=["harness", "pytest"],
)
def test_ctrl_c_ends_the_run_at_once_and_leaves_nothing_running(
    repository: Path, command: tuple[str, ...], code: int, text: str
) -> None:
    with running(repository, command) as process:
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the whole group
        output, _ = process.communicate(timeout=5)
    assert process.returncode == code
    assert text in output
    assert processes(str(repository)) == {}
    assert not (repository / "reports").exists()


@pytest.mark.parametrize("command", [HARNESS, PYTEST], ids=["harness", "pytest"])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_the_run_in_order(
    repository: Path, command: tuple[str, ...], number: signal.Signals, code: int
) -> None:
    with running(repository, command) as process:
        process.send_signal(number)
        process.send_signal(number)  # again: it does not interrupt the end
        output, _ = process.communicate(timeout=20)
    assert process.returncode == code
    assert f"ended by {number.name}" in output
    assert "Traceback" not in output
    assert processes(str(repository)) == {}
    assert not (repository / "reports").exists()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_supervisor_that_is_ended_ends_qemu_and_the_run(
    repository: Path, number: signal.Signals
) -> None:
    with running(repository, HARNESS) as process:
        (supervisor,) = (
            other for other, line in processes(str(repository)).items() if "supervisor.py" in line
        )
        os.kill(supervisor, number)
        until(lambda: not emulators(str(repository)), 5)
        output, _ = process.communicate(timeout=20)
    assert process.returncode == 3
    assert "the device closed the line" in output
    assert processes(str(repository)) == {}


def test_a_supervisor_that_is_stopped_ends_qemu_when_the_harness_is_killed(
    repository: Path,
) -> None:
    with running(repository, HARNESS) as process:
        (supervisor,) = (
            other for other, line in processes(str(repository)).items() if "supervisor.py" in line
        )
        os.kill(supervisor, signal.SIGSTOP)
        process.kill()
        until(lambda: not processes(str(repository)), 5, lambda: processes(str(repository)))


# A board


def test_two_runs_are_the_same(target: Target, model: Model, image: Image, tmp_path: Path) -> None:
    """Instructions are exact: the same to the last one, whatever else the machine does."""
    runs = []
    for _ in range(2):
        with opened(target, model, image, tmp_path) as dut:
            runs.append(dut.run())
    first, second = runs
    assert first.ticks.tolist() == second.ticks.tolist()
    assert first.ticks.all()
    assert first.outputs.tobytes() == second.outputs.tobytes()
    assert first.stack == second.stack
    assert (first.retries, second.retries) == (0, 0)
    assert first.welcome.counter_overhead == second.welcome.counter_overhead


def test_an_input_gives_the_same_output_again_and_golden_s(
    target: Target, model: Model, image: Image, tmp_path: Path
) -> None:
    golden = model.vectors.golden
    assert golden is not None
    with opened(target, model, image, tmp_path) as dut:
        for inputs, output in zip(model.vectors.inputs, golden, strict=True):
            assert np.array_equal(dut.infer(inputs), output)
        assert np.array_equal(dut.infer(model.vectors.inputs[0]), golden[0])


def test_an_input_of_another_size_is_refused_before_it_is_sent(
    target: Target, model: Model, image: Image, tmp_path: Path
) -> None:
    with opened(target, model, image, tmp_path) as dut:
        with pytest.raises(InputError, match="takes 784 int8 values, not 3 of int8"):
            dut.infer(np.zeros(3, np.int8))
        with pytest.raises(InputError, match="not 784 of float32"):
            dut.infer(model.vectors.inputs[0].astype(np.float32))


def test_the_log_is_kept(target: Target, model: Model, image: Image, tmp_path: Path) -> None:
    with opened(target, model, image, tmp_path):
        (log,) = Workspace(tmp_path).logs.iterdir()
    assert log.is_file()
    assert log.name == f"qemu-stm32-{os.getpid()}.log"


def test_a_board_that_is_stopped_twice_or_started_again_works(
    target: Target, image: Image, tmp_path: Path
) -> None:
    board = provision(target, tmp_path, Progress(sys.stderr), BoardOptions())
    board.stop()
    mine = set(emulators(str(image.elf.path)))
    for _ in range(2):
        channel = board.start(image)
        assert channel.read(5)
        started = set(emulators(str(image.elf.path))) - mine
    assert len(started) == 1  # the first one was ended
    board.stop()
    board.stop()
    assert not started & set(emulators(str(image.elf.path)))


def test_an_emulator_that_dies_is_told_apart_from_a_silent_device(
    target: Target, model: Model, image: Image, repository: Path
) -> None:
    own = build_image(
        target, model, find_engine("cmsis-nn"), repository / "build" / "images"
    )  # its path is in the command line
    with opened(target, model, own, repository) as dut:
        dut.infer(model.vectors.inputs[0])
        (emulator,) = emulators(str(repository))
        os.kill(emulator, signal.SIGKILL)
        with pytest.raises(LineClosedError, match="the device closed the line") as caught:
            dut.infer(model.vectors.inputs[0])
    assert "QEMU was ended by SIGKILL: by a person, or by the system" in str(caught.value)
    assert processes(str(repository)) == {}
