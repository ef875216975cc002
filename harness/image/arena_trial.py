"""Finds the least size of TFLM's arena by trial on an emulated bare core.

The interpreter's arena_used_bytes() returns the bytes in use after allocation, but allocation
itself needs more. So the start-up runs repeatedly with different sizes.
"""

import re

from harness.elf import Elf
from harness.errors import InfrastructureError, InputError
from harness.simulator.bare_core import MODELS, BareCore
from harness.target.target_file import Target

_TRIAL = range(0x6000_0000, 0x6100_0000)  # Armv7-M ARM, B3.1: external RAM, unused by our targets
_WORD = 4
_STEP = 16  # bytes, the alignment of TFLM's arena
_SYMBOLS = ("main", "nn_init", "nn_arena_start", "nn_arena_bytes", "DebugLog")
_PLACEHOLDER = re.compile(rb"%[-+ #0]*\d*(?:\.\d+)?(?:hh|h|ll|l|z|t|j)?([diuxXcsp%])")
_MESSAGE = 200  # most bytes to read of a message, and of a string in it


def least_arena(elf: Elf, target: Target) -> int:
    """Return the least arena, in bytes and a multiple of 16, with which `elf` starts.

    The size of the arena in `elf` itself is ignored. Raises `InputError` with TFLM's message if
    it starts with no size, `InfrastructureError` if the trial is not possible.
    """
    if target.mcu.core not in MODELS:
        raise InputError(
            f"engine tflm determines the arena on an emulated core, and {target.mcu.core} is not "
            "emulated",
            where=target.name,
            remedy="build for another core, or with another engine",
        )
    trial = _Trial(elf, target)
    most = len(_TRIAL)
    if not trial.starts(most):
        raise InputError(
            f"TFLM rejects the network: {trial.message(most)}",
            where=str(elf.path),
            remedy="check that this TFLM's kernels support the network's layers",
        )
    too_small = 0
    while most - too_small > _STEP:
        middle = (too_small + most) // 2 // _STEP * _STEP
        if trial.starts(middle):
            most = middle
        else:
            too_small = middle
    return most


class _Trial:
    """An image that can be started on a bare core with arenas of different sizes."""

    def __init__(self, elf: Elf, target: Target) -> None:
        addresses = elf.symbols(*_SYMBOLS)
        if addresses is None:
            raise InfrastructureError(
                f"the image lacks one of {', '.join(_SYMBOLS)}", where=str(elf.path)
            )
        self._elf = elf
        self._core = target.mcu.core
        self._main, self._init, self._start, self._bytes, self._log = addresses
        memory = target.memory
        self._flash = range(memory.flash.origin, memory.flash.end)
        self._vectors = elf.vector_table(target.load_region)
        self._ram = range(memory.ram.origin, memory.ram.end)

    def starts(self, size: int) -> bool:
        """Return whether nn_init() succeeds with an arena of `size` bytes."""
        core = self._reset(size)
        try:
            core.call(self._init)
        except InfrastructureError:  # a kernel may write to memory that it failed to allocate
            return False
        return core.result == 0

    def message(self, size: int) -> str:
        """Return TFLM's first message with an arena of `size` bytes."""
        core = self._reset(size)
        try:
            form, arguments = core.run_to(self._init, self._log)
        except InfrastructureError as error:  # no message was printed
            return f"it gives no reason; {error.what}"
        return _printed(core, form, arguments)

    def _reset(self, size: int) -> BareCore:
        ranges = [self._flash, self._ram, _TRIAL]
        core = BareCore(self._elf, self._core, ranges, self._flash, self._vectors)
        core.run(self._main)
        core.write(self._start, _TRIAL.start.to_bytes(_WORD, "little"))
        core.write(self._bytes, size.to_bytes(_WORD, "little"))
        return core


def _printed(core: BareCore, format_: int, arguments: int) -> str:
    """Return the output of printf with the format at `format_` and the words at `arguments`."""

    def convert(placeholder: re.Match[bytes]) -> bytes:
        nonlocal arguments
        kind = placeholder[1]
        if kind == b"%":
            return kind
        word = core.read(arguments, _WORD)
        arguments += _WORD
        value = int.from_bytes(word, "little", signed=kind in b"di")
        if kind == b"s":
            return _text(core, value)
        return b"%x" % value if kind in b"xXp" else b"%d" % value

    return _PLACEHOLDER.sub(convert, _text(core, format_)).decode(errors="replace").strip()


def _text(core: BareCore, address: int) -> bytes:
    data = bytearray()
    while len(data) < _MESSAGE and (byte := core.read(address + len(data), 1)) != b"\0":
        data += byte
    return bytes(data)
