"""The MCP server as a client sees it: real processes that talk over pipes."""

import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import anyio
import psutil
import pytest

pytest.importorskip("mcp", reason="the extra mcp is not installed")

from mcp import Client, StdioServerParameters, stdio_client

_READING = {
    *("list_names", "list_runs", "show_run", "compare_runs", "trend", "describe_model"),
    *("check_machine", "farm_status", "explain_fault"),
}
_RUNNING = {"run", "profile", "build"}
_FACES = {"combination": {"target": "virtual-stm32", "model": "faces"}}
_DIGITS = {"combination": {"target": "virtual-stm32", "model": "digits"}}


@asynccontextmanager
async def _client(root: Path, *options: str) -> AsyncIterator[Client]:
    """Connect to a server that works in the folder `root`."""
    server = StdioServerParameters(
        command=sys.executable, args=["-P", "-m", "harness", "mcp", *options], cwd=root
    )
    async with Client(stdio_client(server)) as client:
        yield client


async def _call(client: Client, tool: str, arguments: dict[str, Any]) -> tuple[bool, Any]:
    result = await client.call_tool(tool, arguments)
    [content] = result.content
    text = getattr(content, "text", "")
    try:
        return bool(result.is_error), json.loads(text)
    except json.JSONDecodeError:
        return bool(result.is_error), text


def test_without_allow_run_the_tools_only_read(tmp_path: Path) -> None:
    async def session() -> None:
        async with _client(tmp_path) as client:
            tools = (await client.list_tools()).tools
            assert {tool.name for tool in tools} == _READING
            assert all(tool.annotations and tool.annotations.read_only_hint for tool in tools)
            failed, error = await _call(client, "run", _FACES)
            assert failed
            assert "harness mcp --allow-run" in error["remedy"]
            failed, engines = await _call(client, "list_names", {"what": "engines"})
            assert not failed
            assert engines["schema"] == "tinyml-harness/list-engines/1"
            failed, error = await _call(client, "show_run", {"run": "--help"})
            assert failed
            assert error["kind"] == "input"
            failed, error = await _call(client, "show_run", {"run": "a\0b"})
            assert failed
            assert "null byte" in error["message"]
            failed, error = await _call(client, "check_machine", {"target": ["x" * 4096] * 1024})
            assert failed
            assert "too long" in error["message"]
            await _check_wrong_arguments(client)
            failed, text = await _call(client, "explain_fault", {"cfsr": "0x2000000"})
            assert (failed, text) == (False, "DIVBYZERO: division by zero")
            arguments = {"cfsr": 1, "pc": 8, "elf": "none.elf"}
            failed, error = await _call(client, "explain_fault", arguments)
            assert failed
            assert "none.elf" in error["where"]

    anyio.run(session)
    assert not (tmp_path / "build").exists()
    assert not list(tmp_path.glob("reports/runs/*"))


async def _check_wrong_arguments(client: Client) -> None:
    """Each is an error that says which argument and why, in the form of a command's errors."""
    for tool, arguments, message, remedy in (
        ("list_names", {}, "what is missing", ""),
        ("list_names", {"what": "model"}, "what must be 'targets', 'models'", ""),
        ("list_names", {"what": "models", "x": 1}, "no argument 'x'", "its arguments: what"),
        ("list_runs", {"limit": 0}, "limit must be greater than or equal to 1", ""),
        ("trend", {"metric": "flash", "modle": "a"}, "no argument 'modle'", "did you mean model?"),
        ("farm_status", {"place": "a"}, "no argument 'place'", "it has no arguments"),
        ("explain_fault", {"cfsr": "x"}, "cfsr must be a valid integer", ""),
        ("explane_fault", {}, "no tool 'explane_fault'", "did you mean explain_fault?"),
    ):
        failed, error = await _call(client, tool, arguments)
        assert failed
        assert (error["schema"], error["kind"]) == ("tinyml-harness/error/1", "input")
        assert message in error["message"]
        assert remedy in error["remedy"]
        assert "pydantic" not in str(error)


