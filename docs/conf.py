"""Sphinx: how the Markdown that docs/generate writes becomes the site. `make docs` runs it."""

from harness import __version__

project = "TinyML harness"
release = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
root_doc = "index"

myst_enable_extensions = ["attrs_block", "deflist"]
myst_heading_anchors = 4
smartquotes = False  # it takes the two hyphens of an option for a dash
highlight_language = "none"
suppress_warnings = ["misc.highlighting_failure"]  # JSON and TOML that leave something out

default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"

html_theme = "furo"
html_title = f"TinyML harness {release}"
html_static_path = ["site.css"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
