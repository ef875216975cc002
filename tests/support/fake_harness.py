"""A program in the place of `harness`: it writes how it was called to the file `$CALLS`.

It prints where.
"""

from collections.abc import Iterable

from harness.cli.command_line import command_parser

SCRIPT = """echo "harness $*" >>"$CALLS"
echo "harness $1 in $PWD"
case $1 in
run) exit "${RUN_CODE:-0}" ;;
compare) exit "${COMPARE_CODE:-0}" ;;
review) exit "${REVIEW_CODE:-0}" ;;
esac"""
"""The script; a variable has the code that a command ends with."""


def check_options(calls: Iterable[str]) -> None:
    """Exit as `harness` does if a call has an option that there is not."""
    for call in calls:
        program, *arguments = call.split()
        if program == "harness":
            parser = command_parser()
            parser.declare(arguments[0])
            parser.parse_args(arguments)
