"""Which interpreter computes golden on this machine, and its name in Records."""

import platform
import sys
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec

from harness.errors import InputError
from harness.golden import int4_unpacking, tflm_replacements
from harness.golden.proven_operators import WITHOUT_TFLM, families_in, unproven
from harness.golden.tflm_arithmetic import TABLES
from harness.model.graph import Graph

_GET_GOLDEN = "pip install 'tinyml-harness[golden]' (in a checkout: pip install -e '.[golden]')"
_PROVEN_LITERT = "2.3"  # the version whose kernels were compared with TFLM's, as in pyproject.toml
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
            notes = (int4_unpacking.note(graph), tflm_replacements.note(graph))
            return ", ".join(filter(None, (self.version, *notes)))
        reason = unproven(graph)
        if reason:
            missing = missing_in_tflm(graph)
            cause = (
                f"TFLM has no kernel for {missing}" if missing else "tflite-micro is not installed"
            )
            raise InputError(
                f"{reason}: LiteRT may give other bytes, and {cause}",
                where=graph.where,
                remedy=STORE_GOLDEN,
            )
        families = families_in(graph)
        here = " and ".join(kind for kind in families if kind not in TABLES)
        tables = " and ".join(kind for kind in families if kind in TABLES)
        parts = [
            f"{self.version} reference kernels",
            *([f"{here} in TFLM's arithmetic"] if here else []),
            *([f"{tables} by cmsis-nn's table"] if tables else []),
        ]
        return ", ".join(parts)


TFLM = Interpreter("TFLM", "tflite-micro")
LITERT = Interpreter("LiteRT", "ai-edge-litert")


_GET_LITERT = f"pip install '{LITERT.package}=={_PROVEN_LITERT}.*'"


def interpreter_of(graph: Graph) -> Interpreter:
    """Return the interpreter for `graph`: LiteRT if TFLM lacks an operator, or is not installed.

    Raises the errors of `find_interpreter`.
    """
    missing = missing_in_tflm(graph)
    if not missing:
        return find_interpreter()
    if not _is_installed(LITERT):
        raise InputError(
            f"TFLM has no kernel for {missing}, and ai-edge-litert is not installed",
            where=graph.where,
            remedy=_GET_LITERT,
        )
    return _proven_litert()


def missing_in_tflm(graph: Graph) -> str:
    """Return the kinds of operators of `graph` that only LiteRT has."""
    return ", ".join(
        sorted({operator.kind for operator in graph.all_operators} & WITHOUT_TFLM.keys())
    )


def find_interpreter() -> Interpreter:
    """Return TFLM if it is installed, otherwise LiteRT.

    Raises `InputError` without both, or if nobody compared this version of LiteRT with TFLM.
    """
    if _is_installed(TFLM):
        return TFLM
    if not _is_installed(LITERT):
        raise InputError(
            "nothing here computes golden outputs: "
            "neither tflite-micro nor ai-edge-litert is installed",
            remedy=_how_to_get_golden(),
        )
    return _proven_litert()


def _proven_litert() -> Interpreter:
    if not LITERT.version.startswith(f"{LITERT.package} {_PROVEN_LITERT}."):
        raise InputError(
            f"{LITERT.version} may give other bytes than TFLM: "
            f"only {_PROVEN_LITERT} was compared with TFLM",
            remedy=f"{_GET_LITERT}; or {STORE_GOLDEN}",
        )
    return LITERT


def _is_installed(interpreter: Interpreter) -> bool:
    return find_spec(interpreter.package.replace("-", "_")) is not None


def _how_to_get_golden() -> str:
    # The extra `golden` holds nothing for this platform, as pyproject.toml says.
    if sys.platform == "darwin" and platform.machine() != "arm64":
        return STORE_GOLDEN
    if sys.platform == "linux" and platform.machine() == "x86_64":
        return f"pip install tflite-micro; or {_GET_GOLDEN}"
    return f"{_GET_GOLDEN}; or {STORE_GOLDEN}"
