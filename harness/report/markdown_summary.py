"""A summary in Markdown, as GitHub shows it below a job: `$GITHUB_STEP_SUMMARY`."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from harness.errors import InputError
from harness.model.metric import SHOWN
from harness.report.combination_status import Standing
from harness.report.comparison_text import explain
from harness.report.engines_table import legend_of, notes_of, rows_of, title_of
from harness.report.number_history import TRENDS
from harness.report.plain_text import percent, short, show
from harness.report.report_data import MOST, Summary
from harness.results.judge.compare import Delta, Judged

_ROWS = 200  # GitHub shows 1 MiB
_SPECIAL = re.compile(r"([!-+\--/:-@\[-`{-~])")  # ASCII punctuation but the comma: CommonMark 2.4


def append_markdown(summary: Summary, path: Path) -> None:
    """Add the summary to the file `path`, which need not be there; `InputError` if it cannot."""
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(markdown(summary))
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", where=str(path)) from error


def markdown(summary: Summary) -> str:
    """Return headline, findings and the table of newest runs."""
    return "\n".join(
        [
            f"## {summary.headline}",
            "",
            *_findings(summary),
            *_table(summary),
            *_engines(summary),
            "",
        ]
    )


def escaped(text: str) -> str:
    """Return `text` as Markdown that shows just that, in one line."""
    return _SPECIAL.sub(r"\\\1", short(text))


def _findings(summary: Summary) -> Iterator[str]:
    sorts: Sequence[tuple[str, Sequence[Standing], Callable[[Standing], Iterable[str]]]] = (
        ("What is wrong", summary.failed, lambda s: map(escaped, s.record.reasons)),
        ("What got worse", summary.worse, _worse),
        ("What did not run", summary.stale, lambda s: [f"last on {s.started:%Y-%m-%d}"]),
        ("What has no baseline", summary.new, lambda _: []),
        ("What got better", summary.better, lambda s: _deltas(s, "better")),
    )
    for title, standings, said in sorts:
        if not standings:
            continue
        yield f"**{title}**\n"
        for standing in standings[:MOST]:
            yield f"- {_name(standing)}"
            yield from (f"  - {line}" for line in said(standing))
        if len(standings) > MOST:
            yield f"- and {len(standings) - MOST} more"
        yield ""


def _worse(standing: Standing) -> Iterator[str]:
    yield from _deltas(standing, "worse")
    for delta in standing.against.unjudged:
        yield f"{escaped(delta.name)} cannot be judged: {escaped(delta.why)}"
    if standing.comparison:
        yield from map(escaped, explain(standing.comparison))
    yield f"against {escaped(standing.against.what)}"


def _deltas(standing: Standing, judged: Judged) -> Iterator[str]:
    for delta in standing.judged(judged):
        steps = standing.steps.get(delta.name)
        when = f", {escaped(steps[-1].where)}" if steps else ""
        yield f"{_change(delta)}{when}"


def _change(delta: Delta) -> str:
    values = " → ".join(escaped(str(show(n))) for n in (delta.old, delta.new) if n)
    return f"{TRENDS.get(delta.name) or escaped(delta.name)} {values} **{percent(delta.relative)}**"


def _table(summary: Summary) -> Iterator[str]:
    columns = summary.columns
    headings = ["model", "target", "engine", "toolchain", "verdict", "quality", "≠ golden"]
    headings += [title for title, _ in columns]
    yield f"| {' | '.join(headings)} |"
    yield f"|{' --- |' * 5}{' ---: |' * (2 + len(columns))}"
    for standing in summary.standings[:_ROWS]:
        cells = [*_row(standing), *(_cell(standing, names) for _, names in columns)]
        yield f"| {' | '.join(cells)} |"
    if len(summary.standings) > _ROWS:
        yield f"\nand {len(summary.standings) - _ROWS} more"
    yield "\nA number without a word is exact: the same on every machine."


def _row(standing: Standing) -> list[str]:
    record = standing.record
    metric, numbers = record.model.metric, record.numbers
    return [
        escaped(record.model.name),
        escaped(record.target.name),
        *map(escaped, standing.build),
        "**failed**" if standing.failed else "passed",
        f"{SHOWN[metric]} {numbers[metric].value:.4f}",
        f"{record.differing:,}",
    ]


def _cell(standing: Standing, names: Sequence[str]) -> str:
    for name in names:
        if name in standing.record.numbers:
            delta = standing.delta(name)
            change = f" **{percent(delta.relative)} {delta.judged}**" if delta else ""
            return escaped(str(show(standing.record.numbers[name]))) + change
    return ""


def _engines(summary: Summary) -> Iterator[str]:
    for group in summary.engines[:MOST]:
        engines = [escaped(record.image.engine) for record in group.records]
        yield f"\n**Engines side by side: {escaped(title_of(group))}**\n"
        yield f"| | {' | '.join(engines)} |"
        yield f"| --- |{' ---: |' * len(engines)}"
        for row in rows_of(group):
            cells = [
                escaped(f"{cell.text} ({cell.beside})" if cell.beside else cell.text)
                for cell in row.cells
            ]
            yield f"| {'· ' * row.is_part}{escaped(row.name)} | {' | '.join(cells)} |"
        yield ""
        yield from (f"- {escaped(note)}" for note in (*notes_of(group), *legend_of([group])))


def _name(standing: Standing) -> str:
    record = standing.record
    name = f"{escaped(record.model.name)} on {escaped(record.target.name)}"
    return f"{name} ({', '.join(map(escaped, standing.build))})"
