"""The ways a command can fail, separated by type and by exit code.

`InputError`: the user's input is wrong; nothing was started.
`InfrastructureError`: something around the model failed (compiler, emulator, link, board).
It says nothing about the model. Only these errors may be retried.
`Verdict`: the device answered, but the answer is not good enough. A verdict is never retried.
A `Regression` is also a verdict: the answer is right, but it costs more than its baseline.
`DefectError`: the harness itself is wrong. Every exception that is none of the others is a defect.
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of the `harness` command."""

    PASSED = 0
    FAILED = 1  # verdict: the model's answers are wrong
    USAGE = 2  # the user's input is wrong
    INFRASTRUCTURE = 3  # something around the model failed; the model was not judged
    REGRESSION = 4  # verdict: the answers are right, but worse than their baseline, or without one
    DEFECT = 70  # the harness itself is wrong; EX_SOFTWARE of sysexits.h
    # Shells report a program that a signal ended as 128 + the signal.
    HANGUP = 129  # SIGHUP: the terminal was closed
    INTERRUPTED = 130  # SIGINT: Ctrl-C
    PIPE_CLOSED = 141  # SIGPIPE: the reader of the output ended, as in `harness report | head -1`
    TERMINATED = 143  # SIGTERM


class HarnessError(Exception):
    """An error for a person: what happened, where, and what to do about it.

    `where` names the place (a file and key, an executable, a port), `remedy` the next step.
    Either may be empty if the message is clear without it.
    """

    exit_code = ExitCode.USAGE

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        super().__init__(what, where, remedy)
        self.what = what
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        lines = [f"{self.where}: {self.what}" if self.where else self.what]
        if self.remedy:
            lines.append(f"  -> {self.remedy}")
        return "\n".join(lines)


class InputError(HarnessError):
    """A file, option or name given by the user is wrong."""


class InfrastructureError(HarnessError):
    """A compiler, emulator, board or link failed; the model was not judged."""

    exit_code = ExitCode.INFRASTRUCTURE


class InUseError(InfrastructureError):
    """Another session uses the board."""


class HangError(InfrastructureError):
    """A board that ran or is to run does not answer; a reset may bring it back."""


class UnreachableError(HangError):
    """The probe, or the chip behind it, does not answer: only new power may bring it back."""


class DefectError(HarnessError):
    """An exception that nobody expected: a defect of the harness."""

    exit_code = ExitCode.DEFECT


class Verdict(AssertionError):  # noqa: N818 - it is not an error of the harness
    """The model ran on the device and did not meet its requirements."""

    exit_code = ExitCode.FAILED


class Regression(Verdict):
    """The answers are right, but a number exceeds its baseline by more than the budget."""

    exit_code = ExitCode.REGRESSION
