"""The commands in the docs: each has a real name and real options; many of them run here."""

import argparse
import shlex
from contextlib import suppress
from pathlib import Path

import pytest

from harness.cli.command_line import command_parser
from harness.cli.main import main
from harness.errors import ExitCode, HarnessError
from tests.support.page_commands import PAGES, ROOT, Command, commands, words
from tests.support.repository import dense


def fault_of(command: Command, config: pytest.Config) -> str:
    """Return what is wrong with a command; empty if nothing is.

    `config` knows the options of pytest and of the plugins in this session, ours among them.
    """
    program, *arguments = command.words
    if program == "pytest":
        return _not_of_pytest(arguments, config, complete=command.complete)
    if command.complete:
        return _refusal(arguments)
    return _unknown(arguments)


def _not_of_pytest(arguments: list[str], config: pytest.Config, *, complete: bool) -> str:
    """Return the options that pytest does not have; a span may lack the value of an option."""
    parser = config._parser
    if not config.pluginmanager.hasplugin("xdist"):
        arguments = [word for word in arguments if word != "-n"]
    if complete:
        return " ".join(parser.parse_known_and_unknown_args(arguments)[1])
    unknown: list[str] = []
    for word in arguments:
        with suppress(pytest.UsageError):  # the option exists, and needs a value
            unknown += parser.parse_known_and_unknown_args([word])[1]
    return " ".join(unknown)


def _refusal(arguments: list[str]) -> str:
    """Return why `harness` refuses the arguments."""
    parser = command_parser()
    if name := parser.named(arguments):
        parser.declare(name)
    try:
        parser.parse_args(arguments)
    except HarnessError as error:
        return error.what
    except SystemExit as end:  # --help, --version
        return f"exit code {end.code}" if end.code else ""
    return ""


def _unknown(arguments: list[str]) -> str:
    """Return the first command or option that `harness` does not have; a span may lack others."""
    root = command_parser()
    if name := root.named(arguments):
        root.declare(name)
    parser: argparse.ArgumentParser = root
    for word in arguments:
        if word.startswith("--") and word.partition("=")[0] not in parser._option_string_actions:
            return word
        below = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
        if not word.startswith("-") and below:
            if word not in below[0].choices:
                return word
            parser = below[0].choices[word]
    return ""


@pytest.mark.parametrize("page", PAGES)
def test_every_command_has_a_real_name_and_real_options(
    page: str, pytestconfig: pytest.Config
) -> None:
    found = list(commands((ROOT / page).read_text(encoding="utf-8")))
    wrong = [
        f"{command}: {fault}" for command in found if (fault := fault_of(command, pytestconfig))
    ]
    assert wrong == []


def test_the_pages_have_commands() -> None:
    counts = {page: len(list(commands((ROOT / page).read_text()))) for page in PAGES}
    assert counts["docs/firmware.md"] > 6
    assert counts["docs/mlperf.md"] > 5
    assert sum(counts.values()) > 250


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("```\nharness runn --model=a\n```", "unknown command 'runn'"),
        ("```sh\n  harness run --modle=a | cat\n```", "unrecognized arguments: --modle=a"),
        ("```\nharness run \\\n    --modle=a\n```", "unrecognized arguments: --modle=a"),
        ("```\nX=1 harness target add\n```", "the following arguments are required: CHIP"),
        ("```\npytest -q --no-such=a\n```", "--no-such=a"),
        ("see `harness farm statsu`", "statsu"),
        ("see `harness\nrun --elfs FILE`", "--elfs"),
        ("see `pytest --no-such`", "--no-such"),
    ],
)
def test_a_command_that_does_not_exist_is_found(
    text: str, fault: str, pytestconfig: pytest.Config
) -> None:
    (command,) = commands(text)
    assert fault_of(command, pytestconfig) == fault


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("harness run --json > run.json", ["harness", "run", "--json"]),
        ("harness init a && cd a", ["harness", "init", "a"]),
        ("harness run --elf=x.elf  # on a board", ["harness", "run", "--elf=x.elf"]),
        ("pytest -k 'a or b' &", ["pytest", "-k", "a or b"]),
    ],
)
def test_a_line_is_split_as_a_shell_does(line: str, expected: list[str]) -> None:
    assert words(line) == tuple(expected)


def test_every_page_is_read() -> None:
    assert {"README.md", "docs/firmware.md", "firmware/README.md"} <= set(PAGES)
    assert all(Path(ROOT, page).is_file() for page in PAGES)


# Commands that need no board, no network and no long work

RUNS = (
    ("list",),
    ("completion",),
    ("models", "show", "wake.tflite"),
    ("baseline", "list"),
)
FOUND = {
    command.words
    for page in PAGES
    for command in commands((ROOT / page).read_text(encoding="utf-8"))
    if command.complete and any(command.words[1 : 1 + len(run)] == run for run in RUNS)
}


@pytest.mark.parametrize("line", sorted(map(shlex.join, FOUND)))
def test_a_command_that_needs_little_runs(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "harness.toml").touch()
    (tmp_path / "wake.tflite").write_bytes(dense())
    program, *arguments = shlex.split(line)
    assert program == "harness"
    assert main(arguments) == ExitCode.PASSED


def test_commands_that_need_little_are_found() -> None:
    firsts = {found[1] for found in FOUND}
    assert firsts == {run[0] for run in RUNS}
