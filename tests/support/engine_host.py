"""Generated C, compiled for this machine with CMSIS-NN's kernels in plain C, against TFLM."""

import ctypes
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.engines.cmsis_nn.cmsis_nn_engine import CmsisNN
from harness.engines.cmsis_nn.cmsis_nn_sources import find_tree
from harness.golden import tflm_kernels
from harness.model.graph import Graph, Tensor
from harness.model.tensor_block import pack
from harness.model.tflite_file import parse
from tests.support.host import FIRMWARE, compiler

# All that the lowerings may call.
FUNCTIONS = (
    "arm_avgpool_s8",
    "arm_avgpool_s8_get_buffer_size",
    "arm_convolve_1x1_s8",
    "arm_convolve_1x1_s8_fast",
    "arm_convolve_wrapper_s8",
    "arm_depthwise_conv_3x3_s8",
    "arm_depthwise_conv_s8",
    "arm_fully_connected_s8",
    "arm_max_pool_s8",
)


NN = FIRMWARE / "nn"
Array = np.ndarray[Any, Any]


# TFLM never sets the value with which SPACE_TO_BATCH_ND pads: it is what lies in the arena. An
# arena that the system maps anew is 0, as on a device and in the process that computes golden.
_M_MMAP_THRESHOLD = -3  # of malloc.h
ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, 1 << 20)


# Undefined behaviour in kernels of our own ends the process. AddressSanitizer must be loaded
# before Python: `make fuzz-memory` does that, and then it watches CMSIS-NN and generated code, too.
_CHECKED = ("-fsanitize=undefined", "-fno-sanitize-recover=all")
_MEMORY = ("-fsanitize=address",) if "libasan" in os.environ.get("LD_PRELOAD", "") else ()


class HostTensor(ctypes.Structure):
    """`nn_tensor_t`."""

    _fields_ = [("data", ctypes.c_void_p), ("size", ctypes.c_uint32)]


