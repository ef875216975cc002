"""Serves a virtual board in this process until a signal ends it."""

import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from harness.errors import ExitCode
from harness.simulator.chips.chip import DEFAULT_ID
from harness.simulator.runtime_folder import Registration
from harness.simulator.serve_document import VirtualServeDocument
from harness.simulator.server import Server
from harness.simulator.swo import Swo
from harness.simulator.virtual_board import Board
from harness.support.printable import printable

_SWITCH_INTERVAL = 0.0005  # seconds after which Python switches threads
_LINE = 500  # characters of a line of text; a pipe with room takes as many at once
_POLL = 0.2  # seconds between looks at the core: has its thread failed, is there text


@dataclass(frozen=True)
class BoardSetup:
    """The parts of a virtual board.

    `serial` is the ID of its probe; by default it is generated. `uart` is the UART on the serial
    port, or `ALL_UARTS`; the board has a default. `boot` is the address of the vector table; the
    chip has a default. `meter` is the virtual meter in the supply, "" for none. A fault is `name`
    or `name=value`. `unique_id` is that of its chip. `private`: see `Announcement`. `advice`
    returns a command to print, or "".
    """

    chip: str
    serial: str | None = None
    uart: str | None = None
    boot: int | None = None
    meter: str = ""
    faults: Sequence[str] = ()
    unique_id: int = DEFAULT_ID
    private: bool = False
    advice: Callable[[VirtualServeDocument], str] = lambda _: ""


def serve(
    setup: BoardSetup, *, as_json: bool = False, with_stdin: bool = False, ready: Path | None = None
) -> int:
    """Serve a virtual board until SIGINT, SIGTERM or SIGHUP; return the exit code.

    It announces the board on standard output, in one line of JSON if `as_json`, and in the file
    `ready` if given. If `with_stdin`, the end of standard input ends the board, too.
    """
    sys.setswitchinterval(_SWITCH_INTERVAL)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    probe_id = setup.serial or f"V-{setup.chip}-{os.getpid()}"
    registration = Registration(probe_id)
    try:
        board = Board(
            setup.chip,
            uart=setup.uart,
            boot=setup.boot,
            faults=setup.faults,
            meter=setup.meter,
            unique_id=setup.unique_id,
        )
        try:
            board.on_unheard = partial(_tell_unheard, board)
            server = Server(board, registration, probe_id, stop.set, private=setup.private)
            announcement = VirtualServeDocument(
                probe=probe_id,
                port=server.announcement.port,
                chip=setup.chip,
                board=board.chip.board,
                uart=board.uart if board.chip.uarts else "",
                socket=str(registration.socket),
                meter=server.announcement.meter,
            )
            _announce(announcement, setup.advice, as_json=as_json, ready=ready)
            if with_stdin:
                threading.Thread(target=_stop_at_end_of_stdin, args=(stop,), daemon=True).start()
            try:
                _wait_for_end(stop, board, shows_text=not as_json)
            finally:
                server.close()
        finally:
            board.close()
    finally:
        registration.remove()
    return ExitCode.PASSED


def _announce(
    announcement: VirtualServeDocument,
    advice: Callable[[VirtualServeDocument], str],
    *,
    as_json: bool,
    ready: Path | None,
) -> None:
    if ready is not None:
        partial = ready.with_suffix(".partial")
        partial.write_text(announcement.line)
        partial.replace(ready)
    if as_json:
        print(announcement.line, flush=True)
    else:
        names = ("probe", "port", "uart", "meter")
        lines = {name: getattr(announcement, name) for name in names}
        parts = "".join(f"  {name:5} {value}\n" for name, value in lines.items() if value)
        command = advice(announcement)
        end = f"{command}\n" if command else ""
        print(f"{announcement.board}\n{parts}{end}Ctrl-C ends it", flush=True)


def _tell_unheard(board: Board, uart: str) -> None:
    text = f"{uart} sends, but {board.uart} is on the serial port; --uart={uart} connects it"
    print(text, file=sys.stderr, flush=True)


def _wait_for_end(stop: threading.Event, board: Board, *, shows_text: bool) -> None:
    """Wait for the end, and show the text that SWO sends.

    Raises the exception that ended the core's thread, if one did.
    """
    core, ends = board.chip.core, False
    while not ends:
        ends = stop.wait(_POLL)
        if core.failure is not None:
            raise core.failure
        if shows_text:
            _show_text(core.swo)


def _show_text(swo: Swo) -> None:
    """Print the new lines, as long as standard output takes them: the board must always end."""
    while swo.unread and select.select([], [sys.stdout], [], 0)[1]:
        print(f"  swo   {printable(swo.unread.popleft(), _LINE)}", flush=True)


def _stop_at_end_of_stdin(stop: threading.Event) -> None:
    sys.stdin.buffer.read()
    stop.set()
