"""What all plots have in common: they are files, and read well in black and white."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure

from harness.errors import InputError

_STYLE: Any = {
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.size": 9,
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "harness",  # the same plot is the same file
}
_DPI = 150
_KINDS = (".svg", ".png", ".pdf")


def check_path(path: Path) -> None:
    """Raise `InputError` where `drawing` would: before the hours that a plot's figures may take."""
    if path.suffix not in _KINDS:
        raise InputError(
            f"a plot is one of {', '.join(_KINDS)}, not {path.suffix!r}", where=str(path)
        )
    if not path.parent.is_dir():
        raise InputError("there is no such folder", where=str(path.parent))


@contextmanager
def drawing(path: Path, width: float = 7.0, height: float = 4.0) -> Iterator[Figure]:
    """Yield an empty figure of so many inches, and write what is drawn on it to `path`.

    That is a .svg, .png or .pdf; `InputError` if it cannot be written. Axes take their style when
    they are made, so all of it happens in here.
    """
    with rc_context(_STYLE):
        figure = Figure((width, height), layout="constrained")
        yield figure
        metadata = {"Date": None} if path.suffix == ".svg" else {}
        try:
            figure.savefig(path, dpi=_DPI, metadata=metadata)
        except (OSError, ValueError) as error:
            raise InputError(f"the plot cannot be written: {error}", where=str(path)) from error
