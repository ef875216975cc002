"""The report's script and the chart library, as they are put into the page.

The page works without them. hatch_build.py installs the library when the package is built.
"""

import hashlib
from base64 import b64encode
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from markupsafe import Markup

WEB = files("harness.report") / "web"

# One script: each file uses functions of the others.
_FILES = (
    "format.js",
    "elements.js",
    "report_data.js",
    "state.js",
    "table.js",
    "compare.js",
    "zoom.js",
    "chart.js",
    "start.js",
)
NO_LIBRARY = (
    "The charts have no zoom: the chart library uPlot was not there when harness was installed. "
    "Install harness again with access to npm's registry, and make the report again."
)


@dataclass(frozen=True)
class PageScript:
    """Scripts and style of the page; `missing` is what to do if there is no chart library."""

    scripts: tuple[Markup, ...]
    style: str
    missing: str = ""

    @property
    def digests(self) -> list[str]:
        """The scripts' SHA-256, as a Content-Security-Policy names them."""
        return [digest(script) for script in self.scripts]


@cache
def page_script() -> PageScript:
    """Return the script of every report, without charts if the library is not installed."""
    parts = "\n".join(_read(name) for name in _FILES)
    own = Markup(f'(() => {{\n"use strict";\n{parts}}})();')  # noqa: S704 - our own files
    style = _read("script.css")
    try:
        licence = _read("library/LICENSE")
        library = _read("library/uPlot.iife.min.js")
        library_style = _read("library/uPlot.min.css")
    except FileNotFoundError:
        return PageScript((own,), style, NO_LIBRARY)
    charts = Markup(f"/* uPlot\n\n{licence}*/\n{library}")  # noqa: S704 - a package npm checked
    return PageScript((charts, own), library_style + style)


def digest(text: str) -> str:
    """Return the SHA-256 of a script or style, as a Content-Security-Policy names it."""
    return f"sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _read(name: str) -> str:
    return WEB.joinpath(name).read_text("utf-8")
