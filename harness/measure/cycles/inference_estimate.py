"""Runs one inference of an image on a bare core, and estimates the cycles of its blocks."""

import struct
from dataclasses import dataclass

from harness.errors import InfrastructureError
from harness.image.build import Image
from harness.measure.cycles.attribution import estimate, namer
from harness.measure.cycles.costs import cores, costs_of
from harness.measure.cycles.estimate import Estimate
from harness.simulator.bare_core import MODELS, BareCore, Block
from harness.target.target_file import Target

_FUNCTIONS = ("main", "nn_init", "nn_input", "nn_invoke", "empty")  # firmware/app/main.c
_WORD = 4  # bytes
_MOST = 100_000_000  # instructions that a run waits for: about two seconds
_MOST_WITH_LOADS = 10_000_000
_TENSOR = struct.Struct("<II")  # nn_tensor_t: data, size


def why_no_estimate(target: Target, instructions: int, *, patient: bool = False) -> str:
    """Return why cycles are not estimated for an inference on `target`; empty if they are.

    Unless the caller is `patient`, long inferences are not estimated.
    """
    if target.counter.ticks == "instructions" and target.mcu.core not in cores():
        return f"there is no cycle model for {target.mcu.core}"
    return why_not_executed(target, instructions, patient=patient)


def why_not_executed(target: Target, instructions: int, *, patient: bool = False) -> str:
    """Return why a bare core does not execute an inference on `target`; empty if it does."""
    if target.counter.ticks != "instructions":
        return "cycles are measured"
    if target.mcu.core not in MODELS:
        return f"there is no bare core for {target.mcu.core}"
    if not patient and instructions > (_MOST_WITH_LOADS if _wait_states(target) else _MOST):
        return f"{instructions:,} instructions take too long in a run; use `harness profile`"
    return ""


def estimate_inference(target: Target, image: Image, inputs: bytes, counted: int) -> Estimate:
    """Return the cycles of one inference on `inputs`; the device has counted `counted`.

    Raises the errors of `infer`, and `InfrastructureError` if the bare core executes a different
    number of instructions.
    """
    inference = infer(target, image, inputs)
    check_counted(inference, counted, f"{target.name}: {image.elf.path}")
    return estimate_of(inference, target, image)


def check_counted(inference: "Inference", counted: int, where: str) -> None:
    """Raise `InfrastructureError` if the device `counted` other instructions than a bare core."""
    if inference.counted != counted:
        raise InfrastructureError(
            f"the bare core executes {inference.counted:,} instructions in an inference for which "
            f"the device counted {counted:,}",
            where=where,
            remedy="one of the two is wrong. Does the device's counter count instructions, and "
            "no interrupt? Does the first inference depend on anything but its input?",
        )


def estimate_of(inference: "Inference", target: Target, image: Image) -> Estimate:
    """Return the cycles of `inference`, which a bare core executed."""
    flash = target.memory.flash
    return estimate(
        inference.blocks,
        costs_of(target.mcu.core),
        namer(image.elf),
        flash=range(flash.origin, flash.end),
        wait_states=_wait_states(target),
    )


@dataclass(frozen=True)
class Inference:
    """The blocks of nn_invoke, and the instructions that a device counts for it.

    `counted` excludes the empty function, which the firmware subtracts too.
    """

    blocks: list[Block]
    counted: int


def infer(target: Target, image: Image, inputs: bytes) -> Inference:
    """Run one inference on `inputs`, the bytes of all input tensors as the link loads them.

    Loads from flash are counted if the target's flash has wait states. Raises
    `InfrastructureError` if the image does not run on a bare core as it does on a board.
    """
    where = str(image.elf.path)
    addresses = image.elf.symbols(*_FUNCTIONS)
    if addresses is None:
        lacking = [f"{name}()" for name in _FUNCTIONS if image.elf.symbols(name) is None]
        raise InfrastructureError(
            f"it needs firmware that the harness builds; this has no {', '.join(lacking)}",
            where=where,
        )
    main, nn_init, nn_input, nn_invoke, empty = addresses
    flash, ram = (range(part.origin, part.end) for part in (target.memory.flash, target.memory.ram))
    vectors = image.elf.vector_table(target.load_region)
    written = [range(each.address, each.address + _WORD) for each in target.image.writes]
    core = BareCore(image.elf, target.mcu.core, [flash, ram, *written], flash, vectors)
    core.run(main)
    core.call(nn_init)
    overhead = instructions(core.call(empty))
    address, size = _tensor(core, nn_input)
    if size != len(inputs):
        raise InfrastructureError(
            f"the image expects {size:,} bytes of input, the vector has {len(inputs):,}",
            where=where,
        )
    core.write(address, inputs)
    if _wait_states(target):
        core.count_loads(flash)
    blocks = core.call(nn_invoke)
    if core.result != 0:
        raise InfrastructureError(f"nn_invoke returned {core.result} on a bare core", where=where)
    return Inference(blocks, instructions(blocks) - overhead)


def instructions(blocks: list[Block]) -> int:
    """Return how many instructions `blocks` executed."""
    return sum(block.instructions for block in blocks)


def _wait_states(target: Target) -> int:
    return target.clock.flash_wait_states if target.clock else 0


def _tensor(core: BareCore, function: int) -> tuple[int, int]:
    """Return address and size of the tensor that `function` returns.

    An 8-byte structure is returned in memory, at the caller's address (AAPCS, "Result return").
    """
    destination = core.stack - 2 * _TENSOR.size
    core.call(function, destination)
    address, size = _TENSOR.unpack(core.read(destination, _TENSOR.size))
    return address, size
