"""One inference of an image on a bare core: the blocks that it runs."""

import struct
from dataclasses import dataclass

from harness.errors import InfrastructureError
from harness.image import Image
from harness.measure.cycles.bare import BareCore, Block
from harness.target import Target

_FUNCTIONS = ("main", "nn_init", "nn_input", "nn_invoke", "empty")  # firmware/app/main.c
_TENSOR = struct.Struct("<II")  # nn_tensor_t: data, size


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
    if target.clock is not None and target.clock.flash_wait_states:
        core.count_loads(flash)
    blocks = core.call(nn_invoke)
    if core.result != 0:
        raise InfrastructureError(f"nn_invoke returned {core.result} on a bare core", where=where)
    return Inference(blocks, instructions(blocks) - bracket)


def instructions(blocks: list[Block]) -> int:
    """Return how many instructions ran."""
    return sum(block.instructions for block in blocks)


def _tensor(core: BareCore, function: int) -> tuple[int, int]:
    """Return address and size of the tensor that `function` returns.

    A structure of 8 bytes is returned where the caller says (AAPCS, "Result return").
    """
    place = core.stack - 2 * _TENSOR.size
    core.call(function, place)
    address, size = _TENSOR.unpack(core.read(place, _TENSOR.size))
    return address, size
