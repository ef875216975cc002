"""The pages that people wrote: copied out of the repository, with their links made to fit.

In the site the pages of `docs/` lie at the top; other pages keep their path in the repository.
Links stay as they work on GitHub; here they are rewritten for the site. Notebooks become Markdown.
"""

import re
import shutil
from collections.abc import Sequence
from os.path import relpath
from pathlib import Path, PurePosixPath

from docs.generate.markdown import block
from docs.generate.navigation import HOME, NOTEBOOK, Group
from docs.generate.notebook_page import page as notebook_page

_FENCED_OR_LINK = re.compile(
    r"^[ \t]*(?P<mark>```|~~~).*?^[ \t]*(?P=mark)[ \t]*$"
    r"|\[(?P<text>[^\[\]]*)\]\((?P<link>[^)\s#]+)(?P<anchor>#[^)\s]*)?\)",
    re.MULTILINE | re.DOTALL,
)


def copy_pages(repository: Path, site: Path, groups: Sequence[Group]) -> None:
    """Copy every page of the navigation that exists in the repository into the folder `site`."""
    for page in (HOME, *(page for group in groups for page in group.pages)):
        if (repository / page).is_file():
            _copy(repository, site, PurePosixPath(page))


def append_navigation(site: Path, groups: Sequence[Group]) -> None:
    """Append a hidden table of contents for each group to the page that it stands under."""
    for group in groups:
        pages = [f"/{site_path(PurePosixPath(page))}" for page in group.pages]
        caption = f":caption: {group.title}\n" if group.title else ""
        options = f":hidden:\n:titlesonly:\n{caption}\n"
        with (site / site_path(PurePosixPath(group.under))).open("a") as file:
            file.write("\n" + block(options + "\n".join(pages), "{toctree}"))


def site_path(path: PurePosixPath) -> PurePosixPath:
    """Return where a file of the repository is in the site."""
    if path.suffix == NOTEBOOK:
        path = path.with_suffix(".md")
    return PurePosixPath(*path.parts[1:]) if path.parts[0] == "docs" else path


def _copy(repository: Path, site: Path, page: PurePosixPath) -> None:
    def rewritten(match: re.Match[str]) -> str:
        link = match["link"]
        if not link or ":" in link:  # a block of code, or a link to another site
            return match[0]
        linked = PurePosixPath(relpath(page.parent / link))
        if (repository / linked).is_dir():
            return match["text"]  # GitHub shows the folder; the site has no page for it
        if not (repository / linked).is_file():
            return match[0]  # Sphinx reports it
        there = site / site_path(linked)
        if there.suffix != ".md":
            there.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(repository / linked, there)
        relative = relpath(site_path(linked), site_path(page).parent)
        return f"[{match['text']}]({relative}{match['anchor'] or ''})"

    target = site / site_path(page)
    target.parent.mkdir(parents=True, exist_ok=True)
    text = (repository / page).read_text()
    if page.suffix == NOTEBOOK:
        text = notebook_page(text)
    target.write_text(_FENCED_OR_LINK.sub(rewritten, text))
