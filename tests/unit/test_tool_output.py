"""What installed tools print: broken, silent and hanging ones are errors, in time."""

import sys
import time
from pathlib import Path

import pytest

from harness.errors import InfrastructureError
from harness.support.tool_output import first_line, output_of

SH = ("/bin/sh", "-c")


def refused(script: str, deadline: float = 30.0) -> str:
    with pytest.raises(InfrastructureError) as caught:
        first_line([*SH, script], "install it again", deadline)
    assert caught.value.where == "/bin/sh"
    assert caught.value.remedy == "install it again"
    return caught.value.what


def test_the_first_line_is_taken() -> None:
    assert first_line([*SH, "echo ' one '; echo two"], "") == "one"


@pytest.mark.parametrize("script", ["true", "echo", "echo; echo two", "echo one >&2"])
def test_a_tool_that_prints_nothing_does_not_run(script: str) -> None:
    assert refused(script).endswith("prints nothing")


def test_a_tool_that_fails_is_quoted() -> None:
    assert refused("echo no library >&2; exit 7") == "does not run: exit code 7\nno library"


def test_a_tool_that_is_not_there_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing", tmp_path):
        with pytest.raises(InfrastructureError, match="does not run: ") as caught:
            first_line([str(path)], "install it")
        assert caught.value.where == str(path)


def test_a_tool_of_another_machine_is_named(tmp_path: Path) -> None:
    path = tmp_path / "tool"
    path.write_bytes(b"\x7fELF" + bytes(60))
    path.chmod(0o755)
    with pytest.raises(InfrastructureError, match="Exec format error"):
        first_line([str(path)], "install it")


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    "script",
    [
        "sleep 100",
        "sleep 100 & wait",  # a wrapper, whose child holds the output open
        "trap '' TERM; sleep 100",
        f"{sys.executable} -c 'while True: print(1)'",
    ],
)
def test_a_tool_that_does_not_end_is_ended_with_its_children(script: str, tmp_path: Path) -> None:
    mark = tmp_path / "alive"
    script = f"(sleep 1; touch {mark}) & {script}"
    assert "within 0.3 s" in refused(script, 0.3)
    time.sleep(1.5)
    assert not mark.exists()


def test_text_that_is_no_unicode_is_shown() -> None:
    assert first_line([*SH, "printf '\\377version\\n'"], "") == "\ufffdversion"


def test_a_tool_gets_no_input() -> None:
    assert output_of([*SH, "cat; echo end"], "") == "end\n"
