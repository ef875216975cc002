"""Sessions of stock pyOCD with virtual boards, and its server."""

import contextlib
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

from pyocd.core.session import Session
from pyocd.probe.aggregator import DebugProbeAggregator

from harness.simulator.board_process import VirtualBoard


@contextlib.contextmanager
def session(board: VirtualBoard, target: str | None = None, **options: Any) -> Iterator[Any]:
    """Yield an open pyOCD session; it is always closed."""
    (probe,) = DebugProbeAggregator.get_all_connected_probes(unique_id=board.probe_id)
    settings = {"no_config": True, "connect_mode": "under-reset", "resume_on_disconnect": False}
    settings |= {"target_override": target or board.chip, "hide_programming_progress": True}
    opened = Session(probe, auto_open=False, options={**settings, **options})
    try:
        opened.open()
        yield opened
    finally:
        opened.context_state.suppress_disconnect_error = True
        opened.close()


@contextlib.contextmanager
def pyocd_server(board: VirtualBoard) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Pyocd's own server in front of `board`; yield its process and the ID of the remote probe."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        number = free.getsockname()[1]
    command = [sys.executable, "-m", "pyocd", "server", "-u", board.probe_id, "--port", str(number)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        log = None
        try:
            assert process.stdout is not None
            assert any("Serving debug probe" in line for line in process.stdout)
            log = threading.Thread(target=process.stdout.read)  # a full pipe would stop it
            log.start()
            yield process, f"remote:localhost:{number}"
        finally:
            process.kill()
            if log is not None:
                log.join()
