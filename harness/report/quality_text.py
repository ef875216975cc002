"""The quality of a run for a table, its target, and what it does not say."""

from collections.abc import Iterable, Iterator

from harness.model.metric import (
    DETAILS,
    SHOWN,
    reached,
    shown_chance,
    shown_detections,
    shown_quality,
    shown_target,
)
from harness.results.outcome import misses
from harness.results.record import Record
from harness.support.printable import printable


def quality_text(record: Record) -> str:
    """Return the quality, without the name of its metric: `0.9850`, `0.0734 °C`."""
    metric = record.model.metric
    if metric == "detection_errors":
        return shown_detections(*(record.numbers[name].value for name in DETAILS[metric]))
    number = record.numbers[metric]
    return shown_quality(metric, number.value, printable(number.unit))


def target_text(record: Record) -> str:
    """Return the quality target: `≥ 0.97`, `≤ 0.08`. Its unit is that of the quality."""
    metric = record.model.metric
    return shown_target(metric, record.numbers[f"{metric}_target"].value)


def is_missed(record: Record) -> bool:
    """Return whether the quality misses its target, and that is a failure.

    The target is that of all vectors: on a subset, golden may miss it, too.
    """
    golden_too = record.subset is not None and misses(record, "_golden")
    return misses(record) and not golden_too


def subset_notes(records: Iterable[Record]) -> Iterator[str]:
    """Yield what it means that only some vectors ran, and where golden misses the target, too."""
    partial = [record for record in records if record.subset is not None]
    if partial:
        subsets = ", ".join(dict.fromkeys(str(record.subset) for record in partial))
        yield f"{subsets}: such a run is not compared with runs of all vectors"
    for record in partial:
        if misses(record) and misses(record, "_golden"):
            metric = record.model.metric
            number = record.numbers[f"{metric}_golden"]
            golden = shown_quality(metric, number.value, printable(number.unit))
            yield (
                f"{record.model.name} on {record.target.name} ran, but neither passed nor failed: "
                f"{SHOWN[metric]} {quality_text(record)} misses the target, but so does golden on "
                f"these vectors ({golden}): run all vectors to judge it"
            )


def chance_warning(record: Record) -> str:
    """Return the warning about a quality that guesses reach, too; empty if they do not."""
    metric, numbers = record.model.metric, record.numbers
    chance = numbers.get(f"{metric}_chance")  # absent in older records, and for agreement
    if chance is None or not reached(metric, chance.value, numbers[metric].value):
        return ""
    reaches = shown_chance(metric, chance.value, printable(chance.unit))
    return f"{SHOWN[metric]} {quality_text(record)} proves nothing: {reaches} on these vectors"


def rmse_notes(records: Iterable[Record]) -> Iterator[str]:
    """Yield the root mean square error of each regression, and of each target if they differ."""
    targets: dict[str, dict[str, list[str]]] = {}
    for record in records:
        if number := record.numbers.get("rmse"):
            text = shown_quality("mae", number.value, printable(number.unit))
            names = targets.setdefault(record.model.name, {}).setdefault(text, [])
            names.append(record.target.name)
    for model, values in targets.items():
        for text, names in values.items():
            on = f" on {', '.join(dict.fromkeys(names))}" if len(values) > 1 else ""
            yield f"RMSE of {model}{on}: {text}"


def agreement_notes(records: Iterable[Record]) -> Iterator[str]:
    """Yield what agreement is, and that it says nothing about the model's quality."""
    agreeing = [record for record in records if record.model.metric == "agreement"]
    if agreeing:
        names = ", ".join(dict.fromkeys(record.model.name for record in agreeing))
        yield (
            f"agreement of {names}: the share of vectors whose outputs equal golden; "
            "without labels, nothing is known about the quality of the model"
        )


def is_within_tolerance(record: Record) -> bool:
    """Tell whether outputs differ from golden only as float outputs may."""
    difference, tolerance = (record.numbers.get(f"ulp_{of}") for of in ("difference", "tolerance"))
    return bool(difference and tolerance and difference.value <= tolerance.value)


def float_notes(records: Iterable[Record]) -> Iterator[str]:
    """Yield how far the float outputs of each model differ from golden, and what is allowed."""
    models: dict[tuple[str, float], float] = {}
    for record in records:
        numbers = record.numbers
        if "ulp_difference" in numbers and "ulp_tolerance" in numbers:
            key = record.model.name, numbers["ulp_tolerance"].value
            models[key] = max(models.get(key, 0.0), numbers["ulp_difference"].value)
    alike: dict[tuple[float, float], list[str]] = {}
    for (name, tolerance), difference in models.items():
        alike.setdefault((tolerance, difference), []).append(name)
    for (tolerance, difference), names in alike.items():
        yield (
            f"float outputs of {', '.join(names)}: the largest difference from golden is "
            f"{difference:.3g} of {tolerance:g} allowed units in the last place of the largest "
            "value; functions such as EXP and TANH, and compilers, round otherwise on another "
            "computer"
        )
