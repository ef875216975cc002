"""Boards and probes that stop, end or answer nonsense at any moment of a run."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.faults.case import Case
from tests.faults.fault import fault
from tests.faults.leftovers import MARK
from tests.faults.truth import BOTH

_ENDS = (0, 3)  # the run was over before, or the board failed it
_LATEST = 3.0  # seconds after the start of a command


@contextmanager
def _started(case: Case, *command: str, until: str) -> Iterator[tuple[int, str]]:
    """Run a Python module; yield its process and the first line with `until`.

    It has no mark, for it is to outlive the commands of the case.
    """
    environment = {name: text for name, text in case.environment.items() if name != MARK}
    with subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=case.root,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            yield process.pid, next(line for line in process.stdout if until in line)
        finally:
            process.kill()


@contextmanager
def _served(case: Case) -> Iterator[tuple[int, str, str]]:
    """Serve a virtual board; yield its process, the ID of its probe, and its port."""
    chip = "stm32f429xi" if case.carrier == "serial" else "nrf91"
    serve = ("harness", "virtual", "serve", chip, "--uart=all", "--json")
    with _started(case, *serve, until='"probe"') as (process, line):
        board = json.loads(line)
        yield process, board["probe"], board["port"]


def _run(case: Case, probe: str, port: str, process: int, how: signal.Signals) -> None:
    """Run a model on a board, and send a signal to `process` at some moment."""

    def harm(_: object) -> None:
        time.sleep(case.random.uniform(0, _LATEST))
        os.kill(process, how)

    arguments = ("--model=anomaly", f"--target={case.virtual}", f"--probe={probe}")
    line = (f"--serial={port}",) if port else ()
    case.harness("run", *arguments, *line, ends=_ENDS, during=harm)


@fault(seeds=8, carriers=BOTH)
def a_pyocd_server_stops_or_ends_during_a_run(case: Case) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        number = free.getsockname()[1]
    with _served(case) as (_, probe, port):
        server = ("pyocd", "server", "-u", probe, "--port", str(number))
        with _started(case, *server, until="Serving debug probe") as (process, _):
            how = case.random.choice((signal.SIGSTOP, signal.SIGKILL))
            _run(case, f"remote:localhost:{number}", port, process, how)


@fault(seeds=6, carriers=BOTH)
def a_virtual_board_stops_or_ends_during_a_run(case: Case) -> None:
    with _served(case) as (process, probe, port):
        _run(case, probe, port, process, case.random.choice((signal.SIGSTOP, signal.SIGKILL)))


@fault(seeds=6, carriers=BOTH)
def the_peer_of_a_remote_probe_sends_junk(case: Case) -> None:
    """The first connections are accepted and get junk; nobody accepts the later ones."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def junk(_: object) -> None:
            connection, _address = server.accept()
            with connection:
                for _count in range(case.random.randrange(20)):
                    try:
                        connection.sendall(case.random.randbytes(case.random.randrange(1, 50)))
                    except OSError:
                        break
                    time.sleep(0.05)

        case.harness(
            "run",
            "--model=anomaly",
            f"--target={case.virtual}",
            f"--probe=remote:127.0.0.1:{server.getsockname()[1]}",
            *(["--serial=/dev/null"] if case.carrier == "serial" else []),
            ends=(3,),
            during=junk,
        )


@fault()
def a_target_of_a_real_board_takes_no_virtual_one(case: Case) -> None:
    with _served(case):
        case.harness("run", "--model=anomaly", "--target=nucleo-f429zi", ends=(3,))
