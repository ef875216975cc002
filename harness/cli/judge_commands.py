"""`harness compare`, and how the gate's judgements are printed."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.errors import ExitCode
from harness.options.json_option import add_json_option
from harness.options.small_option import add_small_option, small_of
from harness.report.comparison_text import print_comparison
from harness.report.gate_text import failure_text, gate_summary
from harness.report.json_documents.compare_document import compare_document
from harness.report.terminal_lines import keeping, print_line
from harness.results.judge.compare import compare
from harness.results.judge.find_runs import find_runs
from harness.results.judge.gate import Gate, Judgement
from harness.results.judge.history import history_of
from harness.results.judge.matching import pair
from harness.results.record_file import read_record
from harness.results.store.open_results import add_store_option
from harness.support.json_stream import JsonOutput
from harness.support.terminal import Terminal
from harness.workspace import Workspace

RUN = "a file or folder of Records or baselines, a run's id, `last`, a branch, a commit or a tag"
"""What names a run, for the help of an option."""


def declare(parsers: Mapping[str, argparse.ArgumentParser]) -> None:
    """Declare the options of the commands, whose parsers are `parsers`."""
    compared = parsers["compare"]
    compared.add_argument("a", metavar="A", help=RUN)
    compared.add_argument("b", metavar="B", help="the run or runs to compare with A")
    add_small_option(compared.add_argument)
    compared.set_defaults(command=_compare)
    add_store_option(compared.add_argument)
    add_json_option(compared.add_argument)


def judgements_of(gate: Gate, records: Sequence[Path]) -> list[Judgement]:
    """Return the gate's judgements of runs that passed."""
    return [gate.judge(read_record(path)) for path in records]


def print_judgements(judgements: Sequence[Judgement], folder: Path) -> None:
    """Print the judgements of the gate in `folder`."""
    for judgement in judgements:
        if judgement.fails:
            print(failure_text(judgement, folder))
    print(*gate_summary(judgements, folder), sep="\n")


def _compare(options: argparse.Namespace, workspace: Workspace) -> int:
    small = small_of(options, workspace)
    with options.progress.step("reading Records"):
        old, new = (find_runs(name, options.store, workspace) for name in (options.a, options.b))
        pairs = pair(old, new)
        comparisons = [
            compare(before, after, history_of(after, options.store, workspace))
            for before, after in pairs.both
        ]
    output: JsonOutput | None = options.json_output
    if output:
        output.print(compare_document(comparisons, pairs, small))
        return ExitCode.PASSED
    console = Terminal()
    for comparison in comparisons:
        print_comparison(comparison, console, small)
    for name, unpaired in ((options.a, pairs.only_old), (options.b, pairs.only_new)):
        for record in unpaired:
            combination = record.combination
            print_line(console, keeping(f"only in {name}: {combination}", *combination))
    return ExitCode.PASSED
