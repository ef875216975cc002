"""The numbers of a run's quality, over any protocol."""

from harness.measure.number import Number
from harness.runs.device_under_test import AnyRun


def quality_numbers(run: AnyRun) -> dict[str, Number]:
    """Return the quality of device and golden, the target, and what guesses may reach."""
    metric = run.model.metric
    values = {
        metric: run.quality,
        f"{metric}_golden": run.golden_quality,
        f"{metric}_target": run.model.quality_target,
        f"{metric}_chance": run.chance,
        **run.quality_details,
    }
    return {
        name: Number(value, run.model.unit, "exact")
        for name, value in values.items()
        if value is not None
    }
