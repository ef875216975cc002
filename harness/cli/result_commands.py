"""The commands that read Records: push, export, report."""

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import ExitCode, InputError
from harness.harness_toml import commit_page
from harness.options.json_option import add_json_option
from harness.options.small_option import add_small_option, small_of
from harness.results.judge.gate import Gate, add_baseline_option
from harness.results.store.open_results import (
    MAKE_RUNS,
    add_store_option,
    open_store,
    warn_skipped,
)
from harness.support.json_stream import JsonOutput
from harness.support.plural import count_of
from harness.workspace import Workspace

if TYPE_CHECKING:  # sqlalchemy
    from harness.results.store.store import Store


def declare(parsers: Mapping[str, argparse.ArgumentParser]) -> None:
    """Declare the options of the commands, whose parsers are `parsers`."""
    push = parsers["push"]
    push.add_argument(
        "folder",
        type=Path,
        nargs="?",
        metavar="FOLDER",
        help="folder with Records (default: reports/runs)",
    )
    push.set_defaults(command=_push)
    export = parsers["export"]
    kind = export.add_mutually_exclusive_group(required=True)
    kind.add_argument("--csv", type=Path, metavar="FILE", help="write CSV")
    kind.add_argument("--parquet", type=Path, metavar="FILE", help="write Parquet; needs pyarrow")
    kind.add_argument(
        "--boards",
        type=Path,
        metavar="FILE",
        help="write the spread between boards of one kind, as FILE.json or FILE.csv",
    )
    export.set_defaults(command=_export)
    report = parsers["report"]
    report.add_argument(
        "--out", type=Path, metavar="FILE", help="the HTML file (default: reports/report.html)"
    )
    report.add_argument(
        "--markdown", type=Path, metavar="FILE", help="also append a summary in Markdown to FILE"
    )
    report.add_argument(
        "--badge", type=Path, metavar="FILE", help="also write a badge for shields.io, as JSON"
    )
    add_baseline_option(
        report.add_argument,
        "compare with the baselines in FOLDER (default: with the runs a week before)",
    )
    report.add_argument("--branch", help="only runs of this branch")
    add_small_option(report.add_argument)
    report.set_defaults(command=_report)
    for command in (push, export, report):
        add_store_option(command.add_argument)
        add_json_option(command.add_argument)


def _push(options: argparse.Namespace, workspace: Workspace) -> int:
    from harness.report.json_documents.result_documents import push_document  # noqa: PLC0415 - sqlalchemy
    from harness.results.store.push import push  # noqa: PLC0415 - sqlalchemy
    from harness.results.store.spool import Spool  # noqa: PLC0415

    if not options.store:
        raise InputError("no store is named", remedy="give --store=URL")
    if options.folder and not options.folder.is_dir():
        raise InputError(
            "is not a folder", where=str(options.folder), remedy="name a folder of Records"
        )
    folders = [options.folder] if options.folder else workspace.record_folders
    with options.progress.step("adding Records to the store"):
        spool = None if options.folder else Spool(workspace.results, options.store)
        pushed = push(folders, options.store, spool)
    warn_skipped(pushed.skipped)
    output: JsonOutput | None = options.json_output
    if output:
        output.print(push_document(pushed))
        return ExitCode.PASSED
    left = f", {pushed.left:,} left to sessions that still run" if pushed.left else ""
    print(f"{pushed.added:,} Records added, {pushed.existing:,} already in the store{left}")
    return ExitCode.PASSED


def _export(options: argparse.Namespace, workspace: Workspace) -> int:
    from harness.report.json_documents.result_documents import ExportDocument  # noqa: PLC0415 - sqlalchemy
    from harness.results.store.dataframes import frame_of, write_csv, write_parquet  # noqa: PLC0415 - pandas

    if options.boards:
        return _export_boards(options, workspace)
    with options.progress.step("reading Records"):
        with open_store(options.store, workspace) as store:
            _check_runs(store)
            table = frame_of(store)
        if options.csv:
            write_csv(table, options.csv)
        else:
            write_parquet(table, options.parquet)
    runs = int(table["run"].nunique())
    output: JsonOutput | None = options.json_output
    if output:
        file = str(options.csv or options.parquet)
        output.print(ExportDocument(file=file, content="numbers", rows=len(table), runs=runs))
        return ExitCode.PASSED
    print(f"{count_of(len(table), 'number')} of {count_of(runs, 'run')}")
    return ExitCode.PASSED


def _export_boards(options: argparse.Namespace, workspace: Workspace) -> int:
    from harness.report.json_documents.result_documents import ExportDocument  # noqa: PLC0415 - sqlalchemy
    from harness.report.spread_file import write_spreads  # noqa: PLC0415 - pandas
    from harness.results.judge.board_spread import all_spreads  # noqa: PLC0415 - sqlalchemy

    with options.progress.step("reading Records"):
        with open_store(options.store, workspace) as store:
            _check_runs(store)
            spreads = all_spreads(store)
        write_spreads(spreads, options.boards)
    output: JsonOutput | None = options.json_output
    if output:
        file = str(options.boards)
        output.print(ExportDocument(file=file, content="spreads", rows=len(spreads), runs=None))
        return ExitCode.PASSED
    print(f"{count_of(len(spreads), 'spread')} between boards of one kind")
    return ExitCode.PASSED


def _check_runs(store: "Store") -> None:
    """Raise `InputError` if `store` has no run."""
    if not store.find():
        raise InputError("there is no run to export", remedy=MAKE_RUNS)


def _report(options: argparse.Namespace, workspace: Workspace) -> int:
    from harness.report.badge import write_badge  # noqa: PLC0415 - sqlalchemy
    from harness.report.html_report import write_html  # noqa: PLC0415 - jinja2, sqlalchemy
    from harness.report.json_documents.result_documents import report_document  # noqa: PLC0415 - sqlalchemy
    from harness.report.markdown_summary import append_markdown  # noqa: PLC0415
    from harness.report.report_data import summarize  # noqa: PLC0415
    from harness.results.farm.status_file import known_farm  # noqa: PLC0415

    path = options.out or workspace.report
    with options.progress.step("reading Records"), open_store(options.store, workspace) as store:
        gate = Gate(options.baseline, workspace, options.store) if options.baseline else None
        farm = known_farm(store, workspace)
        summary = summarize(store, options.branch, gate, small_of(options, workspace))
        summary = replace(summary, farm=farm, commit_url=commit_page(workspace.root))
        options.progress.say("drawing the report")
        write_html(summary, path)
    if options.markdown:
        append_markdown(summary, options.markdown)
    if options.badge:
        write_badge(summary, options.badge)
    output: JsonOutput | None = options.json_output
    if output:
        output.print(report_document(summary, path, options.markdown, options.badge))
        return ExitCode.PASSED
    print(f"{summary.headline}\nreport: {path}")
    return ExitCode.PASSED
