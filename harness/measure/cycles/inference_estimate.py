"""One inference of an image on a bare core: the blocks that it runs, and what they cost."""

import struct
from dataclasses import dataclass

from harness.errors import InfrastructureError
from harness.image.build import Image
from harness.measure.cycles.attribution import estimate, namer
from harness.measure.cycles.costs import cores, costs_of
from harness.measure.cycles.estimate import Estimate
from harness.simulator.bare_core import BareCore, Block
from harness.target.target_file import Target

_FUNCTIONS = ("main", "nn_init", "nn_input", "nn_invoke", "empty")  # firmware/app/main.c
_MOST = 100_000_000  # instructions that a run waits for: two seconds
_MOST_WITH_LOADS = 10_000_000
_TENSOR = struct.Struct("<II")  # nn_tensor_t: data, size


def why_not(target: Target, instructions: int, *, patient: bool = False) -> str:
    """Return why no cycles are estimated of an inference on `target`; empty if they are.

    Who is not `patient` does not wait for one of very many instructions.
    """
    if target.counter.ticks != "instructions":
        return "cycles are measured"
    if target.mcu.core not in cores():
        return f"there is no cycle model of {target.mcu.core}"
    if not patient and instructions > (_MOST_WITH_LOADS if _wait_states(target) else _MOST):
        return f"{instructions:,} instructions take too long in a run; use `harness profile`"
    return ""


def estimate_inference(target: Target, image: Image, inputs: bytes, counted: int) -> Estimate:
    """Return the cycles of one inference on `inputs`, for which the device counted `counted`.

    Raises `InfrastructureError` if the bare core executes another number, since then the
    estimate would not be of what ran, and as `infer` does.
    """
    ran = infer(target, image, inputs)
    if ran.counted != counted:
        raise InfrastructureError(
            f"the bare core executes {ran.counted:,} instructions in an inference for which the "
            f"device counted {counted:,}",
            where=f"{target.name}: {image.elf.path}",
            remedy="is an interrupt counted, or does the model depend on what ran before?",
        )
    flash = target.memory.flash
    return estimate(
        ran.blocks,
        costs_of(target.mcu.core),
        namer(image.elf),
        flash=range(flash.origin, flash.end),
        wait_states=_wait_states(target),
    )


@dataclass(frozen=True)
class Inference:
    """The blocks of nn_invoke, and the instructions that a device counts for it.

    These are without the empty function that the firmware's bracket subtracts.
    """

    blocks: list[Block]
    counted: int


def infer(target: Target, image: Image, inputs: bytes) -> Inference:
    """Run one inference on `inputs`, the bytes of all input tensors as the link loads them.

    Loads from flash are counted where the target's flash has wait states. Raises
    `InfrastructureError` if the image does not do on a bare core what it does on a board.
    """
    where = str(image.elf.path)
    found = image.elf.symbols(*_FUNCTIONS)
    if found is None:
        raise InfrastructureError(
            f"the image lacks one of the functions {', '.join(_FUNCTIONS)}", where=where
        )
    main, nn_init, nn_input, nn_invoke, empty = found
    flash, ram = (range(part.origin, part.end) for part in (target.memory.flash, target.memory.ram))
    core = BareCore(image.elf, target.mcu.core, [flash, ram], flash, flash.start)
    core.run(main)
    core.call(nn_init)
    bracket = instructions(core.call(empty))
    address, size = _tensor(core, nn_input)
    if size != len(inputs):
        raise InfrastructureError(
            f"the image takes {size:,} bytes of input, the vector has {len(inputs):,}", where=where
        )
    core.write(address, inputs)
    if _wait_states(target):
        core.count_loads(flash)
    blocks = core.call(nn_invoke)
    if core.result != 0:
        raise InfrastructureError(f"nn_invoke returned {core.result} on a bare core", where=where)
    return Inference(blocks, instructions(blocks) - bracket)


def instructions(blocks: list[Block]) -> int:
    """Return how many instructions ran."""
    return sum(block.instructions for block in blocks)


def _wait_states(target: Target) -> int:
    return target.clock.flash_wait_states if target.clock else 0


def _tensor(core: BareCore, function: int) -> tuple[int, int]:
    """Return address and size of the tensor that `function` returns.

    A structure of 8 bytes is returned where the caller says (AAPCS, "Result return").
    """
    place = core.stack - 2 * _TENSOR.size
    core.call(function, place)
    address, size = _TENSOR.unpack(core.read(place, _TENSOR.size))
    return address, size
