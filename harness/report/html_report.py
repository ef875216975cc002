"""The report as one HTML file. It needs no network, and escapes all text.

Without its script, the page shows the same numbers.
"""

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from markupsafe import Markup

from harness.report.combination_status import CombinationStatus
from harness.report.page.anchors import combination_anchor
from harness.report.page.environment import environment
from harness.report.page.page_script import digest, page_script
from harness.report.report_data import Summary
from harness.support.version import VERSION
from harness.support.whole_files import replace_files


def write_html(summary: Summary, path: Path) -> None:
    """Write the report to `path`; raises `InputError` if it cannot be written."""
    replace_files(path.parent, {path.name: render(summary).encode()})


def render(summary: Summary) -> str:
    """Return the report as HTML."""
    script = page_script()
    style = (files("harness.report") / "templates" / "report.css").read_text("utf-8")
    statuses = summary.statuses
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            summary=summary,
            by_model=_grouped(statuses, [s.record.model.name for s in statuses]),
            by_target=_grouped(statuses, [s.record.target.name for s in statuses]),
            builds=list(dict.fromkeys(status.build for status in statuses)),
            ids={s.record.id: combination_anchor(s.record.combination) for s in statuses},
            places={status.record.id: place for place, status in enumerate(statuses)},
            version=VERSION,
            style=Markup(style + script.style),  # noqa: S704 - our own files
            script=script,
            digest=digest,
        )
    )


def _grouped(
    statuses: Sequence[CombinationStatus], names: Sequence[str]
) -> dict[str, list[CombinationStatus]]:
    """Return the statuses by their `names`, in the order in which these first appear."""
    groups: dict[str, list[CombinationStatus]] = {name: [] for name in names}
    for name, status in zip(names, statuses, strict=True):
        groups[name].append(status)
    return groups
