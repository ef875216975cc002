"""The marked blocks of a page: what a page shows between two comments, and what made it."""

import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PAGES = ("README.md", "docs/*.md", "models/*/README.md", "firmware/README.md")
"""Where blocks may be."""

_WIDTH = 100  # of a page's lines
_BLOCK = re.compile(
    r"^<!-- numbers: (?P<name>[\w-]+)(?: (?P<digest>[0-9a-f]+))? -->\n"
    r"(?P<text>.*?)"
    r"(?:^\*(?P<made>Made with [^*\n]*(?:\n[^*\n]+)*)\*\n)?"
    r"^<!-- end numbers -->$",
    re.MULTILINE | re.DOTALL,
)
_MARKER = re.compile(r"^<!-- (?:end )?numbers\b.*-->$", re.MULTILINE)


@dataclass(frozen=True)
class MarkedBlock:
    """A block as its page has it.

    `made` names the tools, the commit and the date; `digest` is that of what the block depended
    on then. Both are empty if nothing was generated yet.
    """

    name: str
    page: Path
    text: str
    made: str
    digest: str

    def names(self, tools: frozenset[str]) -> bool:
        """Return whether the block was made with all of `tools`."""
        made = " ".join(self.made.split())
        return all(tool in made for tool in tools)


def read_blocks(root: Path) -> Mapping[str, MarkedBlock]:
    """Return the marked blocks of all pages in the repository `root`, by name.

    Raises `ValueError` for a marker without its partner, and for a name that is used twice.
    """
    blocks: dict[str, MarkedBlock] = {}
    for page in sorted({page for pattern in PAGES for page in root.glob(pattern)}):
        text = page.read_text(encoding="utf-8")
        found = list(_BLOCK.finditer(text))
        if len(_MARKER.findall(text)) != 2 * len(found):
            raise ValueError(f"{page}: a marker of numbers has no partner")
        for match in found:
            name = match["name"]
            if name in blocks:
                raise ValueError(f"{page}: {blocks[name].page} has a block {name!r}, too")
            content = match["text"].strip("\n")
            blocks[name] = MarkedBlock(
                name, page, content, match["made"] or "", match["digest"] or ""
            )
    return blocks


def write_block(block: MarkedBlock) -> None:
    """Put `block` into its page, in place of the block of its name."""
    wide = f"*{block.made}*"
    made = textwrap.fill(wide, _WIDTH, break_on_hyphens=False, break_long_words=False)
    text = (
        f"<!-- numbers: {block.name} {block.digest} -->\n"
        f"{block.text}\n\n{made}\n<!-- end numbers -->"
    )
    page = block.page.read_text(encoding="utf-8")
    blocks = (match for match in _BLOCK.finditer(page) if match["name"] == block.name)
    here = next(blocks)
    block.page.write_text(page[: here.start()] + text + page[here.end() :], encoding="utf-8")
