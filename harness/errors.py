"""The three ways a run can end badly, kept apart by type.

`InputError`: something the user wrote is wrong; nothing was started.
`InfrastructureError`: what surrounds the model failed (compiler, emulator, link,
board); it says nothing about the model, and it alone may be retried.
`Verdict`: the device answered, and the answer is not good enough; never retried. A
`Regression` is one, too: the answer is right, and took more than it did.
"""


class HarnessError(Exception):
    """An error for a person: what happened, where, and what to do about it.

    `where` names the place (a file and key, an executable, a port) and `remedy`
    the next step; either may be empty where the message says it all.
    """

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


class Verdict(AssertionError):  # noqa: N818 - it is no error of the harness
    """The model ran on the device and did not do what it must."""


class Regression(Verdict):
    """The model is right, and something got worse than in its baseline, beyond the budget."""
