"""Sphinx: how the Markdown that docs/generate writes becomes the site. `make docs` runs it."""

import re
from typing import Any

from harness import __version__

project = "TinyML harness"
release = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc"]
root_doc = "index"

myst_enable_extensions = ["attrs_block", "deflist"]
myst_heading_anchors = 4
smartquotes = False  # it takes the two hyphens of an option for a dash
highlight_language = "none"
suppress_warnings = ["misc.highlighting_failure"]  # JSON and TOML that leave something out

# The Python API. Our docstrings are Markdown of the plainest kind: text, and code in backticks.
default_role = "code"
autodoc_class_signature = "separated"
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
toc_object_entries = False

html_theme = "furo"
html_title = f"TinyML harness {release}"
html_static_path = ["site.css"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False


def setup(app: Any) -> None:
    """Have Sphinx read docstrings as the text that they are."""
    app.connect("autodoc-process-docstring", _escape)


def _escape(*arguments: Any) -> None:
    """Escape what reStructuredText takes for markup, outside of code."""
    lines = arguments[-1]
    lines[:] = [
        "".join(
            part if part.startswith("`") else re.sub(r"([*|]|_(?!\w))", r"\\\1", part)
            for part in parts
        )
        for parts in (re.split(r"(`[^`]*`)", line) for line in lines)
    ]
