"""The schemas of the documents that `--json` prints: `python -m docs.generate.json_schemas`."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from docs.generate import harness_objects as objects
from docs.generate.struct_keys import field_texts, structs_in

FOLDER = objects.REPOSITORY / "docs" / "json"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schemas() -> Mapping[str, str]:
    """Return the schema of each document by the name of its file."""
    return {f"{objects.document_name(d)}.schema.json": _schema(d) for d in objects.documents()}


def write(folder: Path) -> None:
    """Write the schemas into `folder`, and remove those of documents that are gone."""
    made = schemas()
    for path in folder.glob("*.schema.json"):
        if path.name not in made:
            path.unlink()
    folder.mkdir(exist_ok=True)
    for name, text in made.items():
        (folder / name).write_text(text)


def _schema(document: type[msgspec.Struct]) -> str:
    (top,), parts = msgspec.json.schema_components([document], ref_template="#/$defs/{name}")
    for struct in _structs(document, {}):
        if (part := parts.get(struct.__name__)) is not None:
            _describe(part["properties"], field_texts(struct))
    schema = _portable({"$schema": _DIALECT, **top, "$defs": parts})
    data = msgspec.json.encode(schema, order="deterministic")
    return msgspec.json.format(data, indent=1).decode() + "\n"


def _portable(schema: Any) -> Any:
    """Return `schema` with regular expressions that JavaScript knows, too, and texts in one line.

    Versions of msgspec differ in how they indent a docstring.
    """
    if isinstance(schema, list):
        return [_portable(each) for each in schema]
    if isinstance(schema, dict):
        return {
            key: " ".join(each.split())
            if key == "description" and isinstance(each, str)
            else _portable(each)
            for key, each in schema.items()
        }
    if isinstance(schema, str) and schema.startswith(r"\A") and schema.endswith(r"\Z"):
        return f"^{schema[2:-2]}$"
    return schema


def _describe(properties: dict[str, Any], texts: Mapping[str, str]) -> None:
    for name, text in texts.items():
        properties[name] = {"description": " ".join(text.split()), **properties[name]}


def _structs(struct: type, seen: dict[type, None]) -> Iterator[type]:
    """Yield `struct` and the structs that its fields have."""
    if struct in seen:
        return
    seen[struct] = None
    yield struct
    info: Any = msgspec.inspect.type_info(struct)
    for field in info.fields:
        for inner, _ in structs_in(field.type):
            yield from _structs(inner, seen)


if __name__ == "__main__":
    write(FOLDER)
