"""The commands that read what was recorded."""

import argparse
from pathlib import Path

from harness.cli.command_groups import CommandGroup
from harness.errors import ExitCode, InputError
from harness.results.judge.gate import Gate
from harness.results.store.open_results import add_store_option, open_store, warn_skipped
from harness.workspace import Workspace


def add_commands(group: CommandGroup) -> None:
    """Declare the commands in `group`."""
    push = group.add("push", "add the records of reports/runs to a store")
    push.add_argument("folder", type=Path, nargs="?", metavar="FOLDER", help="another folder")
    push.set_defaults(command=_push)
    export = group.add("export", "write all numbers to a file for other tools")
    kind = export.add_mutually_exclusive_group(required=True)
    kind.add_argument("--csv", type=Path, metavar="FILE")
    kind.add_argument("--parquet", type=Path, metavar="FILE", help="needs pyarrow")
    export.set_defaults(command=_export)
    report = group.add("report", "write all that was found as one HTML file")
    report.add_argument("--out", type=Path, metavar="FILE", help="default: reports/report.html")
    report.add_argument(
        "--markdown", type=Path, metavar="FILE", help="also add a summary in Markdown to FILE"
    )
    report.add_argument(
        "--baseline",
        type=Path,
        metavar="FOLDER",
        help="compare with the baselines in FOLDER; default: with the runs of a week before",
    )
    report.add_argument("--branch", help="leave out the runs of other branches")
    report.set_defaults(command=_report)
    for command in (push, export, report):
        add_store_option(command.add_argument)


def _push(options: argparse.Namespace, workspace: Workspace) -> int:
    from harness.results.store.upload import push  # noqa: PLC0415 - sqlalchemy

    if not options.store:
        raise InputError("no store is named", where="harness push", remedy="give --store=URL")
    if options.folder and not options.folder.is_dir():
        raise InputError("is no folder of records", where=str(options.folder))
    added, there, skipped = push(options.folder or workspace.runs, options.store)
    warn_skipped(skipped)
    print(f"{added:,} records added, {there:,} were there")
    return ExitCode.PASSED


def _export(options: argparse.Namespace, workspace: Workspace) -> int:
    from harness.results.store.dataframes import frame_of, write_csv, write_parquet  # noqa: PLC0415 - pandas

    with open_store(options.store, workspace) as store:
        table = frame_of(store)
    if options.csv:
        write_csv(table, options.csv)
    else:
        write_parquet(table, options.parquet)
    print(f"{len(table):,} numbers of {table['run'].nunique():,} runs")
    return ExitCode.PASSED


def _report(options: argparse.Namespace, workspace: Workspace) -> int:
    from harness.report.html_report import write_html  # noqa: PLC0415 - jinja2, sqlalchemy
    from harness.report.markdown_summary import append_markdown  # noqa: PLC0415
    from harness.report.report_data import summarize  # noqa: PLC0415

    with open_store(options.store, workspace) as store:
        gate = Gate(options.baseline, workspace, options.store) if options.baseline else None
        summary = summarize(store, options.branch, gate)
    path = options.out or workspace.report
    write_html(summary, path)
    if options.markdown:
        append_markdown(summary, options.markdown)
    print(f"{summary.headline}\nreport: {path}")
    return ExitCode.PASSED
