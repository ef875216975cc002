"""The Renode board: on this machine's Renode where there is one, and on the stand-in.

What only Renode can show, such as its counts and faults, is tested on Renode alone.
"""

import dataclasses
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import numpy as np
import pytest

from harness.board.renode.renode_board import RenodeBoard
from harness.board.renode.renode_log import LOAD, READING
from harness.elf import Elf
from harness.engines import registry
from harness.engines.registry import find_engine
from harness.errors import ExitCode, InfrastructureError, InputError
from harness.image.build import Image, build_image
from harness.link import link_client
from harness.model.folder import find_model, load_model
from harness.report.runs_legend import legend_of
from harness.runs.link_session import Session
from harness.target.find_target import find_target, load_target
from harness.target.target_file import Renode, Target
from tests.support.faulting import Behaviour
from tests.support.renode import make_double, real_renode
from tests.support.repository import (
    BEHAVE,
    FAIL,
    HANG,
    LOCK_UP,
    READ_UNMAPPED,
    RESTART,
    UNDEFINED,
    HandMade,
    Repository,
    line_of,
    make_repository,
)

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "build" / "images"
NO_FILE = (
    "  -> give a path relative to the target file, or one in Renode's own folder, such as "
    "platforms/cpus/stm32f4.repl\n"
)

pytestmark = pytest.mark.skipif(
    not (shutil.which("arm-none-eabi-gcc") and shutil.which("qemu-system-arm")),
    reason="arm-none-eabi-gcc or qemu-system-arm is not on PATH: see `make system`",
)


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_double(tmp_path_factory.mktemp("stand-in"))


@pytest.fixture(params=["stand-in", "renode"])
def renode(request: pytest.FixtureRequest, stand_in: Path) -> Path:
    """The stand-in, then this machine's Renode."""
    return stand_in if request.param == "stand-in" else real_renode()


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder for temporary files, in which nothing is left in the end."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


@pytest.fixture
def repository(scratch: Path, repository: Repository) -> Repository:
    return repository


@pytest.fixture(scope="module")
def target() -> Target:
    return find_target("renode-stm32", [ROOT / "targets"])


@pytest.fixture(scope="module")
def image(target: Target) -> Image:
    model = find_model("digits", [ROOT / "models"])
    return build_image(target, model, find_engine("cmsis-nn"), IMAGES)


def tell(monkeypatch: pytest.MonkeyPatch, **told: object) -> None:
    """Tell the stand-in what goes wrong; a real Renode does not listen."""
    monkeypatch.setenv("RENODE_DOUBLE", json.dumps(told))


def based(repository: Repository, *lines: str) -> str:
    """Write a target file based on renode-stm32; return its name."""
    path = repository.root / "targets" / "mine.toml"
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(('base = "renode-stm32"', *lines)))
    return str(path)


def run(repository: Repository, renode: Path, target: str, *arguments: str) -> tuple[int, str]:
    """Run the small model on `target`; nothing that was started goes on."""
    command = ("--target", target, "--renode", str(renode), *arguments)
    result = repository.run("misbehaving", *command)
    assert repository.processes() == []
    return result


def fails(repository: Repository, renode: Path, target: str = "renode-stm32") -> str:
    code, text = run(repository, renode, target)
    assert code == ExitCode.INFRASTRUCTURE, text
    assert "Traceback" not in text
    assert repository.records() == []
    return text


def works(repository: Repository, renode: Path, target: str = "renode-stm32") -> None:
    code, text = run(repository, renode, target)
    assert (code, text) == (ExitCode.PASSED, "")
    (record,) = repository.records()
    assert record.verdict == "passed"
    assert record.target.board == "renode"
    assert record.target.version.startswith("Renode v1.")
    assert record.retries == 0


# A run


def test_a_run_ends_with_a_record_and_leaves_nothing(repository: Repository, renode: Path) -> None:
    works(repository, renode)


