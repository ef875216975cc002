"""Plots as files, in one style that also works in black and white."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure

from harness.errors import InputError
from harness.support.whole_files import unwritable

_STYLE: Any = {
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.size": 9,
    "svg.fonttype": "none",  # text remains text
    "svg.hashsalt": "harness",  # equal plots are equal files
    "text.parse_math": False,  # a $ in a name is a $, not the start of a formula
}
_DPI = 150


@contextmanager
def drawing(path: Path, width: float = 7.0, height: float = 4.0) -> Iterator[Figure]:
    """Yield an empty figure of `width` by `height` inches, and write it to `path` at the end.

    The file is a .svg, .png or .pdf. Raises `InputError` if it cannot be written. Create the axes
    inside the `with` block, because axes take their style when they are created.
    """
    with rc_context(_STYLE):
        figure = Figure((width, height), layout="constrained")
        yield figure
        metadata = {"Date": None} if path.suffix == ".svg" else {}
        try:
            figure.savefig(path, dpi=_DPI, metadata=metadata)
        except OSError as error:
            raise unwritable(path, error) from error
        except ValueError as error:
            raise InputError(f"the plot cannot be written: {error}", where=str(path)) from error
