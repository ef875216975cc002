"""Estimated cycles of an inference, in all and by function."""

from dataclasses import dataclass


@dataclass(frozen=True)
class FunctionCost:
    """What one function took itself, without those that it calls."""

    name: str
    file: str
    instructions: int
    cycles: int


@dataclass(frozen=True)
class Estimate:
    """Instructions, which are exact, and the cycles that `model` makes of them.

    `cycles` are for zero wait states; `error` is the model's mean absolute error as a part of
    them, None where it was compared with nothing. `waits` are the cycles that `wait_states`
    of the flash add at most.
    """

    model: str
    error: float | None
    functions: tuple[FunctionCost, ...]
    wait_states: int
    waits: int

    @property
    def instructions(self) -> int:
        """Instructions in all."""
        return sum(function.instructions for function in self.functions)

    @property
    def cycles(self) -> int:
        """Cycles in all, for zero wait states."""
        return sum(function.cycles for function in self.functions)

    @property
    def cpi(self) -> float:
        """Cycles an instruction, for zero wait states."""
        return self.cycles / self.instructions
