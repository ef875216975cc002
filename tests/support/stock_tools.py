"""Runs stock tools in processes of their own: the pyocd command, its servers, gdb."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def running(*command: str, until: str) -> Iterator[list[str]]:
    """Run a Python module; yield its output up to the line with `until`.

    SIGTERM ends it; then the list also has the rest of the output.
    """
    with subprocess.Popen(
        [sys.executable, "-m", *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    ) as process:
        late = threading.Timer(20, process.kill)
        late.start()
        assert process.stdout is not None
        lines: list[str] = []
        try:
            for line in process.stdout:
                lines.append(line)
                if until in line:
                    break
            else:
                pytest.fail("".join(lines))
            late.cancel()
            yield lines
        finally:
            late.cancel()
            process.terminate()
            try:
                rest, _ = process.communicate(timeout=10)
                lines += rest.splitlines(keepends=True)
            finally:
                process.kill()


def pyocd(*arguments: str) -> str:
    command = [sys.executable, "-m", "pyocd", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port
