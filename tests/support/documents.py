"""Reads what a command prints with `--json`."""

import json
from typing import Any

import jsonschema
import msgspec
import pytest

from docs.generate import harness_objects as objects
from docs.generate import json_schemas
from harness.support.json_output import Document, as_json


def printed_document(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """Return the one document that was printed since the last look, as `checked` does."""
    return checked(capsys.readouterr().out)


def checked(text: str | Document) -> dict[str, Any]:
    """Return a document after a comparison with its schema in docs/json, and with its struct."""
    text = text if isinstance(text, str) else as_json(text)
    read: dict[str, Any] = json.loads(text)
    assert next(iter(read)) == "schema"
    name = read["schema"].split("/")[1]
    jsonschema.validate(read, json.loads((json_schemas.FOLDER / f"{name}.schema.json").read_text()))
    [struct] = [each for each in objects.documents() if objects.document_name(each) == name]
    msgspec.json.decode(text, type=struct)
    return read
