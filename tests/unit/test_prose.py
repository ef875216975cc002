"""The words of pages, docstrings, comments and messages: habits that make a sentence hard to read.

Each rule has a sentence that breaks it and one that does not. A rule is here only if what it
finds is nearly always wrong; a person reads the rest.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

from docs.generate.notebook_page import page as notebook_page

ROOT = Path(__file__).parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "RELEASING.md")),
    *sorted(ROOT.glob("docs/**/*.md")),
    *sorted(ROOT.glob("docs/*.ipynb")),
    *sorted(ROOT.glob("firmware/**/README.md")),
    *sorted(ROOT.glob("models/*/README.md")),
    *sorted(ROOT.glob("harness/**/README.md")),
    *sorted(ROOT.glob("harness/intake/repository_files/*.md")),
]
MODULES = sorted(ROOT.glob("harness/**/*.py"))
LONGEST = 40
"""Words of a sentence on a page."""

IN_CODE = 10
"""Places in docstrings, comments and messages that still wait for better words: only ever fewer."""

_BEGIN = r"(?:^|(?<=[.:;] ))"  # of a sentence or clause


class Rule(NamedTuple):
    """A pattern, what to write instead, and a sentence on each side of it."""

    pattern: str
    instead: str
    bad: str
    good: str


RULES = [
    Rule(
        r"\b(?:is|are|was|were|be|been) told\b",
        "say who reports what",
        "A wrap cannot be told.",
        "A wrap-around cannot be detected.",
    ),
    Rule(
        r"(?:\b(?:file|number|key|table|column|page|variable|record|README|\w+\.md)|`)"
        r" (?:says|tells)\b(?! hello\b)",
        "holds, contains, describes, sets, is",
        "The key says what is in it.",
        "The key names the content.",
    ),
    Rule(
        r"(?<!\ball )(?<!\bone )(?<!\bsome )(?<!\bnone )(?<!\bmost )(?<!\bboth )(?<!\beach )"
        r"\bof which\b",
        "whose, or a sentence of its own",
        "A target of which the unit tests know nothing.",
        "The unit tests do not depend on the target.",
    ),
    Rule(
        r"\bso (?:much|many)\b(?! \w+ that)",
        "name the amount",
        "So much it is, for vector 0.",
        "Measured for vector 0:",
    ),
    Rule(
        r"\bas (?:it comes|they come)\b",
        "unchanged",
        "The library is built as it comes.",
        "The library is built unchanged.",
    ),
    Rule(
        r"(?<!\bthere )\b(?:is|are|was|were) no "
        r"(?!(?:long|fast|slow|small|larg|great|high|low|lat|earli|few)er\b)"
        r"(?!(?:more|less|worse|better|surprise|use)\b)",
        "is not a",
        "This file is no record.",
        "There is no record.",
    ),
    Rule(
        r"(?<!\bthere )\b(?:is|are|was|were) none\b(?! of)",
        "is not one, there is none",
        "A number is recorded that is none.",
        "There is none, or none of them is valid.",
    ),
    Rule(
        _BEGIN + r"Of (?:an?|the|what|these|those|several|all|one|its|two) [^,]*? "
        r"(?:is|are|it|they|only|there|the)\b",
        "subject first",
        "Of a model with several outputs it is the first.",
        "The first output counts if a model has several.",
    ),
    Rule(
        _BEGIN + r"what (?:is|are|was|were|has|does|comes?|(?:it|they) (?!is\b|are\b)\w+)\b"
        r"[^.?!:;|]*? (?:is|are|was|were) ",
        "name the thing that is the subject",
        "What is not the same question is `not comparable`.",
        "What is recorded?",
    ),
    Rule(
        r"[,;:(] ?else\b",
        "otherwise, or a sentence of its own",
        "It compiles with gcc, else with clang.",
        "It compiles with gcc. Without gcc, it takes clang. Nothing else is needed.",
    ),
    Rule(
        r"\bwhere\b[^.;:?!|]*\bwhere\b",
        "two sentences",
        "It is set where the board is, where it has one.",
        "It is set where the board is.",
    ),
    Rule(
        r"\bthe begin\b",
        "the beginning",
        "It is the begin of 2 commits.",
        "It is the beginning of 2 commits.",
    ),
    Rule(
        r"\b(?:has|have|had) not(?=[,.;:]|$)",
        "lacks, does not have",
        "It lists what one engine has not.",
        "It lists what one engine lacks, and what has not run.",
    ),
    Rule(
        r"\b(?:for|to|from|by|with) who\b|" + _BEGIN + r"who \w[^?]*$",
        "people who, anyone who, users",
        "For who has read it.",
        "For anyone who has read it.",
    ),
    Rule(
        r"\b(?:whereof|wherein|whereby|whereon|thereof|therein|thereby|hereby|hereof)\b",
        "plain words",
        "A file wherein the counts are.",
        "A file with the counts.",
    ),
]


class Passage(NamedTuple):
    """A paragraph, comment or string, and the line it begins in."""

    line: int
    text: str


def page(text: str) -> Iterator[Passage]:
    """Yield the paragraphs, list items and table cells of Markdown without its code and links."""
    text = re.sub(r"<!--.*?-->", _blank, text, flags=re.DOTALL)
    text = re.sub(r"^( *)(```+|~~~+).*?^ *\2", _blank, text, flags=re.DOTALL | re.MULTILINE)
    begin, lines = 0, list[str]()
    for number, line in enumerate([*text.splitlines(), ""], start=1):
        item = re.match(r" *(?:[-*+]|\d+\.|#+|>) ", line)
        if lines and (not line.strip() or item or line.lstrip().startswith("|")):
            yield Passage(begin, _plain(" ".join(lines)))
            lines = []
        if line.lstrip().startswith("|"):
            for cell in line.strip().strip("|").split("|"):
                yield Passage(number, _plain(cell))
        elif line.strip():
            begin = begin if lines else number
            lines.append(line[item.end() :] if item else line.strip())


def module(source: str) -> Iterator[Passage]:
    """Yield the docstrings and messages of Python, and its comments, neighbours joined."""
    tree = ast.parse(source)
    joined_strings = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
    parts = {id(part) for node in joined_strings for part in ast.walk(node) if part is not node}
    for node in ast.walk(tree):
        if id(node) in parts:
            continue
        if isinstance(node, ast.JoinedStr):
            text = "".join(
                str(part.value) if isinstance(part, ast.Constant) else "X" for part in node.values
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
        else:
            continue
        for found in re.finditer(r"(?:.+\n?)+", text):
            if found[0].count(" ") > 1:
                yield Passage(node.lineno + text[: found.start()].count("\n"), _plain(found[0]))
    yield from _comments(source)


def _comments(source: str) -> Iterator[Passage]:
    begin, last, lines = 0, (0, 0), list[str]()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT:
            continue
        if lines and token.start != (last[0] + 1, last[1]):
            yield Passage(begin, _plain(" ".join(lines)))
            lines = []
        begin = begin if lines else token.start[0]
        lines.append(re.sub(r"^#[: ]*(noqa: [A-Z0-9, ]+)?", "", token.string))
        last = token.start
    if lines:
        yield Passage(begin, _plain(" ".join(lines)))


def _blank(found: re.Match[str]) -> str:
    return "\n" * found[0].count("\n")


def _plain(text: str) -> str:
    """Return the text without what only Markdown reads, code as `` ` ``."""
    text = re.sub(r"(`+).*?\1", "`", text)
    text = re.sub(r"!?\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])", r"\1", text)
    return " ".join(re.sub(r"[*_]{2}", "", text).split())


def complaints(passages: Iterator[Passage]) -> list[str]:
    """Return what breaks a rule, with its line."""
    return [
        f"{line}: {found[0]!r}: {rule.instead}\n    {text[max(found.start() - 60, 0) :][:160]}"
        for line, text in passages
        for rule in RULES
        for found in re.finditer(rule.pattern, text, re.IGNORECASE)
    ]


def sentences(passages: Iterator[Passage]) -> Iterator[Passage]:
    for line, text in passages:
        ends = [0, *(end.end() for end in re.finditer(r"[.:;?!] ", text)), len(text)]
        yield from (Passage(line, text[a:b]) for a, b in pairwise(ends))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.bad)
def test_a_rule_finds_its_sentence_and_no_other(rule: Rule) -> None:
    assert complaints(iter([Passage(1, rule.bad)]))
    assert not complaints(iter([Passage(1, rule.good)]))


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_page_reads_well(path: Path) -> None:
    text = path.read_text()
    if path.suffix == ".ipynb":
        text = notebook_page(text)
    found = complaints(page(text))
    found += [
        f"{line}: a sentence of {len(words)} words: {' '.join(words[:8])} …"
        for line, sentence in sentences(page(text))
        for words in [re.findall(r"[^\W\d_][\w'-]*", sentence)]
        if len(words) > LONGEST
    ]
    assert not found, f"{path.relative_to(ROOT)}\n" + "\n".join(found)


def test_docstrings_comments_and_messages_get_no_worse() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{complaint}"
        for path in MODULES
        for complaint in complaints(module(path.read_text()))
    ]
    assert len(found) <= IN_CODE, f"{len(found)} places\n" + "\n".join(found)


def test_code_and_links_are_not_prose() -> None:
    text = "A [page](of which.md) of\nwords.\n\n```\nso much\n```\n- `is told` so\n\n| a | b |\n"
    assert list(page(text)) == [
        (1, "A page of words."),
        (7, "` so"),
        (9, "a"),
        (9, "b"),
    ]
    source = '"""One two.\n\nThree f our."""\nx = f"it is {1} word"  # first\n# a b\n# c d\n'
    assert list(module(source)) == [
        (3, "Three f our."),
        (4, "it is X word"),
        (4, "first"),
        (5, "a b c d"),
    ]
