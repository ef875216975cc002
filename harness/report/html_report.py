"""The report as one HTML file. It needs no network and no script, and escapes all text."""

import hashlib
from base64 import b64encode
from functools import cache
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from harness.measure.number import Number
from harness.model.metric import SHOWN
from harness.report import figures
from harness.report.combination_status import CombinationStatus
from harness.report.comparison_text import explain
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
from harness.report.number_history import TRENDS, Series
from harness.report.plain_text import Shown, percent, quantity, short, show
from harness.report.quality_text import (
    agreement_notes,
    float_notes,
    quality_text,
    subset_notes,
    target_text,
)
from harness.report.report_data import MOST, Summary
from harness.report.runs_legend import other_golden
from harness.report.spread_lines import spread_text
from harness.results.judge.board_spread import METRICS
from harness.results.judge.metrics import TICK_UNITS, tick_unit
from harness.results.outcome import outcome_of
from harness.results.record import Record
from harness.results.store.store import Point
from harness.support.printable import printable
from harness.support.version import VERSION
from harness.support.whole_files import replace_files

_FOLD_LENGTH = 240  # characters; a longer text is folded
_TOOLTIP_LENGTH = 400  # characters
_MAIN_NUMBERS = (
    *(f"{unit}_median" for unit in TICK_UNITS),
    "latency_median",
    "instructions_estimated",
    "flash",
)


def write_html(summary: Summary, path: Path) -> None:
    """Write the report to `path`; raises `InputError` if it cannot be written."""
    replace_files(path.parent, {path.name: render(summary).encode()})


def render(summary: Summary) -> str:
    """Return the report as HTML."""
    style = (files("harness.report") / "templates" / "report.css").read_text("utf-8")
    digest = b64encode(hashlib.sha256(style.encode()).digest()).decode()
    models: dict[str, list[CombinationStatus]] = {}
    for status in summary.statuses:
        models.setdefault(status.record.model.name, []).append(status)
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            summary=summary,
            models=models,
            model_ids={model: f"m{index}" for index, model in enumerate(models, start=1)},
            ids={s.record.id: f"r{i}" for i, s in enumerate(summary.statuses, start=1)},
            version=VERSION,
            style=Markup(style),  # noqa: S704 - our own file
            style_digest=digest,
        )
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("harness.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "name": _name,
        "long": _folded,
        "printable": printable,
        "number": _number,
        "percent": percent,
        "quantity": quantity,
    }
    environment.globals |= {"figures": figures, "SHOWN": SHOWN, "TRENDS": TRENDS, "MOST": MOST}
    environment.globals |= {
        "SINCE": SINCE,
        "line_of": _line,
        "tick_unit_of": _tick_unit,
        "main_number_of": _main_number,
        "explain": explain,
    }
    for function in (
        rows_of,
        notes_of,
        title_of,
        legend_of,
        other_golden,
        quality_text,
        outcome_of,
        exporters_of,
        last_run,
        shown_time,
        tags_of,
        used_by,
        when,
        target_text,
        agreement_notes,
        float_notes,
        subset_notes,
    ):
        environment.globals[function.__name__] = function
    environment.globals["SPREAD"] = METRICS
    environment.globals["spread_text"] = spread_text
    environment.globals["point_text"] = _point_text
    return environment


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


def _line(points: Series) -> figures.Line | None:
    dated = [(point.started.timestamp(), point.value) for point in points]
    return figures.line(dated, steps=points[-1].kind == "exact")
