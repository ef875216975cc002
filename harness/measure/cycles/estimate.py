"""Estimated cycles of an inference, in total and by function."""

from dataclasses import dataclass


@dataclass(frozen=True)
class FunctionCost:
    """The cost of one function itself, without the functions that it calls."""

    name: str
    file: str
    instructions: int
    cycles: int


@dataclass(frozen=True)
class Estimate:
    """Exact instructions, and the cycles that `model` estimates for them.

    `cycles` are for zero wait states; `error` is the model's mean absolute error relative to
    them, None if it was never compared. The flash's `wait_states` add at most `waits` cycles.
    """

    model: str
    error: float | None
    functions: tuple[FunctionCost, ...]
    wait_states: int
    waits: int

    @property
    def instructions(self) -> int:
        """Total instructions."""
        return sum(function.instructions for function in self.functions)

    @property
    def cycles(self) -> int:
        """Total cycles, for zero wait states."""
        return sum(function.cycles for function in self.functions)

    @property
    def cpi(self) -> float:
        """Cycles per instruction, for zero wait states."""
        return self.cycles / self.instructions
