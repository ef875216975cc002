"""Texts from outside reach a terminal as text: they neither act nor pretend, in any command."""

import io
import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table
from rich.text import Text

from harness.cli.main import main
from harness.errors import InputError, Verdict
from harness.link.device_log import DeviceLog
from harness.results.record_file import read_record
from harness.support.printable_texts import printable_texts
from harness.support.progress import Progress
from harness.support.shown import shown, shown_output
from harness.support.terminal import Terminal
from tests.support.graphs import Builder

ROOT = Path(__file__).parents[2]
RECORDS = sorted((ROOT / "tests" / "data" / "records").glob("*.json"))
SECRET = "hunter2hunter2"  # noqa: S105 - of nobody
# Colour, title of the window, text that runs backwards, an invisible letter, clear screen, markup.
HOSTILE = (
    "\x1b[31mx\x1b]0;y\x07\u202egpj\u200b\x9b2J[bold]b[/bold][link=file:///]l[/link][/]\x1b[2J"
)
ACTING = {"\x1b", "\x07", "\u202e", "\u200b", "\x9b"}


def harmless(text: str) -> bool:
    return {c for c in text if not c.isprintable()} <= {"\n"}


# A console


def on_terminal(show: Callable[[Terminal], object]) -> str:
    file = io.StringIO()
    show(
        Terminal(
            file=file, width=200, force_terminal=True, color_system="standard", highlight=False
        )
    )
    return file.getvalue()


def table(*cells: Any) -> Table:
    made = Table(title=HOSTILE)
    made.add_column(HOSTILE)
    for cell in cells:
        made.add_row(cell)
    return made


@pytest.mark.parametrize(
    "show",
    [
        lambda terminal: terminal.print(HOSTILE),
        lambda terminal: terminal.print("before", HOSTILE, style="dim"),
        lambda terminal: terminal.print(Text(HOSTILE, "bold")),
        lambda terminal: terminal.print(table(HOSTILE, Text(HOSTILE))),
        lambda terminal: terminal.rule(HOSTILE),
        lambda terminal: terminal.print(InputError(HOSTILE, where=HOSTILE)),
    ],
)
def test_no_text_acts_on_a_terminal(show: Callable[[Terminal], object]) -> None:
    written = on_terminal(show)
    assert "[bold]b[/bold][link=file:///]l[/link]" in written  # as text
    assert "⟨202E⟩" in written
    for acting in ("\x1b[31m", "\x1b]", "\x1b[2J", "\x07", "\u202e", "\u200b", "\x9b"):
        assert acting not in written


@given(st.text())
def test_any_text_can_be_printed(text: str) -> None:
    for renderable in (text, Text(text), table(text)):
        file = io.StringIO()
        Terminal(file=file, width=200, force_terminal=True).print(renderable)
        written = file.getvalue()
        assert not {c for c in written if not c.isprintable()} - {"\n", "\x1b"}


def test_styles_still_work() -> None:
    assert "\x1b[1m" in on_terminal(lambda terminal: terminal.print("bold", style="bold"))
    assert "\x1b[31m" in on_terminal(lambda terminal: terminal.print(Text("NO", "red")))


