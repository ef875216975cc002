"""The tutorial, without TensorFlow: its commands exist, its code compiles, its outputs are today's.

`make tutorial` runs it whole.
"""

import json
import random
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from docs.generate.harness_objects import command_line, pytest_options
from docs.generate.notebook_page import cells, page, printed, source
from harness.cli.main import main
from harness.errors import ExitCode
from harness.measure.number import Number
from harness.model.model_file import ModelFile
from harness.report.runs_table import print_table
from harness.support.terminal import Terminal
from harness.support.toml_file import read
from tests.support.year import FIRST, made_up

PATH = Path(__file__).parents[2] / "docs" / "tutorial.ipynb"
TEXT = PATH.read_text()
CODE = [cell for cell in cells(TEXT) if cell["cell_type"] == "code"]
_OTHERS = {"ls", "head", "python", "rm"}


def cell(word: str) -> Mapping[str, Any]:
    """Return the one cell whose code contains `word`."""
    [found] = [one for one in CODE if word in source(one)]
    return found


def commands() -> list[list[str]]:
    """Return all shell commands of the notebook, split into words."""
    blocks = [source(one).removeprefix("%%sh\n") for one in CODE if source(one)[:4] == "%%sh"]
    for one in cells(TEXT):
        if one["cell_type"] == "markdown":
            blocks += re.findall(r"^```\n(.*?)^```$", source(one), re.MULTILINE | re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", "").split("\n")
    return [shlex.split(part, comments=True) for line in lines if line for part in line.split("|")]


def test_every_command_of_the_tutorial_exists() -> None:
    names = {command[0] for command in commands()}
    assert names == {"harness", "pytest", *_OTHERS}
    options = {name for action in pytest_options()._actions for name in action.option_strings}
    for command, *words in commands():
        if command == "harness":
            command_line().parse_args(words)
        elif command == "pytest":
            given = {word.split("=")[0] for word in words if word.startswith("--")}
            assert given - {"--quiet"} <= options


def test_all_code_of_the_tutorial_compiles_and_the_training_is_the_user_s() -> None:
    files = []
    for one in CODE:
        text = source(one)
        if text.startswith("%%writefile "):
            first, text = text.split("\n", 1)
            files.append(first.split()[1])
            assert "harness" not in text
        if not text.startswith("%"):
            compile(text, files[-1] if files else "cell", "exec")
    assert files == ["features.py", "train.py", "tests/test_watch.py"]


def test_the_tutorial_was_run_from_top_to_bottom() -> None:
    ran = [one for one in CODE if "install" not in one["metadata"].get("tags", ())]
    assert [one["execution_count"] for one in ran] == list(range(1, len(ran) + 1))
    outputs = [output for one in CODE for output in one["outputs"]]
    assert {(output["output_type"], output["name"]) for output in outputs} == {("stream", "stdout")}
    assert not re.search(r"\x1b|/home/|/root/|/tmp/", "".join(printed(one) for one in CODE))


def test_init_prints_what_the_tutorial_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "watch-tutorial").mkdir()
    monkeypatch.chdir(tmp_path / "watch-tutorial")
    assert main(["init", "--empty"]) == ExitCode.PASSED
    assert capsys.readouterr().out.replace(str(tmp_path), "~") == printed(cell("harness init"))


def test_the_tutorial_shows_the_table_of_today(capsys: pytest.CaptureFixture[str]) -> None:
    record = made_up(random.Random(1), FIRST, "virtual-stm32", "digits")
    cycles = Number(5_489_750, "1", "estimated", "a model", 0.107)
    numbers = record.numbers | {"cycles_estimated": cycles}
    print_table([structs.replace(record, numbers=numbers)], Terminal())
    today = {line for line in words(capsys.readouterr().out) if not re.search(r"\d|digits", line)}
    assert {"exact: accuracy, ≠ golden (output bytes that differ), median instructions per"} < today
    assert today <= set(words(printed(cell("harness run"))))


def words(text: str) -> list[str]:
    """Return the lines of `text`, whatever the width of columns and rules."""
    return [" ".join(line.strip(" ─").split()) for line in text.splitlines()]


def test_the_tutorial_shows_a_model_file_of_today(tmp_path: Path) -> None:
    path = tmp_path / "model.toml"
    path.write_text(printed(cell("not stated yet")))
    described = read(path, ModelFile)
    assert described.conversion
    assert described.conversion.source == "watch.keras"
    assert described.task == "classification"


def test_a_notebook_becomes_a_page() -> None:
    def code(text: str, *outputs: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"cell_type": "code", "source": text.splitlines(True), "outputs": outputs}

    def stream(name: str, *lines: str) -> Mapping[str, Any]:
        return {"output_type": "stream", "name": name, "text": lines}

    notebook = {
        "cells": [
            {"cell_type": "markdown", "source": ["# Title\n", "\n", "Text.\n"]},
            code("%%sh\nls", stream("stderr", "no\n"), stream("stdout", "a\n", "b\n")),
            code("%%writefile a.py\nx = 1", stream("stdout", "Writing a.py\n")),
            code("x", {"output_type": "execute_result", "data": {"text/plain": ["1"]}}),
        ]
    }
    assert page(json.dumps(notebook)) == (
        "# Title\n\nText.\n\n```sh\n%%sh\nls\n```\n\n"
        "```{code-block} none\n:class: output\n\na\nb\n```\n\n"
        "```python\n%%writefile a.py\nx = 1\n```\n\n```python\nx\n```\n"
    )
