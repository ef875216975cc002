"""The note at the end of an output: which files are not in the workspace."""

from rich.console import Console

from harness.report.terminal_lines import keeping, print_line
from harness.workspace import Workspace


def print_note(workspace: Workspace, console: Console) -> None:
    """Print where files are if the workspace cannot be written; no line ends within a path."""
    if workspace.note:
        paths = map(str, (workspace.root, workspace.caches, workspace.runs))
        print_line(console, keeping(workspace.note, *paths))
