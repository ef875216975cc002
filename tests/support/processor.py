"""Runs the simulator's machine code for any processor, on an emulated one, whatever the host is."""

from dataclasses import dataclass, field
from typing import Any

from unicorn import arm64_const, unicorn_const, x86_const
from unicorn.unicorn_py3.unicorn import Uc

CODE, STACK, DATA = 0x10_0000, 0x20_0000, 0x30_0000
_OUTSIDE = 0x40_0000  # what the code calls, jumps to and returns to
READ, RETURN, SLOW, STOP = (_OUTSIDE + 16 * number for number in range(4))
_PAGES = 0x1_0000


@dataclass(frozen=True)
class _Convention:
    """A processor, and how it calls functions."""

    arch: int
    mode: int
    arguments: list[int]
    kept: list[int]
    lost: list[int]
    stack: int
    link: int | None  # the register of the return address, which otherwise lies on the stack
    ret: bytes

    @property
    def stack_at_entry(self) -> int:
        return 0 if self.link else 8  # modulo 16


def _x86(*names: str) -> list[int]:
    return [getattr(x86_const, f"UC_X86_REG_{name}") for name in names]


def _arm64(*numbers: int) -> list[int]:
    return [getattr(arm64_const, f"UC_ARM64_REG_X{number}") for number in numbers]


_CONVENTIONS = {
    "x86_64": _Convention(
        unicorn_const.UC_ARCH_X86,
        unicorn_const.UC_MODE_64,
        arguments=_x86("RDI", "RSI", "RDX", "RCX", "R8", "R9"),
        kept=_x86("RBX", "RBP", "R12", "R13", "R14", "R15"),
        lost=_x86("RAX", "RCX", "RDX", "RSI", "RDI", "R8", "R9", "R10", "R11"),
        stack=x86_const.UC_X86_REG_RSP,
        link=None,
        ret=b"\xc3",
    ),
    "aarch64": _Convention(
        unicorn_const.UC_ARCH_ARM64,
        unicorn_const.UC_MODE_ARM,
        arguments=_arm64(*range(6)),
        kept=_arm64(*range(18, 30)),  # Apple reserves x18
        lost=_arm64(*range(18)),
        stack=arm64_const.UC_ARM64_REG_SP,
        link=arm64_const.UC_ARM64_REG_X30,
        ret=bytes.fromhex("c0035fd6"),
    ),
}
PROCESSORS = list(_CONVENTIONS)


@dataclass
class Processor:
    """A processor with `code`; the function at `READ` stores `read` where its argument 2 points."""

    name: str
    code: bytes
    read: bytes = b""
    read_arguments: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._convention = _CONVENTIONS[self.name]
        binding: Any = Uc  # it has no types
        self._emulator = binding(self._convention.arch, self._convention.mode)
        for start in (CODE, STACK, DATA, _OUTSIDE):
            self._emulator.mem_map(start, _PAGES)
        self._emulator.mem_write(CODE, self.code)
        self._emulator.mem_write(READ, self._convention.ret)
        self._emulator.hook_add(
            unicorn_const.UC_HOOK_CODE, self._on_outside, begin=_OUTSIDE, end=_OUTSIDE + _PAGES
        )
        self._ended = 0

    def store(self, address: int, data: bytes) -> None:
        self._emulator.mem_write(address, data)

    def load(self, address: int, size: int) -> bytes:
        return bytes(self._emulator.mem_read(address, size))

    def call(self, *arguments: int) -> int:
        """Call the code; return the address where it ended, with what it has to keep kept."""
        convention, write = self._convention, self._emulator.reg_write
        for number, register in enumerate(convention.kept):
            write(register, 0xABCD_0000 + number)
        for register, value in zip(convention.arguments, arguments, strict=False):
            write(register, value)
        top = STACK + _PAGES - 64 + convention.stack_at_entry
        write(convention.stack, top)
        if convention.link:
            write(convention.link, RETURN)
        else:
            self.store(top, RETURN.to_bytes(8, "little"))
        self._ended = 0
        self._emulator.emu_start(CODE, 0, count=1000)
        for number, register in enumerate(convention.kept):
            assert self._emulator.reg_read(register) == 0xABCD_0000 + number
        popped = 8 if self._ended == RETURN and not convention.link else 0
        assert self._emulator.reg_read(convention.stack) == top + popped
        return self._ended

    def arguments(self, count: int) -> list[int]:
        """Return the arguments that the registers hold now."""
        registers = self._convention.arguments[:count]
        return [int(self._emulator.reg_read(register)) for register in registers]

    def _on_outside(self, emulator: Any, address: int, _size: int, _data: object) -> None:
        if address != READ:
            self._ended = address
            emulator.emu_stop()
            return
        convention = self._convention
        stack = emulator.reg_read(convention.stack)
        assert stack % 16 == convention.stack_at_entry
        self.read_arguments = self.arguments(3)
        self.store(self.read_arguments[2], self.read)
        for register in convention.lost:
            emulator.reg_write(register, 0xDEAD)