def test_nothing_of_the_user_s_is_touched(
    repository: Repository, renode: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = repository.root / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    works(repository, renode)
    assert list(home.iterdir()) == []


def test_the_log_is_kept(repository: Repository, renode: Path) -> None:
    works(repository, renode)
    log = repository.root / "build" / "logs" / f"renode-stm32-{os.getpid()}.log"
    assert "System bus created." in log.read_text()


def test_a_path_with_a_space_is_no_trouble(
    tmp_path: Path,
    scratch: Path,
    renode: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    root = tmp_path / "my repository"
    root.mkdir()
    works(make_repository(root, monkeypatch, capsys), renode)


def test_two_lines_run_a_platform_of_one_s_own(repository: Repository, renode: Path) -> None:
    (repository.root / "mine.repl").write_text('using "platforms/cpus/stm32f429.repl"\n')
    works(repository, renode, based(repository, 'board.platform = "../mine.repl"'))


def test_a_script_of_one_s_own_runs(repository: Repository, renode: Path) -> None:
    dwt = "dwt: Miscellaneous.DWT @ sysbus 0xE0001000 { frequency: 100000000 }"
    (repository.root / "mine.resc").write_text(
        "mach create $name\n"
        "machine LoadPlatformDescription @platforms/cpus/stm32f4.repl\n"
        f'machine LoadPlatformDescriptionFromString "{dwt}"\n'
    )
    works(repository, renode, based(repository, 'board.platform = "../mine.resc"'))


# What is wrong with a target, and the recorded answer that the stand-in gives to it.


@pytest.mark.parametrize(
    ("line", "files", "answers", "where", "message"),
    [
        (
            'board.uart = "usart9"',
            {},
            {"connector Connect": "no uart"},
            "board.uart",
            "the platform has no UART 'usart9'\n  -> did you mean usart3 or usart2 or usart1?\n",
        ),
        (
            'board.uart = "flash"',
            {},
            {"connector Connect": "not a uart"},
            "board.uart",
            "the platform has no UART 'flash'\n  -> known: uart4, uart5, usart1, usart2, usart3\n",
        ),
        (
            'board.cpu = "cpu7"',
            {},
            {"cpu7 PC": "no core"},
            "board.cpu",
            "the platform has no core 'cpu7'\n  -> did you mean cpu?\n",
        ),
        (
            'board.platform = "nothing.repl"',
            {},
            {"LoadPlatformDescription": "no using"},
            "board.platform",
            "Renode does not find nothing.repl\n" + NO_FILE,
        ),
        (
            'board.platform = "nothing.resc"',
            {},
            {"include": "no script"},
            "board.platform",
            "Renode does not find nothing.resc\n" + NO_FILE,
        ),
        (
            'board.overlay = "nothing.repl"',
            {},
            {"LoadPlatformDescription": "no using"},
            "board.overlay",
            "Renode does not find nothing.repl\n" + NO_FILE,
        ),
        (
            'board.platform = "mine.repl"',
            {"mine.repl": "cpu: : x\n"},
            {"LoadPlatformDescription": "syntax"},
            "board.platform",
            "Renode does not accept the platform:\n"
            "Error E00: Syntax error, unexpected ':'; expected end of input\n"
            "At FILE:1:6:\ncpu: : x\n     ^\n",
        ),
        (
            'board.platform = "mine.repl"',
            {"mine.repl": 'using "platforms/cpus/stm32f4.repl"\nfoo: UART.NoSuch @ sysbus 0x1\n'},
            {"LoadPlatformDescription": "no type"},
            "board.platform",
            "Renode does not accept the platform:\n"
            "Error E04: Could not resolve type: 'UART.NoSuch'.\n"
            "At FILE:2:1:\nfoo: UART.NoSuch @ sysbus 0x1\n^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n",
        ),
        (
            'board.platform = "mine.resc"',
            {"mine.resc": "version\n"},
            {},
            "board.platform",
            "the script creates no machine\n",
        ),
        (
            'board.platform = "mine.resc"',
            {
                "mine.resc": "mach create $name\n"
                "machine LoadPlatformDescription @platforms/cpus/stm32f4.repl\nstart\n"
            },
            {"LoadELF": "elf while running"},
            "board.platform",
            "the script starts the machine, but the harness starts it after loading the image\n"
            "  -> remove `start` from the script\n",
        ),
        (
            'board.platform = "mine.resc"',
            {
                "mine.resc": "mach create $name\n"
                "machine LoadPlatformDescription @platforms/cpus/stm32f4.repl\n"
                'macro reset\n"""\n    cpu VectorTableOffset '
                '`sysbus GetSymbolAddress "nowhere"`\n"""\nrunMacro $reset\n'
            },
            {"include": "other firmware"},
            "board.platform",
            "Renode does not accept the platform:\n"
            "There was an error executing command 'sysbus GetSymbolAddress \"nowhere\"'\n"
            "Could not find any address for symbol: nowhere\n\n"
            "There was an error executing command 'runMacro $reset'\n"
            "Parsing line '    cpu VectorTableOffset `sysbus GetSymbolAddress \"nowhere\"`' failed."
            "\n"
            "  -> the script is for its own firmware: use a copy without this line, or run the "
            "platform that it loads\n",
        ),
        (
            "memory.ram.size = 0x0010_0000",
            {},
            {},
            "memory",
            "the platform stm32f4.repl has no memory for RAM at 0x200ffffc, where memory.ram "
            "ends\n  -> make `memory` in the target file match the platform's memories\n",
        ),
        (
            "memory.flash.origin = 0x9000_0000",
            {},
            {},
            "memory",
            "the platform stm32f4.repl has no memory for the image at 0x9000",
        ),
    ],
)
def test_a_wrong_target_is_explained(
    repository: Repository,
    renode: Path,
    monkeypatch: pytest.MonkeyPatch,
    line: str,
    files: dict[str, str],
    answers: dict[str, str],
    where: str,
    message: str,
) -> None:
    tell(monkeypatch, answers=answers)
    name = based(repository, line)
    for file, text in files.items():
        (repository.root / "targets" / file).write_text(text)
    code, shown = run(repository, renode, name)
    shown = re.sub(r"At /\S+?:", "At FILE:", shown)
    assert shown.startswith(f"harness: {name}: {where}: {message}"), shown
    assert code == ExitCode.USAGE
    assert repository.records() == []


def test_an_overlay_that_says_what_the_platform_says_is_explained(repository: Repository) -> None:
    (repository.root / "mine.repl").write_text(
        'using "platforms/cpus/stm32f4.repl"\n'
        "dwt: Miscellaneous.DWT @ sysbus 0xE0001000\n    frequency: 1\n"
    )
    name = based(repository, 'board.platform = "../mine.repl"')
    code, shown = run(repository, real_renode(), name)
    assert code == ExitCode.USAGE
    assert "Error E02: Variable 'dwt' was already declared" in shown
    assert 'remove the type from this entry, as in "dwt:"' in shown


def test_without_a_renode_a_run_says_how_to_get_one(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RENODE", str(repository.root / "nothing"))
    code, shown = repository.run("misbehaving", "--target", "renode-stm32")
    assert code == ExitCode.INFRASTRUCTURE
    assert "$RENODE: there is no Renode at" in shown
    assert "renode-run" in shown


# A Renode that goes wrong


@pytest.mark.parametrize("step", ["logFile", "mach create", "sysbus LoadELF", "start"])
def test_a_renode_that_dies_is_explained(
    repository: Repository, stand_in: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    tell(monkeypatch, die=step)
    shown = fails(repository, stand_in)
    assert shown.startswith("harness: renode-stm32: Renode ended after ")
    assert step in shown
    tell(monkeypatch)
    works(repository, stand_in)


def test_a_renode_that_stops_in_the_middle_of_a_line_has_a_deadline(
    repository: Repository, stand_in: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.board.renode.monitor._DEADLINE", 1.0)
    monkeypatch.setattr("harness.board.renode.monitor.Monitor.command.__defaults__", (1.0,))
    tell(monkeypatch, half="SetGlobalQuantum")
    shown = fails(repository, stand_in)
    assert "Renode gave no prompt within 1 s after emulation SetGlobalQuantum" in shown


def test_a_slow_prompt_is_waited_for(
    repository: Repository, stand_in: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(monkeypatch, slow={"LoadPlatformDescription": 1.5})
    works(repository, stand_in)


def test_a_command_that_this_renode_does_not_know_is_explained(
    repository: Repository, stand_in: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(monkeypatch, answers={"SetGlobalAdvanceImmediately": "unknown command"})
    assert "No such command or device: emulation" in fails(repository, stand_in)


def test_a_line_that_is_taken_is_explained(
    repository: Repository, stand_in: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(monkeypatch, answers={"CreateUartPtyTerminal": "terminal exists"})
    assert "already exists" in fails(repository, stand_in)


def test_a_core_that_renode_has_stopped_is_told_apart_from_a_slow_one(
    repository: Repository, stand_in: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.answers(HANG)
    abort = "[ERROR] cpu: CPU abort [PC=0x90000000]: Trying to execute code outside RAM or ROM"
    tell(monkeypatch, log={"start": abort})
    begin = time.monotonic()
    shown = fails(repository, stand_in)
    assert time.monotonic() - begin < 15
    assert "Renode stopped the core at 0x90000000: Trying to execute code outside" in shown


# A counter that does not count instructions

DWT = "dwt: Miscellaneous.DWT @ sysbus 0xE0001000"
OWN_LINES = (
    'board.overlay of the target file (docs/renode.md, "Counting"):\n'
    "cpu:\n    PerformanceInMips: 100\n{}\n    frequency: 100000000\n"
)


@dataclasses.dataclass
class Counted:
    """A session on this machine's Renode, with a model of 12,000 instructions."""

    session: Session
    board: RenodeBoard
    image: Image
    log: Path
    data: bytes

    def infer(self) -> int:
        return self.session.measure(self.data, "a vector").ticks

    def command(self, line: str) -> None:
        self.board._started().monitor.command(line)

    def lines(self, text: str) -> int:
        """Return how often Renode's log has `text` up to its first number."""
        return self.log.read_text().count(text.partition("{")[0])


@pytest.fixture
def counted(target: Target, scratch: Path, tmp_path: Path) -> Iterator[Counted]:
    model = find_model("faces", [ROOT / "models"])
    data = b"".join(values[0].tobytes() for values in model.vectors.all_inputs)
    renode = real_renode()
    image = build_image(target, model, find_engine("cmsis-nn"), IMAGES)
    with closing(board_of(target, tmp_path, renode)) as board:
        session = Session(image, board, target, "debug")
        (log,) = tmp_path.glob("*.log")
        yield Counted(session, board, image, log, data)


def test_from_the_second_inference_on_the_register_is_watched_alone(counted: Counted) -> None:
    """A hook at the function takes milliseconds, one at the register microseconds."""
    ticks = counted.infer()
    calls, loads = counted.lines(READING), counted.lines(LOAD)
    assert {counted.infer() for _ in range(3)} == {ticks}
    assert counted.lines(READING) == calls
    assert counted.lines(LOAD) == loads + 2 * 3


def test_a_counter_that_goes_wrong_after_the_first_inference_is_refused(counted: Counted) -> None:
    counted.infer()
    counted.command("sysbus.cpu PerformanceInMips 50")
    with pytest.raises(InfrastructureError, match=r"counted \S+ instructions in an inference"):
        counted.infer()


def test_renode_s_own_count_is_exact_where_a_time_step_ends(counted: Counted) -> None:
    """Some steps end within the function that reads the counter. There the DWT's ticks are off."""
    exact = counted.infer()
    queue = counted.session.queue(counted.image)
    assert queue is not None
    nothing_done = bytes(queue.memory.start - queue.done_address)
    inputs = nothing_done + queue.inputs([counted.data] * 20, counted.session.welcome)
    counted.command('emulation SetGlobalQuantum "0.000002"')
    ticks, executed = set(), set()
    for _ in range(10):
        counted.board.write_memory(queue.done_address, inputs)
        counted.session.link.run_batch(20)
        size = queue.result_bytes(20, counted.session.welcome)
        read = counted.board.read_memory(queue.memory.start, size)
        bracket = counted.board.bracket(20)
        assert bracket is not None
        ticks |= {one.ticks for one in queue.results(read, counted.session.welcome)}
        executed |= {bracket.counted(index, overhead=True) for index in range(20)}
    assert executed == {exact}
    assert ticks > {exact}


@pytest.mark.parametrize("miscount", [-1, 1, 250_000])
def test_ticks_that_are_not_renode_s_count_are_refused(
    repository: Repository, stand_in: Path, monkeypatch: pytest.MonkeyPatch, miscount: int
) -> None:
    """One instruction is too many: both are counted between the same two readings."""
    tell(monkeypatch, miscount=miscount)
    shown = fails(repository, stand_in)
    counts = re.search(r"counted (\S+) instructions in an inference.* executed (\S+)\n", shown)
    assert counts
    counted, executed = (int(text.replace(",", "")) for text in counts.groups())
    assert executed - counted == miscount
    assert 'docs/renode.md, "Counting"' in shown


def few_digits(repository: Repository) -> None:
    """Copy the model, with two of its vectors."""
    model = repository.root / "models" / "digits"
    shutil.copytree(ROOT / "models" / "digits", model)
    held = dict(np.load(model / "vectors.npz"))
    few = {name: held[name][:2] for name in ("inputs", "labels", "golden")}
    np.savez(model / "vectors.npz", **held | few)


def run_digits(repository: Repository, target: str) -> tuple[int, str]:
    command = ("run", "--model", "digits", "--target", target, "--renode", str(real_renode()))
    return repository.harness(*command)


@pytest.mark.parametrize(
    ("lines", "counter", "entry"),
    [
        ((), "tim2", DWT),  # the platform has no DWT, and TIM2 counts one in ten instructions
        ((DWT, "    frequency: 84000000"), "dwt", "dwt:"),
        ((DWT, "    frequency: 72000000", "cpu:", "    PerformanceInMips: 72"), "dwt", "dwt:"),
        ((DWT, "    frequency: 64000000", "cpu:", "    PerformanceInMips: 64"), "dwt", "dwt:"),
        ((DWT, "    frequency: 100001000"), "dwt", "dwt:"),
        (("dwt0: Miscellaneous.DWT @ sysbus 0xE0001000", "    frequency: 1000"), "", "dwt0:"),
    ],
)
def test_a_counter_that_does_not_count_instructions_is_refused_with_what_to_write(
    repository: Repository, lines: tuple[str, ...], counter: str, entry: str
) -> None:
    """With the lines that the message shows, the run has the true number."""
    few_digits(repository)
    (repository.root / "targets").mkdir()
    platform = repository.root / "targets" / "mine.repl"
    platform.write_text("\n".join(('using "platforms/cpus/stm32f4.repl"', *lines, "")))
    options = ('board.platform = "mine.repl"', 'port.options = { UART = "usart1" }')
    name = based(repository, *options, 'board.overlay = ""')
    code, shown = run_digits(repository, name)
    assert code == ExitCode.INFRASTRUCTURE, shown
    assert repository.records() == []
    assert OWN_LINES.format(entry) in shown or "counted nothing" in shown
    if counter:
        assert f"the counter {counter!r} counted " in shown
    _, _, overlay = OWN_LINES.format(entry).partition(":\n")
    (repository.root / "targets" / "fix.repl").write_text(overlay)
    assert run_digits(repository, based(repository, *options, 'board.overlay = "fix.repl"')) == (
        ExitCode.PASSED,
        "",
    )
    (record,) = repository.records()
    assert repository.harness("run", "--model", "digits", "--target", "qemu-stm32")[0] == 0
    assert {tuple(one.ticks) for one in repository.records()} == {tuple(record.ticks)}


def test_a_script_without_a_counter_of_instructions_is_told_what_to_add(
    repository: Repository,
) -> None:
    few_digits(repository)
    script = repository.root / "mine.resc"
    created = "mach create $name\nmachine LoadPlatformDescription @platforms/cpus/stm32f4.repl\n"
    script.write_text(f"{created}cpu PerformanceInMips 125\n")
    name = based(repository, 'board.platform = "../mine.resc"')
    code, shown = run_digits(repository, name)
    assert code == ExitCode.INFRASTRUCTURE
    _, found, lines = shown.partition('write these lines into the script (docs/renode.md, "Counti')
    assert found, shown
    script.write_text(script.read_text() + lines.partition("\n")[2])
    assert run_digits(repository, name) == (ExitCode.PASSED, "")


def test_a_script_that_stops_at_a_download_is_explained(repository: Repository) -> None:
    (repository.root / "mine.resc").write_text(
        "mach create $name\n"
        "machine LoadPlatformDescription @platforms/cpus/stm32f4.repl\n"
        "$rom=@https://nothing.invalid/rom.bin\n"
        "cpu PerformanceInMips 100\n"
    )
    name = based(repository, 'board.platform = "../mine.resc"')
    code, shown = run(repository, real_renode(), name)
    assert code == ExitCode.USAGE
    assert "board.platform: the script stops at the download of https://nothing.invalid/" in shown


def stripped_of_the_function(elf: Path, folder: Path) -> Path:
    stripped = folder / "firmware.elf"
    command = ["arm-none-eabi-objcopy", "-N", "port_ticks", str(elf), str(stripped)]
    subprocess.run(command, check=True)
    return stripped


def test_firmware_without_the_function_is_counted_where_it_loads_the_counter(
    repository: Repository, tmp_path: Path
) -> None:
    """To the instruction: otherwise the run fails."""
    target = find_target("renode-stm32", [ROOT / "targets"])
    model = load_model(repository.root / "models" / "small")
    image = build_image(target, model, find_engine("misbehaving"), repository.root / "images")
    counts = []
    for elf in (image.elf.path, stripped_of_the_function(image.elf.path, tmp_path)):
        shutil.rmtree(repository.root / "reports", ignore_errors=True)
        shutil.rmtree(repository.root / "build", ignore_errors=True)
        options = ("--model", "small", "--target", "renode-stm32", "--elf", str(elf))
        code, text = repository.harness("run", *options, "--renode", str(real_renode()))
        assert (code, text) == (ExitCode.PASSED, "")
        (record,) = repository.records()
        counts.append(record.ticks)
    assert counts[0] == counts[1]


def test_firmware_that_reads_no_counter_that_renode_knows_is_refused(
    target: Target, image: Image, scratch: Path, renode: Path, tmp_path: Path
) -> None:
    """Renode cannot count its inferences, so nothing shows that its counter is right."""
    stripped = stripped_of_the_function(image.elf.path, tmp_path)
    with closing(board_of(target, tmp_path, renode)) as board:
        board.start(dataclasses.replace(image, elf=Elf(stripped))).read(10)
        with suppress(InputError):
            board.bracket()  # it may be that of the start
        with pytest.raises(InputError, match=r"firmware.elf: reads no counter of the core"):
            board.bracket()


def test_firmware_that_reads_the_counter_elsewhere_is_refused(
    target: Target, image: Image, scratch: Path, renode: Path, tmp_path: Path
) -> None:
    with closing(board_of(target, tmp_path, renode)) as board:
        board.start(image).read(10)
        with suppress(InfrastructureError):
            board.bracket()  # it may be that of the start
        with pytest.raises(InfrastructureError, match="did not call port_ticks before and after"):
            board.bracket()


# Faults of the firmware, on Renode


@pytest.mark.parametrize(
    ("behaviour", "cause", "code"),
    [
        (UNDEFINED, "UNDEFINSTR: undefined instruction", "udf #0"),
        (FAIL, "the engine: layer 2 failed", ""),
        (RESTART, "the device restarted in the middle of a session", ""),
    ],
)
def test_a_fault_is_explained_as_on_hardware(
    repository: Repository, behaviour: int, cause: str, code: str
) -> None:
    repository.answers(behaviour)
    shown = fails(repository, real_renode())
    assert cause in shown
    if code:
        assert f"model.c:{line_of(code)}" in shown


def test_a_hang_has_a_deadline_and_says_where(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_client, "RUN_DEADLINE", 2.0)
    repository.answers(HANG)
    shown = fails(repository, real_renode())
    assert "the inference did not end within 2 s" in shown
    assert "the core was at nn_invoke" in shown


def test_a_fault_while_faults_are_masked_has_a_deadline(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_client, "RUN_DEADLINE", 2.0)
    repository.answers(LOCK_UP)
    fails(repository, real_renode())


# What Renode lets pass, and a chip does not


@pytest.fixture
def faulting(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> Repository:
    monkeypatch.setitem(registry.ENGINES, "faulting", HandMade("faulting"))
    return repository


@pytest.mark.parametrize(
    ("behaviour", "texts"),
    [
        (Behaviour.READ_BYTE, ("a read of 1 byte at 0x70000001",)),
        (Behaviour.READ_HALFWORD, ("a read of 2 bytes at 0x70000002",)),
        (Behaviour.READ_WORD, ("a read of 4 bytes at 0x70000000",)),
        (Behaviour.READ_DOUBLE, ("a read of 4 bytes at 0x70000000", "(2 such accesses)")),
        (Behaviour.READ_MANY, ("at 0x70000000", "(1,000 such accesses)")),
        (Behaviour.READ_MULTIPLE, ("a read of 4 bytes at 0x70000000", "(3 such accesses)")),
        (Behaviour.READ_FLOAT, ("a read of 4 bytes at 0x70000000",)),
        (Behaviour.WRITE_BYTE, ("a write of 1 byte at 0x70000000",)),
        (Behaviour.WRITE_HALFWORD, ("a write of 2 bytes at 0x70000000",)),
        (Behaviour.WRITE_WORD, ("a write of 4 bytes at 0x70000000",)),
        (Behaviour.WRITE_DOUBLE, ("a write of 4 bytes at 0x70000000", "(2 such accesses)")),
        (Behaviour.READ_NO_MEMORY, ("a read of 4 bytes at 0x60000000",)),
        (Behaviour.READ_NO_PERIPHERAL, ("a read of 4 bytes at 0x5fff0000",)),
        (Behaviour.WRITE_NO_PERIPHERAL, ("a write of 4 bytes at 0x5fff0000",)),
    ],
)
def test_an_access_to_nothing_is_a_fault(
    faulting: Repository, behaviour: int, texts: tuple[str, ...]
) -> None:
    faulting.answers(BEHAVE, behaviour, BEHAVE)
    options = ("--target", "renode-stm32", "--renode", str(real_renode()))
    code, shown = faulting.run("faulting", *options)
    assert code == ExitCode.INFRASTRUCTURE
    assert shown.startswith("harness: renode-stm32: vector 1: ")
    assert "where the platform has neither memory nor a peripheral" in shown
    assert all(text in shown for text in (*texts, "model.c:", 'board.unmapped = "warn"'))
    assert faulting.records() == []


@pytest.mark.parametrize(
    ("behaviour", "text"),
    [
        (Behaviour.JUMP_TO_NOTHING, "Renode stopped the core at 0x70000000: Trying to execute"),
        (Behaviour.JUMP_WITHOUT_THUMB, "INVSTATE"),
        (Behaviour.EXECUTE_UNDEFINED, "UNDEFINSTR"),
        (Behaviour.BREAKPOINT, "took a fault"),
    ],
)
def test_other_faults_are_those_of_a_chip(faulting: Repository, behaviour: int, text: str) -> None:
    faulting.answers(BEHAVE, behaviour, BEHAVE)
    options = ("--target", "renode-stm32", "--renode", str(real_renode()))
    code, shown = faulting.run("faulting", *options)
    assert code == ExitCode.INFRASTRUCTURE
    assert text in shown
    assert faulting.records() == []


@pytest.mark.parametrize(
    ("behaviour", "text"),
    [
        (Behaviour.TRAP_DIVISION, "divides by zero, and CCR.DIV_0_TRP is set"),
        (Behaviour.UNALIGNED_DOUBLE, "accesses an unaligned address"),
        (Behaviour.UNALIGNED_MULTIPLE, "accesses an unaligned address"),
        (Behaviour.UNALIGNED_FLOAT, "accesses an unaligned address"),
    ],
)
def test_a_fault_that_renode_does_not_know_is_found_in_vector_0(
    faulting: Repository, behaviour: int, text: str
) -> None:
    faulting.answers(behaviour, BEHAVE)
    options = ("--target", "renode-stm32", "--renode", str(real_renode()))
    code, shown = faulting.run("faulting", *options)
    assert code == ExitCode.INFRASTRUCTURE
    assert f"the program {text}, at " in shown
    assert "model.c:" in shown
    assert faulting.records() == []


def test_a_read_of_nothing_is_a_fault_on_the_bundled_target(repository: Repository) -> None:
    """Its overlay takes away the external memory at this address."""
    repository.answers(READ_UNMAPPED)
    shown = fails(repository, real_renode())
    assert "a read of 4 bytes at 0x60000000" in shown
    assert "read_unmapped model.c:" in shown


READ = "[WARNING] sysbus: [cpu: {:#x}] ReadDoubleWord from non existing peripheral at 0x70000000."


def test_a_log_line_of_a_read_of_nothing_fails_the_run(
    repository: Repository, stand_in: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(monkeypatch, accesses=[READ.format(0x0800_0100)] * 2)
    shown = fails(repository, stand_in)
    assert "vector 0: a read of 4 bytes at 0x70000000, where the platform has neither" in shown
    assert "(2 such accesses): a chip takes a fault there, Renode does not\n" in shown


def test_a_read_of_nothing_at_start_fails_the_run(
    repository: Repository, stand_in: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(monkeypatch, log={"start": READ.format(0x0800_0100)})
    assert "a read of 4 bytes at 0x70000000" in fails(repository, stand_in)


def test_the_target_file_may_allow_accesses_to_nothing(
    repository: Repository, stand_in: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(monkeypatch, accesses=[READ.format(0x0800_0100)])
    works(repository, stand_in, based(repository, 'board.unmapped = "warn"'))
    (record,) = repository.records()
    assert record.unmapped.startswith("a read of 4 bytes at 0x70000000, where the platform has")
    # One in each inference: two vectors, a warm-up, and those that compare the ways of the input.
    assert re.search(r"\([0-9]+ such accesses\)$", record.unmapped)
    (line,) = [line for line in legend_of([record], []) if "unmapped" in line]
    assert line == f"unmapped access on mine: {record.unmapped}"


# Paths


ODD = 'it\'s a "q"; x,y #1 $z `w` {0} @v \\b [c] 5%'


def test_a_path_may_have_any_printable_character(
    image: Image, tmp_path: Path, renode: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That of the image, of the temporary folder, the log, the platform, and the overlay."""
    folder = tmp_path / f"ä {ODD}"
    temporary = tmp_path / ODD  # of ASCII
    for new in (folder / "logs", temporary):
        new.mkdir(parents=True)
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    elf = shutil.copy(image.elf.path, folder / "f'w;.elf")
    (folder / f"{ODD}.repl").write_text('using "./inner.repl"\n')
    (folder / "inner.repl").write_text('using "platforms/cpus/stm32f4.repl"\n')
    shutil.copy(ROOT / "targets" / "renode" / "stm32f4.repl", folder / "over,lay.repl")
    file = folder / "my.toml"
    file.write_text(
        'base = "renode-stm32"\n'
        f"board.platform = {json.dumps(ODD + '.repl')}\n"
        'board.overlay = "over,lay.repl"\n'
    )
    mine = load_target(file)
    with closing(board_of(mine, folder / "logs", renode)) as board:
        assert board.start(dataclasses.replace(image, elf=Elf(Path(elf)))).read(20)
        board.write_memory(0x2001_0000, b"abcd")
    (log,) = (folder / "logs").glob("*.log")
    assert "System bus created." in log.read_text()
    assert list(temporary.iterdir()) == []


def test_a_temporary_folder_that_is_not_ascii_is_refused(
    image: Image, target: Target, tmp_path: Path, stand_in: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "ä"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    with (
        closing(board_of(target, tmp_path / "logs", stand_in)) as board,
        pytest.raises(InputError, match="set TMPDIR to another folder"),
    ):
        board.start(image)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("odd", ["a\nb", "a\tb", "a\rb", 'a\\"b', "a\x07b", "a\udcffb"])
def test_a_path_that_renode_cannot_take_is_refused(
    image: Image, target: Target, tmp_path: Path, renode: Path, odd: str
) -> None:
    folder = tmp_path / odd
    folder.mkdir()
    elf = Elf(Path(shutil.copy(image.elf.path, folder / "fw.elf")))
    with (
        closing(board_of(target, tmp_path / "logs", renode)) as board,
        pytest.raises(InputError, match="Renode cannot take a path with a control character"),
    ):
        board.start(dataclasses.replace(image, elf=elf))


# A board


def test_memory_can_be_read_and_written_while_the_firmware_waits(
    target: Target, image: Image, scratch: Path, tmp_path: Path
) -> None:
    with closing(board_of(target, tmp_path, real_renode())) as board:
        board.start(image).read(5)
        (vectors, *_) = image.elf.segments()
        assert board.read_memory(vectors.address, 8) == vectors.data[:8]
        board.write_memory(0x2001_0000, bytes(range(256)))
        assert board.read_memory(0x2001_0000, 256) == bytes(range(256))


def test_three_starts_leave_nothing_open(
    target: Target, image: Image, scratch: Path, renode: Path, tmp_path: Path
) -> None:
    before = opened()
    board = board_of(target, tmp_path, renode)
    for _ in range(3):
        assert board.start(image).read(10)
    board.stop()
    board.stop()
    assert opened() == before


def test_two_boards_run_side_by_side(
    target: Target, image: Image, scratch: Path, renode: Path, tmp_path: Path
) -> None:
    answers: list[bytes] = []

    def one(number: int) -> None:
        with closing(board_of(target, tmp_path / str(number), renode)) as board:
            answers.append(board.start(image).read(20))

    threads = [threading.Thread(target=one, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [bool(answer) for answer in answers] == [True, True]


def test_a_board_that_is_not_started_says_so(
    target: Target, tmp_path: Path, stand_in: Path
) -> None:
    with pytest.raises(InfrastructureError, match="renode-stm32: the board is not started"):
        board_of(target, tmp_path, stand_in).read_memory(0, 4)


def test_counts_are_those_of_qemu_to_the_instruction(repository: Repository, image: Image) -> None:
    """The same image, input by input."""
    held = dict(np.load(ROOT / "models" / "digits" / "vectors.npz"))
    model = repository.root / "models" / "few"
    shutil.copytree(ROOT / "models" / "digits", model)
    few = {name: held[name][:20] for name in ("inputs", "labels", "golden")}
    np.savez(model / "vectors.npz", **held | few)
    targets = ("--target", "qemu-stm32", "--target", "renode-stm32")
    command = ("run", "--model", "few", *targets, "--renode", str(real_renode()))
    assert repository.harness(*command)[0] == ExitCode.PASSED
    first, second = repository.records()
    assert first.image.build_id == second.image.build_id
    assert first.ticks == second.ticks
    assert all(first.ticks)


@pytest.mark.parametrize("command", ["harness", "pytest"])
def test_a_harness_that_is_killed_leaves_nothing(
    repository: Repository, renode: Path, command: str
) -> None:
    shutil.copytree(ROOT / "models" / "digits", repository.root / "models" / "digits")
    (repository.root / "test_it.py").write_text("def test_it(dut):\n    dut.run()\n")
    (repository.root / "tmp").mkdir(exist_ok=True)
    asked = ["--target", "renode-stm32", "--model", "digits", "--renode", str(renode)]
    parts = ["harness", "run"] if command == "harness" else ["pytest", "test_it.py"]
    environment = os.environ | {"TMPDIR": str(repository.root / "tmp")}
    with subprocess.Popen(
        [sys.executable, "-m", *parts, *asked],
        cwd=repository.root,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        until(lambda: len(repository.processes()) > 1 and is_under_way(repository), 120)
        process.send_signal(signal.SIGKILL)
    until(lambda: not repository.processes(), 10)
    until(lambda: list((repository.root / "tmp").iterdir()) == [], 10)
    assert repository.records() == []


def is_under_way(repository: Repository) -> bool:
    """Tell whether the machine has been started: the line is there, the log says so."""
    return any((repository.root / "tmp").glob("harness-*/line"))


def until(condition: "object", seconds: float) -> None:
    """Wait for `condition`, at the most `seconds`."""
    assert callable(condition)
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.05)


def board_of(target: Target, folder: Path, renode: Path) -> RenodeBoard:
    assert isinstance(target.board, Renode)
    return RenodeBoard(target, target.board, folder, str(renode))


def opened() -> set[str]:
    """Return the sockets, pipes and terminals that this process holds open, and its children."""
    links = [os.readlink(path) for path in Path("/proc/self/fd").iterdir() if path.exists()]
    held = [link for link in links if link.startswith(("socket:", "pipe:", "/dev/pts/"))]
    tasks = Path("/proc/self/task").glob("*/children")
    return {*held, *(child for task in tasks for child in task.read_text().split())}
