"""The tools of the server. Each tool is a `harness` command, and returns its document."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from mcp.server.mcpserver import Context
from mcp_types import CallToolResult, TextContent, ToolAnnotations
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from harness.elf import Elf
from harness.link.fault_registers import causes, code_location
from harness.mcp_server.command_call import call
from harness.mcp_server.short_documents import shortened
from harness.mcp_server.tool_server import ToolServer
from harness.support.version import VERSION

_READS = ToolAnnotations(read_only_hint=True, open_world_hint=False)
_RUNS = ToolAnnotations(read_only_hint=False, destructive_hint=True, open_world_hint=False)

_INSTRUCTIONS = """\
Tests and benchmarks of TinyML models on Cortex-M boards and emulators.
`list_names` lists what can be named; the target virtual-stm32 is a simulator and needs no board.
Numbers have a kind: `exact`, `measured`, or `estimated` with a model and an error. Never give an
estimate as a measurement. An error has a kind, too: `input` (correct the arguments as the remedy
says), `infrastructure` (a board or a tool failed; the model was not judged), `verdict` or
`regression` (the model is wrong or got worse)."""
_WITHOUT_RUN = "this server only reads; `harness mcp --allow-run` lets it build and run"

Run = Annotated[
    str,
    Field(
        max_length=4096,
        description="ID of a run, `last`, a branch, a commit, or a file or folder of Records",
    ),
]


def _number(value: object) -> object:
    """Return a number that is written as a text, such as "0x8200", as a number."""
    try:
        return int(value, 0) if isinstance(value, str) else value
    except ValueError:
        return value  # pydantic says what is wrong with it


Address = Annotated[
    int, BeforeValidator(_number), Field(ge=0, lt=1 << 32, description="such as 0x8200")
]
Name = Annotated[str, Field(max_length=4096)]
Option = str | float | Sequence[str]


class Combination(BaseModel):
    """What is built or run. Without an engine, toolchain or flag, the default one is used."""

    model_config = ConfigDict(extra="forbid")

    target: Name
    model: Name
    engine: Name = ""
    toolchain: Name = ""
    opt: Annotated[Name, Field(description="flag of the compiler, such as -Os")] = ""

    def options(self) -> dict[str, str]:
        """Return the options of a command."""
        return {name: str(value) for name, value in self}


class Tools:
    """The tools that only read. A call takes at most `limit` seconds."""

    def __init__(self, limit: float) -> None:
        self._limit = limit

    async def _call(
        self, context: Context[Any, Any], command: str, *names: str, **options: Option
    ) -> CallToolResult:
        async def report(seconds: float, message: str) -> None:
            await context.report_progress(seconds, message=message)

        arguments = [*command.split(), *_arguments(options), "--json"]
        if names:  # after "--", a hyphen does not make an option
            arguments += ["--", *names]
        document = shortened(await call(arguments, self._limit, report))
        text = msgspec.json.encode(document).decode()
        return CallToolResult(
            content=[TextContent(type="text", text=text)],
            structured_content=document,
            is_error=str(document.get("schema", "")).startswith("tinyml-harness/error/"),
        )

    async def list_names(
        self,
        context: Context[Any, Any],
        what: Literal["targets", "models", "engines", "toolchains"],
    ) -> CallToolResult:
        """List what can be named: targets (boards and emulators), models, engines, toolchains."""
        return await self._call(context, "list", what)

    async def list_runs(
        self,
        context: Context[Any, Any],
        target: Name = "",
        model: Name = "",
        branch: Name = "",
        commit: Name = "",
        failed: Annotated[bool, Field(description="only runs that failed")] = False,
        limit: Annotated[int, Field(ge=1, le=1000)] = 20,
    ) -> CallToolResult:
        """List the newest runs, newest first, without their numbers."""
        return await self._call(
            context,
            "runs",
            target=target,
            model=model,
            branch=branch,
            commit=commit,
            failed=failed,
            limit=limit,
        )

    async def show_run(self, context: Context[Any, Any], run: Run = "last") -> CallToolResult:
        """Show a run: verdict, why it failed, the first layer that differs, numbers, device log."""
        return await self._call(context, "show", run)

    async def compare_runs(
        self, context: Context[Any, Any], old: Run, new: Run = "last"
    ) -> CallToolResult:
        """Show what got better or worse from one run to another, and why."""
        return await self._call(context, "compare", old, new)

    async def trend(
        self,
        context: Context[Any, Any],
        metric: Annotated[Name, Field(description="such as cycles, latency, energy, flash or ram")],
        target: Name = "",
        model: Name = "",
        branch: Name = "",
    ) -> CallToolResult:
        """Show a number over time, where it changed, and what caused the change."""
        return await self._call(
            context, "trend", metric=metric, target=target, model=model, branch=branch
        )

    async def describe_model(self, context: Context[Any, Any], model: Name) -> CallToolResult:
        """Describe a model's network: inputs, outputs, layers, and which engines run it."""
        return await self._call(context, "models show", model)

    async def check_machine(
        self, context: Context[Any, Any], target: Sequence[Name] = ()
    ) -> CallToolResult:
        """Check what this machine lacks for targets, such as a compiler, an emulator or a probe."""
        return await self._call(context, "doctor", target=target)

    async def farm_status(self, context: Context[Any, Any]) -> CallToolResult:
        """Show the boards of the farm: their users, last runs and health."""
        return await self._call(context, "farm status")

    async def explain_fault(
        self,
        cfsr: Address,
        hfsr: Address = 0,
        mmfar: Address = 0,
        bfar: Address = 0,
        pc: Address = 0,
        lr: Address = 0,
        elf: Annotated[Name, Field(description="the ELF file that ran, for the source line")] = "",
    ) -> str:
        """Say in words what the fault registers of a Cortex-M mean."""
        lines = causes(cfsr, hfsr, mmfar, bfar)
        locate = Elf(Path(elf)).locate if elf else hex
        lines += [f"pc {code_location(pc, lr, locate)}"] if pc else []
        return "\n".join(lines)


