"""`harness watch`: which files it watches, when it runs again, and what it shows."""

import dataclasses
import fcntl
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import IO, Self

import numpy as np
import pytest
from msgspec import structs
from rich.text import Text

from harness.errors import ExitCode
from harness.image.firmware_sources import firmware_sources
from harness.image.prebuilt import PrebuiltFirmware
from harness.options.selection import Selection
from harness.options.watched_inputs import (
    combinations_of,
    files_of_selection,
    inputs_of,
    lasting_names,
)
from harness.report.watch_screen import WatchLog
from harness.report.watch_table import line_of, table_of
from harness.results.combination import Combination
from harness.results.judge.watched_run import WatchedRun
from harness.results.record import Record
from harness.support import watched_files
from harness.support.watched_files import WatchedFiles, files_in, wait_for_change
from harness.target.find_target import find_target
from harness.workspace import Workspace
from tests.support.graphs import Builder
from tests.support.processes import marked, until
from tests.support.repository import DESCRIPTION
from tests.support.year import year

NAMES = Combination("virtual-stm32", "small", "cmsis-nn", "gcc", "-O2")


# Files


def test_only_other_contents_count(tmp_path: Path) -> None:
    file, files = tmp_path / "a", WatchedFiles()
    file.write_text("one")
    before = files.digest([file])
    os.utime(file, ns=(1, 1))
    assert files.digest([file]) == before
    file.write_text("two")
    assert files.digest([file]) != before
    file.write_text("one")
    assert files.digest([file]) == before
    file.unlink()
    assert files.digest([file]) != before


def test_a_file_with_another_name_is_another_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    before = WatchedFiles().digest(files_in(tmp_path))
    (tmp_path / "a").rename(tmp_path / "b")
    assert WatchedFiles().digest(files_in(tmp_path)) != before