class Host:
    """Compiles generated code for this machine, with CMSIS-NN's kernels in plain C."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.cc = compiler()
        tree = find_tree()
        self.engine = CmsisNN(tree.root)  # looks for no package, which takes time
        includes = [NN, tree.root / "Include", *([tree.core_include] if tree.core_include else [])]
        self.flags = [*_MEMORY, "-fPIC", "-D__GNUC_PYTHON__", "-D__RESTRICT=__restrict"]
        self.flags += [f"-I{NN}", *(f"-isystem{folder}" for folder in includes[1:])]
        own = list(NN.glob("*.c"))
        with ThreadPoolExecutor() as pool:
            library = pool.map(
                lambda file: self.compile(file, "-O1", "-w"), tree.sources(FUNCTIONS)
            )
            ours = pool.map(lambda file: self.compile(file, "-O1", *_CHECKED), own)
            self.objects = [*library, *ours]
        self.count = 0

    def compile(self, source: Path, *flags: str) -> str:
        target = self.directory / f"{source.stem}.o"
        command = [self.cc, *self.flags, *flags, "-c", str(source), "-o", str(target)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return str(target)

    def load(self, model: bytes) -> ctypes.CDLL:
        """Generate, compile with all warnings, link and initialize `model`."""
        self.count += 1
        folder = self.directory / str(self.count)
        self.engine.generate(parse(model, where="test.tflite"), folder, core="host")
        loaded = self.link(folder / "model.c")
        loaded.nn_arena_size.restype = ctypes.c_uint32
        assert loaded.nn_init() == 0
        return loaded

    def link(self, source: Path) -> ctypes.CDLL:
        """Compile `source` with all warnings, link it with the kernels, and load it."""
        code = self.compile(source, "-std=c11", "-Wall", "-Wextra", "-Wshadow", "-Werror")
        library = source.with_suffix(".so")
        command = [
            self.cc,
            "-shared",
            *_MEMORY,
            _CHECKED[0],
            code,
            *self.objects,
            "-o",
            str(library),
        ]
        subprocess.run(command, check=True, capture_output=True)
        return ctypes.CDLL(str(library))

    def run(self, model: bytes, inputs: Array) -> Array:
        """Return the bytes of the outputs of the generated code, one row an input."""
        return infer(self.load(model), inputs)

    def check(self, model: bytes, inputs: Array | None = None) -> None:
        """Compare the generated code with TFLM on random inputs and the extremes."""
        graph = parse(model, where="test.tflite")
        if inputs is None:
            inputs = samples(graph)
        wanted = tflm(model, inputs)
        found = self.run(model, inputs).view(wanted.dtype).reshape(wanted.shape)
        np.testing.assert_array_equal(found, wanted)

    def check_all(
        self, models: Mapping[str, bytes], tolerance: tuple[float, float] = (0.0, 0.0)
    ) -> None:
        """Compare many models with TFLM; they are compiled at once, so it is fast.

        `tolerance` is for real numbers, relative and absolute; by default all bytes are the same.
        """
        self.count += 1
        folder = self.directory / str(self.count)
        texts = ['#include "nn_kernels.h"\n#include "arm_nnfunctions.h"\n']
        graphs = {name: parse(model, where=name) for name, model in models.items()}
        for number, graph in enumerate(graphs.values()):
            self.engine.generate(graph, folder, core="host")
            texts.append(_OWN_NAMES.sub(rf"m{number}_\1", (folder / "model.c").read_text()))
        (folder / "models.c").write_text("\n".join(texts))
        library = self.link(folder / "models.c")
        different = [
            name
            for number, (name, graph) in enumerate(graphs.items())
            if not _agrees(library, f"m{number}_", graph, tolerance)
        ]
        assert not different, f"not what TFLM computes: {different}"


# What every generated file defines.
_OWN_NAMES = re.compile(
    r"\b(arena|INPUT|OUTPUT_\w+|COPY_\w+|SCRATCH_\w+|STATE_\w+|SUBGRAPH_\w+|subgraph_\d+"
    r"|table_\w+|l\d{2,}_\w+"
    r"|nn_(?:init|input|output|invoke|reset|arena_size)\b)(?!\.h)"
)


def _agrees(
    library: ctypes.CDLL, prefix: str, graph: Graph, tolerance: tuple[float, float]
) -> bool:
    if max(len(graph.inputs), len(graph.outputs)) > 1:
        return _agrees_on_all(library, prefix, graph)
    inputs, starts = samples(graph), starts_of(graph)
    wanted = tflm(graph.source, inputs, starts)
    found = infer(library, inputs, prefix, starts=starts)
    if wanted.dtype == np.float32:
        # What is not a number has other bits on other machines.
        numbers = found.view(np.float32).reshape(wanted.shape)
        relative, absolute = tolerance
        if not relative and not absolute:
            number = ~np.isnan(wanted)
            same = found.view(np.uint32).reshape(wanted.shape) == wanted.view(np.uint32)
            return bool((np.isnan(numbers) == ~number).all() and same[number].all())
        return np.allclose(numbers, wanted, rtol=relative, atol=absolute, equal_nan=True)
    return found.tobytes() == wanted.tobytes()


def _agrees_on_all(library: ctypes.CDLL, prefix: str, graph: Graph) -> bool:
    """Compare on random values of several inputs, or several outputs."""
    rng = np.random.default_rng(7)
    inputs = [
        rng.integers(0, 2, (6, *tensor.shape)).astype(tensor.dtype)
        if tensor.dtype == np.bool_
        else rng.integers(-128, 128, (6, *tensor.shape)).astype(tensor.dtype)
        for tensor in graph.input_tensors
    ]
    starts = starts_of(graph)
    wanted = tflm_kernels.compute(graph.source, inputs, [], starts)
    blocks = [pack(graph.input_tensors, vector) for vector in zip(*inputs, strict=True)]
    rows = np.stack([np.frombuffer(block, np.int8) for block in blocks])
    answers = [pack(graph.output_tensors, answer) for answer in zip(*wanted, strict=True)]
    return infer(library, rows, prefix, starts=starts).tobytes() == b"".join(answers)


def starts_of(graph: Graph) -> list[bool]:
    """Have a state begin anew before the fourth of six inputs, and keep it otherwise."""
    return [number == 3 for number in range(6)] if graph.variables else []


def infer(
    library: ctypes.CDLL,
    inputs: Array,
    prefix: str = "",
    *,
    start: bool = True,
    starts: Sequence[bool] = (),
) -> Array:
    """Return the bytes of the outputs, one row an input.

    A state is set at the `start`, and before each input that `starts` marks.
    """
    function = {name: library[f"{prefix}nn_{name}"] for name in ("input", "output", "invoke")}
    function["input"].restype = function["output"].restype = HostTensor
    if start:
        assert library[f"{prefix}nn_init"]() == 0
    rows = []
    for number, values in enumerate(inputs):
        if starts and starts[number]:
            assert library[f"{prefix}nn_reset"]() == 0
        tensor = function["input"]()
        assert tensor.size == values.nbytes
        ctypes.memmove(tensor.data, values.tobytes(), values.nbytes)
        assert function["invoke"]() == 0
        result = function["output"]()
        rows.append(np.frombuffer(ctypes.string_at(result.data, result.size), np.int8))
    return np.stack(rows)


def tflm(model: bytes, inputs: Array, starts: Sequence[bool] = ()) -> Array:
    """Return TFLM's outputs, computed in this process, because that is faster."""
    pytest.importorskip("tflite_micro", reason="tflite-micro is not installed")
    return tflm_kernels.compute(model, [inputs], [], starts)[0]


def samples(graph: Graph) -> Array:
    """Return a few inputs: random, the extremes, and every value of a byte where it fits."""
    tensor = graph.tensors[graph.inputs[0]]
    rng = np.random.default_rng(7)
    if tensor.dtype == np.bool_:
        return rng.random((6, *tensor.shape)) < np.array(0.5)
    if tensor.dtype.kind == "f":
        return _reals(tensor, graph.tensors[graph.outputs[0]], rng)
    info = np.iinfo(tensor.dtype)
    inputs = rng.integers(info.min, info.max, (6, *tensor.shape), tensor.dtype, endpoint=True)
    inputs[0], inputs[1] = info.min, info.max
    if tensor.elements == 256:
        inputs[2] = np.arange(-128, 128).astype(tensor.dtype).reshape(tensor.shape)
    return inputs


def _reals(tensor: Tensor, result: Tensor, rng: np.random.Generator) -> Array:
    """Return real numbers of all sizes, multiples of half the scale, and what is no number."""
    unit = np.float32(1 if result.scale is None else result.scale[0])
    inputs = rng.normal(0, 1, (6, *tensor.shape)) * 10 ** rng.uniform(-40, 38, (6, *tensor.shape))
    inputs[1:5] = rng.normal(0, 60, (4, *tensor.shape)) * unit
    inputs[4] = rng.integers(-300, 300, tensor.shape) / 2 * unit
    inputs[5].flat[:3] = (np.nan, np.inf, -np.inf)
    with np.errstate(over="ignore"):
        return inputs.astype(np.float32)