class RunningTools(Tools):
    """The tools that also build, flash and run."""

    async def run(
        self,
        context: Context[Any, Any],
        combination: Combination,
        vectors: Annotated[int, Field(ge=0, description="only N vectors; 0: all")] = 0,
        baseline: Annotated[Name, Field(description="folder of baselines to compare with")] = "",
    ) -> CallToolResult:
        """Build a model, flash it, run its vectors and write a Record: is it right, how fast?"""
        return await self._call(
            context, "run", **combination.options(), vectors=vectors, baseline=baseline
        )

    async def profile(self, context: Context[Any, Any], combination: Combination) -> CallToolResult:
        """Show ticks and MACs of each layer, and cycles of each function."""
        return await self._call(context, "profile", **combination.options())

    async def build(self, context: Context[Any, Any], combination: Combination) -> CallToolResult:
        """Build the image of a model for a target: its use of flash and RAM. It does not run."""
        return await self._call(context, "build", **combination.options())


def _arguments(options: Mapping[str, Option]) -> list[str]:
    """Return `options` as arguments; empty values and False are left out."""
    arguments = []
    for name, value in options.items():
        if value is True:
            arguments.append(f"--{name}")
        elif isinstance(value, (list, tuple)):
            arguments += [f"--{name}={each}" for each in value]
        elif value:
            arguments.append(f"--{name}={value}")
    return arguments


def make_server(limit: float, *, allow_run: bool) -> ToolServer:
    """Return the server; a call takes at most `limit` seconds, and only `allow_run` lets it run."""
    tools = RunningTools(limit) if allow_run else Tools(limit)
    reading = _tools_of(Tools)
    running = _tools_of(RunningTools)
    server = ToolServer(
        "tinyml-harness",
        withheld={} if allow_run else dict.fromkeys(running, _WITHOUT_RUN),
        version=VERSION,
        instructions=_INSTRUCTIONS + ("" if allow_run else f" {_WITHOUT_RUN.capitalize()}."),
        log_level="WARNING",
    )
    for name in reading:
        server.tool(annotations=_READS)(getattr(tools, name))
    for name in running if allow_run else ():
        server.tool(annotations=_RUNS)(getattr(tools, name))
    return server


def _tools_of(tools: type[Tools]) -> list[str]:
    """Return the tools that a class adds, by name."""
    return [name for name in vars(tools) if not name.startswith("_")]