def test_files_of_editors_and_hidden_ones_are_not_watched(tmp_path: Path) -> None:
    for name in ("port.c", "port.c~", ".port.c.swp", "sub/.git/x", "sub/a.h"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = {path.relative_to(tmp_path).as_posix() for path in files_in(tmp_path)}
    assert found == {"port.c", "sub/a.h"}
    assert list(files_in(tmp_path / "none")) == [tmp_path / "none"]


@contextmanager
def changing(*steps: object) -> Iterator[None]:
    """Call the functions in `steps` one after the other; a number is a pause in seconds."""

    def change() -> None:
        for step in steps:
            step() if callable(step) else time.sleep(float(str(step)))

    thread = Thread(target=change)
    thread.start()
    yield
    thread.join()


def test_a_change_is_awaited_until_the_file_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An editor may write in parts: the wait is over when nothing has changed for a while."""
    monkeypatch.setattr(watched_files, "LOOK", 0.01)
    monkeypatch.setattr(watched_files, "SETTLED", 0.4)
    file, files = tmp_path / "a", WatchedFiles()
    file.write_text("old")
    files.digest([file])

    def append() -> None:
        with file.open("a") as opened:
            opened.write("part")

    with changing(0.05, *[append, 0.05] * 5):
        wait_for_change(lambda: [file], files.stamps())
        assert file.read_text() == "old" + 5 * "part"


@pytest.mark.parametrize("how", ["replace", "remove", "add"])
def test_files_that_are_replaced_removed_or_added_are_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(watched_files, "LOOK", 0.01)
    monkeypatch.setattr(watched_files, "SETTLED", 0.01)
    file, other, files = tmp_path / "a", tmp_path / ".new", WatchedFiles()
    file.write_text("same size 1")
    other.write_text("same size 2")
    shutil.copystat(file, other)
    files.digest(files_in(tmp_path))
    changes = {
        "replace": lambda: other.rename(file),
        "remove": file.unlink,
        "add": (tmp_path / "b").touch,
    }
    with changing(0.05, changes[how]):
        wait_for_change(lambda: files_in(tmp_path), files.stamps())
    now = list(files_in(tmp_path))
    files.forget_others(now)
    files.digest(now)
    assert set(files.stamps()) == set(now)


def test_a_change_before_the_wait_is_not_missed(tmp_path: Path) -> None:
    """The run itself takes seconds, in which its files may change again."""
    file, files = tmp_path / "a", WatchedFiles()
    file.write_text("old")
    files.digest([file])
    file.write_text("newer")
    wait_for_change(lambda: [file], files.stamps())


# What a run is made from


def options(**given: object) -> SimpleNamespace:
    lists: dict[str, list[str]] = {
        axis: [] for axis in ("target", "model", "engine", "toolchain", "opt")
    }
    return SimpleNamespace(**{**lists, "tflm_dir": "", **given})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with two models, and a target that has another one as its base."""
    for name in ("small", "other"):
        make_model(tmp_path / "models" / name)
    (tmp_path / "targets").mkdir()
    (tmp_path / "targets" / "desk.toml").write_text('base = "virtual-stm32"\ndescription = "d"\n')
    (tmp_path / "targets" / "mine.toml").write_text('base = "desk"\ndescription = "m"\n')
    return tmp_path


def make_model(folder: Path, outputs: int = 4) -> None:
    folder.mkdir(parents=True)
    (folder / "model.toml").write_text(DESCRIPTION.replace("0.5", "0.0"))
    (folder / "README.md").write_text("about")
    (folder / "model.tflite").write_bytes(network(outputs))
    np.savez(folder / "vectors.npz", inputs=np.ones((2, 4), np.int8), labels=np.zeros(2, np.int64))


def network(outputs: int = 4, seed: int = 1) -> bytes:
    b = Builder(np.random.default_rng(seed))
    source = b.activation((1, 4), 0.1, 0)
    return b.build([source], [b.dense(b.dense(source, outputs), 4)])


def digests(root: Path, given: SimpleNamespace) -> dict[tuple[str, str], str]:
    """Return the digest of each combination's inputs, by target and model."""
    selection = Selection.of(given, Workspace(root))
    files = WatchedFiles()
    return {
        (names.target, names.model): inputs_of(selection, names).digest(files)
        for names in combinations_of(selection)
    }


@pytest.mark.parametrize(
    ("file", "new", "changed"),
    [
        ("models/small/model.tflite", network(5), {("mine", "small"), ("virtual-stm32", "small")}),
        ("models/small/vectors.npz", b"damaged", {("mine", "small"), ("virtual-stm32", "small")}),
        ("models/small/model.toml", b"damaged", {("mine", "small"), ("virtual-stm32", "small")}),
        ("models/small/README.md", b"more", set()),
        ("models/small/.model.tflite.swp", b"x", set()),
        ("targets/mine.toml", b"damaged", {("mine", "small"), ("mine", "other")}),
        (
            "targets/desk.toml",
            b'base = "virtual-stm32"\ndescription = "d"\nstack = 4096\n',
            {("mine", "small"), ("mine", "other")},
        ),
        ("targets/new.toml", b'base = "desk"\n', set()),
    ],
)
def test_a_change_concerns_what_is_made_from_the_file(
    root: Path, file: str, new: bytes, changed: set[tuple[str, str]]
) -> None:
    given = options(target=["mine", "virtual-stm32"])
    before = digests(root, given)
    assert len(before) == 4
    (root / file).write_bytes(new)
    after = digests(root, given)
    assert {names for names in before if before[names] != after[names]} == changed


def test_the_firmware_of_the_targets_port_is_watched(root: Path) -> None:
    selection = Selection.of(options(target=["virtual-stm32"]), Workspace(root))
    files = set(inputs_of(selection, NAMES).files())
    port = find_target("virtual-stm32", Workspace(root).targets).port
    assert files > set(firmware_sources(port).values())
    assert files > {root / "models/small/model.tflite", root / "models/small/vectors.npz"}


@pytest.mark.parametrize("option", ["elf", "bundle", "sketch"])
def test_firmware_that_is_named_is_watched(root: Path, option: str) -> None:
    """Also if it does not exist for a moment, because a linker writes it."""
    folder = root / "mine"
    folder.mkdir()
    (folder / "mine.ino").touch()
    given = str(folder if option == "sketch" else root / "mine.elf")
    files = set(files_of_selection(options(**{option: given}), Workspace(root)))
    assert (folder / "mine.ino" if option == "sketch" else root / "mine.elf") in files


def test_firmware_that_is_built_with_other_flags_has_the_same_row(root: Path) -> None:
    selection = Selection.of(options(), Workspace(root))
    small = NAMES._replace(optimize="-Os")
    assert lasting_names(selection, NAMES) != lasting_names(selection, small)
    elf = dataclasses.replace(selection, prebuilt=PrebuiltFirmware(root / "mine.elf"))
    assert lasting_names(elf, NAMES) == lasting_names(elf, small)


def test_a_new_model_of_the_repository_is_noticed(root: Path) -> None:
    before = set(files_of_selection(options(), Workspace(root)))
    make_model(root / "models" / "new")
    assert len(digests(root, options())) == 3
    new = set(files_of_selection(options(), Workspace(root))) - before
    assert new == {root / "models" / "new" / "model.toml"}


# What is shown


def run_of(**numbers: float) -> Record:
    made = next(year(1))
    changed = {
        name: structs.replace(made.numbers[name], value=value) for name, value in numbers.items()
    }
    return structs.replace(made, numbers=made.numbers | changed)


def watched(*records: Record) -> WatchedRun:
    run = WatchedRun(NAMES)
    for each in records:
        run.add(each)
    return run


def test_the_second_line_has_the_change() -> None:
    old, new = run_of(flash=1000, ram=500), run_of(flash=1016, ram=480)
    lines = [line.plain for line in table_of([watched(old, new)]).lines(100)]
    assert "1,016" in lines[3]
    assert "500" not in lines[3] + lines[4]
    assert "+16" in lines[4]
    assert "-20" in lines[4]
    first = table_of([watched(new)]).lines(100)
    assert "+16" not in first[-1].plain


def test_a_small_change_of_ticks_is_a_count_and_a_large_one_a_share() -> None:
    unit = next(unit for unit in ("instructions", "cycles") if f"{unit}_median" in run_of().numbers)
    name = f"{unit}_median"
    runs = [run_of(**{name: value}) for value in (100_000, 100_001, 150_000)]
    assert "(+1)" in line_of(watched(*runs[:2]))
    assert "(+50.0 %)" in line_of(watched(*runs))


def test_numbers_that_cannot_be_compared_have_no_change() -> None:
    old, new = run_of(accuracy=0.5), run_of(accuracy=0.75)
    model = structs.replace(new.model, vectors="0" * 64)
    run = watched(old, structs.replace(new, model=model))
    assert run.delta("accuracy") is None
    assert "+0.25" in line_of(watched(old, new))


def test_an_error_keeps_the_numbers_from_before() -> None:
    run = watched(run_of(flash=1000), run_of(flash=1016))
    run.error = "model.tflite: is damaged"
    lines = [line.plain for line in table_of([run]).lines(100)]
    assert "✗ error" in lines[3]
    assert "1,016" in lines[3]
    assert "+16" not in lines[4]
    assert line_of(run).endswith("model.tflite: is damaged")
    run.add(run_of(flash=1020))
    assert "(+4)" in line_of(run)


def test_a_run_that_is_still_to_come_has_a_row() -> None:
    lines = table_of([WatchedRun(NAMES), watched(run_of())]).lines(100)
    assert "small" in "".join(line.plain for line in lines)


def test_a_log_has_printable_lines_only(capsys: pytest.CaptureFixture[str]) -> None:
    run = watched(run_of())
    run.error = "bad\x1b[31m name"
    WatchLog(sys.stdout).draw([run], [run], Text())
    assert "\x1b" not in capsys.readouterr().out


# The command


needs_compiler = pytest.mark.skipif(
    shutil.which("arm-none-eabi-gcc") is None,
    reason="arm-none-eabi-gcc is not on PATH: see `make system`",
)
_CONTROLS = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\r")
_LINES_UP = re.compile(r"\x1b\[\d*A")


class Desk:
    """`harness watch` in a terminal, as a person sees it."""

    def __init__(self, root: Path, *arguments: str) -> None:
        command = [sys.executable, "-m", "harness", "watch", *arguments]
        self.pid, self._terminal = pty.fork()
        if self.pid == 0:
            os.chdir(root)
            variables = {**os.environ, "TERM": "xterm", "COLUMNS": "100", "OF_TEST": str(root)}
            os.execve(sys.executable, command, variables)  # noqa: S606 - our own
        size = struct.pack("HHHH", 40, 100, 0, 0)
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, size)
        self.output = ""
        self._seen = 0

    def wait_for(self, *texts: str, seconds: float = 120) -> float:
        """Wait until all `texts` are drawn after what was seen before; return when that was."""
        end = time.monotonic() + seconds
        while True:
            new = _CONTROLS.sub("", self.output[self._seen :])
            if all(text in new for text in texts):
                self._seen = len(self.output)
                return time.monotonic()
            assert time.monotonic() < end, f"not drawn: {texts}; but {new[-2000:]}"
            self._read(0.2)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def press(self, key: bytes) -> None:
        os.write(self._terminal, key)

    def ended(self) -> int:
        """Return the exit code, once the process has ended."""
        while self._read(1):
            pass
        _, status = os.waitpid(self.pid, 0)
        os.close(self._terminal)
        return os.waitstatus_to_exitcode(status)

    def _read(self, seconds: float) -> bool:
        if not select.select([self._terminal], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self._terminal, 1 << 16)
        except OSError:
            return False  # nobody writes any more
        self.output += data.decode(errors="replace")
        return bool(data)


