"""The command line: every command of an argparse parser, with its arguments and options."""

import argparse
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from docs.generate import harness_objects as objects
from docs.generate.markdown import code, definition, plain, table


class _Command(NamedTuple):
    name: str
    text: str
    parser: argparse.ArgumentParser


def page() -> str:
    """Return the page on the command `harness`."""
    commands = list(_commands(objects.command_line(), ""))
    codes = [(str(exit_code.value), text) for exit_code, text in objects.EXIT_CODES.items()]
    return "\n".join(
        [
            "# The command line\n",
            "`harness COMMAND --help` prints the same text in a terminal.\n",
            *(_group(group.title, group.sentences, commands) for group in objects.command_groups()),
            "## Exit codes\n",
            table(("exit code", "meaning"), codes),
            *(
                f"## {code(name)}\n\n{_sentence(text)}\n\n{_arguments(command)}"
                for name, text, command in commands
            ),
        ]
    )


def _group(title: str, names: Collection[str], commands: Sequence[_Command]) -> str:
    """Return a table of the commands in one group."""
    rows = [
        (f"[{code(command.name)}](#{_anchor(command.name)})", plain(command.text))
        for command in commands
        if command.name.split()[1] in names
    ]
    return f"**{title}**\n\n{table(('command', 'what it does'), rows)}"


def options(parser: argparse.ArgumentParser) -> str:
    """Return the options of a parser as a definition list."""
    return "\n".join(_entry(action) for action in _shown(parser) if action.option_strings)


def _commands(parser: argparse.ArgumentParser, text: str) -> Iterator[_Command]:
    """Yield each command that does something itself."""
    below = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    if not below:
        yield _Command(parser.prog, text or parser.description or "", parser)
    for action in below:
        helps = {choice.dest: choice.help or "" for choice in action._choices_actions}
        for name, command in action.choices.items():
            yield from _commands(command, helps.get(name, ""))


def _arguments(parser: argparse.ArgumentParser) -> str:
    """Return a command's usage, its arguments and its options."""
    shown = _shown(parser)
    positional = [action for action in shown if not action.option_strings]
    required = [action for action in shown if action.option_strings and action.required]
    optional = len(shown) > len(positional) + len(required)
    usage = [
        parser.prog,
        *(_form(action) for action in required),
        *(["[OPTIONS]"] if optional else []),
        *(_form(action) for action in positional),
    ]
    entries = [_entry(action) for action in (*positional, *required)]
    entries += [_entry(a) for a in shown if a.option_strings and not a.required]
    return f"```text\n{' '.join(usage)}\n```\n\n" + "\n".join(entries)


def _shown(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    return [
        action
        for action in parser._actions
        if action.help != argparse.SUPPRESS and not isinstance(action, argparse._HelpAction)
    ]


def _form(action: argparse.Action) -> str:
    """Return how an argument or option is written: `--opt FLAG`, `MODEL`."""
    value = _value(action)
    text = f"{action.option_strings[0]} {value}".strip() if action.option_strings else value
    return f"[{text}]" if action.nargs in {"?", "*"} and not action.option_strings else text


def _value(action: argparse.Action) -> str:
    if action.nargs == 0:
        return ""
    if action.metavar is not None:
        name = action.metavar if isinstance(action.metavar, str) else " ".join(action.metavar)
    elif action.choices is not None:
        name = "{" + ",".join(map(str, action.choices)) + "}"
    else:
        name = action.dest.upper()
    return f"{name} ..." if action.nargs in {"+", "*"} else name


def _entry(action: argparse.Action) -> str:
    forms = ", ".join(action.option_strings[1:])
    term = code(_form(action)) + (f", {code(forms)}" if forms else "")
    notes = []
    if action.required and action.option_strings:
        notes.append("Required.")
    if action.metavar is not None and action.choices is not None:
        notes.append(f"One of {', '.join(code(str(choice)) for choice in action.choices)}.")
    if isinstance(action, argparse._AppendAction):
        notes.append("May be repeated.")
    if _has_default(action):
        notes.append(f"Default: {code(_portable(str(action.default)))}.")
    text = _help(action) or ("Choose one." if action.choices else "")
    return definition(term, _sentence(text), " ".join(notes))


def _has_default(action: argparse.Action) -> bool:
    told = "default" in (action.help or "")
    empty = action.default in (None, "", False, argparse.SUPPRESS) or action.default == []
    return not told and not empty and bool(action.option_strings) and action.nargs != 0


def _help(action: argparse.Action) -> str:
    text = action.help or ""
    return _portable(text % {**vars(action), "prog": "harness"} if "%" in text else text)


def _sentence(text: str) -> str:
    """Return a help text, which argparse wants without capital and full stop, as a sentence."""
    if not text:
        return ""
    word = text.split(maxsplit=1)[0].rstrip(",")
    start = text[0].upper() if word.isalpha() else text[0]
    end = "" if text[-1] in ".!?:" else "."
    return plain(start + text[1:]) + end


def _portable(text: str) -> str:
    """Return `text` without the home folder of whoever builds the site."""
    return text.replace(str(Path.home()), "~")


def _anchor(name: str) -> str:
    """Return the anchor of a heading that is `name`, as GitHub and MyST make it."""
    return name.lower().replace(" ", "-")
