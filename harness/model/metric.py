"""The metrics of a model's quality: which way is better, and how people read them."""

from typing import Literal

Labelled = Literal["accuracy", "auc", "mae", "detection_errors"]
"""The metrics that compare outputs with labels."""
Metric = Literal["accuracy", "auc", "mae", "detection_errors", "agreement"]
SHOWN: dict[Metric, str] = {
    "accuracy": "accuracy",
    "auc": "AUC",
    "mae": "MAE",
    "detection_errors": "detection errors",
    "agreement": "agreement",
}
"""Name of each metric in tables and messages."""
BETTER: dict[Metric, Literal["higher", "lower"]] = {
    "accuracy": "higher",
    "auc": "higher",
    "mae": "lower",
    "detection_errors": "lower",
    "agreement": "higher",
}
"""Which way each metric is better."""
DETAILS: dict[Metric, tuple[str, ...]] = {
    "mae": ("rmse",),
    "detection_errors": ("misses", "false_accepts"),
}
"""Names of the numbers that a Record has beside a metric."""
SIGN: dict[Metric, str] = {name: "≥" if BETTER[name] == "higher" else "≤" for name in BETTER}
"""The sign before a quality target."""
LARGEST_ERROR = 1e15
"""Upper bound of an error: a larger one, or one that is not a number, counts as this one."""

_LARGE = 1000  # errors from here on are shown as whole numbers


def reached(metric: Metric, quality: float, target: float) -> bool:
    """Return whether `quality` is as good as `target`, or better."""
    return quality <= target if BETTER[metric] == "lower" else quality >= target


def shown_quality(metric: Metric, value: float, unit: str = "1") -> str:
    """Return `value` of `metric` for people; an error has the `unit` of the labels."""
    if metric == "detection_errors":
        return f"{value:,.0f}"
    if metric != "mae":
        return f"{value:.4f}"
    return with_unit(f"{value:,.0f}" if value >= _LARGE else f"{value:.4g}", unit)


def shown_chance(metric: Metric, chance: float, unit: str = "1") -> str:
    """Return what guesses reach, for the middle of a sentence."""
    lower = BETTER[metric] == "lower"
    guesses = "one answer to all inputs may reach" if lower else "guesses reach up to"
    return f"{guesses} {shown_quality(metric, chance, unit)}"


def shown_detections(misses: float, false_accepts: float) -> str:
    """Return the two numbers behind `detection_errors`, the larger of them."""
    return f"{misses:,.0f} missed, {false_accepts:,.0f} false"


def shown_target(metric: Metric, target: float, unit: str = "1") -> str:
    """Return the quality target with its sign: `≥ 0.97`, `≤ 0.08 °C`."""
    return with_unit(f"{SIGN[metric]} {target:g}", unit)


def with_unit(text: str, unit: str) -> str:
    """Return a number, as `text`, with its unit; the unit "1" is not shown."""
    return text if unit == "1" else f"{text} {unit}"
