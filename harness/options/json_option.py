"""The option `--json`, the same for all commands that print a document."""

from collections.abc import Callable
from typing import Any

_NAME = "prints_document"


def add_json_option(add: Callable[..., Any]) -> None:
    """Declare `--json` through `add`, argparse's `add_argument`.

    With `--json`, `options.json_output` prints the command's document.
    """
    add("--json", action="store_true", dest=_NAME, help="print one JSON document (docs/json.md)")


def json_is_asked(options: Any) -> bool:
    """Tell whether `--json` is given, to a command that declared it."""
    return bool(getattr(options, _NAME, False))