def _has_ccache() -> bool:
    return shutil.which("ccache") is not None and "CCACHE_DIR" not in os.environ


def replace(file: Path, data: bytes) -> None:
    """Replace `file` as most editors do."""
    (file.parent / ".new").write_bytes(data)
    (file.parent / ".new").rename(file)


@needs_compiler
def test_a_person_watches_a_model(tmp_path: Path) -> None:
    """A change, a damaged file, and its repair; the table is drawn in place, Ctrl-C ends it."""
    make_model(tmp_path / "models" / "small")
    file = tmp_path / "models" / "small" / "model.tflite"
    with Desk(tmp_path) as desk:
        desk.wait_for("passed", "virtual-stm32", "small", "Ctrl-C ends")
        replace(file, network(40))
        saved = time.monotonic()
        shown = desk.wait_for("flash: ", "+", "passed")
        print(f"from saving to the shown difference: {shown - saved:.1f} s")
        replace(file, b"damaged")
        desk.wait_for("✗ error", "the identifier TFL3 is missing")
        replace(file, network(4))
        desk.wait_for("passed", "flash: ", "-")
        desk.press(b"\x03")
        assert desk.ended() == ExitCode.INTERRUPTED
    assert desk.output.rstrip().endswith("harness: interrupted")
    assert "Traceback" not in desk.output
    assert _LINES_UP.search(desk.output)
    assert not (tmp_path / "reports").exists()  # watched runs have no Records
    assert (tmp_path / "build" / "ccache").exists() == _has_ccache()
    until(lambda: not marked(f"OF_TEST={tmp_path}"), 10)


