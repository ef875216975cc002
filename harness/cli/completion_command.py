"""The command `completion`: a script that completes commands, options and names in a shell."""

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path

from harness.errors import ExitCode
from harness.support.bundled_files import roots
from harness.workspace import Workspace

_SHELLS = ("bash", "zsh", "fish")
_NAMES = {"models": "*/model.toml", "targets": "*.toml"}
_FILES = {"FILE", "[NAME=]FILE", "PATH", "CSV", "A", "B"}
_FOLDERS = {"DIR", "FOLDER"}
# bash takes the = of --model=NAME for a word of its own, and shtab's function expects none.
_BASH = """
_harness_words() {
  local word words=() at=$COMP_CWORD
  [[ ${COMP_WORDS[COMP_CWORD]} = "=" ]] && COMP_WORDS[COMP_CWORD]=""
  for word in "${!COMP_WORDS[@]}"; do
    if [[ ${COMP_WORDS[word]} = "=" ]]; then
      (( word < COMP_CWORD )) && (( at -= 1 ))
    else
      words+=("${COMP_WORDS[word]}")
    fi
  done
  COMP_WORDS=("${words[@]}")
  COMP_CWORD=$at
  _shtab_harness "$@"
}
complete -o bashdefault -F _harness_words harness
"""


def declare(parsers: Mapping[str, argparse.ArgumentParser]) -> None:
    """Declare the options of the command."""
    completion = parsers["completion"]
    completion.add_argument(
        "what",
        choices=(*_SHELLS, *_NAMES),
        help="a shell, whose script is printed; or names that the script asks for",
    )
    completion.set_defaults(command=_complete)


def _complete(options: argparse.Namespace, workspace: Workspace) -> int:
    if options.what in _SHELLS:
        print(_script(options.what))
    else:
        print(*_names(options.what, workspace), sep="\n")
    return ExitCode.PASSED


def _names(what: str, workspace: Workspace) -> list[str]:
    """Return the names of models or targets; nothing is read, because a user waits for them."""
    files = [file for root in roots(what, workspace.root) for file in root.glob(_NAMES[what])]
    names = {file.parent.name if what == "models" else file.stem for file in files}
    return sorted(names)


def _script(shell: str) -> str:
    import shtab  # noqa: PLC0415 - for this only

    # The names of models and targets do not need them.
    from harness.cli.command_line import command_parser  # noqa: PLC0415
    from harness.options.selection import words_of_options  # noqa: PLC0415

    parser = command_parser()
    parser.declare_all()
    words = words_of_options()
    for action in _actions(parser):
        option = action.option_strings[0] if action.option_strings else ""
        if option in words:
            action.choices = words[option]
        elif kind := _named(action):
            command = f"harness completion {kind} 2>/dev/null"
            action.complete = shtab.cmd(command)  # type: ignore[attr-defined]
        elif action.metavar in _FILES or action.metavar in _FOLDERS:
            place = shtab.FILE if action.metavar in _FILES else shtab.DIRECTORY
            action.complete = place  # type: ignore[attr-defined]
        elif action.type is Path:
            action.complete = shtab.FILE  # type: ignore[attr-defined]
    script: str = shtab.complete(parser, shell=shell)
    return script + _BASH if shell == "bash" else script


def _named(action: argparse.Action) -> str:
    """Return "models" or "targets" if the argument's value is a name of them; otherwise nothing."""
    kind = f"{action.dest}s"
    named = action.metavar in (None, "MODEL", "TARGET")
    return kind if kind in _NAMES and named and action.nargs != 0 else ""


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Yield the arguments of the parser and of all its commands."""
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            action.help = "a command"  # what the help hides is not completed
            for below in action.choices.values():
                yield from _actions(below)
