"""The decorator `@fault`, and the registry of all faults."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

from tests.faults import classes
from tests.faults.truth import Carrier

if TYPE_CHECKING:
    from tests.faults.case import Case

CLASSES = tuple(sorted(module.name for module in iter_modules(classes.__path__)))
"""The classes of faults; each is a module of the folder `classes`."""

Scenario = Callable[["Case"], None]


@dataclass(frozen=True)
class Fault:
    """One fault: `run` breaks something; it runs once for each of `seeds` seeds.

    `carrier` is what carries the link of the boards that it breaks.
    """

    name: str
    run: Scenario
    seeds: int = 1
    carrier: Carrier = "serial"


_FAULTS: dict[str, list[Fault]] = {}


def fault(
    *, seeds: int = 1, carriers: Sequence[Carrier] = ("serial",)
) -> Callable[[Scenario], Scenario]:
    """Register the decorated function as a fault of the class that its module is named after.

    It is one fault for each of `carriers`.
    """

    def register(run: Scenario) -> Scenario:
        name = run.__name__.replace("_", " ")
        for carrier in carriers:
            of_carrier = name if carrier == "serial" else f"{name}, over {carrier}"
            _FAULTS.setdefault(run.__module__, []).append(Fault(of_carrier, run, seeds, carrier))
        return run

    return register


def faults_of(name: str) -> list[Fault]:
    """Return the faults of the class `name`."""
    module = f"{classes.__name__}.{name}"
    import_module(module)
    return _FAULTS.get(module, [])
