"""Fills a folder with the Markdown of the docs site: `python -m docs.generate FOLDER`."""

import argparse
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from docs.generate import (
    argparse_page,
    c_page,
    documents_page,
    link_page,
    pytest_page,
    python_page,
    record_page,
    toml_page,
)
from docs.generate.architecture_page import page as architecture_page
from docs.generate.copied_pages import append_navigation, copy_pages
from docs.generate.harness_objects import REPOSITORY
from docs.generate.navigation import read_navigation

REFERENCE: Mapping[str, Callable[[], str]] = {
    "command-line": argparse_page.page,
    "pytest": pytest_page.page,
    "python": python_page.page,
    "toml-files": toml_page.page,
    "record-keys": record_page.page,
    "json-documents": documents_page.page,
    "link-messages": link_page.page,
    "c": c_page.page,
}
_LIST = "<!-- The list of reference pages. `make docs` fills it in. -->"


def generate(site: Path) -> None:
    """Write all pages into the folder `site`, which is emptied first."""
    shutil.rmtree(site, ignore_errors=True)
    folder = site / "reference"
    folder.mkdir(parents=True)
    groups = read_navigation(REPOSITORY)
    copy_pages(REPOSITORY, site, groups)
    append_navigation(site, groups)
    architecture = site / "architecture.md"
    architecture.write_text(
        architecture_page(architecture.read_text(), REPOSITORY / "pyproject.toml")
    )
    for name, make in REFERENCE.items():
        (folder / f"{name}.md").write_text(make())
    overview = site / "reference.md"
    links = "\n".join(f"- [](reference/{name}.md)" for name in REFERENCE)
    overview.write_text(overview.read_text().replace(_LIST, links))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="the folder, which is emptied first")
    generate(parser.parse_args().folder)
