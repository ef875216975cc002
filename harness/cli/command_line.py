"""The commands of `harness`, and their options."""

from harness.cli import (
    judge_commands,
    measure_commands,
    mlperf_command,
    model_commands,
    result_commands,
    run_commands,
    setup_commands,
)
from harness.cli.command_groups import CommandParser
from harness.support.version import VERSION


def command_parser() -> CommandParser:
    """Return the parser; `command` in the parsed options is the function of the command."""
    parser = CommandParser(
        prog="harness",
        usage="harness [-h] [--version] COMMAND ...",
        description="Test and benchmark int8 models on Cortex-M boards and emulators.",
    )
    parser.add_argument("--version", action="version", version=f"harness {VERSION}")
    runs = parser.add_command_group("Run models")
    run_commands.add_commands(runs)
    mlperf_command.add_command(runs)
    measure_commands.add_commands(parser.add_command_group("Analyse images and layers"))
    judge_commands.add_commands(parser.add_command_group("Compare runs"))
    result_commands.add_commands(parser.add_command_group("Report and share results"))
    model_commands.add_command(parser.add_command_group("Add and train models"))
    setup_commands.add_commands(parser.add_command_group("Manage this machine"))
    return parser
