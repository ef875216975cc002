"""A run as a notebook shows it: a small table, and a plot of its layers or its inferences.

The colours are those of the page around it, so that light and dark notebooks both work.
"""

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING

from harness.measure.number import Number
from harness.measure.profiled_layer import LayerProfile
from harness.measure.shown_number import show
from harness.model.metric import SHOWN, shown_quality, shown_target
from harness.runs.layer_profile import Profile
from harness.support.printable import printable

if TYPE_CHECKING:
    from harness.runs.link_run import Run

_WIDTH = 520  # pixels of a plot
_ROW = 18  # pixels of a bar with its name
_HEIGHT = 72  # pixels of the plot of inferences
_MOST_BARS = 16
_MOST_POINTS = 260  # beyond that, only the extremes of groups of inferences are drawn
_MOST_REASONS = 5
_GREEN, _RED = "#2da44e", "#e5534b"  # to read on white and on black
_ENERGY = ("energy_median", "energy_estimated")


def html_of(run: "Run") -> str:
    """Return `run` as HTML."""
    failures = run.failures()
    verdict, colour = ("✗ failed", _RED) if failures else ("✓ passed", _GREEN)
    toolchain = run.image.toolchain
    about = f"{run.model.name} on {run.target.name}, {run.image.engine}, {toolchain.name}"
    parts = [
        f'<p><b style="color: {colour}">{verdict}</b> {_text(f"{about} {toolchain.opt}")}</p>',
        *(f"<p>{_text(reason)}</p>" for reason in failures[:_MOST_REASONS]),
        _table(_rows(run)),
        _layers(run.profile, run.target.counter.ticks) if run.profile else _inferences(run),
    ]
    return f'<div class="harness-run">{"".join(parts)}</div>'


def _text(text: str) -> str:
    return escape(printable(text))


# The table


def _rows(run: "Run") -> Iterator[tuple[str, str, str]]:
    """Yield the main numbers: a name, the value, and a note."""
    model, numbers, unit = run.model, run.numbers, run.target.counter.ticks
    metric = model.metric
    quality, golden = (
        shown_quality(metric, value, model.unit) for value in (run.quality, run.golden_quality)
    )
    target = shown_target(metric, model.quality_target, model.unit)
    yield SHOWN[metric], quality, f"target {target}, golden {golden}"
    yield "vectors", str(run.subset or f"{len(run.vectors):,}"), ""
    yield "bytes that differ from golden", f"{run.bytes_differing:,}", ""
    low, high = (numbers[f"{unit}_{end}"].value for end in ("min", "max"))
    note = "in all" if low == high else f"{low:,} to {high:,}"
    yield f"{unit} per inference", *_shown(numbers[f"{unit}_median"], note)
    for name, title in (("latency_median", "latency"), ("cycles_estimated", "cycles")):
        if name in numbers:
            yield title, *_shown(numbers[name])
    memory = run.target.memory
    for name, size in (("flash", memory.flash.size), ("ram", memory.ram.size)):
        share = numbers[name].value / size
        yield name.replace("ram", "RAM"), *_shown(numbers[name], f"{share:.1%} of the target")
    if "stack" in numbers:
        yield "stack", *_shown(numbers["stack"], f"of {numbers['stack_reserved'].value:,} B")
    if energy := next((numbers[name] for name in _ENERGY if name in numbers), None):
        yield "energy per inference", *_shown(energy)


def _shown(number: Number, note: str = "") -> tuple[str, str]:
    """Return a number's value, and its note with its kind."""
    shown = show(number)
    return shown.text, ", ".join(filter(None, (note, shown.note)))


def _table(rows: Iterable[tuple[str, str, str]]) -> str:
    align = ("left", "right", "left")
    lines = (
        "<tr>"
        + "".join(
            f'<td style="text-align: {side}">{_text(cell)}</td>'
            for side, cell in zip(align, row, strict=True)
        )
        + "</tr>"
        for row in rows
    )
    return f"<table><tbody>{''.join(lines)}</tbody></table>"


# The plots


def _layers(profile: Profile, unit: str) -> str:
    """Return a bar for each layer; if there are too many, for those that take most."""
    ordered = sorted(profile.layers, key=lambda layer: -layer.ticks)
    shown = sorted(ordered[:_MOST_BARS], key=lambda layer: layer.layer)
    rest = ordered[_MOST_BARS:]
    title = f"{unit} of each layer for vector 0, {profile.total:,} in all"
    if rest:
        share = sum(layer.ticks for layer in rest) / profile.total
        title += f"; {len(rest)} smaller layers take {share:.1%}"
    return _figure(title, _ROW * len(shown), _bars(shown, profile.total))


def _bars(layers: Sequence[LayerProfile], total: int) -> Iterator[str]:
    names, numbers = 0.36 * _WIDTH, 0.22 * _WIDTH  # room for the texts on both sides
    most = max((layer.ticks for layer in layers), default=0) or 1
    for index, layer in enumerate(layers):
        middle = _ROW * index + 0.7 * _ROW
        width = max((_WIDTH - names - numbers) * layer.ticks / most, 1)
        name = f"{layer.layer} {layer.operator[:24]}"
        yield f'<text x="{names - 6:.1f}" y="{middle:.1f}" text-anchor="end">{_text(name)}</text>'
        yield (
            f'<rect x="{names:.1f}" y="{_ROW * index + 3}" width="{width:.1f}" '
            f'height="{_ROW - 6}" opacity="0.55"><title>{_text(layer.name)}</title></rect>'
        )
        share = f"{layer.ticks:,} ({layer.ticks / total:.1%})"
        yield f'<text x="{names + width + 6:.1f}" y="{middle:.1f}">{share}</text>'


def _inferences(run: "Run") -> str:
    """Return the ticks of each inference; nothing if all are equal."""
    low, high = int(run.ticks.min()), int(run.ticks.max())
    if low == high:
        return ""
    title = f"{run.target.counter.ticks} of each inference, {low:,} to {high:,}"
    return _figure(title, _HEIGHT, _points(run.ticks.tolist(), low, high))


def _points(ticks: Sequence[int], low: int, high: int) -> Iterator[str]:
    step = _WIDTH / max(len(ticks) - 1, 1)
    for index, value in _thinned(ticks):
        y = _HEIGHT - 4 - (value - low) / (high - low) * (_HEIGHT - 8)
        x = min(max(step * index, 2), _WIDTH - 2)
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2" opacity="0.55"/>'


def _thinned(ticks: Sequence[int]) -> list[tuple[int, int]]:
    """Return the points to draw: all, or the extremes of each group of neighbours."""
    points = list(enumerate(ticks))
    if len(points) <= _MOST_POINTS:
        return points
    size = -(-2 * len(points) // _MOST_POINTS)
    groups = (points[begin : begin + size] for begin in range(0, len(points), size))
    return [
        point
        for group in groups
        for point in sorted({min(group, key=lambda p: p[1]), max(group, key=lambda p: p[1])})
    ]


def _figure(title: str, height: int, drawn: Iterable[str]) -> str:
    return (
        f'<p>{_text(title)}</p><svg viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" '
        f'height="{height}" role="img" aria-label="{_text(title)}" fill="currentColor" '
        f'font-size="11" style="max-width: 100%">{"".join(drawn)}</svg>'
    )