def test_progress_shows_text_and_no_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    class Screen(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Screen()
    monkeypatch.setenv("TERM", "xterm")
    progress = Progress(screen)
    with progress.step(f"model {HOSTILE}", 2) as step:
        progress.warn(f"an image {HOSTILE}")
        progress.say(f"building {HOSTILE}")
        step()
    for acting in ("\x1b[31m", "\x1b]", "\x1b[2J", "\x07", "\u202e", "\u200b", "\x9b"):
        assert acting not in screen.getvalue()
    assert "[bold]b[/bold]" in screen.getvalue()


def test_what_is_printed_is_cleaned_and_rich_keeps_its_styles(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with shown_output():
        print(HOSTILE, f"postgresql://me:{SECRET}@db/runs", file=sys.stderr)
        sys.stdout.writelines([HOSTILE, "\n"])
        Terminal(force_terminal=True, color_system="standard").print("bold", style="bold")
    out, err = capsys.readouterr()
    assert harmless(err)
    assert SECRET not in err
    assert "\x1b[1m" in out
    assert harmless(out.splitlines()[0])


# What enters


def test_the_log_of_a_device_is_printable() -> None:
    log = DeviceLog()
    log.add(f"\x1b[1;32m[00:01] started\x1b[0m\n{HOSTILE}\r\n")
    (line,) = log.messages()
    assert harmless(line)
    assert line.startswith("[00:01] started⟨000A⟩x⟨001B⟩]0;y⟨0007⟩")
    assert "\n" not in line


def test_a_record_has_printable_texts_only() -> None:
    record = read_record(RECORDS[0])
    assert printable_texts(record) == record
    import msgspec  # noqa: PLC0415

    hostile = msgspec.structs.replace(record, reasons=[HOSTILE], log=[HOSTILE, HOSTILE])
    cleaned = printable_texts(hostile)
    assert harmless("".join([*cleaned.reasons, *cleaned.log]))
    assert cleaned.numbers == record.numbers


def test_messages_hold_no_secret() -> None:
    error = InputError(f"failed: password={SECRET}", where=f"https://{SECRET}@host/{HOSTILE}")
    assert SECRET not in shown(error)
    assert harmless(shown(error))
    assert harmless(shown(Verdict(HOSTILE)))


# The commands


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "harness.toml").write_text("")
    return tmp_path


def hostile_model(folder: Path, name: str = "small") -> Path:
    path = folder / "models" / name
    path.mkdir(parents=True)
    builder = Builder()
    source = builder.activation((1, 4), 1.0, 0)
    (path / "model.tflite").write_bytes(builder.build([source], [builder.dense(source, 4)]))
    inputs = np.zeros((2, 4), np.int8)
    arrays: dict[str, Any] = {"inputs": inputs, "labels": np.zeros(2, np.int64), HOSTILE: inputs}
    np.savez(path / "vectors.npz", **arrays)
    text = json.dumps(HOSTILE)
    (path / "model.toml").write_text(
        f"description = {text}\ntask = {text}\nmetric = {text}\nquality_target = 0.5\n"
        f"{text} = 1\ninput = {{ preprocessing = {text} }}\n"
    )
    return path


def hostile_target(folder: Path, name: str) -> None:
    path = folder / "targets" / f"{name}.toml"
    path.parent.mkdir()
    text = json.dumps(HOSTILE)
    path.write_text(f"description = {text}\nmcu = {{ name = {text}, core = {text} }}\n{text} = 3\n")


def hostile_records(folder: Path, in_names: str = HOSTILE) -> None:
    """Records of another person, two nights of one combination that differ."""
    runs = folder / "reports" / "runs"
    runs.mkdir(parents=True)
    for night in (1, 2):
        record = json.loads(RECORDS[0].read_text())
        record["id"] = f"2026112{night}T020339-x-{night}"
        record["started"] = f"2026-11-2{night}T02:03:39+00:00"
        record["reasons"] = [HOSTILE] if night == 1 else []
        record["verdict"] = "failed" if night == 1 else "passed"
        record["log"] = [HOSTILE]
        for part, keys in {
            "target": ["name", "version", "board"],
            "model": ["name", "golden_source"],
            "image": ["compiler", "engine_version", "toolchain", "optimize"],
        }.items():
            for key in keys:
                record[part][key] += in_names
        if record.get("commit"):
            record["commit"]["branch"] = HOSTILE
        record["numbers"]["ram"]["value"] += night
        (runs / f"{record['id']}.json").write_text(json.dumps(record))
    (runs / f"broken{HOSTILE.replace('/', '')}.json").write_text("{")


COMMANDS = [
    ("run", "--model=small", "--target=qemu-stm32"),
    ("run", f"--model={HOSTILE}"),
    ("run", f"--target={HOSTILE}"),
    ("run", "--target=mine"),
    ("run", f"--{HOSTILE}"),
    ("run", f"--elf={HOSTILE}", "--target=qemu-stm32"),
    ("run", f"--toolchain={HOSTILE}"),
    ("run", f"--store=postgresql://me:{SECRET}@127.0.0.1:1/{HOSTILE}"),
    (HOSTILE,),
    ("build", f"--engine={HOSTILE}"),
    ("targets",),
    ("doctor",),
    ("models", "show", "small"),
    ("models", "show", HOSTILE),
    ("report",),
    ("report", f"--branch={HOSTILE}"),
    ("compare", "2026112", HOSTILE),
    ("compare", "20261121T020339-x-1", "20261122T020339-x-2"),
    ("trend", "ram"),
    ("trend", HOSTILE),
    ("export", "--csv", "all.csv"),
    ("size", f"{HOSTILE}.elf"),
    ("push", "reports/runs", "--store=sqlite:///store.sqlite"),
    ("baseline", "accept", "20261122T020339-x-2", "--because", HOSTILE),
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: ascii(command[0]))
def test_no_command_prints_what_acts_on_a_terminal(
    folder: Path, capsys: pytest.CaptureFixture[str], command: tuple[str, ...]
) -> None:
    hostile_model(folder)
    hostile_model(folder, HOSTILE.replace("/", ""))
    hostile_target(folder, "mine")
    hostile_records(folder)
    capsys.readouterr()
    with suppress(SystemExit):  # of argparse
        main(command)
    text = "".join(capsys.readouterr())
    assert text.strip()
    assert harmless(text), [c for c in text if not c.isprintable() and c != "\n"]
    assert SECRET not in text


def test_what_others_accepted_is_listed_as_text(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile_records(folder, "\x1b[2J\u202e")  # a baseline has these in the name of its file
    main(["baseline", "accept", "20261122T020339-x-2", "--because", HOSTILE])
    capsys.readouterr()
    main(["baseline", "list"])
    text = "".join(capsys.readouterr())
    assert text.strip()
    assert harmless(text)


def test_the_report_and_its_summary_are_printable_too(folder: Path) -> None:
    hostile_records(folder)
    main(["report", "--markdown=summary.md", "--out=report.html"])
    for name in ("summary.md", "report.html"):
        assert harmless((folder / name).read_text())


def test_pytest_prints_our_errors_as_text(folder: Path) -> None:
    hostile_model(folder)
    hostile_target(folder, "mine")
    (folder / "test_it.py").write_text("def test_it(dut):\n    dut.run()\n")
    for arguments in (
        ("--model=small", "--target=qemu-stm32"),
        ("--target=mine", "--model=small"),
        (f"--target={HOSTILE}",),
        (f"--store=postgresql://me:{SECRET}@127.0.0.1:1/{HOSTILE}",),
    ):
        command = [sys.executable, "-m", "pytest", "-p", "harness.pytest_plugin", *arguments]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode
        assert not ACTING & set(done.stdout + done.stderr), ascii(done.stdout + done.stderr)
        assert SECRET not in done.stdout + done.stderr


def test_only_a_terminal_of_ours_is_used() -> None:
    """A plain console of rich does not clean what it shows."""
    plain = [
        str(path.relative_to(ROOT))
        for path in (ROOT / "harness").rglob("*.py")
        if "Console(" in path.read_text(encoding="utf-8").replace("Terminal(Console)", "")
    ]
    assert plain == []
