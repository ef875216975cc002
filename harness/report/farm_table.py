"""The places of a farm and the checks of boards, for a terminal."""

from collections.abc import Iterator

from rich.console import Console
from rich.text import Text

from harness.report.farm_text import SINCE, last_run, shown_time, tags_of, used_by, when
from harness.report.terminal_lines import print_line
from harness.report.terminal_table import Column, TerminalTable, name_columns
from harness.results.farm.farm_status import FarmStatus, PlaceStatus
from harness.runs.check.check_result import BoardCheck

_MARKS = {True: ("✓", "green"), False: ("✗", "bold red"), None: ("·", "dim")}


def print_check(check: BoardCheck, console: Console) -> None:
    """Print a line for each part of a check, and what to do about what is wrong."""
    parts = [check.target] if check.place else []
    if check.device is not None:
        parts += [f"exporter {check.device.exporter}"] * bool(check.device.exporter)
        parts += [f"chip {check.device.chip_id}"] * bool(check.device.chip_id)
    print_line(console, f"{check.name} ({', '.join(parts)})" if parts else check.name, "bold")
    table = TerminalTable([*name_columns("", ""), Column(kind="detail")])
    for line in check.lines:
        remedy = f"\n-> {line.remedy}" if line.remedy and line.ok is False else ""
        table.add_row(Text(*_MARKS[line.ok]), line.part, f"{line.text}{remedy}")
    table.print_to(console)


def print_farm(status: FarmStatus, console: Console) -> None:
    """Print a row for each place, and the runs that did not finish."""
    table = TerminalTable(
        [
            *name_columns("place"),
            Column("used by", "text"),
            Column("last run", "text"),
            Column("health", "detail"),
        ]
    )
    for place in status.places:
        exporters = [f"\non {each.name}" for each in place.exporters]
        table.add_row(
            Text.assemble(place.name, ("".join(exporters), "bold red" if place.problem else "dim")),
            "\n".join(used_by(place)),
            "\n".join(last_run(place)),
            Text("\n").join(_details(place)),
        )
    table.print_to(console)
    if any(place.holder and not place.holder_is_gone for place in status.places):
        print_line(console, SINCE, "dim")
    for failed in status.not_repeated:
        mark, style = _MARKS[False]
        error = f"{failed.title} ({shown_time(failed.time)}): {failed.summary}"
        print_line(console, f"{mark} did not finish: {error}", style)


def _details(place: PlaceStatus) -> Iterator[Text]:
    """Yield the health of a place, why its last run failed, what keeps it from use, its tags."""
    if place.health is None:
        yield Text("not checked", "dim")
    else:
        mark, style = _MARKS[place.health.healthy]
        health = f" {place.health.summary} ({when(place.health.checked)})"
        yield Text.assemble((mark, style), health)
    if place.failed:
        mark, style = _MARKS[False]
        yield Text.assemble((mark, style), f" run: {place.failed.summary}")
    if place.problem:
        mark, style = _MARKS[False]
        yield Text.assemble((mark, style), f" exporter {place.problem}")
    if place.tags:
        yield Text(tags_of(place))
