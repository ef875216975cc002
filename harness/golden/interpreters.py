"""Which interpreter computes golden on this machine, and its name in Records."""

from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec

from harness.errors import InputError
from harness.golden.tflm_arithmetic import families_in, unproven
from harness.model.graph import Graph

GET_GOLDEN = "pip install 'tinyml-harness[golden]' (in a checkout: pip install -e '.[golden]')"
STORE_GOLDEN = (
    "store golden outputs with the vectors on an x86-64 Linux machine: harness models golden MODEL"
)


@dataclass(frozen=True)
class Interpreter:
    """A program that computes golden: `name` in messages, and its package."""

    name: str
    package: str

    @property
    def version(self) -> str:
        """The package and its version, such as "tflite-micro 0.dev20261023"."""
        return f"{self.package} {version(self.package)}"

    def source(self, graph: Graph) -> str:
        """Return what computes the golden outputs of `graph`, for the Record.

        Raises `InputError` if LiteRT may give other bytes than TFLM.
        """
        if self is TFLM:
            return self.version
        reason = unproven(graph)
        if reason:
            raise InputError(
                f"{reason}: LiteRT may give other bytes, and tflite-micro is not installed",
                where=graph.where,
                remedy=STORE_GOLDEN,
            )
        families = families_in(graph)
        computed = f", {' and '.join(families)} in TFLM's arithmetic" if families else ""
        return f"{self.version} reference kernels{computed}"


TFLM = Interpreter("TFLM", "tflite-micro")
LITERT = Interpreter("LiteRT", "ai-edge-litert")


def find_interpreter() -> Interpreter:
    """Return TFLM if it is installed, otherwise LiteRT. Raises `InputError` without both."""
    for interpreter in (TFLM, LITERT):
        if find_spec(interpreter.package.replace("-", "_")) is not None:
            return interpreter
    raise InputError(
        "nothing here computes golden outputs: "
        "neither tflite-micro nor ai-edge-litert is installed",
        remedy=f"{GET_GOLDEN}; or {STORE_GOLDEN}",
    )
