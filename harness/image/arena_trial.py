"""How large TFLM's arena has to be: tried out on a bare core, since nothing else tells.

The interpreter's own arena_used_bytes() says what is held when all is allocated; while it
allocates it needs more. So its start-up is run again and again, with more and less.
"""

import re

from harness.elf import Elf
from harness.errors import InfrastructureError, InputError
from harness.simulator.bare_core import MODELS, BareCore
from harness.target.target_file import Target

_TRIAL = range(0x6000_0000, 0x6100_0000)  # Armv7-M ARM, B3.1: RAM, which no target here has
_WORD = 4
_STEP = 16  # bytes; TFLM aligns its arena to as many
_SYMBOLS = ("main", "nn_init", "nn_arena_start", "nn_arena_bytes", "DebugLog")
_PLACEHOLDER = re.compile(rb"%[-+ #0]*\d*(?:\.\d+)?(?:hh|h|ll|l|z|t|j)?([diuxXcsp%])")
_MESSAGE = 200  # bytes of a message, and of a text in it, that are read


def least_arena(elf: Elf, target: Target) -> int:
    """Return the bytes of arena, a multiple of 16, below which `elf` does not start.

    `elf` is a build whose own arena does not count. Raises `InputError` if it starts with
    none, which says what TFLM says; `InfrastructureError` if it cannot be tried.
    """
    if target.mcu.core not in MODELS:
        raise InputError(
            f"engine tflm tries out the arena on an emulated core, and there is none of "
            f"{target.mcu.core}",
            where=target.name,
            remedy="build for another core, or with another engine",
        )
    trial = _Trial(elf, target)
    most = len(_TRIAL)
    if not trial.starts(most):
        raise InputError(
            f"TFLM does not take the network: {trial.complaint(most)}",
            where=str(elf.path),
            remedy="does this TFLM's kernel support the layer as the network has it?",
        )
    least = 0  # is too small
    while most - least > _STEP:
        middle = (least + most) // 2 // _STEP * _STEP
        if trial.starts(middle):
            most = middle
        else:
            least = middle
    return most


class _Trial:
    """An image that is started on a bare core, with more or less arena."""

    def __init__(self, elf: Elf, target: Target) -> None:
        found = elf.symbols(*_SYMBOLS)
        if found is None:
            raise InfrastructureError(
                f"the image lacks one of {', '.join(_SYMBOLS)}", where=str(elf.path)
            )
        self._elf = elf
        self._core = target.mcu.core
        self._main, self._init, self._start, self._bytes, self._log = found
        memory = target.memory
        self._flash = range(memory.flash.origin, memory.flash.end)
        self._ram = range(memory.ram.origin, memory.ram.end)

    def starts(self, size: int) -> bool:
        """Tell whether nn_init() succeeds with an arena of `size` bytes."""
        core = self._reset(size)
        try:
            core.call(self._init)
        except InfrastructureError:  # a kernel may write to what it could not allocate
            return False
        return core.result == 0

    def complaint(self, size: int) -> str:
        """Return what TFLM's first message is, with an arena of `size` bytes."""
        core = self._reset(size)
        try:
            form, arguments = core.run_to(self._init, self._log)
        except InfrastructureError as error:  # it was silent
            return f"it does not say why; {error.what}"
        return _printed(core, form, arguments)

    def _reset(self, size: int) -> BareCore:
        ranges = [self._flash, self._ram, _TRIAL]
        core = BareCore(self._elf, self._core, ranges, self._flash, self._flash.start)
        core.run(self._main)
        core.write(self._start, _TRIAL.start.to_bytes(_WORD, "little"))
        core.write(self._bytes, size.to_bytes(_WORD, "little"))
        return core


def _printed(core: BareCore, form: int, arguments: int) -> str:
    """Return what printf would make of the format at `form` and words at `arguments`."""

    def show(found: re.Match[bytes]) -> bytes:
        nonlocal arguments
        kind = found[1]
        if kind == b"%":
            return kind
        word = core.read(arguments, _WORD)
        arguments += _WORD
        value = int.from_bytes(word, "little", signed=kind in b"di")
        if kind == b"s":
            return _text(core, value)
        return b"%x" % value if kind in b"xXp" else b"%d" % value

    return _PLACEHOLDER.sub(show, _text(core, form)).decode(errors="replace").strip()


def _text(core: BareCore, address: int) -> bytes:
    data = bytearray()
    while len(data) < _MESSAGE and (byte := core.read(address + len(data), 1)) != b"\0":
        data += byte
    return bytes(data)
