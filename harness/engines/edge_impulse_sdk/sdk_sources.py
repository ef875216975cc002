"""Which sources of an SDK may define a name, as far as their text tells."""

import re
from pathlib import Path

LANGUAGES = {".c": "C", ".cc": "CXX", ".cpp": "CXX"}
"""What CMake calls the language of a source, by the end of its name."""

_PORTING = "porting"  # of platforms; the harness has its own
_SPECIAL = re.compile(r"_Z(?:T[VIST])?N?[KVr]*")  # vtables, types, nested names
_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
_LENGTH = re.compile(r"\d+")
_STRUCTORS = {f"{kind}{number}" for kind in "CD" for number in "123"}


class Sources:
    """The sources of an SDK by the names that they define, as far as their text tells."""

    def __init__(self, sdk: Path) -> None:
        self._sdk = sdk
        found = (path for path in sorted(sdk.rglob("*")) if path.suffix in LANGUAGES)
        self._texts = {
            path: path.read_text(encoding="utf-8", errors="replace")
            for path in found
            if _PORTING not in path.relative_to(sdk).parts and path.is_file()
        }
        self._codes: dict[Path, str] = {}

    def defining(self, symbol: str) -> list[Path]:
        """Return the sources that may define `symbol`, the name in an object: likely ones first."""
        names = identifiers(symbol)
        mangled = symbol.startswith("_Z")
        mentions = [
            path
            for path, text in self._texts.items()
            if names[-1] in text and (not mangled or path.suffix != ".c")
        ]
        patterns = [_definition("::".join(names[-2:])), _definition(names[-1])]
        if symbol.startswith("_ZT"):  # a class: its vtable is with its methods
            patterns = [rf"\b{re.escape(names[-1])}\s*::"]
        ranks: dict[Path, tuple[bool, int]] = {}
        for index, pattern in enumerate(patterns):
            for path in mentions:
                if match := re.search(pattern, self._code(path), re.MULTILINE):
                    rank = (match[0][:1].isspace(), index)  # calls are indented
                    ranks[path] = min(rank, ranks.get(path, rank))
        if not mangled:  # the C library's names are called in C++, and defined in none
            ranks = {
                path: rank for path, rank in ranks.items() if path.suffix == ".c" or not rank[0]
            }
        if ranks:
            return sorted(ranks, key=lambda path: (ranks[path], path))
        return mentions if symbol.startswith("_ZN") else []  # a macro may define it

    def may_join(self, path: Path) -> bool:
        """Return whether a source of `defining` may be compiled as one with others.

        Each source of TFLM's runtime takes some 3 s, nearly all for the same schema of TensorFlow
        Lite. Its kernels have private functions of the same names.
        """
        folders = path.relative_to(self._sdk).parts[:-1]
        return (
            LANGUAGES[path.suffix] == "CXX"
            and "tensorflow" in folders
            and ("kernels" not in folders or "kernel_util" in path.name)
        )

    def _code(self, path: Path) -> str:
        """Return the text of a source without comments."""
        if path not in self._codes:
            self._codes[path] = _COMMENT.sub("", self._texts[path])
        return self._codes[path]


def _definition(name: str) -> str:
    """Return the pattern of a line that defines the function or variable `name`."""
    word = rf"^[^\n;{{}}()=#,]*(?<![\w:]){re.escape(name)}"
    plain = rf"^[^\n;{{}}()=#,]*\b{re.escape(name)}"
    function = rf"{plain}\s*\([^;{{}}]*\)[^;{{}}]*\{{"
    return rf"{function}|{word}\s*(?:\[[^\]]*\]\s*)*=[^=]"


def identifiers(symbol: str) -> list[str]:
    """Return the identifiers of a symbol: "tflite", "Register_ADD" of `_ZN6tflite12Register_ADDEv`.

    A constructor's last two are the same.
    """
    special = _SPECIAL.match(symbol)
    if special is None:
        return [symbol]
    names, at = [], special.end()
    while length := _LENGTH.match(symbol, at):
        at = length.end() + int(length[0])
        names.append(symbol[length.end() : at])
    if symbol[at : at + 2] in _STRUCTORS:
        names.append(names[-1])
    return names or [symbol]
