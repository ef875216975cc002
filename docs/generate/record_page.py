"""The Record: every key of its JSON, and the numbers that it may hold."""

from collections.abc import Mapping
from typing import NamedTuple

from docs.generate import harness_objects as objects
from docs.generate.markdown import KEYS, NOTHING, code, plain, table
from docs.generate.struct_keys import Table, tables

_COUNTED = "exact on an emulator, measured on silicon"


class _Meaning(NamedTuple):
    kind: str
    text: str


# One entry for each pattern of `harness.results.judge.metrics`; a page cannot be made without.
_MEANINGS: Mapping[str, _Meaning] = {
    "accuracy": _Meaning("exact", "Share of the vectors that the device classifies correctly."),
    "auc": _Meaning("exact", "Area under the ROC curve of an anomaly detector."),
    "agreement": _Meaning(
        "exact", "Share of the vectors whose outputs equal golden, for a model without labels."
    ),
    "mae": _Meaning("exact", "Mean absolute error of a regression, in the unit of the labels."),
    "rmse": _Meaning("exact", "Root mean square error of a regression, in the same unit."),
    "misses": _Meaning("exact", "Wakewords that a detector did not hear."),
    "false_accepts": _Meaning("exact", "Detections where there is no wakeword."),
    "detection_errors": _Meaning("exact", "Misses or false accepts, whichever is larger."),
    "*_golden": _Meaning("exact", "The same metric of the golden outputs."),
    "*_target": _Meaning("exact", "The quality target of the model."),
    "*_chance": _Meaning("exact", "The quality that guesses may reach on these vectors."),
    "vectors": _Meaning("exact", "Vectors that ran."),
    "ulp_difference": _Meaning(
        "exact",
        "The largest difference of a float output from golden, in units in the last place of the "
        "largest value. Only if float outputs have a tolerance.",
    ),
    "ulp_tolerance": _Meaning("exact", "The largest `ulp_difference` that passes."),
    "bytes_differing": _Meaning("exact", "Output bytes that differ from golden."),
    "results_differing": _Meaning(
        "exact", "Results that differ from golden, over the protocol of MLPerf Tiny."
    ),
    "clock": _Meaning("measured", "Frequency of the core's clock, on silicon."),
    "throughput": _Meaning("measured", "Inferences per second, over the protocol of MLPerf Tiny."),
    "windows": _Meaning("exact", "Measurement windows, over the protocol of MLPerf Tiny."),
    "*_spread": _Meaning(_COUNTED, "(Maximum - minimum) / median of the counts."),
    "instructions_*": _Meaning("exact", "Instructions per inference, on an emulator."),
    "cycles_estimated*": _Meaning(
        "estimated",
        "Cycles of the median inference, on an emulator. `cycles_estimated` is for zero wait "
        "states, `cycles_estimated_waiting` for those of the target.",
    ),
    "cycles_*": _Meaning("measured", "Cycles per inference, on silicon."),
    "latency_*": _Meaning(
        "measured; `latency_estimated*` estimated", "Seconds per inference, from the cycles."
    ),
    "energy_stdev": _Meaning("measured", "Standard deviation of the inferences' energy."),
    "energy_standard_error": _Meaning("measured", "Standard error of the mean energy."),
    "energy_*": _Meaning(
        "measured; `energy_estimated` estimated",
        "Energy per inference. `energy_net_median` is the energy minus that of waiting for the "
        "same time. `energy_transfer` is the energy between two inferences.",
    ),
    "power_*": _Meaning("measured", "Power while the device computes, transfers, or waits."),
    "counter_overhead": _Meaning(_COUNTED, "Ticks of an empty measurement, already subtracted."),
    "flash": _Meaning("exact", "Flash that the image takes."),
    "ram": _Meaning("exact", "RAM that the image takes, with the whole stack and the arena."),
    "arena*": _Meaning(
        "exact",
        "RAM for activations. `arena_least` is the need of the layer that needs most, "
        "`arena_state` what is kept between inferences.",
    ),
    "stack": _Meaning("measured", "Most stack in use since start."),
    "stack_reserved": _Meaning("exact", "Stack that the image reserves."),
    "wall*": _Meaning(
        "measured",
        "Time on the host. `wall_inference` is the part in which it waited for results.",
    ),
    "*_left": _Meaning("exact", "Flash or RAM of the target that the image leaves free."),
    "stack_margin": _Meaning("measured", "Reserved stack that was never used."),
    "layers_*": _Meaning(
        _COUNTED, "Ticks of a profiled inference: all layers, the hook, and the rest."
    ),
}


def page() -> str:
    """Return the page on the Record."""
    return "\n".join(
        [
            "# The Record\n",
            "Every run writes one JSON file. [Records](../record.md) describes what a reader may "
            "rely on, and what may change. A key with a default may be missing in an old file.\n",
            *(_section(found) for found in tables(objects.RECORD)),
            "## Names of numbers\n",
            "A `*` stands for the rest of a name: `min`, `median`, `p95`, `p99`, `max` or "
            "`first`, unless the row names others. The first row that matches counts. "
            "Numbers of two runs are compared only if the runs have the same vectors, clock, "
            "supply or meter, as the column *same* lists. The unit 1 is a plain number: a count or "
            "a share.\n",
            _numbers(),
        ]
    )


def _section(found: Table) -> str:
    heading = f"## {code(found.path)}\n\n" if found.path else ""
    keys = KEYS + table(
        ("key", "meaning", "type", "default"),
        [
            (code(key.name), plain(key.text), _json(key.type), key.default or NOTHING)
            for key in found.keys
        ],
    )
    return f"{heading}{plain(found.text)}\n\n{keys}"


def _json(words: str) -> str:
    return words.replace("table", "object")


def _numbers() -> str:
    rows = []
    for metric in objects.NUMBERS:
        meaning = _MEANINGS.get(metric.pattern)
        if meaning is None:
            raise LookupError(f"{__file__}: _MEANINGS has no entry for {metric.pattern!r}")
        same = ", ".join(metric.needs) if metric.compared else "never compared"
        rows.append(
            (
                code(metric.pattern),
                meaning.text,
                metric.unit,
                meaning.kind,
                metric.better or NOTHING,
                same or NOTHING,
            )
        )
    return KEYS + table(("name", "meaning", "unit", "kind", "better", "same"), rows)