def test_a_run_is_recorded_shown_and_listed(tmp_path: Path) -> None:
    async def session() -> None:
        async with _client(tmp_path, "--allow-run") as client:
            tools = (await client.list_tools()).tools
            assert {tool.name for tool in tools} == _READING | _RUNNING
            failed, ran = await _call(client, "run", _FACES)
            assert not failed
            assert ran["passed"]
            [run] = ran["runs"]
            assert "instructions_median" in run["record"]["numbers"]
            assert "ticks" not in run["record"]
            _, shown = await _call(client, "show_run", {})
            assert shown["runs"][0]["record"]["id"] == run["record"]["id"]
            _, listed = await _call(client, "list_runs", {"model": "faces"})
            assert [each["id"] for each in listed["runs"]] == [run["record"]["id"]]
            again = {"old": run["record"]["id"], "new": "last"}
            _, compared = await _call(client, "compare_runs", again)
            assert compared["schema"] == "tinyml-harness/compare/1"
            _, trend = await _call(client, "trend", {"metric": "flash"})
            assert trend["schema"] == "tinyml-harness/trend/1"
            _, network = await _call(client, "describe_model", {"model": "faces"})
            assert network["schema"] == "tinyml-harness/models-show/1"
            _, built = await _call(client, "build", _FACES)
            assert built["schema"] == "tinyml-harness/build/1"
            _, profile = await _call(client, "profile", _FACES)
            assert profile["schema"] == "tinyml-harness/profile/1"
            _, machine = await _call(client, "check_machine", {"target": ["virtual-stm32"]})
            assert machine["schema"] == "tinyml-harness/doctor/1"
            failed, error = await _call(client, "farm_status", {})
            assert failed
            assert error["schema"] == "tinyml-harness/error/1"  # no coordinator answers
            wrong = {"combination": {"target": "virtual-stm32", "model": "faces", "flag": "-O3"}}
            failed, error = await _call(client, "build", wrong)
            assert failed
            assert error["message"] == "combination.flag is unknown"
            wrong = {"combination": {"target": "virtual-stm32", "model": "face"}}
            failed, error = await _call(client, "run", wrong)
            assert failed
            assert error["remedy"] == "did you mean faces?"

    anyio.run(session)


def test_a_call_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    async def session() -> None:
        async with _client(tmp_path, "--allow-run", "--limit=1") as client:
            failed, error = await _call(client, "run", _DIGITS)
            assert failed
            assert error["kind"] == "infrastructure"
            assert "did not end within 1 s" in error["message"]
            assert not _commands()

    anyio.run(session)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_server_while_its_client_is_connected(
    tmp_path: Path, number: signal.Signals
) -> None:
    ready = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": {"name": "test", "version": "1"},
        },
    }
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "harness", "mcp"],
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(json.dumps(ready).encode() + b"\n")
        process.stdin.flush()
        assert b"serverInfo" in process.stdout.readline()
        process.send_signal(number)
        try:
            assert process.wait(30) == 128 + number
        finally:
            process.kill()


def test_without_an_input_the_server_ends(tmp_path: Path) -> None:
    command = f"{sys.executable} -P -m harness mcp <&-"
    done = subprocess.run(
        ["sh", "-c", command], cwd=tmp_path, capture_output=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_cancelled_call_ends_its_command(tmp_path: Path) -> None:
    async def session() -> None:
        async with _client(tmp_path, "--allow-run") as client, anyio.create_task_group() as tasks:
            tasks.start_soon(_call, client, "run", _DIGITS)
            with anyio.fail_after(60):
                while not _commands():
                    await anyio.sleep(0.02)
                tasks.cancel_scope.cancel()
                with anyio.CancelScope(shield=True):
                    while _commands():
                        await anyio.sleep(0.02)

    anyio.run(session)


def _commands() -> list[psutil.Process]:
    """Return the processes of `harness run` below this one."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if "run" in process.cmdline():
                found.append(process)
    return found
