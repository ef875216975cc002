"""Options of a command that would do nothing for what it runs.

pytest does not refuse them: there, a test may select another target or engine than the options do.
"""

from typing import Any

from harness.board.board_options import check_usable
from harness.engines.tflm import Tflm
from harness.errors import InputError
from harness.options.selection import Selection

_BOARD = ("probe", "serial", "place", "coordinator", "lock_timeout", "priority")


def check_all(options: Any, selection: Selection) -> None:
    """Raise `InputError` for the first name or option that is unknown, unusable or idle."""
    selection.check()
    targets = [selection.target(name) for name in selection.targets]
    check_usable({n: getattr(options, n) for n in _BOARD if hasattr(options, n)}, targets)
    if options.tflm_dir and Tflm.name not in selection.engines:
        raise InputError(
            f"does nothing for the engine {', '.join(selection.engines)}",
            where=f"--tflm-dir={options.tflm_dir}",
            remedy=f"add --engine={Tflm.name}, or remove --tflm-dir",
        )
