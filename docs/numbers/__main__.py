"""Makes the blocks of numbers that are old, and writes them into their pages."""

import argparse
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from docs.numbers.marked_block import MarkedBlock, read_blocks, write_block
from docs.numbers.registry import BLOCKS
from docs.numbers.workbench import Workbench
from harness.errors import HarnessError
from harness.support.git_commit import git

ROOT = Path(__file__).parents[2]


def main(arguments: Sequence[str]) -> int:
    """Make the blocks that `arguments` ask for, and return the exit code."""
    parser = argparse.ArgumentParser(prog="make docs-numbers", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="make these blocks only")
    parser.add_argument("--all", action="store_true", help="make blocks that are not old, too")
    options = parser.parse_args(arguments)
    try:
        marked = read_blocks(ROOT)
        asked = blocks_to_make(marked, options.names, make_all=options.all)
        if asked:
            refuse_changes(ROOT)
        _make(asked)
    except (HarnessError, LookupError, ValueError, subprocess.SubprocessError) as error:
        print(f"docs-numbers: {error}", file=sys.stderr)
        return 1
    return 0


def blocks_to_make(
    marked: Mapping[str, MarkedBlock], names: Sequence[str], *, make_all: bool
) -> list[MarkedBlock]:
    """Return the blocks to make.

    If any block is old, so are those that name other tools than this machine has: the pages must
    not mix the numbers of two compilers.
    """
    if unknown := set(marked) ^ set(BLOCKS) | set(names) - set(BLOCKS):
        raise LookupError(f"a page or a generator is missing for {', '.join(sorted(unknown))}")
    if names:
        return [marked[name] for name in names]
    digests = {name: block.digest(ROOT) for name, block in BLOCKS.items()}
    old = {name for name in marked if make_all or marked[name].digest != digests[name]}
    if old:
        old |= {name for name in marked if not marked[name].names(BLOCKS[name].tools())}
    return [marked[name] for name in BLOCKS if name in old]


def refuse_changes(root: Path) -> None:
    """Raise `ValueError` if the numbers would be those of no commit. Pages may have changed."""
    changed = git(root, "status", "--porcelain", "-uno", "--", ".", ":(exclude,glob)**/*.md")
    if changed:
        raise ValueError(f"commit these changes first, so that blocks can name it:\n{changed}")


def _make(blocks: Sequence[MarkedBlock]) -> None:
    bench = Workbench(ROOT, say)
    for place, old in enumerate(blocks, 1):
        say(f"{place} of {len(blocks)}: {old.name} in {old.page.relative_to(ROOT)}")
        block = BLOCKS[old.name]
        new = replace(old, text=block.make(bench), made=bench.made(), digest=block.digest(ROOT))
        if (new.text, new.digest) == (old.text, old.digest) and old.names(block.tools()):
            say("  unchanged")
            continue
        write_block(new)
        say("  new numbers" if new.text != old.text else "  the same numbers")
    if not blocks:
        say("no block is old")


def say(text: str) -> None:
    """Print what happens now."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
