"""The commands of `harness --help`, in groups with titles."""

import argparse
from dataclasses import dataclass, field
from typing import Any

_NAME_WIDTH = 10  # characters


@dataclass
class CommandGroup:
    """Commands that belong together; `commands` are argparse's subparsers."""

    title: str
    commands: Any
    sentences: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, sentence: str) -> argparse.ArgumentParser:
        """Declare the command `name` and return its parser; `sentence` describes it."""
        self.sentences[name] = sentence
        parser: argparse.ArgumentParser = self.commands.add_parser(name, description=sentence)
        return parser

    def __str__(self) -> str:
        rows = (f"  {name:{_NAME_WIDTH}} {text}" for name, text in self.sentences.items())
        return "\n".join([f"{self.title}:", *rows])


def add_subcommand(commands: Any, name: str, sentence: str) -> argparse.ArgumentParser:
    """Declare a command of a command, such as `baseline list`, and return its parser."""
    parser: argparse.ArgumentParser = commands.add_parser(name, help=sentence, description=sentence)
    return parser


class CommandParser(argparse.ArgumentParser):
    """The parser of `harness`: commands stand in groups."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, **settings)
        # The help lists the commands in groups; argparse must not list them again.
        self._commands = self.add_subparsers(
            required=True,
            prog=self.prog,
            metavar="COMMAND",
            help=argparse.SUPPRESS,
            parser_class=argparse.ArgumentParser,
        )
        self.groups: list[CommandGroup] = []

    def add_command_group(self, title: str) -> CommandGroup:
        """Add a group of commands after the existing groups."""
        group = CommandGroup(title, self._commands)
        self.groups.append(group)
        return group

    def format_help(self) -> str:
        """Return the help, with the groups at the end."""
        hint = f"Use '{self.prog} COMMAND --help' for the options of a command."
        self.epilog = "\n\n".join([*map(str, self.groups), hint])
        return super().format_help()
