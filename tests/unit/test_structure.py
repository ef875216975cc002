"""The house: rooms with one way through, few modules at the top, one name for one thing.

import-linter checks the order of the rooms in `make lint`. Here the syntax trees are read without
it: an import inside a function or for type checking counts as well.
"""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HARNESS = ROOT / "harness"
MODULES = sorted(HARNESS.rglob("*.py"))
MOST_AT_THE_TOP = 8
# Python and pytest give these names a meaning of their own.
SHARED_NAMES = {"__init__.py", "__main__.py"}


def room_of(path: Path) -> str:
    """Return the folder or module at the top of the package that `path` lies in."""
    return path.relative_to(HARNESS).parts[0].removesuffix(".py")


def imported(path: Path) -> Iterator[str]:
    """Yield the names of the harness's modules that `path` imports anywhere."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            # The name may be a module of its own: `from harness.support import lease`.
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imports_between(rooms: dict[str, set[str]]) -> dict[str, set[str]]:
    """Fill `rooms` with the rooms that each imports."""
    for path in MODULES:
        room = room_of(path)
        for name in imported(path):
            top, _, rest = name.partition(".")
            other = rest.split(".")[0]
            if top == "harness" and other in rooms and other != room:
                rooms[room].add(other)
    return rooms


def test_no_cycle_between_rooms() -> None:
    rooms: dict[str, set[str]] = {room_of(path): set() for path in MODULES}
    order = list(TopologicalSorter(imports_between(rooms)).static_order())  # raises on a cycle
    assert order[0] in {"errors", "__init__"}
    assert len(order) > 15


def test_few_modules_lie_at_the_top() -> None:
    assert len(list(HARNESS.glob("*.py"))) <= MOST_AT_THE_TOP


def test_no_file_name_means_two_things() -> None:
    names = Counter(path.name for path in MODULES if path.name not in SHARED_NAMES)
    assert [name for name, count in names.items() if count > 1] == []


def test_every_package_says_what_is_in_it() -> None:
    for path in HARNESS.rglob("__init__.py"):
        assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), path


@pytest.mark.parametrize("name", ["errors", "support", "elf"])
def test_the_simulator_imports_nothing_else(name: str) -> None:
    rooms: dict[str, set[str]] = {room_of(path): set() for path in MODULES}
    found = imports_between(rooms)["simulator"]
    assert found <= {"errors", "support", "elf"}
    assert name in found


def test_an_import_inside_a_function_says_why() -> None:
    """Only imports that make the start slow are late; a comment names the slow package."""
    silent = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in MODULES
        for number in late_imports(path)
        if not has_reason(path.read_text(encoding="utf-8").splitlines(), number)
    ]
    assert silent == []


def late_imports(path: Path) -> set[int]:
    """Return the lines of the imports inside functions."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
    return {
        node.lineno
        for function in functions
        for node in ast.walk(function)
        if isinstance(node, (ast.Import, ast.ImportFrom))
    }


def has_reason(lines: list[str], number: int) -> bool:
    """Tell whether the import in line `number`, or the block that it ends, says why it is late."""
    block = []
    for line in reversed(lines[:number]):
        if not line.strip():
            break
        block.append(line.strip())
    return any(line.startswith("#") or "PLC0415 - " in line for line in block)


def test_code_in_strings_imports_modules_that_exist() -> None:
    """Tests and benchmarks run such code in other processes, where no type checker looks."""
    missing = []
    for path in sorted(ROOT.glob("tests/**/*.py")):
        for name in re.findall(r"\bfrom (harness(?:\.\w+)*) import", path.read_text("utf-8")):
            module = ROOT.joinpath(*name.split("."))
            if not (module.with_suffix(".py").is_file() or (module / "__init__.py").is_file()):
                missing.append(f"{path.relative_to(ROOT)}: {name}")
    assert missing == []
