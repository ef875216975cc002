"""pytest: the options that the harness adds, and its fixtures."""

import ast
import inspect
from typing import NamedTuple

from docs.generate import harness_objects as objects
from docs.generate.argparse_page import options
from docs.generate.markdown import code, plain


class Fixture(NamedTuple):
    """A fixture of the plugin, with the type that a test gets."""

    name: str
    scope: str
    type: str
    text: str


def page() -> str:
    """Return the page on the pytest plugin."""
    return "\n".join(
        [
            "# pytest: options and fixtures\n",
            "The plugin is active wherever the package `tinyml-harness` is installed.\n",
            "## Fixtures\n",
            *(_fixture(fixture) for fixture in fixtures()),
            "## Options\n",
            options(objects.pytest_options()),
        ]
    )


def fixtures() -> list[Fixture]:
    """Return the plugin's fixtures in the order of the source."""
    tree = ast.parse(inspect.getsource(objects.PLUGIN))
    found = []
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef):
            continue
        for decorator in node.decorator_list:
            text = ast.unparse(decorator)
            if text.split("(")[0] == "pytest.fixture":
                scope = _scope(decorator)
                found.append(Fixture(node.name, scope, _type(node), ast.get_docstring(node) or ""))
    return found


def _fixture(fixture: Fixture) -> str:
    made = "once per session" if fixture.scope == "session" else f"once per {fixture.scope}"
    kind = f"Type {code(fixture.type)}, made {made}."
    return f"### {code(fixture.name)}\n\n{plain(fixture.text)}\n\n{kind}\n"


def _scope(decorator: ast.expr) -> str:
    for keyword in decorator.keywords if isinstance(decorator, ast.Call) else []:
        if keyword.arg == "scope" and isinstance(keyword.value, ast.Constant):
            return str(keyword.value.value)
    return "test"


def _type(node: ast.FunctionDef) -> str:
    text = ast.unparse(node.returns) if node.returns else "object"
    return text.removeprefix("Iterator[").removesuffix("]") if "Iterator[" in text else text
