"""Errors that name the line."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from harness.errors import InfrastructureError

P = ParamSpec("P")
T = TypeVar("T")


class HasLine(Protocol):
    """What talks over a line."""

    @property
    def line(self) -> str:
        """The name of the line."""


C = TypeVar("C", bound=HasLine)


def located(method: Callable[Concatenate[C, P], T]) -> Callable[Concatenate[C, P], T]:
    """Have the errors of `method` name the line; what parses a message does not know it."""

    @wraps(method)
    def with_line(self: C, /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return method(self, *args, **kwargs)
        except InfrastructureError as error:
            error.where = error.where or self.line
            raise

    return with_line
