"""The commands of `harness --help`, in groups with a title each."""

import argparse
from dataclasses import dataclass, field
from typing import Any

_WIDTH = 10  # of a command's name in the list


@dataclass
class CommandGroup:
    """Commands that belong together; `commands` are argparse's subparsers."""

    title: str
    commands: Any
    sentences: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, sentence: str) -> argparse.ArgumentParser:
        """Declare the command `name` and return its parser; `sentence` says what it does."""
        self.sentences[name] = sentence
        parser: argparse.ArgumentParser = self.commands.add_parser(name, description=sentence)
        return parser

    def __str__(self) -> str:
        rows = (f"  {name:{_WIDTH}} {text}" for name, text in self.sentences.items())
        return "\n".join([f"{self.title}:", *rows])


class CommandParser(argparse.ArgumentParser):
    """The parser of `harness`: commands stand in groups."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, **settings)
        # The groups below list the commands; argparse would list them again, without order.
        self._commands = self.add_subparsers(
            required=True,
            metavar="COMMAND",
            help=argparse.SUPPRESS,
            parser_class=argparse.ArgumentParser,
        )
        self._groups: list[CommandGroup] = []

    def add_command_group(self, title: str) -> CommandGroup:
        """Add a group of commands below the ones before."""
        group = CommandGroup(title, self._commands)
        self._groups.append(group)
        return group

    def format_help(self) -> str:
        """Return the help with the groups at its end."""
        more = f"'{self.prog} COMMAND --help' lists the options of a command."
        self.epilog = "\n\n".join([*map(str, self._groups), more])
        return super().format_help()
