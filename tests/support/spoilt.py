"""Engines that are wrong on purpose: cmsis-nn's C with something changed in it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from harness.engines.cmsis_nn import CmsisNN
from harness.engines.registry import Generated
from harness.model.graph import Graph

OFF_BY_ONE = """\
    {{
        int8_t *output = arena + OUTPUT_{layer:02d};
        output[{value}] = (int8_t)(output[{value}] < 127 ? output[{value}] + 1 : 126);
    }}
"""


@dataclass
class Spoilt:
    """The engine `cmsis-nn`, whose `model.c` and `model.cmake` go through `change`."""

    name: str
    change: Callable[[str, str], tuple[str, str]]
    version: str = "wrong on purpose"
    operators: frozenset[str] = CmsisNN.operators

    def generate(self, graph: Graph, directory: Path, *, core: str) -> Generated:
        generated = CmsisNN().generate(graph, directory, core=core)
        files = (directory / "model.c", directory / "model.cmake")
        for file, text in zip(files, self.change(*(f.read_text() for f in files)), strict=True):
            file.write_text(text)
        return replace(generated, version=f"{self.name}, {self.version}")


def off_by_one(layer: int, value: int = 0) -> Spoilt:
    """Have one value of the output of `layer` be one too large."""

    def change(code: str, cmake: str) -> tuple[str, str]:
        done = f"    NN_LAYER_DONE({layer});\n"
        spoilt = OFF_BY_ONE.format(layer=layer, value=value)
        return replaced(code, done, spoilt + done), cmake

    return Spoilt(f"off-by-one-{layer}", change)


def rounding_once() -> Spoilt:
    """Have CMSIS-NN round once instead of twice, an option of its own."""

    def change(code: str, cmake: str) -> tuple[str, str]:
        return code, cmake + "list(APPEND NN_DEFINITIONS CMSIS_NN_USE_SINGLE_ROUNDING)\n"

    return Spoilt("rounding-once", change)


def traced_only(wrong: Spoilt, code: str) -> Spoilt:
    """Have `wrong` do `code` besides where the image is traced, at the end of an inference."""

    def change(source: str, cmake: str) -> tuple[str, str]:
        source, cmake = wrong.change(source, cmake)
        head, tail = source.rsplit("    return 0;\n}\n\nnn_tensor_t nn_input", 1)
        hooked = f"#ifdef NN_LAYER_HOOK\n    {code}\n#endif\n"
        return f"{head}{hooked}    return 0;\n}}\n\nnn_tensor_t nn_input{tail}", cmake

    return Spoilt(f"{wrong.name}-traced", change)


def without_hook() -> Spoilt:
    """Take everything about layers out of the C."""

    def change(code: str, cmake: str) -> tuple[str, str]:
        code = code[: code.index("#ifdef NN_LAYER_HOOK")]
        lines = [line for line in code.splitlines() if "NN_LAYER_DONE" not in line]
        return "\n".join(lines) + "\n", cmake

    return Spoilt("cmsis-nn-plain", change)


def replaced(text: str, old: str, new: str) -> str:
    """Return `text` with `old`, which must be there once, replaced."""
    if text.count(old) != 1:
        raise ValueError(f"{old!r} is there {text.count(old)} times")
    return text.replace(old, new)
