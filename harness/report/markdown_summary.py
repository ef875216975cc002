"""A summary in Markdown, for GitHub's job summary (`$GITHUB_STEP_SUMMARY`)."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from harness.measure.shown_number import percent, show
from harness.model.metric import SHOWN
from harness.report.combination_status import CombinationStatus
from harness.report.comparison_text import explain, others_text
from harness.report.engines_table import legend_of, notes_of, rows_of, title_of
from harness.report.number_history import TRENDS
from harness.report.plain_text import short
from harness.report.quality_text import agreement_notes, float_notes, quality_text, subset_notes
from harness.report.report_data import MOST, Summary
from harness.report.runs_legend import other_golden
from harness.report.spread_lines import spread_rows
from harness.results.judge.compare import Delta, Judged
from harness.results.outcome import outcome_of
from harness.support.printable import printable
from harness.support.whole_files import unwritable

_LONGEST_LINE = 400  # characters
_MAX_ROWS = 200  # GitHub shows 1 MiB
# ASCII punctuation except the comma (CommonMark 2.4). Within a name or a number, -, _ and . have no
# meaning there, and a search in the file finds what is not escaped.
_SPECIAL = re.compile(
    r"((?<![A-Za-z0-9])_|[-_](?![A-Za-z0-9])|(?<!\d)\.|\.(?!\d)|[!-+/:-@\[-^`{-~])"
)


def append_markdown(summary: Summary, path: Path) -> None:
    """Append the summary to the file `path`, which may be new.

    Raises the errors of `unwritable` if the file cannot be written.
    """
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(markdown(summary))
    except OSError as error:
        raise unwritable(path, error) from error


def markdown(summary: Summary) -> str:
    """Return the headline, the findings and the table of newest runs."""
    return "\n".join(
        [
            f"## {summary.headline}",
            "",
            *_findings(summary),
            *_not_finished(summary),
            *_table(summary),
            *_spreads(summary),
            *_engines(summary),
            *_not_healthy(summary),
            "",
        ]
    )


def escaped(text: str) -> str:
    """Return `text` short, and escaped for Markdown, in one line."""
    return _line(short(text))


def _line(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", printable(text, _LONGEST_LINE))


def _findings(summary: Summary) -> Iterator[str]:
    sections: Sequence[
        tuple[str, Sequence[CombinationStatus], Callable[[CombinationStatus], Iterable[str]]]
    ] = (
        ("Failed", summary.failed, _failed),
        ("Got worse", summary.worse, _worse),
        ("Did not run", summary.stale, lambda s: [f"last run on {s.started:%Y-%m-%d}"]),
        ("No baseline", summary.new, lambda _: []),
        ("Got better", summary.better, lambda s: _deltas(s, "better")),
        ("Small changes", [s for s in summary.small_changes if s.beyond_budget], _small),
    )
    for title, statuses, lines_of in sections:
        if not statuses:
            continue
        yield f"**{title}**\n"
        for status in statuses[:MOST]:
            yield f"- {_name(status)}"
            yield from (f"  - {line}" for line in lines_of(status))
        if len(statuses) > MOST:
            yield f"- and {len(statuses) - MOST} more"
        yield ""


def _failed(status: CombinationStatus) -> Iterator[str]:
    if status.stale:
        yield f"last run on {status.started:%Y-%m-%d}"
    yield from map(_line, status.record.reasons)


def _worse(status: CombinationStatus) -> Iterator[str]:
    yield from _deltas(status, "worse")
    for delta in status.reference.not_comparable:
        yield f"{escaped(delta.name)}: not comparable, {escaped(delta.why)}"
    if status.comparison:
        yield from map(escaped, explain(status.comparison))
    yield f"compared with {escaped(status.reference.description)}"


def _deltas(status: CombinationStatus, judged: Judged) -> Iterator[str]:
    for change in status.judged(judged):
        changes = status.changes.get(change.main.name)
        others = f" ({escaped(others_text(change))})" if change.others else ""
        when = f", {_line(changes[-1].where)}" if changes else ""
        yield f"{_change(change.main)}{others}{when}"


def _small(status: CombinationStatus) -> Iterator[str]:
    for change in status.small_changes:
        beyond = change.judged == "worse" and status.reference.of_gate
        note = ", more than its budget allows" if beyond else ""
        name = TRENDS.get(change.main.name) or escaped(change.main.name)
        yield f"{name} {percent(change.main.relative)}{note}"


def _change(delta: Delta) -> str:
    values = " → ".join(escaped(str(show(n))) for n in (delta.old, delta.new) if n)
    return f"{TRENDS.get(delta.name) or escaped(delta.name)} {values} **{percent(delta.relative)}**"


def _table(summary: Summary) -> Iterator[str]:
    columns = summary.columns
    headings = ["model", "target", "engine", "toolchain", "verdict", "quality", "≠ golden"]
    headings += [title for title, _ in columns]
    yield f"| {' | '.join(headings)} |"
    yield f"|{' --- |' * 5}{' ---: |' * (2 + len(columns))}"
    for status in summary.statuses[:_MAX_ROWS]:
        cells = [*_row(status), *(_cell(status, names) for _, names in columns)]
        yield f"| {' | '.join(cells)} |"
    if len(summary.statuses) > _MAX_ROWS:
        yield f"\nand {len(summary.statuses) - _MAX_ROWS} more"
    yield "\nNumbers without a kind are exact: the same on every machine."
    records = [status.record for status in summary.statuses]
    for notes in (agreement_notes, float_notes, subset_notes, other_golden):
        for line in notes(records):
            yield f"\n{_line(line)}"


def _row(status: CombinationStatus) -> list[str]:
    record = status.record
    return [
        escaped(record.model.name),
        escaped(record.target.name),
        *map(escaped, status.build),
        "**✗ failed**" if status.failed else outcome_of(record),
        f"{SHOWN[record.model.metric]} {escaped(quality_text(record))}",
        f"{record.differing:,}{f' in {record.subset}' if record.subset else ''}",
    ]


def _cell(status: CombinationStatus, names: Sequence[str]) -> str:
    for name in names:
        if name in status.record.numbers:
            delta = status.delta(name)
            mark = "" if delta is None or status.is_small(delta) else "**"
            change = f" {mark}{percent(delta.relative)} {delta.judged}{mark}" if delta else ""
            return escaped(str(show(status.record.numbers[name]))) + change
    return ""


def _spreads(summary: Summary) -> Iterator[str]:
    if not summary.spreads:
        return
    yield "\n**Boards of one kind**\n"
    headings = ["model", "target", "engine", "toolchain", "boards", "number"]
    yield f"| {' | '.join(headings)} | min | median | max | spread |"
    yield f"|{' --- |' * 4} ---: | --- |{' ---: |' * 4}"
    for row in spread_rows(summary.spreads[:_MAX_ROWS]):
        yield f"| {' | '.join(map(escaped, row))} |"


def _engines(summary: Summary) -> Iterator[str]:
    for group in summary.engines[:MOST]:
        engines = [escaped(record.image.engine) for record in group.records]
        yield f"\n**Engines side by side: {escaped(title_of(group))}**\n"
        yield f"| | {' | '.join(engines)} |"
        yield f"| --- |{' ---: |' * len(engines)}"
        for row in rows_of(group):
            cells = [
                escaped(f"{cell.text} ({cell.comparison})" if cell.comparison else cell.text)
                for cell in row.cells
            ]
            yield f"| {'· ' * row.is_part}{escaped(row.name)} | {' | '.join(cells)} |"
        yield ""
        yield from (f"- {escaped(note)}" for note in (*notes_of(group), *legend_of([group])))


def _not_finished(summary: Summary) -> Iterator[str]:
    """Yield the runs that ended with an infrastructure error."""
    runs = summary.not_finished
    if runs:
        yield "**Did not finish**\n"
    for failed in runs[:MOST]:
        yield f"- {escaped(failed.title)}, on {failed.time:%Y-%m-%d}: {_line(failed.summary)}"
    if len(runs) > MOST:
        yield f"- and {len(runs) - MOST} more"
    if runs:
        yield ""


def _not_healthy(summary: Summary) -> Iterator[str]:
    """Yield the boards that the last check found not to be healthy."""
    boards = summary.farm.not_healthy if summary.farm else []
    if boards:
        yield "\n**Boards that are not healthy**\n"
    for place in boards[:MOST]:
        if place.health is not None:
            checked = f"checked on {place.health.checked[:10]}"
            yield f"- {escaped(place.name)}: {_line(place.health.summary)}, {checked}"
    if len(boards) > MOST:
        yield f"- and {len(boards) - MOST} more"


def _name(status: CombinationStatus) -> str:
    record = status.record
    name = f"{escaped(record.model.name)} on {escaped(record.target.name)}"
    return f"{name} ({', '.join(map(escaped, status.build))})"
