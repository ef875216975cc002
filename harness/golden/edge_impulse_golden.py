"""Golden outputs of an export: its sources, built for this computer, behind the same link.

No interpreter can compute an impulse, because its DSP is code of the export. So the firmware with
the export is built as a host program (firmware/ports/host) and queried like a device.
"""

import hashlib
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.engines.edge_impulse.edge_impulse_engine import EdgeImpulse
from harness.errors import InfrastructureError, InputError
from harness.image.compilation import CompileError, excerpt, run_cmake
from harness.link.channel import Channel
from harness.link.link_client import LinkClient
from harness.model.edge_impulse_export import Export
from harness.model.tensor_block import pack, unpack
from harness.support import bundled_files, checked_cache
from harness.support.owned_temporary import temporary_folder

Array = npt.NDArray[Any]
Starts = npt.NDArray[np.bool_]

_END_DEADLINE = 5.0  # seconds
_BAUD = 1_000_000  # nominal speed of the socket; the link's timeouts depend on it
_BUILD_ID = "0" * 32
_PROGRAM = "program"
_OPTIMIZE = "-O1"  # it compiles in two thirds of the time of -O2, and computes the same


def version() -> str:
    """Return the name of the oracle: "host build by g++ (Debian 12.2.0-14) 12.2.0".

    Raises `InfrastructureError` if there is no C++ compiler for this computer.
    """
    compiler = shutil.which("c++")
    if compiler is None:
        raise InfrastructureError(
            "golden outputs of an export need a C++ compiler for this computer",
            where="c++",
            remedy="install one (Debian: apt-get install g++), or store `golden` in vectors.npz",
        )
    process = subprocess.run(
        [compiler, "--version"], capture_output=True, text=True, timeout=60, check=False
    )
    return f"host build by {process.stdout.partition(chr(10))[0].strip() or compiler}"


def answers(export: Export, inputs: Array, starts: Starts, folder: Path) -> list[Array]:
    """Return the outputs of the impulse for `inputs`, float32 [N, features]: float32 [N, n] each.

    A continuous impulse forgets what was before each of the `starts` [N]. The program is cached in
    `folder`. Raises `InfrastructureError` if it does not build, or ends before it has answered.
    """
    graph = export.graph
    program = _program(export, folder)
    with _started(program) as descriptor:
        link = LinkClient(Channel(descriptor, name=str(program)), baud=_BAUD)
        link.hello(_BUILD_ID)
        outputs = []
        for values, begins in zip(inputs, starts, strict=True):
            if begins and export.continuous:
                link.begin_recording()
            result = link.infer(pack(graph.input_tensors, [values]))
            outputs.append(unpack(graph.output_tensors, result.output))
    return [np.stack(values) for values in zip(*outputs, strict=True)]


class _StoppedError(Exception):
    """The image failed, so its golden is not needed."""


@contextmanager
def built_meanwhile(export: Export, folder: Path) -> Iterator[None]:
    """Build the program in `folder` while the caller builds an image, and wait for it at the end.

    Neither build keeps all cores busy. If the program does not build, `answers` says why.
    """
    stopped = threading.Event()

    def count(_: str) -> None:
        if stopped.is_set():
            raise _StoppedError

    def build() -> None:
        with suppress(_StoppedError, InfrastructureError, InputError, OSError):
            _program(export, folder, count)

    thread = threading.Thread(target=build, name="host build")
    thread.start()
    try:
        yield
        thread.join()
    except BaseException:  # also of the wait
        stopped.set()
        raise
    finally:
        thread.join()


def _program(export: Export, folder: Path, count: Callable[[str], None] = lambda _: None) -> Path:
    """Return the program; it is built unless it exists for the same sources and compiler.

    `count` is called as by `run_cmake`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with temporary_folder(folder) as staging:
        model = staging / "model"
        model.mkdir()
        generated = EdgeImpulse().generate(export.graph, model, core="host")
        kind = "slices" if export.continuous else "windows"
        sha = hashlib.sha256(f"{version()} {_OPTIMIZE} {export.digest} {kind}".encode())
        firmware = bundled_files.bundled("firmware")
        for file in (*generated.sources, *sorted(path for path in firmware.rglob("*.[ch]"))):
            sha.update(file.read_bytes())
        key = sha.hexdigest()
        entry = folder / f"host-{key[:16]}"

        def make(new: Path) -> None:
            _build(staging, model, count)
            (staging / "build" / "firmware.elf").replace(new / _PROGRAM)

        checked_cache.provide(entry, key, make)
    return entry / _PROGRAM


def _build(staging: Path, model: Path, count: Callable[[str], None]) -> None:
    options = {"PORT": "host", "MODEL_DIR": str(model), "OPTIMIZE": _OPTIMIZE}
    try:
        run_cmake(staging / "build", options, count)
    except CompileError as error:
        raise InfrastructureError(
            f"the export does not build for this computer:\n{excerpt(str(error))}"
        ) from error


@contextmanager
def _started(program: Path) -> Iterator[int]:
    """Run the program; yield the descriptor of a socket connected to it."""
    host_end, program_end = socket.socketpair()
    with host_end:
        with program_end:
            process = subprocess.Popen(
                [str(program)],
                stdin=program_end.fileno(),
                stdout=program_end.fileno(),
                stderr=subprocess.DEVNULL,
            )
        try:
            yield host_end.fileno()
        finally:
            process.kill()
            process.wait(_END_DEADLINE)
