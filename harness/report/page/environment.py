"""What the report's templates can use: our functions, and filters that make text safe."""

from datetime import UTC, datetime
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from harness.measure.number import Number
from harness.measure.shown_number import Shown, percent, quantity, show
from harness.model.metric import SHOWN
from harness.report import figures
from harness.report.comparison_text import explain, others_text
from harness.report.engines_table import legend_of, notes_of, rows_of, title_of
from harness.report.farm_text import (
    SINCE,
    exporters_of,
    last_run,
    shown_time,
    tags_of,
    used_by,
    when,
)
from harness.report.number_history import TRENDS, Series, small_of
from harness.report.page import treemap
from harness.report.page.anchors import anchor
from harness.report.page.chart_data import chart_data
from harness.report.page.finding_groups import finding_groups
from harness.report.page.layer_bars import layer_bars
from harness.report.page.memory_rows import MemoryMap, colour_of
from harness.report.page.run_history import history_columns, history_rows
from harness.report.plain_text import short
from harness.report.quality_text import (
    agreement_notes,
    float_notes,
    is_within_tolerance,
    quality_text,
    subset_notes,
    target_text,
)
from harness.report.report_data import MOST
from harness.report.runs_legend import other_golden
from harness.report.spread_lines import spread_text
from harness.results.judge.board_spread import METRICS
from harness.results.judge.metrics import TICK_UNITS, tick_unit
from harness.results.outcome import outcome_of
from harness.results.record import Record
from harness.results.store.store import Point
from harness.support.printable import printable

_SMALL_CHANGES = 5  # that fit into the height of a line
_FOLD_LENGTH = 240  # characters; a longer text is folded
_TOOLTIP_LENGTH = 400  # characters
_MAIN_NUMBERS = (
    *(f"{unit}_median" for unit in TICK_UNITS),
    "latency_median",
    "instructions_estimated",
    "flash",
)


@cache
def environment() -> Environment:
    """Return the environment of the templates, which escapes all text."""
    made = Environment(
        loader=PackageLoader("harness.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "day": _day,
        "name": _name,
        "long": _folded,
        "printable": printable,
        "number": _number,
        "percent": percent,
        "quantity": quantity,
        "share": _share,
    }
    made.globals |= {"figures": figures, "SHOWN": SHOWN, "TRENDS": TRENDS, "MOST": MOST, "UTC": UTC}
    made.globals |= {
        "SINCE": SINCE,
        "SPREAD": METRICS,
        "treemap_size": (treemap.WIDTH, treemap.HEIGHT),
        "line_of": _line,
        "tick_unit_of": _tick_unit,
        "main_number_of": _main_number,
        "memory_map": _memory_map,
        "point_text": _point_text,
    }
    for function in (
        agreement_notes,
        anchor,
        chart_data,
        colour_of,
        explain,
        exporters_of,
        finding_groups,
        float_notes,
        history_columns,
        history_rows,
        is_within_tolerance,
        last_run,
        layer_bars,
        legend_of,
        notes_of,
        other_golden,
        others_text,
        outcome_of,
        quality_text,
        rows_of,
        shown_time,
        spread_text,
        subset_notes,
        tags_of,
        target_text,
        title_of,
        used_by,
        when,
    ):
        made.globals[function.__name__] = function
    return made


def _day(time: str) -> str:
    """Return the date of an ISO time in UTC, as all dates of the report are."""
    return f"{datetime.fromisoformat(time).astimezone(UTC):%Y-%m-%d}"


def _name(text: str) -> Markup:
    """Return a name; a long name is shortened, with its full text as tooltip."""
    shown = short(text)
    if shown == text:
        return Markup("<bdi>{}</bdi>").format(text)
    return Markup('<bdi title="{}">{}</bdi>').format(printable(text, _TOOLTIP_LENGTH), shown)


def _folded(text: str) -> Markup:
    """Return a text, folded if it is long."""
    shown = printable(text)
    if len(shown) <= _FOLD_LENGTH:
        return Markup("<bdi>{}</bdi>").format(shown)
    return Markup("<details><summary><bdi>{}…</bdi></summary><bdi>{}</bdi></details>").format(
        shown[:_FOLD_LENGTH], shown
    )


def _number(number: Number) -> Markup:
    """Return a number with its unit and kind."""
    shown = show(number)
    if not shown.note:
        return Markup('<span class="n">{}</span>').format(shown.text)
    title = Markup(' title="by {}"').format(printable(shown.model)) if shown.model else ""
    return Markup('<span class="n">{}</span> <small class="kind"{}>{}</small>').format(
        shown.text, title, shown.note
    )


def _tick_unit(record: Record) -> str:
    """Return `cycles` or `instructions`; empty if the record has no ticks."""
    return tick_unit(record.numbers)


def _main_number(record: Record) -> str:
    """Return the name of the most important number: the time of an inference, or flash."""
    return next(name for name in _MAIN_NUMBERS if name in record.numbers)


def _point_text(point: Point) -> Shown:
    return show(Number(point.value, point.unit, point.kind, point.estimator, point.error))


def _line(points: Series, name: str, small: float) -> figures.Line | None:
    """Return the line of the number `name`; a change below the share `small` looks small."""
    dated = [(point.started.timestamp(), point.value) for point in points]
    least = _SMALL_CHANGES * small_of(name, small)
    return figures.line(dated, steps=points[-1].kind == "exact", least=least)


def _memory_map(record: Record, earlier: Record | None) -> MemoryMap | None:
    """Return the memory of a run, compared with an earlier one; None if the Record has none."""
    return MemoryMap(record.memory, earlier.memory if earlier else None) if record.memory else None


def _share(share: float) -> str:
    """Return a share in percent, without a sign."""
    return f"{100 * share:g} %"
