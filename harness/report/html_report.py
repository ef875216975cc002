"""The report as one HTML file: it needs no network and no script, and trusts no text."""

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
from harness.report.combination_status import Standing
from harness.report.comparison_text import explain
from harness.report.engines_table import legend_of, notes_of, rows_of, title_of
from harness.report.number_history import TRENDS, Series
from harness.report.plain_text import Shown, percent, printable, quantity, short, show
from harness.report.report_data import MOST, Summary
from harness.results.record import Record
from harness.results.store.store import Point
from harness.support.version import VERSION
from harness.support.whole_files import replace_files

_FOLDED = 240  # characters of a text that is shown at once
_TITLE = 400  # and of what is shown where the mouse rests
_TICKS = ("cycles", "instructions")
_MAIN = (
    *(f"{unit}_median" for unit in _TICKS),
    "latency_median",
    "instructions_estimated",
    "flash",
)


def write_html(summary: Summary, path: Path) -> None:
    """Write the report to `path`; `InputError` if that cannot be."""
    replace_files(path.parent, {path.name: render(summary).encode()})


def render(summary: Summary) -> str:
    """Return the report."""
    style = (files("harness.report") / "templates" / "report.css").read_text("utf-8")
    digest = b64encode(hashlib.sha256(style.encode()).digest()).decode()
    models: dict[str, list[Standing]] = {}
    for standing in summary.standings:
        models.setdefault(standing.record.model.name, []).append(standing)
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            summary=summary,
            models=models,
            model_ids={model: f"m{place}" for place, model in enumerate(models, start=1)},
            ids={s.record.id: f"r{i}" for i, s in enumerate(summary.standings, start=1)},
            version=VERSION,
            style=Markup(style),  # noqa: S704 - a file of ours
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
        "long": _long,
        "printable": printable,
        "number": _number,
        "percent": percent,
        "quantity": quantity,
        "ticks_of": _ticks,
    }
    environment.globals |= {"figures": figures, "SHOWN": SHOWN, "TRENDS": TRENDS, "MOST": MOST}
    environment.globals |= {
        "line_of": _line,
        "ticks_of": _ticks,
        "main_of": _main,
        "explain": explain,
    }
    for function in (rows_of, notes_of, title_of, legend_of):
        environment.globals[function.__name__] = function
    environment.globals["shown_of"] = _point
    return environment


def _name(text: str) -> Markup:
    """Return a name; a long one is cut short, and its whole is its title."""
    shown = short(text)
    if shown == text:
        return Markup("<bdi>{}</bdi>").format(text)
    return Markup('<bdi title="{}">{}</bdi>').format(printable(text, _TITLE), shown)


def _long(text: str) -> Markup:
    """Return a text that may be very long, folded then."""
    shown = printable(text)
    if len(shown) <= _FOLDED:
        return Markup("<bdi>{}</bdi>").format(shown)
    return Markup("<details><summary><bdi>{}…</bdi></summary><bdi>{}</bdi></details>").format(
        shown[:_FOLDED], shown
    )


def _number(number: Number) -> Markup:
    """Return a number with its kind."""
    shown = show(number)
    if not shown.note:
        return Markup('<span class="n">{}</span>').format(shown.text)
    title = Markup(' title="by {}"').format(printable(shown.model)) if shown.model else ""
    return Markup('<span class="n">{}</span> <small class="kind"{}>{}</small>').format(
        shown.text, title, shown.note
    )


def _ticks(record: Record) -> str:
    """Return in what the record counts inferences; empty if it does not."""
    return next((unit for unit in _TICKS if f"{unit}_median" in record.numbers), "")


def _main(record: Record) -> str:
    """Return the name of the number that says how much an inference takes, or how large it is."""
    return next(name for name in _MAIN if name in record.numbers)


def _point(point: Point) -> Shown:
    return show(Number(point.value, point.unit, point.kind, point.estimator, point.error))


def _line(points: Series) -> figures.Line | None:
    dated = [(point.started.timestamp(), point.value) for point in points]
    return figures.line(dated, steps=points[-1].kind == "exact")
