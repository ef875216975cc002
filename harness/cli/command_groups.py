"""The commands of `harness --help`, in groups with titles."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, NoReturn

from harness.errors import InputError
from harness.options.output_options import add_output_options
from harness.support.suggestions import did_you_mean, similar, suggest

_NAME_WIDTH = 10  # characters


@dataclass(frozen=True)
class CommandModule:
    """A module in this folder, and a sentence about each of its commands.

    Its function `declare` gets the commands' parsers by name, and declares their options.
    """

    name: str
    sentences: Mapping[str, str]


@dataclass(frozen=True)
class CommandGroup:
    """Commands that belong together, with a sentence about each."""

    title: str
    sentences: Mapping[str, str]

    def __str__(self) -> str:
        rows = (f"  {name:{_NAME_WIDTH}} {text}" for name, text in self.sentences.items())
        return "\n".join([f"{self.title}:", *rows])


def add_subcommand(commands: Any, name: str, sentence: str) -> argparse.ArgumentParser:
    """Declare a command of a command, such as `baseline list`, and return its parser."""
    parser: argparse.ArgumentParser = commands.add_parser(name, help=sentence, description=sentence)
    return parser


def _with_joined_flags(arguments: Sequence[str]) -> list[str]:
    """Return `arguments` with `--opt -Os` as `--opt=-Os`: argparse takes -Os for an option."""
    joined: list[str] = []
    for argument in arguments:
        if joined and joined[-1] == "--opt" and argument.startswith("-O"):
            joined[-1] += f"={argument}"
        else:
            joined.append(argument)
    return joined


class Parser(argparse.ArgumentParser):
    """A parser of a command; a wrong argument is an `InputError`, below the command's usage."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(allow_abbrev=False, **settings)
        add_output_options(self)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse `args`; refuse unknown ones here, because the parser above has another usage."""
        args = None if args is None else _with_joined_flags(args)
        options, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self._refuse(unknown)
        return options, unknown

    def error(self, message: str) -> NoReturn:
        """Print the usage, and raise `InputError`."""
        self._print_usage_and_raise(message, f"{self.prog} --help describes the arguments")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Refuse a value that is not one of the choices, with those that are near."""
        if action.choices is None or value in action.choices:
            return
        name = action.option_strings[0] if action.option_strings else str(action.metavar or "")
        what = f"unknown {name.lower() or 'value'} {value!r}"
        if action.option_strings:
            what = f"argument {name}: {value!r} is unknown"
        self._print_usage_and_raise(what, suggest(str(value), map(str, action.choices)))

    def _refuse(self, unknown: Sequence[str]) -> NoReturn:
        remedy = self._remedy(unknown[0].partition("=")[0])
        self._print_usage_and_raise(f"unrecognized arguments: {' '.join(unknown)}", remedy)

    def _remedy(self, unknown: str) -> str:
        near = similar(unknown, self._option_string_actions) if unknown.startswith("-") else []
        return did_you_mean(near) if near else f"{self.prog} --help describes the arguments"

    def _print_usage_and_raise(self, message: str, remedy: str) -> NoReturn:
        self.print_usage(sys.stderr)
        raise InputError(message, where=self.prog.partition(" ")[2], remedy=remedy)


class CommandParser(Parser):
    """The parser of `harness`: commands stand in groups.

    A command has options only after `declare`, because the modules of most commands are slow to
    import.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, **settings)
        # The help lists the commands in groups; argparse must not list them again.
        self._commands = self.add_subparsers(
            required=True,
            prog=self.prog,
            metavar="COMMAND",
            help=argparse.SUPPRESS,
            parser_class=Parser,
        )
        self.groups: list[CommandGroup] = []
        self._parsers: dict[str, argparse.ArgumentParser] = {}
        self._modules: dict[str, CommandModule] = {}

    def add_command_group(self, title: str, modules: Sequence[CommandModule]) -> None:
        """Add a group with the commands of `modules` after the existing groups."""
        sentences: dict[str, str] = {}
        for module in modules:
            sentences |= module.sentences
            for name, sentence in module.sentences.items():
                self._parsers[name] = self._commands.add_parser(
                    name, help=sentence, description=sentence
                )
                self._modules[name] = module
        self.groups.append(CommandGroup(title, sentences))

    def named(self, arguments: Sequence[str]) -> str:
        """Return the command that `arguments` name; empty if they name none."""
        first = next((text for text in arguments if not text.startswith("-")), "")
        return first if first in self._modules else ""

    def declare(self, command: str) -> None:
        """Declare the options of `command`, and of the other commands in its module."""
        module = self._modules[command]
        parsers = {name: self._parsers[name] for name in module.sentences}
        import_module(f"{__package__}.{module.name}").declare(parsers)

    def declare_all(self) -> None:
        """Declare the options of every command."""
        for command in {module.name: name for name, module in self._modules.items()}.values():
            self.declare(command)

    def _remedy(self, unknown: str) -> str:
        if any(unknown in parser._option_string_actions for parser in self._parsers.values()):
            return f"write {unknown} after the command's name"
        return super()._remedy(unknown)

    def format_help(self) -> str:
        """Return the help, with the groups at the end."""
        hint = f"Use '{self.prog} COMMAND --help' for the options of a command."
        self.epilog = "\n\n".join([*map(str, self.groups), hint])
        return super().format_help()