def lines_of(stream: IO[str], lines: list[str]) -> None:
    lines.extend(iter(stream.readline, ""))


@needs_compiler
def test_a_pipe_gets_a_line_for_each_new_run(tmp_path: Path) -> None:
    """Of two models, the one that changes runs again; so does one that is added."""
    for name in ("one", "two"):
        make_model(tmp_path / "models" / name)
    command = [sys.executable, "-m", "harness", "watch"]
    lines: list[str] = []
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        env={**os.environ, "OF_TEST": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout
        Thread(target=lines_of, args=(process.stdout, lines), daemon=True).start()
        until(lambda: len(lines) == 2, 120, lambda: lines)
        toml = tmp_path / "models" / "two" / "model.toml"
        toml.write_text(toml.read_text().replace("0.0", "1.0"))
        until(lambda: len(lines) == 3, 60, lambda: lines)
        (tmp_path / "models" / "two" / "README.md").write_text("this changes nothing")
        shutil.copytree(tmp_path / "models" / "one", tmp_path / "models" / "three")
        until(lambda: len(lines) == 4, 60, lambda: lines)
        (tmp_path / "models" / "two").rename(tmp_path / "two")
        until(lambda: len(lines) == 5, 60, lambda: lines)
        (tmp_path / "two").rename(tmp_path / "models" / "two")
        until(lambda: len(lines) == 6, 60, lambda: lines)
        (tmp_path / "harness.toml").write_text("[")
        until(lambda: len(lines) == 7, 60, lambda: lines)
        (tmp_path / "harness.toml").write_text("")
        until(lambda: len(lines) == 8, 60, lambda: lines)
        process.terminate()
        assert process.wait(30) == ExitCode.TERMINATED
    names = [re.findall(r"virtual-stm32, (\w+) \(", line) for line in lines]
    assert names == [["one"], ["two"], ["two"], ["three"], ["two"], [], [], []]
    assert "no longer there: virtual-stm32, two" in lines[4]
    assert "nothing needs to run again" in lines[5]
    assert "harness.toml" in lines[6]
    assert "nothing needs to run again" in lines[7]
    assert re.match(r"\d\d:\d\d:\d\d passed: .*, flash [\d,]+, RAM [\d,]+$", lines[0])
    assert "failed: " in lines[2]
    assert "\x1b" not in "".join(lines)
    until(lambda: not marked(f"OF_TEST={tmp_path}"), 10)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model=none"], "unknown model 'none'"),
        (["--target=none"], "unknown target 'none'"),
        (["--baseline=x"], "unrecognized arguments: --baseline=x"),
        (["--vectors=9"], "9 vectors are asked for"),
        (["--serial=/dev/ttyACM0"], "does not apply to virtual-stm32"),
        (["--tflm-dir=tflm"], "does nothing for the engine cmsis-nn"),
    ],
)
def test_wrong_options_end_the_command_at_its_start(
    root: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(root)
    command = [sys.executable, "-m", "harness", "watch", *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == ExitCode.USAGE
    assert message in ended.stderr
    assert ended.stdout == ""
