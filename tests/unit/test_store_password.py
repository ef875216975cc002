"""The password of a store: no message shows it, and no command line of ours holds it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import HarnessError, InfrastructureError, InputError
from harness.results.store import open_results
from harness.results.store.store import Store

ROOT = Path(__file__).parents[2]
SECRET = "hunter2hunter2"  # noqa: S105 - of nobody
URL = f"postgresql://me:{SECRET}@127.0.0.1:1/runs"
VARIABLE = open_results.STORE_VARIABLE


def command(*arguments: str, folder: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "url",
    [
        URL,
        f"postgresql://127.0.0.1:1/runs?user=me&password={SECRET}",
        f"postgresql://me@127.0.0.1:1/runs?sslpassword={SECRET}&sslmode=disable",
        f"postgresql://me:x@{SECRET}@127.0.0.1:1/runs",
        f"postgresql://me:/{SECRET}@127.0.0.1:1/runs",
        f"postgresql://me:{SECRET}@127.0.0.1:port/runs",
        f"mysql://me:{SECRET}@127.0.0.1/runs",
        f"me:{SECRET}@127.0.0.1/runs",
        f"me:{SECRET}",
        f"postgresql://me@127.0.0.1:1/runs?nonsense=1&password={SECRET}",
        f"postgresql://me@127.0.0.1:1/?password={SECRET}",
    ],
)
def test_no_error_of_a_store_shows_its_password(url: str) -> None:
    with pytest.raises(HarnessError) as caught:
        Store(url)
    assert SECRET not in str(caught.value)
    assert str(caught.value).splitlines()[0]


def test_an_option_that_holds_a_password_is_shown_without_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(VARIABLE, URL)
    options: list[tuple[str, object]] = []
    open_results.add_store_option(lambda name, **keys: options.append((name, keys["default"])))
    assert options[0][1] == URL
    assert SECRET not in repr(options)


@pytest.mark.parametrize("url", [URL, f"postgresql://127.0.0.1:1/runs?password={SECRET}"])
def test_a_password_in_a_command_line_is_refused_and_not_shown(url: str, tmp_path: Path) -> None:
    (tmp_path / "records").mkdir()
    (tmp_path / "test_it.py").write_text("def test_it(): pass\n")
    commands = {
        ("harness", "push", "records"): InputError.exit_code,
        ("pytest", "-p", "harness.pytest_plugin"): pytest.ExitCode.USAGE_ERROR,
    }
    for arguments, code in commands.items():
        done = command("-m", *arguments, f"--store={url}", folder=tmp_path)
        assert done.returncode == code
        assert "other users of this machine can read the password" in done.stderr
        assert "~/.pgpass" in done.stderr
        assert f"put the URL into the variable {VARIABLE}" in done.stderr
        assert SECRET not in done.stdout + done.stderr


def test_the_advice_on_a_wrong_url_is_about_its_form(tmp_path: Path) -> None:
    (tmp_path / "records").mkdir()
    url = f"https://me:{SECRET}@example.com/runs"
    done = command("-m", "harness", "push", "records", f"--store={url}", folder=tmp_path)
    assert done.returncode == InputError.exit_code
    assert "https://me:***@example.com/runs: is not the URL of a store" in done.stderr
    assert "use sqlite:///PATH or postgresql://USER@HOST/DATABASE" in done.stderr
    assert SECRET not in done.stdout + done.stderr


def test_the_variable_names_the_store_for_commands_and_for_pytest(tmp_path: Path) -> None:
    (tmp_path / "records").mkdir()
    (tmp_path / "test_it.py").write_text("def test_it(): pass\n")
    commands = {
        ("harness", "push", "records"): InfrastructureError.exit_code,
        ("pytest", "-p", "harness.pytest_plugin"): pytest.ExitCode.OK,  # it has no Record to add
    }
    for arguments, code in commands.items():
        done = command("-m", *arguments, folder=tmp_path, **{VARIABLE: URL})
        assert done.returncode == code
        shown = done.stdout + done.stderr
        assert "postgresql://me@127.0.0.1:1/runs: the store failed" in shown
        assert SECRET not in shown
        assert "other users" not in shown


def test_an_option_takes_priority_over_the_variable(tmp_path: Path) -> None:
    (tmp_path / "records").mkdir()
    store = f"--store=sqlite:///{tmp_path / 'store.sqlite'}"
    done = command("-m", "harness", "push", "records", store, folder=tmp_path, **{VARIABLE: URL})
    assert done.returncode == 0, done.stderr
    assert "harness: " not in done.stderr


def test_the_nightly_job_puts_no_secret_into_a_command_line(tmp_path: Path) -> None:
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "nightly", tmp_path / ".ci")
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name in ("pytest", "harness"):
        (programs / name).write_text(f'#!/bin/sh\necho "{name} $* with $HARNESS_STORE"\n')
        (programs / name).chmod(0o755)
    done = subprocess.run(
        [tmp_path / ".ci" / "nightly"],
        env=os.environ | {VARIABLE: URL},
        capture_output=True,
        text=True,
        check=True,
    )
    for line in done.stdout.splitlines()[1:]:
        arguments, _, store = line.partition(" with ")
        assert store == URL
        assert SECRET not in arguments
