"""Breakpoints: stops before the instructions at some addresses.

Unicorn cannot stop inside an IT block. Execution therefore also stops before an IT block that
contains a breakpoint, at a guard: see it_walk.py.
"""

from collections.abc import Callable

from unicorn import unicorn_const

from harness.simulator.emulator import CodeHook, Emulator
from harness.simulator.thumb import Block


class Breakpoints:
    """The breakpoints of `emulator`; `hit` is called before the instruction at one of them.

    `guarded` is called before the IT of a block with a breakpoint.
    """

    def __init__(
        self, emulator: Emulator, hit: Callable[[], None], guarded: Callable[[], None]
    ) -> None:
        self._emulator = emulator
        self._hit = hit
        self._guarded = guarded
        self._hooks: dict[int, int] = {}  # address to hook
        self._guards: dict[int, int] = {}  # the same for the ITs
        self._hook = CodeHook(self._on_instruction)
        self._guard_hook = CodeHook(lambda *_: self._guarded())
        self.passed: int | None = None
        """The address of a breakpoint that is ignored once."""

    def set(self, addresses: set[int]) -> bool:
        """Set exactly these breakpoints; return whether they have changed."""
        if addresses == self._hooks.keys():
            return False
        while self._guards:
            self._emulator.remove_hook(self._guards.popitem()[1])
        for address in self._hooks.keys() - addresses:
            self._emulator.remove_hook(self._hooks.pop(address))
        for address in addresses - self._hooks.keys():
            self._hooks[address] = self._add(self._hook, address)
        return True

    def guard(self, block: Block) -> bool:
        """Guard the IT blocks in `block`; return whether it must be translated again."""
        before, it = len(self._guards), block.start
        for address in (block.start + offset for offset in block.offsets):
            if address - block.start not in block.in_it:
                it = address
            elif address in self._hooks and it not in self._guards:
                self._guards[it] = self._add(self._guard_hook, it)
        return len(self._guards) > before

    def halts(self, address: int) -> bool:
        """Return whether there is a breakpoint at `address` that must not be ignored."""
        passed, self.passed = self.passed, None
        return address in self._hooks and address != passed

    def _add(self, hook: object, address: int) -> int:
        return self._emulator.add_hook(unicorn_const.UC_HOOK_CODE, hook, address, address)

    def _on_instruction(self, _uc: int, address: int, _size: int, _data: int) -> None:
        if self.passed == address:
            self.passed = None
        else:
            self._hit()
