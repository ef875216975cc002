"""Which compiler or library has made a network that only runs elsewhere."""

from collections.abc import Sequence

from harness.model.file_facts import FileFacts

Cause = tuple[str, str]
"""What a file is, and what to do."""

_BEFORE = "give the .tflite file from before: the input of "

# Custom operators by the start of their names: what they stand for.
_MAKERS: Sequence[tuple[str, str, str]] = (
    (
        "ethos-u",
        "is compiled for Arm's Ethos-U NPU by Vela",
        _BEFORE + "vela, without _vela in its name. It runs here on the Cortex-M's own core",
    ),
    (
        "edgetpu-custom-op",
        "is compiled for Google's Edge TPU",
        _BEFORE + "edgetpu_compiler, without _edgetpu in its name",
    ),
    (
        "NeutronGraph",
        "is compiled for NXP's eIQ Neutron NPU",
        _BEFORE + "neutron-converter",
    ),
    ("XC_", "is compiled for an xcore of XMOS", _BEFORE + "xformer (xmos-ai-tools)"),
    (
        "vsi-npu",
        "is compiled for an NPU of VeriSilicon",
        _BEFORE + "its compiler, which has no vsi-npu operator",
    ),
    (
        "DISPATCH_OP",
        "is compiled ahead of time for an NPU by LiteRT",
        _BEFORE + "the compiler (ai_edge_litert.aot)",
    ),
    (
        "cros-mtk-pre-compile",
        "is compiled for an NPU of MediaTek",
        _BEFORE + "its compiler",
    ),
    (
        "Lce",
        "is a binarized network of Larq",
        "convert an int8 network instead: the operators of Larq Compute Engine run only there",
    ),
    (
        "Signal",
        "is a preprocessor of TFLM's signal library, not a network",
        "give the network that it feeds; `--preprocess` computes its inputs from the samples",
    ),
)


def made_by(facts: FileFacts) -> Cause | None:
    """Return which compiler or library has made the file, if it runs only with that."""
    for start, what, remedy in _MAKERS:
        if any(name.startswith(start) for name in facts.custom):
            return what, remedy
    if "COMPRESSION_METADATA" in facts.metadata:
        return (
            "has weights compressed with tables, which only a TFLM that is built for this reads",
            "give the .tflite file from before: the input of TFLM's compress.py",
        )
    return None
