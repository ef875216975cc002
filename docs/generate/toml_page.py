"""TOML files: every key of the files that a user writes."""

from docs.generate import harness_objects as objects
from docs.generate.markdown import KEYS, code, plain, table
from docs.generate.struct_keys import Table, tables


def page() -> str:
    """Return the page on target files, model.toml, harness.toml and budgets."""
    return "\n".join(
        [
            "# TOML files\n",
            "A key that the harness does not know is an error. So is a value of another type.\n",
            *(_file(file) for file in objects.TOML_FILES),
        ]
    )


def _file(file: objects.TomlFile) -> str:
    sections = [_section(found) for found in tables(file.schema)]
    return "\n".join([f"## {code(file.name)}\n", f"{file.purpose}\n", *sections])


def _section(found: Table) -> str:
    return (_heading(found) if found.path else "") + _keys(found)


def _heading(found: Table) -> str:
    path = found.path
    name = f"[[{path.removesuffix('[]')}]]" if path.endswith("[]") else f"[{path}]"
    tag = f", {code(found.tag)}" if found.tag else ""
    return f"### {code(name)}{tag}\n\n{plain(found.text)}\n\n"


def _keys(found: Table) -> str:
    return KEYS + table(
        ("key", "meaning", "type", "default"),
        [
            (
                code(key.name),
                plain(key.text),
                key.type.removesuffix(" or null"),
                key.default or "required",
            )
            for key in found.keys
        ],
    )
