"""The documents that `--json` prints: every key."""

from docs.generate import harness_objects as objects
from docs.generate.markdown import KEYS, NOTHING, code, plain, table
from docs.generate.struct_keys import Table, tables


def page() -> str:
    """Return the page on the documents."""
    return "\n".join(
        [
            "# JSON documents\n",
            "[Output for programs](../json.md) describes what a reader may rely on. A Record in a "
            "document is [the Record](record-keys.md).\n",
            *(_document(document) for document in objects.documents()),
        ]
    )


def _document(document: type) -> str:
    first, *parts = (found for found in tables(document) if not _is_of_a_record(found))
    tag = first.tag.partition('"')[2].rstrip('"')
    sections = [f"## {code(tag)}\n\n{_section(first)}"]
    sections += [f"### {code(part.path)}\n\n{_section(part)}" for part in parts]
    return "\n".join(sections)


def _is_of_a_record(found: Table) -> bool:
    """Tell whether a table is a part of a Record, which has a page of its own."""
    return "record." in found.path


def _section(found: Table) -> str:
    keys = [
        (code(key.name), plain(key.text), key.type.replace("table", "object"), key.default)
        for key in found.keys
    ]
    rows = [(*cells, default or NOTHING) for *cells, default in keys]
    return f"{plain(found.text)}\n\n{KEYS}{table(('key', 'meaning', 'type', 'default'), rows)}"
