"""How much memory TFLM wants for a model: asked in processes of its own, which may crash.

`python -m tests.support.tflm_arena MODEL SIZE` prints how many bytes hold tensors and scratch
buffers, if TFLM runs MODEL in SIZE bytes.
"""

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
_HEAD = re.compile(r"Arena allocation head (\d+) bytes")
_ENOUGH = 1 << 22
_STRUCTURES = 1 << 14  # bytes that do for TFLM's own structures, for most models
_STEP = 16
"""Bytes; TFLM's own alignment."""


@cache
def planned(model: Path, size: int = _ENOUGH) -> int | None:
    """Return the bytes of `size` that TFLM's planner used, None if they were not enough.

    They hold tensors and scratch buffers, no pointers: they are the same on any machine.
    """
    command = [sys.executable, "-m", "tests.support.tflm_arena", str(model.resolve()), str(size)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, cwd=ROOT
    )
    head = _HEAD.search(done.stderr)
    return int(head[1]) if done.returncode == 0 and head else None


@cache
def least(model: Path) -> int:
    """Return the smallest arena in which TFLM runs `model` here, by bisection.

    Beside what `planned` says it holds TFLM's own structures, which are smaller on a device:
    this machine's pointers have 8 bytes.
    """
    low = planned(model) or 0
    high = low + _STRUCTURES
    if planned(model, high) is None:
        high = _ENOUGH
    while high - low > _STEP:
        middle = (low + high) // 2 // _STEP * _STEP
        if planned(model, middle) is None:
            low = middle
        else:
            high = middle
    return high


def _main(model: str, size: str) -> None:
    from tflite_micro.python.tflite_micro import runtime  # noqa: PLC0415

    interpreter = runtime.Interpreter.from_bytes(Path(model).read_bytes(), arena_size=int(size))
    detail = interpreter.get_input_details(0)
    interpreter.set_input(np.zeros(detail["shape"], detail["dtype"]), 0)
    interpreter.invoke()
    interpreter.print_allocations()


if __name__ == "__main__":
    _main(*sys.argv[1:])
