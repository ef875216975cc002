"""What people use while they debug, by stock tools: watchpoints, SWO, semihosting, RTT."""

import os
import pty
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from pyocd.core.helpers import ConnectHelper
from pyocd.flash.file_programmer import FileProgrammer

from harness.simulator import runtime_folder
from harness.simulator.board_process import VirtualBoard
from tests.support.assembly_bench import DATA, cross_compiler
from tests.support.stock_tools import free_port, running


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VirtualBoard]:
    """A board in a directory of these tests alone."""
    path = tmp_path_factory.mktemp("virtual")
    path.chmod(0o700)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(runtime_folder.DIRECTORY_VARIABLE, str(path))
        with VirtualBoard.start("stm32f429xi") as started:
            yield started


def build(name: str, folder: Path, *options: str) -> Path:
    """Compile a program of tests/data/virtual."""
    elf = folder / f"{name}.elf"
    flags = ["-mcpu=cortex-m4", "-mthumb", "-O1", "-g", "-std=c11", "-nostartfiles"]
    flags += ["-Wall", "-Wextra", "-Werror"]
    script = ["-T", str(DATA / "hosted.ld"), "-Wl,--no-warn-rwx-segments"]
    command = [cross_compiler(), *flags, *script, *options, str(DATA / f"{name}.c")]
    subprocess.run([*command, "-o", str(elf)], check=True, timeout=60)
    return elf


def flash(probe_id: str, elf: Path) -> None:
    """Flash `elf` and start it."""
    options = {"no_config": True, "hide_programming_progress": True}
    with ConnectHelper.session_with_chosen_probe(unique_id=probe_id, options=options) as session:
        FileProgrammer(session).program(str(elf))
        session.target.reset()


def gdb(elf: Path, port: int, *commands: str) -> str:
    """Flash `elf` through the server at `port`, and return what the commands print then."""
    found = shutil.which("gdb-multiarch")
    if found is None:
        pytest.skip("gdb-multiarch is not on PATH: apt install gdb-multiarch")
    connect = ["set confirm off", f"target extended-remote 127.0.0.1:{port}"]
    script = [*connect, "load", "monitor reset halt", *commands, "detach"]
    done = subprocess.run(
        [found, "-nx", "-batch", str(elf), *(word for line in script for word in ("-ex", line))],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout + done.stderr


def test_watchpoints_semihosting_and_swo_of_a_gdbserver(
    board: VirtualBoard, tmp_path: Path
) -> None:
    """The core stops after a write (gdb: watch), a read (rwatch) and both (awatch) of `counted`.

    PyOCD does not tell gdb about watchpoints: gdb shows a SIGTRAP, as with a real board. PyOCD
    shows the text that the firmware sends over SWO, and that of newlib's printf, as
    --specs=rdimon.specs links it.
    """
    traced = build("traced", tmp_path, "-nostdlib")
    hosted = build("hosted", tmp_path, "--specs=rdimon.specs")
    port = free_port()
    options = ["--port", str(port), "--telnet-port", "0", "--no-config", "--persist", "-S"]
    for option in ("enable_swv=1", "swv_system_clock=16000000", "swv_raw_enable=0"):
        options += ["-O", option]
    options += ["-O", "semihost_console_type=console"]
    server = ("pyocd", "gdbserver", "-u", board.probe_id, *options)
    with running(*server, until="GDB server listening") as lines:
        shown = gdb(
            traced,
            port,
            *("break count", "continue", "delete"),
            *("watch counted", "continue", "info symbol $pc", "print counted", "delete"),
            *("rwatch counted", "continue", "info symbol $pc", "continue", "info symbol $pc"),
            "delete",
            *("awatch counted", "continue", "info symbol $pc", "continue", "info symbol $pc"),
            *("delete", "break count", "continue", "continue"),
        )
        ended = gdb(hosted, port, "break fflush", "continue", "finish")
    places = re.findall(r"^(\w+) \+ \d+ in section", shown, re.MULTILINE)
    assert places == ["count", "reset", "count", "count", "reset"], shown
    assert shown.count("SIGTRAP") == len(places)
    assert "$1 = 1" in shown
    assert "Value returned is $1 = 0" in ended, ended
    text = "".join(lines)
    assert "counted 1\ncounted 2\n" in text, text
    assert "printed by semihosting: 42\n" in lines, text


def test_semihosting_without_a_debugger_is_a_fault(board: VirtualBoard, tmp_path: Path) -> None:
    """There is no handler for it, and so the core locks up."""
    flash(board.probe_id, build("hosted", tmp_path, "--specs=rdimon.specs"))
    end = time.monotonic() + 10
    while not board.status()["lockup"]:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_rtt_and_the_text_that_serve_shows(tmp_path: Path) -> None:
    """The command wants a terminal; it finds the control block in RAM by itself."""
    folder = tmp_path / "virtual"
    folder.mkdir(mode=0o700)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(runtime_folder.DIRECTORY_VARIABLE, str(folder))
        command = ("harness.simulator", "serve", "stm32f429xi", "--serial=desk")
        with running(*command, until="Ctrl-C ends it") as shown:
            flash("desk", build("traced", tmp_path, "-nostdlib", "-DENABLE_ITM"))
            text = read_rtt("desk", lines=8)
        assert list(folder.iterdir()) == []
    digits = [int(line.split()[1]) for line in text.splitlines() if line.startswith("counted ")]
    assert len(digits) > 5
    assert all(after == (before + 1) % 10 for before, after in pairwise(digits))
    assert "  swo   counted 1\n" in shown, "".join(shown)


def read_rtt(probe_id: str, lines: int) -> str:
    """Return so many lines, or more, that `pyocd rtt` shows."""
    ours, terminal = pty.openpty()
    command = [sys.executable, "-m", "pyocd", "rtt", "-u", probe_id, "--no-config"]
    with subprocess.Popen(
        command, stdin=terminal, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        late = threading.Timer(30, process.kill)
        late.start()
        try:
            assert process.stdout is not None
            text = b""
            while text.count(b"\n") < lines:
                part = os.read(process.stdout.fileno(), 1000)
                assert part, text
                text += part
        finally:
            late.cancel()
            process.kill()
            os.close(ours)
            os.close(terminal)
    return text.decode()
