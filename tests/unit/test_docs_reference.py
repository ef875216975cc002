"""The generated reference: all that the code has is on the pages."""

import argparse
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
import pytest

from docs.generate import (
    argparse_page,
    c_page,
    link_page,
    markdown,
    pytest_page,
    python_page,
    record_page,
    toml_page,
)
from docs.generate import harness_objects as objects
from docs.generate.struct_keys import field_texts, tables
from harness.link.messages import DeviceError, Message

REPOSITORY = objects.REPOSITORY


class _Base(msgspec.Struct):
    first: int
    """The first.

    More.
    """


class _Documented(_Base):
    """What a class is for is no field's text."""

    silent: int
    second: int = 0
    """The second."""


def commands(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from commands(below)


def cells(page: str, column: int) -> set[str]:
    """Return what stands in code in one column of a page's tables."""
    rows = [line.split(" | ") for line in page.splitlines() if line.startswith("| `")]
    return {found for row in rows for found in re.findall(r"`([^`]+)`", row[column])}


def test_every_command_and_option_is_on_the_command_line_page() -> None:
    page = argparse_page.page()
    sections = dict(re.findall(r"^## `([^`]+)`\n(.*?)(?=^## |\Z)", page, re.M | re.S))
    missing = []
    leaves = 0
    for command in commands(objects.command_line()):
        if any(isinstance(a, argparse._SubParsersAction) for a in command._actions):
            continue
        leaves += 1
        for action in command._actions:
            if isinstance(action, argparse._HelpAction):
                continue
            names = action.option_strings or [str(action.metavar or "{")]
            missing += [(command.prog, n) for n in names if n not in sections[command.prog]]
    assert missing == []
    assert leaves == len(sections) > 15


def test_every_option_of_pytest_is_on_its_page() -> None:
    page = pytest_page.page()
    actions = objects.pytest_options()._actions
    assert len(actions) > 15
    assert [a.option_strings[0] for a in actions if f"\n`{a.option_strings[0]}" not in page] == []


def test_fixtures_have_a_type_and_a_text() -> None:
    found = {fixture.name: fixture for fixture in pytest_page.fixtures()}
    assert {"target", "model", "engine", "toolchain", "image", "board", "dut"} <= found.keys()
    assert found["board"].type == "Board"
    assert found["board"].scope == "session"
    assert found["dut"].scope == "test"
    assert all(fixture.text for fixture in found.values())


def test_help_does_not_hold_the_home_folder_of_whoever_builds() -> None:
    assert str(Path.home()) not in argparse_page.page()


def test_target_files_of_the_repository_use_only_keys_on_the_page() -> None:
    shown = cells(toml_page.page(), 0)

    def keys(table: Mapping[str, object]) -> Iterator[str]:
        for key, value in table.items():
            yield key
            if isinstance(value, dict) and key != "options":
                yield from keys(value)

    files = [*REPOSITORY.glob("targets/*.toml"), *REPOSITORY.glob("models/*/model.toml")]
    assert len(files) > 10
    for file in files:
        used = set(keys(tomllib.loads(file.read_text())))
        assert used - {"kind", "base"} <= shown, file


@pytest.mark.parametrize("schema", [*(file.schema for file in objects.TOML_FILES), objects.RECORD])
def test_every_key_has_a_text(schema: type) -> None:
    missing = {
        f"{table.path}.{key.name}" for table in tables(schema) for key in table.keys if not key.text
    }
    assert missing == set()


def test_a_type_is_shown_in_words() -> None:
    target_file = objects.TOML_FILES[0].schema
    found = {(t.path, t.tag, k.name): k for t in tables(target_file) for k in t.keys}
    assert found["clock", "", "flash_wait_states"].type == "integer, 0 to 15"
    assert found["memory.flash", "", "origin"].type == "integer, 0 to 0xFFFFFFFF"
    assert found["port", "", "baud"].default == "`115200`"
    assert found["", "", "description"].default == ""
    assert ("board", 'kind = "qemu"', "machine") in found


def test_field_texts_come_from_below_the_field() -> None:
    assert field_texts(_Documented) == {"first": "The first.\n\nMore.", "second": "The second."}


def test_every_number_of_a_record_has_a_meaning() -> None:
    page = record_page.page()
    assert {metric.pattern for metric in objects.NUMBERS} <= cells(page, 0)
    assert set(record_page._MEANINGS) == {metric.pattern for metric in objects.NUMBERS}


def test_messages_are_those_that_the_host_knows() -> None:
    constants = link_page.read_constants((REPOSITORY / objects.MESSAGES_HEADER).read_text())
    messages = {c.name: c.value for c in constants if c.name.startswith("MESSAGE_")}
    errors = {c.name: c.value for c in constants if c.name.startswith("ERROR_")}
    assert messages == {f"MESSAGE_{message.name}": message.value for message in Message}
    assert errors == {f"ERROR_{error.name}": error.value for error in DeviceError}
    assert all(c.text for c in constants)
    assert {c.direction for c in constants if c.value == 0x81} == {"device to host"}


@pytest.mark.parametrize("header", objects.C_HEADERS)
def test_every_function_of_a_header_has_a_heading(header: str) -> None:
    text = (REPOSITORY / header).read_text()
    about, items = c_page.read_header(text)
    declared = re.sub(r"/\*.*?\*/|\{.*?\}|^#define.*?$", "", text, flags=re.S | re.M)
    functions = set(re.findall(r"^\w[\w *]*?(\w+)\(", declared, flags=re.M))
    assert about
    assert functions
    assert functions <= {name for item in items for name in item.names}
    assert not re.search(r"^\s*\*", "".join(item.comment for item in items), re.M)


def test_a_header_is_read_into_items() -> None:
    about, items = c_page.read_header(
        "/*\n * What it is.\n */\n#ifndef A_H\n#define A_H\n\n#include <stdint.h>\n\n"
        '#ifdef __cplusplus\nextern "C" {\n#endif\n\n'
        "/* Does it,\n * twice. */\nint do_it(void);\nvoid undo_it(void (*with)(int), int);\n\n"
        "typedef struct {\n    int a; /* one */\n\n    void (*b)(int);\n} thing_t;\n\n"
        "#ifdef MORE\n/* More. */\nvoid more(void);\n#endif\n\n#endif\n"
    )
    assert about == "What it is."
    assert [item.names for item in items if item.names] == [
        ["do_it", "undo_it"],
        ["thing_t"],
        ["more"],
    ]
    assert next(item.comment for item in items if "do_it" in item.names) == "Does it,\ntwice."


def test_the_python_page_has_every_exported_name() -> None:
    page = python_page.page()
    assert all(f"## `{name}`" in page for name in objects.exported_names())


def test_prose_from_code_is_no_markup() -> None:
    assert markdown.plain("a_b <c> `d_e` docs/tflm.md") == (
        "a\\_b \\<c\\> `d_e` [docs/tflm.md](../tflm.md)"
    )
    assert markdown.table(("a",), [("x | y\nz",)]) == "| a |\n| --- |\n| x \\| y z |\n"
    assert markdown.code("a`b") == "`` a`b ``"
