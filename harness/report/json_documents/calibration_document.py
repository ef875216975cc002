"""The document of `harness calibrate`: the cycle model beside published cycles."""

from collections.abc import Sequence

import msgspec

from harness.measure.cycles.calibrate import Calibration, Comparison
from harness.measure.cycles.costs import Costs
from harness.support.json_output import Document


class CalibratedProgram(msgspec.Struct, frozen=True, kw_only=True):
    """The cycles of a program between two symbols."""

    program: str
    """Name of the program."""
    instructions: int
    """Instructions, exact."""
    cycles: int
    """Cycles that the model estimates."""
    reference: float
    """Published cycles."""
    error: float
    """Error of the model relative to the published cycles (0.1: 10 % too many)."""


class CalibrationDocument(Document, frozen=True, tag="tinyml-harness/calibrate/1"):
    """`harness calibrate`: the error of the cycle model, for zero wait states."""

    model: str
    """Name of the cycle model."""
    source: str
    """Where its timings come from."""
    programs: list[CalibratedProgram]
    """The programs, in the order of the published table."""
    mean_error: float
    """Mean absolute error over all programs."""
    geometric_mean: float
    """Geometric mean of the model's cycles divided by the published ones."""
    within_10_percent: int
    """How many programs have an error of at most 10 %."""


def calibration_document(comparisons: Sequence[Comparison], costs: Costs) -> CalibrationDocument:
    """Return the comparisons, and the error over all of them."""
    total = Calibration.of(comparisons)
    return CalibrationDocument(
        model=costs.model,
        source=costs.source,
        programs=[
            CalibratedProgram(
                program=each.program,
                instructions=each.instructions,
                cycles=each.cycles,
                reference=each.reference,
                error=each.ratio - 1,
            )
            for each in comparisons
        ],
        mean_error=total.mean_error,
        geometric_mean=total.geometric_mean,
        within_10_percent=total.within,
    )
