"""What all plots have in common: they are files, and read well in black and white."""

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


def new_figure(width: float = 7.0, height: float = 4.0) -> Figure:
    """Return an empty figure of so many inches."""
    with rc_context(_STYLE):
        return Figure((width, height), layout="constrained")


def check_path(path: Path) -> None:
    """Raise `InputError` where `save` would: before the hours that a plot's figures may take."""
    if path.suffix not in _KINDS:
        raise InputError(
            f"a plot is one of {', '.join(_KINDS)}, not {path.suffix!r}", where=str(path)
        )
    if not path.parent.is_dir():
        raise InputError("there is no such folder", where=str(path.parent))


def save(figure: Figure, path: Path) -> None:
    """Write `figure` to `path`, a .svg, .png or .pdf; `InputError` if that cannot be."""
    try:
        with rc_context(_STYLE):
            figure.savefig(path, dpi=_DPI, metadata={"Date": None} if path.suffix == ".svg" else {})
    except (OSError, ValueError) as error:
        raise InputError(f"the plot cannot be written: {error}", where=str(path)) from error
