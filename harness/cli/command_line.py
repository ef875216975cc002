"""The commands of `harness`, in groups; a command's module is imported only if it is named."""

from harness.cli.command_groups import CommandModule, CommandParser
from harness.support.version import VERSION

_GROUPS = {
    "Start a repository": (
        CommandModule(
            "init_command",
            {"init": "write a folder with a model, a target, a test and a CI file"},
        ),
    ),
    "Run models": (
        CommandModule(
            "run_commands",
            {
                "run": "run models on targets, print a table and write Records",
                "sweep": "run every combination, and show which are small and which are fast",
            },
        ),
        CommandModule(
            "watch_command",
            {"watch": "run again when the model or the firmware changes, and show what changed"},
        ),
        CommandModule(
            "build_command",
            {"build": "build images, print their sizes, and write a bundle to run elsewhere"},
        ),
        CommandModule(
            "mlperf_command",
            {"mlperf": "run MLPerf Tiny's five benchmarks over their own protocol"},
        ),
    ),
    "Analyse images and layers": (
        CommandModule(
            "measure_commands",
            {
                "size": "show the use of flash and RAM, or the growth from image A to image B",
                "profile": "show ticks and MACs of each layer, and cycles of each function",
                "calibrate": "compare the cycle model with published cycles",
            },
        ),
    ),
    "Compare runs": (
        CommandModule(
            "stored_runs_commands",
            {
                "runs": "list the newest runs",
                "show": "show a run: its numbers, its log, and why it failed",
            },
        ),
        CommandModule(
            "judge_commands",
            {"compare": "show what got better or worse from run A to run B, and why"},
        ),
        CommandModule(
            "baseline_commands",
            {"baseline": "accept or list baselines, the runs that --baseline compares with"},
        ),
        CommandModule("trend_command", {"trend": "show a number over time, and where it changed"}),
        CommandModule(
            "review_command",
            {"review": "show what a change does since its merge base, for a pull request"},
        ),
    ),
    "Report and share results": (
        CommandModule(
            "result_commands",
            {
                "push": "add the Records in reports/runs to a store",
                "export": "write all numbers to a CSV or Parquet file",
                "report": "write a report on all runs as one HTML file",
            },
        ),
    ),
    "Share boards": (
        CommandModule("farm_commands", {"farm": "check boards, and show the places of a farm"}),
    ),
    "Add and train models": (
        CommandModule(
            "model_commands", {"models": "show networks, add models, train the bundled ones"}
        ),
    ),
    "Add firmware and targets": (
        CommandModule("link_command", {"link": "show the lines that connect your own firmware"}),
        CommandModule("target_commands", {"target": "write a target file for a chip, to edit"}),
    ),
    "Serve assistants": (
        CommandModule("mcp_command", {"mcp": "serve the commands to an assistant, as MCP tools"}),
    ),
    "Manage this machine": (
        CommandModule("list_command", {"list": "list targets, models, engines or toolchains"}),
        CommandModule(
            "completion_command", {"completion": "print a script that completes words in a shell"}
        ),
        CommandModule(
            "setup_commands",
            {
                "doctor": "check what this machine lacks for each target",
                "setup": "install Renode, or the Arduino library",
                "virtual": "serve a virtual board to other tools",
            },
        ),
    ),
}


def command_parser() -> CommandParser:
    """Return the parser; `command` in the parsed options is the function of the command.

    Before it parses, `declare` must be called with the command's name.
    """
    parser = CommandParser(
        prog="harness",
        usage="harness [-h] [--version] [-v | -q] [--no-progress] COMMAND ...",
        description="Test and benchmark TinyML models on Cortex-M boards and emulators.",
    )
    parser.add_argument("--version", action="version", version=f"harness {VERSION}")
    for title, modules in _GROUPS.items():
        parser.add_command_group(title, modules)
    return parser
