"""Breakpoints: stops before the instructions at some addresses."""

from collections.abc import Callable

from unicorn import unicorn_const

from harness.simulator.emulator import CodeHook, Emulator


class Breakpoints:
    """The breakpoints of `emulator`; `hit` is called before the instruction at one of them."""

    def __init__(self, emulator: Emulator, hit: Callable[[], None]) -> None:
        self._emulator = emulator
        self._hit = hit
        self._hooks: dict[int, int] = {}  # address to hook
        self._hook = CodeHook(self._on_instruction)
        self._passed: int | None = None

    def set(self, addresses: set[int]) -> bool:
        """Set exactly these breakpoints; return whether they have changed."""
        if addresses == self._hooks.keys():
            return False
        for address in self._hooks.keys() - addresses:
            self._emulator.remove_hook(self._hooks.pop(address))
        for address in addresses - self._hooks.keys():
            self._hooks[address] = self._emulator.add_hook(
                unicorn_const.UC_HOOK_CODE, self._hook, address, address
            )
        return True

    def pass_once(self, address: int | None) -> None:
        """Ignore a breakpoint at `address` once."""
        self._passed = address

    def _on_instruction(self, _uc: int, address: int, _size: int, _data: int) -> None:
        if self._passed == address:
            self._passed = None
        else:
            self._hit()
